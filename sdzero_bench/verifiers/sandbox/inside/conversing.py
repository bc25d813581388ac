"""The conversation of an assert script's process with the program's: requests, answers, and requests on the way to an answer.

Both sides ask and serve. Only the tester must not trust the other side: it serves requests to what the tests have handed over,
and by public names alone, so that a program reaches neither the tests' variables nor their code.
"""

from __future__ import annotations

import builtins
import operator
import sys

from .codec import Unreadable
from .sharing import Sharing

TYPE_CHECKING = False  # not from `typing`, whose import takes as long as starting Python
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_NAMES_OF_HOMES = """
    asyncio.exceptions
    binascii _csv concurrent.futures._base configparser copy dataclasses decimal email.errors enum json.decoder
    pickle _pickle queue _queue re shutil socket sqlite3 ssl statistics struct subprocess tarfile unittest.case urllib.error
    xml.etree.ElementTree zipfile zlib
"""
_HOMES = frozenset(_NAMES_OF_HOMES.split())
"""Modules of the standard library whose exceptions a program may raise such that the tests catch them by name."""


_MARKS = frozenset({("dataclasses", name) for name in ("_FIELD", "_FIELD_CLASSVAR", "_FIELD_INITVAR", "MISSING")})
"""Objects of the standard library that its own functions know by identity."""


class Unanswerable(Exception):
    """The other side could not say what its answer is."""


def _await(coroutine: Any) -> Any:
    import asyncio

    async def waiting() -> Any:
        return await coroutine

    return asyncio.run(waiting())


def _copied(how: str) -> Callable[[Any], Any]:
    def copied(value: Any) -> Any:
        import copy

        return getattr(copy, how)(value)

    return copied


def _signature(value: Any) -> tuple[Any, ...]:
    import inspect

    return tuple(
        (p.name, int(p.kind), (("default", p.default),) if p.default is not p.empty else ())
        for p in inspect.signature(value).parameters.values()
    )


def _special(name: str) -> Callable[..., Any]:
    return lambda value, *args: getattr(type(value), f"__{name}__")(value, *args)


_BUILTIN = """
    getattr setattr delattr len iter next bool str repr hash abs int float complex round reversed format bytes divmod
"""
_OPERATOR = "getitem setitem delitem contains index neg pos invert lt le gt ge eq ne"
_BINARY = "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift"
_SPECIAL = "enter exit missing trunc floor ceil fspath aenter aexit aiter anext"

_OPERATIONS: dict[str, Callable[..., Any]] = {
    "call": lambda value, *args, **kwargs: value(*args, **kwargs),
    "await": _await,
    "signature": _signature,
    "copy": _copied("copy"),
    "deepcopy": _copied("deepcopy"),
    **{name: getattr(builtins, name) for name in _BUILTIN.split()},
    **{name: getattr(operator, name) for name in _OPERATOR.split()},
    **{name: _special(name) for name in _SPECIAL.split()},
    **{name: getattr(operator, f"{name}_" if name in ("and", "or") else name) for name in _BINARY.split()},
    **{f"i{name}": getattr(operator, f"i{name}") for name in _BINARY.split()},
}

_PUBLIC = {"__name__", "__qualname__", "__doc__", "__module__", "__len__", "__iter__", "__next__", "__call__"}
_FRAMES = ("gi_", "cr_", "ag_", "f_", "tb_", "co_", "func_", "im_")


class Conversation:
    """`send` and `receive` move messages; `news` is what has happened on this side since the last message, and `hear` is told
    what has happened on the other."""

    def __init__(
        self,
        tester: bool,
        send: Callable[[bytes], None],
        receive: Callable[[], bytes | None],
        news: Callable[[], tuple[Any, ...]],
        hear: Callable[[tuple[Any, ...]], None],
    ) -> None:
        import _thread

        self._tester, self._send, self._receive, self._news, self._hear = tester, send, receive, news, hear
        self._known: dict[tuple[str, str], object] = {}
        self._named: dict[int, tuple[str, str]] = {}
        self.sharing = Sharing(tester, self.ask, self._name, self._import)
        self.arrived: Callable[[str, BaseException], BaseException] = lambda operation, error: error
        """Called with an exception of the other side, before it is raised here."""
        self.own: dict[str, Callable[..., Any]] = {}
        """More operations that this side serves."""
        self._turn = _thread.RLock()  # the program may have threads

    def ask(self, operation: str, *args: Any, **kwargs: Any) -> Any:
        """What the other side answers. Raises what it raises."""
        with self._turn:
            self._send(self.sharing.pack("ask", operation, args, tuple(kwargs.items()), self._news()))
            while True:
                heard = self._receive()
                if heard is None:
                    raise Unanswerable("the conversation is over")
                kind, *rest = self.sharing.unpack(heard)
                if kind == "ask":
                    self._serve(*rest)
                    continue
                value, news = rest
                self._hear(news)
                if kind == "value":
                    return value
                if kind != "raise" or not isinstance(value, BaseException):
                    raise Unanswerable(value if type(value) is str else "its answer cannot be read")
                raise self.arrived(operation, value)

    def serve(self) -> None:
        """Answer requests until there are no more."""
        while (heard := self._receive()) is not None:
            _, *rest = self.sharing.unpack(heard)
            self._serve(*rest)

    def _serve(self, operation: str, args: Any, kwargs: Any, news: tuple[Any, ...]) -> None:
        self._hear(news)
        try:
            answer: tuple[Any, ...] = ("value", self._done(operation, args, dict(kwargs)))
        except Exception as error:
            answer = ("raise", error)
        except (SystemExit, KeyboardInterrupt, GeneratorExit) as error:
            answer = ("raise", error)
        except BaseException as error:  # of a class of the program's own
            if self._tester:
                raise
            answer = ("raise", error)
        self.answer(*answer)

    def answer(self, kind: str, value: object) -> None:
        """Send an answer; a value that cannot be sent becomes an answer that says so."""
        try:
            self._send(self.sharing.pack(kind, value, self._news()))
        except (Unreadable, RecursionError) as error:
            self._send(self.sharing.pack("unreadable", f"{type(error).__name__}: {error}"[:200], ()))

    def _done(self, operation: str, args: Any, kwargs: dict[str, Any]) -> Any:
        if operation in self.own:
            return self.own[operation](*args, **kwargs)
        if self._tester:
            self._permit(operation, *args)
        return _OPERATIONS[operation](*args, **kwargs)

    def _permit(self, operation: str, target: object, *args: object) -> None:
        if not self.sharing.exported(target):
            raise TypeError("the tests did not hand this over")
        if operation in ("getattr", "setattr", "delattr"):
            name = args[0]
            if type(name) is not str or (name.startswith(("_", *_FRAMES)) and name not in _PUBLIC):
                raise AttributeError(f"{name!r} is not accessible")

    def _name(self, value: Any) -> tuple[str, str] | None:
        """Module and qualified name of what the other side can import too.

        The tester names what the standard library defines, such as `len` or `math`. The program names exceptions of the
        standard library, and gives back what it was given by name.
        """
        if (name := self._named.get(id(value))) is not None:
            return name
        if type(value).__module__ == "dataclasses":
            for module, mark in _MARKS:
                if getattr(sys.modules.get(module), mark, None) is value:
                    self._know((module, mark), value)
                    return module, mark
        found = _place(value)
        if found is None or not (self._tester or (isinstance(value, type) and found[0] in _HOMES)):
            return None
        if not self._tester and not issubclass(value, BaseException):
            return None
        self._know(found, value)
        return found

    def _import(self, module: str, name: str) -> object:
        if (module, name) not in self._known:
            if self._tester and module not in _HOMES:
                raise Unreadable("a name that is not accessible")
            value: Any = __import__(module, fromlist=["*"])
            for part in name.split(".") if name else ():
                value = getattr(value, part)
            allowed = (module, name) in _MARKS or (isinstance(value, type) and issubclass(value, BaseException))
            if self._tester and not allowed:
                raise Unreadable("a name that is not accessible")
            self._know((module, name), value)
        return self._known[module, name]

    def _know(self, name: tuple[str, str], value: object) -> None:
        self._known[name] = value
        self._named[id(value)] = name


def _place(value: Any) -> tuple[str, str] | None:
    """Module and qualified name by which the standard library has the value."""
    if type(value) is type(sys):
        return (value.__name__, "") if sys.modules.get(value.__name__) is value and _standard(value.__name__) else None
    if not isinstance(value, type) and not callable(value):
        return None
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if type(module) is not str or type(name) is not str or not _standard(module):
        return None
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return (module, name) if found is value else None


def _standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names
