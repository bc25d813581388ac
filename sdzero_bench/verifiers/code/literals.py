"""Plain Python values as text and back: how tests keep the arguments and results of calls, in JSON and on disk.

A value is written as Python would write it, so that tuples, sets and keys that are no text survive; `inf` and `nan` are names.
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
    """The value. Raises `ValueError` for what is no plain value; nothing of the text is ever run."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
        return ast.literal_eval(_Names().visit(tree) if "inf" in text or "nan" in text else tree)
    except (SyntaxError, TypeError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{text[:80]!r} is no plain Python value: {type(error).__name__}") from error


def write_literal(value: Any) -> str:
    """The text that `read_literal` turns into an equal value of the same types. Raises `TypeError` for what is not plain."""
    if type(value) is int:
        # Decimal digits are limited, and slow, in long numbers; hexadecimal ones are not.
        return hex(value) if abs(value) >= 10**100 else repr(value)
    if value is None or type(value) in (bool, float, complex, str, bytes):
        return repr(value)
    if type(value) in (list, tuple, set):
        items = ", ".join(map(write_literal, value))
        if type(value) is list:
            return f"[{items}]"
        if type(value) is tuple:
            return f"({items},)" if len(value) == 1 else f"({items})"
        return f"{{{items}}}" if value else "set()"
    if type(value) is dict:
        return "{" + ", ".join(f"{write_literal(k)}: {write_literal(v)}" for k, v in value.items()) + "}"
    raise TypeError(f"a {type(value).__name__} is no plain value")


@dataclass(frozen=True)
class Digest:
    """Stands for a value whose literal is too long to keep: texts, lists and tuples of texts and numbers."""

    sha256: str

    @classmethod
    def of(cls, value: Any) -> Digest:
        """Raises `TypeError` for other values."""
        return cls(hashlib.sha256(_normal(value).encode("utf-8", "surrogatepass")).hexdigest())

    def matches(self, value: Any) -> bool:
        """Whether the value equals the one that it was made of, as Python compares them: 1 and 1.0 are equal."""
        try:
            return Digest.of(value) == self
        except TypeError:
            return False


def _normal(value: Any) -> str:
    if isinstance(value, int | float):
        return write_literal(int(value)) if isinstance(value, int) or value.is_integer() else repr(value)
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}[{','.join(map(_normal, value))}]"
    if value is None or isinstance(value, str):
        return repr(value)
    raise TypeError(f"a {type(value).__name__} has no digest")
