"""Tests that call a function. The returned values are compared on the host."""

from __future__ import annotations

from .asking import Program, failure
from .watch import Death

TYPE_CHECKING = False  # not from `typing`, whose import takes as long as starting Python
if TYPE_CHECKING:
    from collections.abc import Callable


def call(program: Program, function: str, calls: list[list[object]], report: Callable[..., None]) -> None:
    """Make each call, with the limits of one test, and report it with the encoded answer.

    Once the program is dead, the remaining calls are reported as failed in the same way.
    """
    try:  # noqa: SIM105 - importing contextlib takes half as long as starting Python
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
