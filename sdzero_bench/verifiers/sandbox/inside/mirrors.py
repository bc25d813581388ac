"""Mirrors of objects that live in the other process: they look like the object, and every use of them is a request.

What the program must not learn, or decide, is what its results are compared with. So a mirror equals no plain value, whatever
the object's class says, and takes part in no arithmetic or ordering with one: `abs(f(4) - 1234.5) < 1e-6` would hand over the
number, and trust the answer. Between two of the program's objects, the program's own operators decide, as in one process.
A subclass of a builtin type such as str or list carries its content along and compares by it.
"""

from __future__ import annotations

from .subclasses import make_inheritable, taken_apart

TYPE_CHECKING = False  # not from `typing`, whose import takes as long as starting Python
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_UNARY = """
    len iter next bool str repr hash enter exit getitem setitem delitem missing neg pos abs invert int float index complex round
    trunc floor ceil reversed format call aenter aexit anext aiter fspath bytes
"""
_BINARY = "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift"
_ORDER = "lt le gt ge"
_TO_NUMBERS = "abs int float index complex round trunc floor ceil len bool hash neg pos"


_FORWARDED = {f"__{name}__": name for name in _UNARY.split()}
_OPERATORS = {f"__{name}__": name for name in (*_BINARY.split(), *_ORDER.split())}
_OPERATORS |= {f"__i{name}__": f"i{name}" for name in _BINARY.split()}
_REFLECTED = {f"__r{name}__": name for name in _BINARY.split()}
_REFLECTED |= {"__rdivmod__": "divmod"}
_OPERATORS |= {"__divmod__": "divmod"}
_KEPT_LOCAL = {"len", "iter", "bool", "hash", "getitem", "setitem", "delitem", "reversed", "abs", "neg", "pos", "int", "float"}
_KEPT_LOCAL |= {"invert", "index", "complex", "round", "trunc", "floor", "ceil", "bytes", "next"}
"""What subclasses of builtin types do by their content."""


_QUERIES = {name for kind in (str, bytes, int, float, frozenset) for name in dir(kind) if not name.startswith("_")}
"""On a result of a subclass of these types they are the builtin methods, so that `startswith("a")` is not the program's answer.
Not those of tuples, whose names fields of named tuples have."""


def _generator() -> Any:
    yield


class _Method:
    def method(self) -> None: ...


_KNOWN: dict[str, type] = {
    kind.__name__: kind
    for kind in (type(_generator()), type(_generator), type(_Method().method), type(len), map, filter, zip, enumerate, reversed)
}
"""Builtin types that tests look at with `isinstance`."""

OPERABLE: set[int] = set()
"""Ids of the mirrored classes whose objects may take plain operands: of those the tests make objects, as in Vector(1) * 2."""
_RETURNED: dict[int, object] = {}
"""Mirrors that calls have returned. No plain value is compared with these results, even if their class is operable."""
_DERIVED: dict[int, object] = {}
"""Mirrors that came from an operation with a plain value. They become no number, which might be a forged difference."""


class Mirrored(type):
    """The class of mirrored classes."""

    _ask: Callable[..., Any]

    def __new__(meta, name: str, bases: tuple[type, ...], space: dict[str, Any], **more: Any) -> Any:
        """A mirrored class; or, of a class statement of the tests, a mirror of the class that the other side makes of it."""
        if "_ask" in space:
            return type.__new__(meta, name, bases, space)
        (ask, *_) = [type.__getattribute__(base, "_ask") for base in bases if isinstance(base, Mirrored)]
        for base in bases:
            for mirrored in base.__mro__:
                if isinstance(mirrored, Mirrored):
                    make_inheritable(mirrored)
        parts = tuple((key, *taken_apart(value)) for key, value in space.items() if key not in ("__classcell__", "__module__"))
        made = ask("subclass", name, bases, parts, **more)
        if (cell := space.get("__classcell__")) is not None:
            cell.cell_contents = made
        return made

    def __init__(cls, *_: object, **more: object) -> None: ...

    def __call__(cls, *args: object, **kwargs: object) -> Any:
        return type.__getattribute__(cls, "_ask")("call", cls, *args, **kwargs)

    def __getattribute__(cls, name: str) -> Any:
        if name == "__signature__":
            return _signature(type.__getattribute__(cls, "_ask"), cls)
        if name.startswith("__") and name.endswith("__") and name not in ("__members__", "__annotations__"):
            try:
                return type.__getattribute__(cls, name)
            except AttributeError:
                if name in ("__abstractmethods__", "__set_name__", "__objclass__"):
                    raise
        return type.__getattribute__(cls, "_ask")("getattr", cls, name)

    def __setattr__(cls, name: str, value: object) -> None:
        if name.startswith("__") or name.startswith("_abc_"):
            type.__setattr__(cls, name, value)
        else:
            type.__getattribute__(cls, "_ask")("setattr", cls, name, value)

    def __getitem__(cls, key: object) -> Any:
        return type.__getattribute__(cls, "_ask")("getitem", cls, key)

    def __contains__(cls, key: object) -> Any:
        if not isinstance(type(key), Mirrored) and id(cls) not in OPERABLE:
            raise TypeError("a class of the program does not say whether it contains a plain value")
        return type.__getattribute__(cls, "_ask")("contains", cls, key)

    def __iter__(cls) -> Any:
        return type.__getattribute__(cls, "_ask")("iter", cls)

    def __len__(cls) -> Any:
        return type.__getattribute__(cls, "_ask")("len", cls)

    def __bool__(cls) -> bool:
        return True


def mirror_class(
    ask: Callable[..., Any], name: str, module: str, doc: str | None, bases: tuple[type, ...], names: set[str], unhashable: bool
) -> Mirrored:
    """A class that looks like one of the other process with these names in its namespace. Raises `TypeError`, `ValueError`."""
    content = any(not isinstance(base, Mirrored) for kind in bases for base in kind.__mro__[:-1])
    exception = any(issubclass(base, BaseException) for base in bases)
    space: dict[str, Any] = {"__module__": module, "__doc__": doc, "_ask": staticmethod(ask), "_names": frozenset(names)}
    local = _KEPT_LOCAL if content and not exception else set()
    for dunder in names & set(_FORWARDED):
        if (operation := _FORWARDED[dunder]) not in local:
            space[dunder] = _forwarded(ask, operation)
    for dunder in names & set(_OPERATORS):
        if not (content and _OPERATORS[dunder] in _ORDER.split()):
            space[dunder] = _operator(ask, _OPERATORS[dunder])
    for dunder in names & set(_REFLECTED):
        space[dunder] = _operator(ask, _REFLECTED[dunder], reflected=True)
    if "__eq__" in names and not (content and not exception):
        space["__eq__"], space["__ne__"] = _equality(ask, "eq"), _equality(ask, "ne")
        space["__hash__"] = None if unhashable else _forwarded(ask, "hash")
    if "__contains__" in names and not content:
        space["__contains__"] = _contains(ask)
    if "__await__" in names:
        space |= _coroutine(ask)
    space["__getattribute__"] = _attributes(ask, content, names)
    space["__setattr__"], space["__delattr__"] = _setting(ask), _deleting(ask)
    for copying in ("copy", "deepcopy"):
        space[f"__{copying}__"] = lambda self, *memo, how=copying: ask(how, self)
    return Mirrored(name.encode("utf-8", "replace").decode().replace("\0", "?")[:200], bases, space)


def _forwarded(ask: Callable[..., Any], operation: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any) -> Any:
        if operation in _TO_NUMBERS.split() and id(self) in _DERIVED:
            raise TypeError("a result of an operation with a plain value is not converted to a number")
        if operation == "exit":
            args = (*args[:2], None)  # tracebacks stay where they are
        return _returned(ask(operation, self, *args))

    def calling(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _returned(ask("call", self, *args, **kwargs))

    return calling if operation == "call" else method


def _returned(value: Any) -> Any:
    if isinstance(type(value), Mirrored):
        _RETURNED[id(value)] = value
    return value


def _takes_plain(mirror: Any) -> bool:
    """Whether the program may decide how the object compares with a plain value: only if the tests have made it."""
    return id(type(mirror)) in OPERABLE and id(mirror) not in _RETURNED


def _operator(ask: Callable[..., Any], operation: str, reflected: bool = False) -> Callable[..., Any]:
    def method(self: Any, other: Any, *more: Any) -> Any:
        plain = not isinstance(type(other), Mirrored)
        if plain and not (_takes_plain(self) if operation in _ORDER.split() else id(type(self)) in OPERABLE):
            return NotImplemented
        result = ask(operation, other, self) if reflected else ask(operation, self, other)
        if plain and operation not in _ORDER.split():
            if not isinstance(type(result), Mirrored):
                raise TypeError(f"{operation} of an object of the program and a plain value gives no object of the program")
            _DERIVED[id(result)] = result
        return result

    return method


def _equality(ask: Callable[..., Any], operation: str) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        if not isinstance(type(other), Mirrored):
            return operation == "ne"
        return ask(operation, self, other)

    return method


def _contains(ask: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, item: Any) -> Any:
        if not isinstance(type(item), Mirrored) and not _takes_plain(self):
            raise TypeError("an object of the program does not say whether it contains a plain value")
        return ask("contains", self, item)

    return method


def _coroutine(ask: Callable[..., Any]) -> dict[str, Any]:
    """A coroutine is run to its end in its own process, at the first step."""

    def send(self: Any, value: object) -> Any:
        raise StopIteration(ask("await", self))

    def wait(self: Any) -> Any:
        return ask("await", self)
        yield

    return {"send": send, "throw": lambda self, error, *_: None, "close": lambda self: None, "__await__": wait}


def _attributes(ask: Callable[..., Any], content: bool, names: set[str]) -> Callable[..., Any]:
    own = {"__class__", "__reduce_ex__", "__reduce__", "__getstate__", "__copy__", "__deepcopy__", "__await__", "send", "throw"}
    own |= {"close", "__traceback__", "__context__", "__suppress_context__", "with_traceback", "__cause__", "args"}

    def method(self: Any, name: str) -> Any:
        if name == "__signature__":
            return _signature(ask, self)
        if name == "__class__" and (known := _KNOWN.get(type(self).__name__)) and type(self).__module__ == "builtins":
            return known
        if name == "__class__" or (name in own and (content or name.startswith("__") or "send" in type(self).__dict__)):
            return object.__getattribute__(self, name)
        queries = content and not _takes_plain(self) and name in _QUERIES
        if content and name != "__dict__" and (name not in names or queries):
            try:
                return object.__getattribute__(self, name)
            except AttributeError:
                pass
        return _returned(ask("getattr", self, name))

    return method


def _signature(ask: Callable[..., Any], value: object) -> Any:
    import inspect

    try:
        parameters = ask("signature", value)
    except (TypeError, ValueError):
        raise AttributeError("__signature__") from None
    return inspect.Signature(
        [inspect.Parameter(name, inspect._ParameterKind(kind), **dict(more)) for name, kind, more in parameters]
    )


def _setting(ask: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, name: str, value: object) -> None:
        if name in ("__traceback__", "__context__", "__cause__", "__suppress_context__"):
            object.__setattr__(self, name, value)
        else:
            ask("setattr", self, name, value)

    return method


def _deleting(ask: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, name: str) -> None:
        ask("delattr", self, name)

    return method
