"""The kinds of values that cross the pipe between an assert script and the program, other than mirrored objects."""

from __future__ import annotations

import builtins
import collections
import datetime
import gc

from .codec import Unreadable

TYPE_CHECKING = False  # not from `typing`, whose import takes as long as starting Python
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

EXACT = (type(None), bool, int, float, str, bytes, complex, range)
FROZEN: dict[type, str] = {tuple: "t", frozenset: "z"}
CONTAINERS: dict[Any, str] = {
    list: "list",
    dict: "dict",
    set: "set",
    bytearray: "bytearray",
    collections.deque: "deque",
    collections.defaultdict: "defaultdict",
    collections.OrderedDict: "OrderedDict",
    collections.Counter: "Counter",
}
KINDS: dict[str, Any] = {name: kind for kind, name in CONTAINERS.items()}
DATES = (datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone)
CONTENT: dict[type, Callable[[Any], Any]] = {
    int: int.__int__,
    float: float.__float__,
    complex: complex.__pos__,
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    tuple: lambda value: tuple.__getitem__(value, slice(None)),
    frozenset: lambda value: frozenset.__or__(value, frozenset()),
}
"""Immutable types whose subclasses carry their content along, and how it is copied without their own methods."""
VIEWS = {"keys": type({}.keys()), "values": type({}.values()), "items": type({}.items())}
"""Views of dictionaries, which are made again of the dictionary, so that they stay views."""
NAMED: dict[str, Any] = {
    kind.__name__: kind for kind in (*EXACT, *FROZEN, *CONTAINERS, *DATES, object, type, property) if kind is not type(None)
}
NAMED |= {name: kind for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)}
NAMED |= {"Ellipsis": Ellipsis, "NotImplemented": NotImplemented}
"""What is the same on both sides, by name."""
NAMES = {id(kind): name for name, kind in NAMED.items()}


def view_of(value: object) -> tuple[str, dict[Any, Any]] | None:
    """The kind of a dictionary's view, and the dictionary."""
    for name, kind in VIEWS.items():
        if isinstance(value, kind):
            (seen,) = [shown for shown in gc.get_referents(value) if isinstance(shown, dict)]
            return name, seen
    return None


def viewed(name: object, seen: object) -> Any:
    """A view again. Raises `Unreadable`."""
    if name not in VIEWS or not isinstance(seen, dict):
        raise Unreadable("a view of no dictionary")
    return getattr(dict, str(name))(seen)


class Message:
    """What is said, and what has to be known to understand it."""

    def __init__(self) -> None:
        self.classes: list[tuple[Any, ...]] = []
        self.updates: list[tuple[Any, ...]] = []
