"""Subclasses that an assert script makes of the program's classes: they are made in the program's process.

The tests' methods are handed over as functions, and `super()` in them asks the program.
"""

from __future__ import annotations

TYPE_CHECKING = False  # not from `typing`, whose import takes as long as starting Python
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_FUNCTION = type(lambda: None)
_BOUND = {"classmethod": classmethod, "staticmethod": staticmethod, "property": property}


def taken_apart(value: Any) -> tuple[str, Any]:
    """What the other side can put together again: over there, a method is no more than something that can be called."""
    if isinstance(value, _FUNCTION):
        return "method", value
    if isinstance(value, property):
        return "property", (value.fget, value.fset, value.fdel)
    if type(value) in (classmethod, staticmethod):
        return type(value).__name__, value.__func__
    return "value", value


def subclass(name: str, bases: tuple[type, ...], parts: Any, **more: Any) -> type:
    """A class of the program's classes that the tests have written."""
    import types

    def fill(space: dict[str, Any]) -> None:
        for key, kind, part in parts:
            if kind == "property":
                space[key] = property(*part)
            elif kind in _BOUND:
                space[key] = _BOUND[kind](_method(part))
            else:
                space[key] = _method(part) if kind == "method" else part

    return types.new_class(name, bases, more, fill)


def _method(part: Any) -> Callable[..., Any]:
    return lambda *args, **kwargs: part(*args, **kwargs)


def inherited(value: Any, kind: type, name: str) -> Any:
    """What `super()` finds from `kind` on for a value, or for a class in one of its class methods."""
    order = (value if isinstance(value, type) else type(value)).__mro__
    at = order.index(kind)
    return getattr(super(order[at - 1], value), name) if at else getattr(value, name)


class _Inherited:
    """An attribute of a mirrored class as `super()` in a subclass finds it."""

    def __init__(self, ask: Callable[..., Any], kind: type, name: str) -> None:
        self._asked = ask, kind, name

    def __get__(self, value: object, owner: type | None = None) -> Any:
        ask, kind, name = self._asked
        return ask("inherited", owner if value is None else value, kind, name)


def make_inheritable(kind: type) -> None:
    """Let `super()` find in a mirrored class what the class has in the other process."""
    space = type.__getattribute__(kind, "__dict__")
    for name in type.__getattribute__(kind, "_names"):
        if name not in space and name not in ("__dict__", "__weakref__", "__slots__", "__new__"):
            type.__setattr__(kind, name, _Inherited(type.__getattribute__(kind, "_ask"), kind, name))
