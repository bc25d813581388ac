"""Tests that call a function: the arguments go in, the values come out, and are compared elsewhere."""

from __future__ import annotations

from .asking import Program, failure
from .watch import Death

TYPE_CHECKING = False  # as `typing` has it, which takes as long to import as Python to start
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def call(program: Program, function: str, calls: list[Any], report: Callable[..., None]) -> None:
    """Makes each call, with the limits of a test each, and reports it with the answer's bytes as they came.

    After the program's death the others are not made.
    """
    try:  # noqa: SIM105 - contextlib takes half as long to import as Python to start
        program.load()
    except Death:
        pass
    for args in calls:
        program.watch.begin()
        outcome, value, detail = "ok", b"", ""
        try:
            answer = program.ask("call", function, *args)
        except Death as death:
            outcome, detail = death.outcome, death.detail
        else:
            if answer[0] == "value":
                value = program.heard
            else:
                outcome, detail = failure(answer)
        report(outcome, value, b"", detail, *program.watch.spent())
