"""What assert scripts use of the program under test and of Python, found without running them."""

from __future__ import annotations

import ast
import builtins
import re
import symtable
import warnings
from collections.abc import Iterable, Iterator, Sequence

from sdzero_bench.verifiers.sandbox.result import TestUnsupportedError


def free_names(scripts: Sequence[str]) -> list[str]:
    """Global names, except builtins, that the scripts read and none of them defines. The scripts share one namespace.

    Raises `TestUnsupportedError` for a script that is not valid Python.
    """
    read: set[str] = set()
    defined: set[str] = set()
    for number, script in enumerate(scripts):
        try:
            top = symtable.symtable(script, "tests.py", "exec")
        except (SyntaxError, ValueError) as error:
            raise TestUnsupportedError(f"assert script {number + 1} is not valid Python: {error}") from None
        defined |= {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
        for table in _all(top):
            for symbol in table.get_symbols():
                if symbol.is_global() or table is top:
                    (defined if symbol.is_declared_global() and symbol.is_assigned() else read).add(symbol.get_name())
    return sorted(read - defined - set(dir(builtins)))


_STOP = re.compile(r"except[^\n:]*StopIteration|(?:raises|Raises|suppress)\([^\n]*StopIteration")


def expects_stop(scripts: Sequence[str]) -> bool:
    """Whether the scripts catch StopIteration by name."""
    return any(_STOP.search(script) for script in scripts)


def imported(scripts: Sequence[str]) -> list[str]:
    """The modules that the scripts import at their top level."""
    found = set()
    for statement in _statements(scripts):
        if isinstance(statement, ast.Import):
            found |= {alias.name for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            found.add(statement.module)
    return sorted(found)


def made(names: Sequence[str], scripts: Sequence[str]) -> list[str]:
    """Those of the names that are certainly classes for the scripts.

    They are written like classes and called, and no result of such a call is compared with a literal, as results of functions
    are.
    """
    called: set[str] = set()
    compared: set[str] = set()
    for node in (node for statement in _statements(scripts) for node in ast.walk(statement)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called.add(node.func.id)
        if isinstance(node, ast.Compare) and all(isinstance(op, ast.Eq) for op in node.ops):
            parts = [node.left, *node.comparators]
            if any(map(_is_plain, parts)):
                compared |= {part.func.id for part in parts if isinstance(part, ast.Call) and isinstance(part.func, ast.Name)}
    return sorted({name for name in names if name[:1].isupper()} & called - compared)


_STANDARD = {"math", "cmath", "re", "itertools", "functools", "collections", "statistics", "string", "json", "datetime"}
_STANDARD |= {"heapq", "bisect", "decimal", "fractions", "operator", "copy"}


def standard_modules(names: Sequence[str], scripts: Sequence[str]) -> list[str]:
    """Those of the names that the scripts use as modules of the standard library: only in front of a dot, as in `math.isclose`.

    The scripts do not import them, and so count on the program's imports; what they are is not the program's to say.
    """
    found = set(names) & _STANDARD
    nodes = [node for statement in _statements(scripts) for node in ast.walk(statement)]
    before_dots = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    elsewhere = {node.id for node in nodes if isinstance(node, ast.Name) and id(node) not in before_dots}
    return sorted(found - elsewhere)


def _is_plain(node: ast.expr) -> bool:
    """Whether the expression is a literal, other than None."""
    try:
        return ast.literal_eval(node) is not None
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False


def _statements(scripts: Sequence[str]) -> Iterator[ast.stmt]:
    for script in scripts:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield from ast.parse(script).body


def _all(top: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield top
    children: Iterable[symtable.SymbolTable] = top.get_children()
    for child in children:
        yield from _all(child)
