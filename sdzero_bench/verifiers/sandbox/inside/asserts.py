"""Tests that are scripts of assertions. They run in the tester's process, and the program in its own."""

from __future__ import annotations

import _signal  # `signal` itself imports enum, and costs half as much as starting the interpreter
import builtins

from .asking import Program
from .remote import Defined, Unsupported
from .watch import Death

TYPE_CHECKING = False  # as `typing` has it, which takes as long to import as Python to start
if TYPE_CHECKING:
    import types
    from typing import Any

TESTS = "tests.py"


class Script:
    """The tests' own names, and those of the program's that they use and nothing else defines."""

    def __init__(self, program: Program, wanted: list[str], setup: str) -> None:
        self._program = program
        self._defined = Defined(program)
        self.names: dict[str, Any] = {"__name__": "tests", "__builtins__": builtins}
        _signal.signal(_signal.SIGALRM, self._too_long)
        self._failed: tuple[str, str] | None = None
        try:
            program.load()
            # A function under test may be named as one of Python's: whoever set the test named it then.
            self.names |= self._defined.names(wanted)
        except Death:
            pass
        else:
            outcome, detail = self._run(setup)
            if outcome != "ok":
                self._failed = outcome, f"while the tests were set up: {detail}"

    def test(self, source: str) -> tuple[Any, ...]:
        """Outcome, value, stdout, detail, CPU and wall seconds. Raises `Unsupported` where the test asks for too much."""
        self._program.watch.begin()
        outcome, detail = self._failed or self._run(source)
        return outcome, b"", b"", detail, *self._program.watch.spent()

    def _run(self, source: str) -> tuple[str, str]:
        try:
            return self._judged(source)
        except Death as death:  # the time limit can strike at any line
            return death.outcome, death.detail

    def _judged(self, source: str) -> tuple[str, str]:
        watch, defined = self._program.watch, self._defined
        defined.raised = None
        outcome, detail = "ok", ""
        try:
            if watch.death is not None:
                raise watch.death
            # The test's own work has the same limit of wall time: `while not f(x)` may go on for ever.
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
        except (SystemExit, KeyboardInterrupt, GeneratorExit) as error:  # by the test: the program's come as Death
            raise Unsupported(f"it ends with {type(error).__name__}") from None
        finally:
            _signal.setitimer(_signal.ITIMER_REAL, 0)
        if defined.unsupported is not None:
            raise defined.unsupported
        # Whatever the test made of it: without a program, nothing is passed.
        return (outcome, detail) if watch.death is None else (watch.death.outcome, watch.death.detail)

    def _too_long(self, *_: Any) -> None:
        raise self._program.watch.kill("time", f"more than {self._program.watch.limits['wall']:.3g} s")


def _line(trace: types.TracebackType | None) -> int:
    """Of the test itself, not of a function that it calls."""
    return trace.tb_next.tb_lineno if trace is not None and trace.tb_next is not None else 0
