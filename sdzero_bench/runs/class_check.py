"""What is wrong with a class that a plug-in offers as a method, a task or a family of tasks: said before anything uses it."""

from __future__ import annotations

import inspect
import re
import reprlib
from abc import ABCMeta
from collections.abc import Mapping
from functools import cache, cached_property
from types import FunctionType
from typing import Any, ClassVar, get_args, get_origin, get_type_hints

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.fits import fits
from sdzero_bench.training.method import Method

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
NAME_RULE = "use up to 64 letters, digits, _, - and ., beginning with a letter or digit"

_READ_FROM_CLASSES = ("name", "summary", "paper", "source", "form", "Options", "search", "control")
"""Where nothing has made an object yet, so that a property has no value."""


def derives(cls: type[Any], base: type[Any]) -> bool:
    """As `issubclass`, which would ask all other subclasses of `base` too, and fail if the metaclass of one of them does."""
    return any(one is base for one in cls.__mro__)


def require_sound(cls: type[Any], base: Any) -> None:
    """Raise `UserError` with what a class lacks that its base class asks for, or has of another type."""
    if type(cls) is not ABCMeta:
        # What a metaclass raises here, it would raise wherever types are compared.
        _ = isinstance(None, cls), issubclass(object, cls)
    title = cls.__qualname__
    declared = _declared(base)
    lacking = [*(name for name in declared if not hasattr(cls, name)), *sorted(getattr(cls, "__abstractmethods__", ()))]
    if lacking:
        raise UserError(f"{title} lacks {', '.join(lacking)}; see {base.__module__}.{base.__qualname__}")
    if not isinstance(cls.name, str) or not _NAME.fullmatch(cls.name):
        raise UserError(f"{title} is named {reprlib.repr(cls.name)}; {NAME_RULE}")
    for name, (kind, as_written) in declared.items():
        value = inspect.getattr_static(cls, name)
        if isinstance(value, property | cached_property) and name not in _READ_FROM_CLASSES:
            continue
        if not fits(value, kind):
            raise UserError(f"{title}.{name} has to be {as_written}, not {reprlib.repr(value)}")
    for name, own in vars(base).items():
        if isinstance(own, FunctionType | staticmethod) and not name.startswith("_") and not callable(getattr(cls, name)):
            raise UserError(f"{title}.{name} has to be a function, not {reprlib.repr(inspect.getattr_static(cls, name))}")
    if base is Method and not fits(cls.Options.RECIPES, Mapping[str, dict[str, Any]]):
        raise UserError(
            f"{cls.Options.__qualname__}.RECIPES has to be a dict of dicts, not {reprlib.repr(cls.Options.RECIPES)}"
        )


@cache
def _declared(base: Any) -> dict[str, tuple[Any, str]]:
    """The types of a base class's class variables and properties, each also as it is written."""
    hints = {name: hint for name, hint in get_type_hints(base).items() if get_origin(hint) is ClassVar}
    found = {name: (get_args(hint)[0], base.__annotations__[name][len("ClassVar[") : -1]) for name, hint in hints.items()}
    for name, own in vars(base).items():
        if isinstance(own, property):
            found[name] = (get_type_hints(own.fget)["return"], own.fget.__annotations__["return"])
    return found
