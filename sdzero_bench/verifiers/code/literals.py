"""Plain Python values as text and back: the form in which tests store arguments and results of calls.

Values are written as Python literals, which preserves tuples, sets and keys that are not strings; `inf` and `nan` are names.
"""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass
from typing import Any

_NAMES = {"inf": float("inf"), "nan": float("nan")}


class _Names(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Constant(_NAMES[node.id]) if node.id in _NAMES else node


def read_literal(text: str) -> Any:
    """The value of a literal. Raises `ValueError` for anything else; the text is never executed."""
    try:
        # Not all that `strip` removes is blank to Python, so that only blanks and line ends are removed.
        tree = ast.parse(text.strip(" \t\r\n\f"), mode="eval")
        return ast.literal_eval(_Names().visit(tree) if "inf" in text or "nan" in text else tree)
    except (SyntaxError, TypeError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{text[:80]!r} is not a plain Python value: {type(error).__name__}") from error


def write_literal(value: Any) -> str:
    """The text that `read_literal` reads as an equal value of the same type. Raises `TypeError` if the value is not plain."""
    if type(value) is int:
        # Python limits conversion to decimal digits, and it is slow for long numbers; hexadecimal has neither problem.
        return hex(value) if abs(value) >= 10**100 else repr(value)
    if value is None or type(value) in (bool, float, complex, str, bytes):
        return repr(value)
    if isinstance(value, list | tuple | set) and type(value) in (list, tuple, set):
        items = ", ".join(map(write_literal, value))
        if type(value) is list:
            return f"[{items}]"
        if type(value) is tuple:
            return f"({items},)" if len(value) == 1 else f"({items})"
        return f"{{{items}}}" if value else "set()"
    if type(value) is dict:
        return "{" + ", ".join(f"{write_literal(k)}: {write_literal(v)}" for k, v in value.items()) + "}"
    raise TypeError(f"a {type(value).__name__} is not a plain value")


@dataclass(frozen=True)
class Digest:
    """Replaces a value whose literal is too long to store: strings, and lists and tuples of strings and numbers."""

    sha256: str

    @classmethod
    def of(cls, value: object) -> Digest:
        """The digest of a value. Raises `TypeError` for other types."""
        return cls(hashlib.sha256(_normal(value).encode("utf-8", "surrogatepass")).hexdigest())

    def matches(self, value: object) -> bool:
        """Whether the value equals the digested one in the sense of Python's ==, so that 1 and 1.0 match."""
        try:
            return Digest.of(value) == self
        except TypeError:
            return False


def _normal(value: object) -> str:
    if isinstance(value, int | float):
        return write_literal(int(value)) if isinstance(value, int) or value.is_integer() else repr(value)
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}[{','.join(map(_normal, value))}]"
    if value is None or isinstance(value, str):
        return repr(value)
    raise TypeError(f"a {type(value).__name__} has no digest")
