"""Tests that are assert scripts. They run in the tester's process, and the program in its own."""

from __future__ import annotations

import _signal  # `signal` imports enum, which takes half as long as starting the interpreter
import builtins

from .asking import Program
from .remote import Defined, Unsupported
from .watch import Death

TYPE_CHECKING = False  # not from `typing`, whose import takes as long as starting Python
if TYPE_CHECKING:
    import types
    from typing import Any

TESTS = "tests.py"


class Script:
    """The namespace of the tests: their own names, and those of the program that they use."""

    def __init__(self, program: Program, wanted: list[str], setup: str) -> None:
        self._program = program
        self._defined = Defined(program)
        self.names: dict[str, Any] = {"__name__": "tests", "__builtins__": builtins}
        _signal.signal(_signal.SIGALRM, self._too_long)
        self._failed: tuple[str, str] | None = None
        try:
            program.load()
            # The program's names come last: a function under test may have the name of a builtin.
            self.names |= self._defined.names(wanted)
        except Death:
            pass
        else:
            outcome, detail = self._run(setup)
            if outcome != "ok":
                self._failed = outcome, f"while the tests were set up: {detail}"

    def test(self, source: str) -> tuple[Any, ...]:
        """Outcome, value, stdout, detail, CPU and wall seconds. Raises `Unsupported` if the test cannot run in the sandbox."""
        self._program.watch.begin()
        outcome, detail = self._failed or self._run(source)
        return outcome, b"", b"", detail, *self._program.watch.spent()

    def _run(self, source: str) -> tuple[str, str]:
        try:
            return self._judged(source)
        except Death as death:  # the time limit can interrupt any line
            return death.outcome, death.detail

    def _judged(self, source: str) -> tuple[str, str]:
        watch, defined = self._program.watch, self._defined
        defined.raised = None
        outcome, detail = "ok", ""
        try:
            if watch.death is not None:
                raise watch.death
            # The test itself has the same limit of wall time: `while not f(x)` may never end.
            _signal.setitimer(_signal.ITIMER_REAL, watch.limits["wall"])
            exec(compile(source, TESTS, "exec", dont_inherit=True), self.names)
        except Death as death:
            outcome, detail = death.outcome, death.detail
        except AssertionError as error:
            outcome = "exception" if error is defined.raised else "assertion"
            detail = str(error)[:500] or f"line {_line(error.__traceback__)} of the test does not hold"
        except MemoryError:
            outcome, detail = "memory", "in the test"
        except ImportError as error:
            if error is not defined.raised:
                raise Unsupported(f"it imports what the sandbox does not have: {error}") from None
            outcome, detail = "exception", f"ImportError: {error}"
        except Exception as error:
            outcome, detail = "exception", f"{type(error).__name__}: {str(error)[:500]}"
        except (
            SystemExit,
            KeyboardInterrupt,
            GeneratorExit,
        ) as error:  # raised by the test itself: in the program they become Death
            raise Unsupported(f"it ends with {type(error).__name__}") from None
        finally:
            _signal.setitimer(_signal.ITIMER_REAL, 0)
        if defined.unsupported is not None:
            raise defined.unsupported
        # Whatever the test caught: once the program is dead, no test passes.
        return (outcome, detail) if watch.death is None else (watch.death.outcome, watch.death.detail)

    def _too_long(self, *_: object) -> None:
        raise self._program.watch.kill("time", f"more than {self._program.watch.limits['wall']:.3g} s")


def _line(trace: types.TracebackType | None) -> int:
    """The line of the test itself, not of a function that it calls."""
    return trace.tb_next.tb_lineno if trace is not None and trace.tb_next is not None else 0
