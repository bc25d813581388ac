"""The names that assert scripts use without defining them: those of the program under test."""

from __future__ import annotations

import builtins
import symtable
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


def _all(top: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield top
    children: Iterable[symtable.SymbolTable] = top.get_children()
    for child in children:
        yield from _all(child)
