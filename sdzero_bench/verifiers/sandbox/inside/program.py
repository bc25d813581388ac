"""The Python program's own process: runs it as a script, or answers the tester's requests to what it defines.

The program can tamper with everything here, but gains nothing: the tester only reads plain data from this process.
"""

from __future__ import annotations

import os
import sys

from .codec import Unreadable, decode, encode
from .watch import EXCEPTION, SYNTAX

TYPE_CHECKING = False  # not from `typing`, whose import takes as long as starting Python
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

FILE = "program.py"


def run_script(source: str) -> None:
    """Run the program like `python program.py`, on the current standard streams, and end the process."""
    module = _new_module("__main__")
    code = 0
    try:
        try:
            compiled = compile(source, FILE, "exec", dont_inherit=True)  # without the __future__ imports of this file
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            code = SYNTAX
            _say(error)
        else:
            exec(compiled, module.__dict__)
    except SystemExit as stop:
        code = _exit_code(stop)
    except BaseException as error:
        code = EXCEPTION
        _say(error)
    try:
        _finish()
        module.__dict__.clear()  # closes files that the program left open, which flushes them
        for stream in (sys.stdout, sys.__stdout__):
            if stream is not None:
                stream.flush()
    except BaseException as error:
        code = code or EXCEPTION
        _say(error)
    os._exit(code)


def serve(source: str, request: int, reply: int, keep_objects: bool, most: int) -> None:
    """Run the program as a module, then answer requests until the pipe closes. Replies longer than `most` bytes are not sent.

    A request is (operation, target, arguments, keyword arguments); a target is a name, or the number of an object returned
    earlier. A reply is ("value", value), ("raise", type, message, names of builtin bases) or ("exit", code).
    """
    module = _new_module("program")
    objects: list[object] = []

    def number(value: object) -> int:
        if keep_objects:
            objects.append(value)
        return len(objects)

    try:
        code = compile(source, FILE, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        _send(reply, encode(("syntax", _described(error))), most)
        return
    answer = _attempt(lambda: exec(code, module.__dict__), number)
    while True:
        _send(reply, answer, most)
        asked = _receive(request)
        if asked is None:
            os._exit(0)
        answer = _attempt(_asked(module, decode(asked, lambda number, _: objects[number - 1])), number)


def _asked(module: ModuleType, request: tuple[str, Any, Any, Any]) -> Callable[[], object]:
    operation, target, args, kwargs = request
    if operation == "names":
        return lambda: {name: module.__dict__[name] for name in args if name in module.__dict__}
    return lambda: _OPERATIONS[operation](_named(module, target) if isinstance(target, str) else target, *args, **kwargs)


def _named(module: ModuleType, path: str) -> object:
    first, *rest = path.split(".")
    subject = getattr(module, first)
    for name in rest:
        subject = getattr(subject() if isinstance(subject, type) else subject, name)
    return subject


_OPERATIONS: dict[str, Callable[..., object]] = {
    "call": lambda subject, *args, **kwargs: subject(*args, **kwargs),
    "getattr": getattr,
    "setattr": setattr,
    "getitem": lambda subject, key: subject[key],
    "len": len,
    "iter": iter,
    "next": next,
    "bool": bool,
    "str": str,
    "repr": repr,
    "isinstance": lambda subject, value: isinstance(value, subject),
}


def _attempt(action: Callable[[], object], number: Callable[[object], int]) -> bytes:
    try:
        value = action()
        try:
            return encode(("value", value), number)
        except Unreadable as error:
            return encode(("unreadable", str(error)))
    except SystemExit as stop:
        return encode(("exit", f"exit code {_exit_code(stop)}"))
    except BaseException as error:
        bases = [base.__name__ for base in type(error).__mro__ if base.__module__ == "builtins"]
        return encode(("raise", type(error).__name__, _message(error), bases))


def _send(fd: int, answer: bytes, most: int) -> None:
    if len(answer) > most:
        answer = encode(("unreadable", f"a value of more than {most >> 10} KB"))
    data = memoryview(len(answer).to_bytes(4, "big") + answer)
    while data:
        data = data[os.write(fd, data) :]


def _receive(fd: int) -> bytes | None:
    head = _exactly(fd, 4)
    return None if head is None else _exactly(fd, int.from_bytes(head, "big"))


def _exactly(fd: int, length: int) -> bytes | None:
    parts = []
    while length:
        part = os.read(fd, min(length, 1 << 20))
        if not part:
            return None
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _new_module(module_name: str) -> ModuleType:
    """An empty module, and new standard streams: those of the interpreter belong to the tester."""
    sys.argv = [FILE]
    for fd, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        stream = open(fd, mode, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115 - it stays open
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    module = sys.modules[module_name] = type(sys)(module_name)  # dataclasses, among others, look up a class's module there
    return module


def _exit_code(stop: SystemExit) -> int:
    if stop.code is None:
        return 0
    return stop.code & 255 if isinstance(stop.code, int) else 1


def _message(error: BaseException) -> str:
    try:
        return str(error)[:500]
    except BaseException:
        return ""


def _described(error: BaseException) -> str:
    lines = []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return f"{type(error).__name__}: {_message(error)}" + (f" (line {lines[-1]})" if lines else "")


def _say(error: BaseException) -> None:
    os.write(2, ("\n" + _described(error).replace("\n", " ")).encode("utf-8", "replace"))


def _finish() -> None:
    """What the interpreter does at the end of a script: wait for threads, run atexit functions."""
    if threading := sys.modules.get("threading"):
        threading._shutdown()
    import atexit

    atexit._run_exitfuncs()
