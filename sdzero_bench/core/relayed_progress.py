"""Progress of another process, shown on the display of this one: a notebook, a terminal, or the table of a sweep."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from typing import Any

from sdzero_bench.core.live_view import LastSample
from sdzero_bench.core.progress import PhaseBar, ProgressDisplay


class RelayingDisplay(ProgressDisplay):
    """Sends what it is asked to show through a pipe, as names and arguments of calls."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__(quiet=True)
        self._pipe = pipe

    @contextmanager
    def phase(self, name: str, total: int, unit: str = "samples") -> Iterator[PhaseBar]:
        self._pipe.send(("phase", (name, total, unit), {}))
        yield _RelayingBar(self._pipe)
        self._pipe.send(("end", (), {}))

    def say(self, text: str) -> None:
        self._pipe.send(("say", (text,), {}))


class _RelayingBar(PhaseBar):
    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def advance(self, *arguments: Any, **options: Any) -> None:
        self._pipe.send(("advance", arguments, options))

    def show(self, sample: LastSample, tokens: float) -> None:
        self._pipe.send(("show", (sample, tokens), {}))


def relayed(pipe: Connection, display: ProgressDisplay) -> Any:
    """Show what a `RelayingDisplay` sends, until something else comes; returns that. Raises `EOFError` if nothing does."""
    with ExitStack() as phase:
        bar = None
        while True:
            received = pipe.recv()
            match received:
                case ("phase", arguments, _):
                    bar = phase.enter_context(display.phase(*arguments))
                case ("end", _, _):
                    phase.close()
                case ("say", arguments, _):
                    display.say(*arguments)
                case ("advance" | "show" as name, arguments, options):
                    getattr(bar, name)(*arguments, **options)
                case _:
                    return received
