"""What is wrong with plug-ins, in a line each."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.fault_text import fault_text, message, one_line, short_path

_PACKAGE = f"{Path(__file__).parents[1]}{os.sep}"


class Faults(dict[str, str]):
    """By the name that would be asked for."""

    @contextlib.contextmanager
    def noting(self, name: str, where: str) -> Iterator[None]:
        """Keep what goes wrong as the fault of that name.

        A plug-in may raise anything, and nobody can tell its KeyboardInterrupt from Ctrl-C while it is imported.
        """
        try:
            yield
        except BaseException as error:
            self.note(name, where, message(error) if isinstance(error, UserError) else fault_text(error, where, _PACKAGE))

    def note(self, name: str, where: str, said: str) -> None:
        """Keep what is said of the file or entry point `where`, which is named first unless it is in the text."""
        is_named = where in said or short_path(where) in said
        self.keep(name, one_line(said if is_named else f"{short_path(where)}: {said}"))

    def keep(self, name: str, said: str) -> None:
        """Keep it under a longer name if there is another fault of that one: none hides another."""
        self[name if self.get(name, said) == said else f"{name}: {said}"] = said
