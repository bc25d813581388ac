"""Tests that are assert scripts. They run in the tester's process, and the program in its own (sharing.py)."""

from __future__ import annotations

import _io
import _signal  # `signal` imports enum, which takes half as long as starting the interpreter
import builtins
import os
import sys

from .asking import Program
from .codec import Unreadable
from .conversing import Conversation, Unanswerable
from .mirrors import OPERABLE, Mirrored
from .watch import Death

TYPE_CHECKING = False  # not from `typing`, whose import takes as long as starting Python
if TYPE_CHECKING:
    import types
    from typing import Any

TESTS = "tests.py"
_REPLACEABLE = (("builtins", "input"), ("builtins", "print"), ("builtins", "open"), ("sys", "stdin"))
"""What a test may replace for the program too, as in `patch("builtins.input", ...)`."""


class Unsupported(BaseException):
    """The test cannot be run in this sandbox. Not an `Exception`, so that no test catches it as one of the program's."""


class Script:
    """The namespace of the tests: their own names, and those of the program that they use.

    `expects_stop`: whether the tests expect a StopIteration. If not, one that a call raises must not end a loop of the tests.
    Raises `Unsupported` if a module of `imports` is not there.
    """

    def __init__(self, program: Program, hidden: Any) -> None:
        self._program, self._wanted = program, hidden["names"]
        for module in hidden["imports"]:
            try:
                __import__(module)
            except Exception as error:
                raise Unsupported(f"it imports what the sandbox does not have: {described(error)}") from None
        self._expects_stop, self._makes, self._modules = hidden["expects_stop"], hidden["makes"], hidden["modules"]
        self._raised: list[BaseException] = []
        self._last: dict[str, Any] = {}
        nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - it stays open; descriptor 1 is for reports
        for name, stream in (("stdin", _io.StringIO("")), ("stdout", nowhere), ("stderr", nowhere)):
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        self._originals = {(m, n): getattr(sys.modules[m], n) for m, n in _REPLACEABLE}
        self._talk = Conversation(True, program.send, program.receive, tuple, self._hear)
        self._talk.arrived = self._arrived
        self._plain_ask, self._talk.sharing._ask = self._talk.ask, self._ask
        module = sys.modules["tests"] = type(sys)("tests")  # dataclasses, among others, look up a class's module there
        module.__dict__["__builtins__"] = builtins
        self.names: dict[str, Any] = module.__dict__
        _signal.signal(_signal.SIGALRM, self._too_long)
        self._failed: tuple[str, str] | None = None
        try:
            program.load()
        except Death:
            return
        self._failed = self._bound() or self._set_up(hidden["setup"])

    def _set_up(self, setup: str) -> tuple[str, str] | None:
        outcome, detail = self._run(setup)
        return None if outcome == "ok" else (outcome, f"while the tests were set up: {detail}")

    def _bound(self) -> tuple[str, str] | None:
        """Bind the program's names; a function under test may have the name of a builtin. Returns a failure."""

        outcome, detail = self._guarded(lambda: self._ask("names", *self._wanted))
        return None if outcome == "ok" else (outcome, detail)

    def test(self, source: str) -> tuple[Any, ...]:
        """Outcome, value, stdout, detail, CPU and wall seconds. Raises `Unsupported` if the test cannot run in the sandbox."""
        self._program.watch.begin()
        outcome, detail = self._failed or self._run(source)
        return outcome, b"", b"", detail, *self._program.watch.spent()

    def _run(self, source: str) -> tuple[str, str]:
        return self._guarded(lambda: exec(compile(source, TESTS, "exec", dont_inherit=True), self.names))

    def _guarded(self, action: Any) -> tuple[str, str]:
        try:
            return self._judged(action)
        except Death as death:  # the time limit can interrupt any line
            return death.outcome, death.detail

    def _judged(self, action: Any) -> tuple[str, str]:
        watch = self._program.watch
        self._raised.clear()
        outcome, detail = "ok", ""
        try:
            if watch.death is not None:
                raise watch.death
            # The test itself has the same limit of wall time: `while not f(x)` may never end.
            _signal.setitimer(_signal.ITIMER_REAL, watch.limits["wall"])
            action()
        except Death as death:
            outcome, detail = death.outcome, death.detail
        except BaseException as error:
            theirs = any(error is raised for raised in self._raised)
            if isinstance(error, SystemExit | KeyboardInterrupt | GeneratorExit) and not theirs:
                raise Unsupported(f"it ends with {type(error).__name__}") from None
            outcome = "exception"
            if type(error) is AssertionError and not theirs:
                outcome = "assertion"
            elif isinstance(error, MemoryError):
                outcome = "memory"
            elif isinstance(error, SystemExit):
                outcome = "exit"
            detail = described(error, bare=outcome == "assertion")
            if outcome == "assertion" and not detail:
                detail = f"line {_line(error.__traceback__)} of the test does not hold"
        finally:
            _signal.setitimer(_signal.ITIMER_REAL, 0)
        # Whatever the test caught: once the program is dead, no test passes.
        return (outcome, detail) if watch.death is None else (watch.death.outcome, watch.death.detail)

    def _ask(self, operation: str, *args: Any, **kwargs: Any) -> Any:
        watch = self._program.watch
        if watch.death is not None:
            raise watch.death
        replaced = [
            (module, name, now)
            for (module, name), before in self._originals.items()
            if (now := getattr(sys.modules[module], name)) is not before
        ]
        try:
            if replaced:
                return self._plain_ask("with", replaced, operation, args, kwargs)
            return self._plain_ask(operation, *args, **kwargs)
        except (Unanswerable, Unreadable) as error:
            raise watch.kill("output", f"its answer cannot be read: {error}") from None

    def _arrived(self, operation: str, error: BaseException) -> BaseException:
        if not self._talk.sharing.exported(error):  # else it is the tests' own, from a function that they handed over
            self._raised.append(error)
        if isinstance(error, StopIteration) and operation != "next" and not self._expects_stop:
            error = RuntimeError("it raised StopIteration")
            self._raised.append(error)
        return error

    def _hear(self, news: Any) -> None:
        """What the program has printed, and the names that it has given other values."""
        text, *bindings = news or ("",)
        if type(text) is str and text and sys.stdout is not sys.__stdout__:
            print(text, end="")
        for name, value in zip(bindings[::2], bindings[1::2], strict=True):
            if name in self._modules:
                self.names[name] = __import__(name)
            elif name in self._wanted and self.names.get(name) is self._last.get(name):  # else a test has given it a value
                self.names[name] = self._last[name] = value
                if name in self._makes and isinstance(value, Mirrored):
                    OPERABLE.add(id(value))

    def _too_long(self, *_: object) -> None:
        self._program.watch.check()
        _signal.setitimer(_signal.ITIMER_REAL, 0.5)  # the machine is busy


def described(error: BaseException, bare: bool = False) -> str:
    """The exception in a line; without its type if `bare`. Its text may be made by the program, and raise or be no text."""
    try:
        text = str.__str__(str(error))[:500]
    except Death:
        raise
    except BaseException:
        text = ""
    return text if bare else f"{type(error).__name__}: {text}"


def _line(trace: types.TracebackType | None) -> int:
    """The line of the test itself, not of a function that it calls."""
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == TESTS:
            return trace.tb_lineno
        trace = trace.tb_next
    return 0
