"""The program's objects as assert scripts see them: usable, but none of their code runs in the tester's process."""

from __future__ import annotations

import builtins

from .asking import Program, failure
from .watch import Death

TYPE_CHECKING = False  # not from `typing`, whose import takes as long as starting Python
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Unsupported(BaseException):
    """The test cannot be run in this sandbox. Not an `Exception`, so that no test catches it as one of the program's."""


class ProgramError(Exception):
    """An exception of the program that corresponds to no builtin one."""


class Remote:
    """An object of the program that is not plain data: a function, a class, an instance, an iterator.

    Equal to nothing but itself, whatever the program defines: the program under test must not decide a comparison. For the
    same reason it supports neither arithmetic nor ordering, which would reveal to the program what it is compared with.
    """

    __slots__ = ("_ask", "_kind", "_number")

    def __init__(self, ask: Callable[..., Any], number: int, kind: str) -> None:
        for name, value in (("_ask", ask), ("_number", number), ("_kind", kind)):
            object.__setattr__(self, name, value)

    def __call__(self, *args: object, **kwargs: object) -> Any:
        return self._ask("call", self, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return self._ask("getattr", self, name)

    def __setattr__(self, name: str, value: object) -> None:
        self._ask("setattr", self, name, value)

    def __getitem__(self, key: object) -> Any:
        return self._ask("getitem", self, key)

    def __len__(self) -> int:
        length: int = self._ask("len", self)
        return length

    def __iter__(self) -> Any:
        return self._ask("iter", self)

    def __next__(self) -> Any:
        return self._ask("next", self)

    def __bool__(self) -> bool:
        truth: bool = self._ask("bool", self)
        return truth

    def __str__(self) -> str:
        text: str = self._ask("str", self)
        return text

    def __repr__(self) -> str:
        text: str = self._ask("repr", self)
        return text

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(value, Remote) and self._ask("isinstance", self, value)

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__


class Defined:
    """The names that the program defines, for assert scripts."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._same: dict[int, Remote] = {}
        self.unsupported: Unsupported | None = None
        self.raised: BaseException | None = None
        """What the last failed request raised, to distinguish the program's exceptions from the test's own."""
        program.other, program.number = self._other, self._number

    def names(self, wanted: list[str]) -> dict[str, Any]:
        """The values of those names that the program defines."""
        found = self._value(self._program.ask("names", None, *wanted))
        if not isinstance(found, dict):
            raise self._program.watch.kill("output", "its answer cannot be read")
        return {name: value for name, value in found.items() if name in wanted}

    def _ask(self, operation: str, target: Remote, *args: object, **kwargs: object) -> Any:
        return self._value(self._program.ask(operation, target, *args, **kwargs))

    def _value(self, answer: tuple[Any, ...]) -> Any:
        if answer[0] == "value":
            return answer[1]
        if answer[0] != "raise":
            self.raised = Death(*failure(answer))
        else:
            _, name, message, bases = answer
            self.raised = _exception(name, message, bases)
        raise self.raised

    def _other(self, number: int, kind: str) -> Remote:
        return Remote(self._ask, number, kind)

    def _number(self, value: object) -> int:
        if type(value) is Remote:
            number: int = object.__getattribute__(value, "_number")
            return number
        what = getattr(type(value), "__name__", "an object")
        self.unsupported = Unsupported(f"it hands the program a {what}, which cannot leave the tester")
        raise self.unsupported


def _exception(name: str, message: str, bases: list[str]) -> BaseException:
    for base in bases:
        kind = getattr(builtins, base, None) if isinstance(base, str) else None
        if isinstance(kind, type) and issubclass(kind, Exception):
            try:
                return kind(message if base == name else f"{name}: {message}")
            except Exception:  # such as UnicodeDecodeError, which takes more than a message
                continue
    return ProgramError(f"{name}: {message}")
