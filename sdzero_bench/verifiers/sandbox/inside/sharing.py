"""Objects of two processes as one graph, so that an assert script and the program see what they would see in one process.

What crosses the pipe: plain values are copied; lists, dicts and other mutable containers exist on both sides and are brought up
to date with each message; any other object stays where it was made, and the other side gets a mirror of it (mirrors.py). An
object that comes back is the same object again. Both sides use this code, and neither trusts the bytes of the other.
"""

from __future__ import annotations

import collections
import sys

from .codec import Unreadable, decode, encode, number_of
from .kinds import CONTAINERS, CONTENT, DATES, EXACT, FROZEN, KINDS, NAMED, NAMES, Message, view_of, viewed
from .mirrors import Mirrored, mirror_class

TYPE_CHECKING = False  # not from `typing`, whose import takes as long as starting Python
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Sharing:
    """One side's view of the graph. Numbers are odd for objects of the tester, even for those of the program.

    `nameable` gives a name by which the other side can import a value, or None; `importable` looks one up.
    """

    def __init__(
        self,
        tester: bool,
        ask: Callable[..., Any],
        nameable: Callable[[object], tuple[str, str] | None],
        importable: Callable[[str, str], object],
    ) -> None:
        self._tester, self._ask, self._nameable, self._importable = tester, ask, nameable, importable
        self._next = 1 if tester else 2
        self.objects: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}
        self._said: dict[int, bytes] = {}
        """The last state of each container that both sides know."""

    def pack(self, *body: object) -> bytes:
        """A message for the other side."""
        message = Message()
        said = tuple(self._wire(part, message) for part in body)
        done: set[int] = set()
        while todo := [number for number in self._said if number not in done]:
            for number in todo:
                done.add(number)
                state = self._state(number, message)
                if (data := encode(state)) != self._said[number]:
                    self._said[number] = data
                    message.updates.append((number, *state))
        forgotten = self._forget({number for number, *_ in message.updates})
        return encode((said, message.classes, message.updates, forgotten))

    def unpack(self, data: bytes) -> tuple[Any, ...]:
        """What the other side said. Raises `Unreadable`."""
        try:
            said, classes, updates, forgotten = decode(data, _no_object)
            for entry in classes:
                self._learn(*entry)
            for number, kind, extra, _ in updates:
                if number not in self.objects:
                    self._adopt(number, self._empty(kind, extra))
            for number, kind, extra, content in updates:
                self._fill(number, kind, extra, content)
            body = tuple(self._value(part) for part in said)
            for number in forgotten:
                if self._said.pop(number, None) is not None:
                    self._drop(number)
        except (Unreadable, MemoryError):
            raise
        except Exception as error:  # anything may be wrong with hostile bytes
            raise Unreadable(f"{type(error).__name__}") from None
        return body

    def number(self, value: object) -> int:
        """The number by which both sides know a value; a new one if there is none yet."""
        if (number := self._numbers.get(id(value))) is None:
            number = self._next
            self._next += 2
            self._keep(number, value)
        return number

    def exported(self, value: object) -> bool:
        """Whether this side has handed the value over."""
        return self._numbers.get(id(value), -1) % 2 == self._tester and id(value) in self._numbers

    def _keep(self, number: int, value: object) -> None:
        self.objects[number] = value
        self._numbers[id(value)] = number

    def _adopt(self, number: int, value: object) -> None:
        """Keep what the other side has numbered."""
        if type(number) is not int or number % 2 == self._tester or number <= 0 or number in self.objects:
            raise Unreadable("an object out of range")
        self._keep(number, value)

    def _drop(self, number: int) -> None:
        del self._numbers[id(self.objects.pop(number))]

    def _forget(self, changed: set[int]) -> list[int]:
        """Containers that nothing on this side refers to any more, so that no one could notice a change."""
        alone = [n for n in self._said if n not in changed and sys.getrefcount(self.objects[n]) <= 2]
        for number in alone:
            del self._said[number]
            self._drop(number)
        return alone

    def _wire(self, value: Any, message: Message) -> Any:
        kind = type(value)
        if kind in EXACT:
            return value
        if kind in FROZEN:
            return (FROZEN[kind], [self._wire(item, message) for item in value])
        if id(value) in self._numbers:
            return ("#", self._numbers[id(value)])
        if kind is slice:
            return ("c", [self._wire(part, message) for part in (value.start, value.stop, value.step)])
        if value is Ellipsis or value is NotImplemented:
            return ("n", "builtins", "Ellipsis" if value is Ellipsis else "NotImplemented")
        if kind in DATES:
            return ("d", kind.__name__, [self._wire(part, message) for part in value.__reduce__()[1]])
        if id(value) in NAMES:
            return ("n", "builtins", NAMES[id(value)])
        if kind.__module__ in ("decimal", "fractions") and kind.__name__ in ("Decimal", "Fraction"):
            return value
        if (plain := number_of(value)) is not None:
            return plain
        if (view := view_of(value)) is not None:
            return ("v", view[0], self._wire(view[1], message))
        if (named := self._nameable(value)) is not None:
            return ("n", *named)
        if isinstance(value, tuple(CONTAINERS)):
            number = self.number(value)
            self._said[number] = b""
            return ("#", number)
        if isinstance(value, type):
            return ("#", self._class(value, message))
        if isinstance(value, BaseException):
            return self._exception(value, message)
        if isinstance(value, tuple(CONTENT)):
            plain = next(copied for base, copied in CONTENT.items() if isinstance(value, base))(value)
            return ("s", self.number(value), self._kind(kind, message), self._wire(plain, message))
        return ("o", self.number(value), self._kind(kind, message))

    def _kind(self, kind: type, message: Message) -> Any:
        """The class of a value that stays here, or a base of it: the other side makes a mirror, even if it has such a class."""
        if id(kind) in NAMES:
            return ("n", "builtins", NAMES[id(kind)])
        if issubclass(kind, BaseException) and (named := self._nameable(kind)) is not None:
            return ("n", *named)
        return ("#", self._numbers.get(id(kind)) or self._class(kind, message))

    def _exception(self, error: BaseException, message: Message) -> Any:
        fields = {name: item for name, item in vars(error).items() if type(name) is str}
        known = id(type(error)) in NAMES
        return (
            "e",
            self.number(error),
            self._kind(type(error), message),
            [self._wire(part, message) for part in error.args],
            [(name, self._wire(item, message)) for name, item in fields.items()] if known else [],
            self._wire(error.__cause__, message),
        )

    def _class(self, kind: type, message: Message) -> int:
        number = self.number(kind)
        fields = type.__dict__["__dict__"].__get__(kind)
        bases = [self._kind(base, message) for base in type.__dict__["__bases__"].__get__(kind)]
        names = [name for name in fields if type(name) is str]
        doc = fields.get("__doc__")
        unhashable = "__hash__" in fields and fields["__hash__"] is None
        name = str(type.__dict__["__name__"].__get__(kind))
        module = fields.get("__module__")
        if type(module) is not str:  # a type of the interpreter's own
            module = type.__dict__["__module__"].__get__(kind)
        message.classes.append(
            (number, name, module if type(module) is str else "", doc if type(doc) is str else None, bases, names, unhashable)
        )
        return number

    def _state(self, number: int, message: Message) -> tuple[Any, ...]:
        value = self.objects[number]
        base: Any = next(base for base in reversed(CONTAINERS) if isinstance(value, base))
        kind = CONTAINERS[base] if type(value) is base else (CONTAINERS[base], self._kind(type(value), message))
        extra: object = None
        if base is collections.defaultdict:
            extra = self._wire(value.default_factory, message)
        if base is collections.deque:
            extra = value.maxlen
        if base is bytearray:
            return kind, extra, bytes(value)
        if issubclass(base, dict):
            pairs = list((collections.OrderedDict if base is collections.OrderedDict else dict).items(value))
            return kind, extra, [self._wire(part, message) for pair in pairs for part in pair]
        return kind, extra, [self._wire(item, message) for item in base.__iter__(value)]

    def _learn(
        self, number: int, name: str, module: str, doc: str | None, bases: list[Any], names: list[str], unhashable: bool
    ) -> None:
        known = tuple(self._value(base) for base in bases)
        if not all(isinstance(base, type) for base in known):
            raise Unreadable("a base that is no class")
        self._adopt(number, mirror_class(self._ask, name, module, doc, known, set(names), unhashable))

    def _empty(self, kind: Any, extra: Any) -> Any:
        base: Any = KINDS[kind if isinstance(kind, str) else kind[0]]
        made = base if isinstance(kind, str) else self._value(kind[1])
        if not issubclass(made, base):
            raise Unreadable("a container of another kind")
        value = base.__new__(made)
        if base is collections.deque:
            base.__init__(value, (), extra)
        return value

    def _fill(self, number: int, kind: Any, extra: Any, content: Any) -> None:
        value = self.objects[number]
        base: Any = KINDS[kind if isinstance(kind, str) else kind[0]]
        if (number % 2 == self._tester and number not in self._said) or not isinstance(value, base):
            raise Unreadable("a container of another kind")
        if base is bytearray:
            value[:] = content
        elif issubclass(base, dict):
            base = collections.OrderedDict if base is collections.OrderedDict else dict
            parts = [self._value(part) for part in content]
            base.clear(value)
            for key, item in zip(parts[::2], parts[1::2], strict=True):
                base.__setitem__(value, key, item)
            if isinstance(value, collections.defaultdict):
                value.default_factory = self._value(extra)
        else:
            items = [self._value(item) for item in content]
            base.clear(value)
            base.update(value, items) if base is set else base.extend(value, items)
        self._said[number] = encode((kind, extra, content))

    def _value(self, wire: Any) -> Any:
        if type(wire) is not tuple:
            return wire
        code, *rest = wire
        if code == "#":
            return self.objects[rest[0]]
        if code in ("t", "z"):
            items = [self._value(item) for item in rest[0]]
            return tuple(items) if code == "t" else frozenset(items)
        if code == "c":
            return slice(*(self._value(part) for part in rest[0]))
        if code == "v":
            return viewed(rest[0], self._value(rest[1]))
        if code == "n":
            module, name = rest
            return NAMED[name] if module == "builtins" and name in NAMED else self._importable(module, name)
        if code == "d":
            kind = NAMED[rest[0]]
            if kind not in DATES:
                raise Unreadable("no date")
            return kind(*(self._value(part) for part in rest[1]))
        number, kind = rest[0], self._value(rest[1])
        if number in self.objects:
            return self.objects[number]
        if code == "e":
            return self._raised(number, kind, *rest[2:])
        if not isinstance(kind, Mirrored) and kind is not object:  # a bare object() has nothing but its identity
            raise Unreadable("an object of no class")
        if code == "s":
            value = _made(type(content := self._value(rest[2])), kind, content)
        elif code == "o":
            value = _made(object, kind)
        else:
            raise Unreadable("unknown code")
        self._adopt(number, value)
        return value

    def _raised(self, number: int, kind: Any, args: list[Any], fields: list[Any], cause: Any) -> BaseException:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise Unreadable("an exception of no class")
        values = [self._value(arg) for arg in args]
        try:
            error: BaseException = _made(kind, kind, *values) if isinstance(kind, Mirrored) else kind(*values)
        except TypeError:
            error = _made(kind, kind)
        self._adopt(number, error)
        for name, item in fields:
            vars(error)[name] = self._value(item)
        origin = self._value(cause)
        if isinstance(origin, BaseException):
            error.__cause__ = origin
        return error


def _made(base: Any, kind: Any, *content: object) -> Any:
    """A new object of a class, without what its class does when it is called."""
    return base.__new__(kind, *content)


def _no_object(number: int, name: str) -> object:
    raise Unreadable("an object that was not announced")
