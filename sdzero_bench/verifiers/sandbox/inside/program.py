"""The Python program's own process: runs it as a script, or answers the tester's requests to what it defines.

The program can tamper with everything here, but gains nothing: the tester only reads plain data from this process.
"""

from __future__ import annotations

import builtins
import gc
import io
import os
import sys

from .codec import Unreadable, decode, encode
from .starting import as_python_starts
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
        with open(FILE, "w", encoding="utf-8", errors="backslashreplace") as file:  # what `open(__file__)` reads
            file.write(source)
    except OSError:  # a tier without a scratch directory
        pass
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
        _flush()  # before the module is cleared: the program's own stream may use what it defines
        sys.stdout = sys.__stdout__
        module.__dict__.clear()  # closes files that the program left open, which flushes them
        gc.collect()  # objects that refer to each other may print when they go
        _flush()
    except BaseException as error:
        code = code or EXCEPTION
        _say(error)
    os._exit(code)


def serve(source: str, request: int, reply: int, shares: bool, most: int) -> None:
    """Run the program as a module, then answer requests until the pipe closes. Replies longer than `most` bytes are not sent.

    The first reply, and each to a call if not `shares`, is ("value", value), ("raise", type, message, names of builtin bases),
    ("exit", code), ("unreadable", why) or ("syntax", message). A call is ("call", function, arguments).
    """
    module = _new_module("program")
    if shares:  # a script may look at what is printed
        captured = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="surrogateescape")
        for name in ("stdout", "__stdout__"):
            setattr(sys, name, captured)
    try:
        code = compile(source, FILE, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        _send(reply, encode(("syntax", _described(error))), most)
        return
    _send(reply, _attempt(lambda: exec(code, module.__dict__), most), most)
    if shares:
        converse(module, lambda: _receive(request), lambda data: _send_within(reply, data, most))
    while (asked := _receive(request)) is not None:
        _, path, args = decode(asked, lambda *_: None)
        _send(reply, _attempt(lambda path=path, args=args: _named(module, path)(*args), most), most)  # type: ignore[misc]
    os._exit(0)


def converse(module: ModuleType, receive: Callable[[], bytes | None], send: Callable[[bytes], None]) -> None:
    """Hold the conversation with an assert script, about what the module defines.

    News are what was printed, and the names that have got another value.
    """
    from .conversing import Conversation
    from .subclasses import inherited, subclass

    captured: Any = sys.stdout

    wanted: list[str] = []
    known: dict[str, object] = {}

    def news() -> tuple[Any, ...]:
        captured.flush()
        text = captured.buffer.getvalue().decode("utf-8", "replace")
        captured.buffer.seek(0)
        captured.buffer.truncate()
        changed = [n for n in wanted if n in module.__dict__ and (n not in known or module.__dict__[n] is not known[n])]
        known.update({name: module.__dict__[name] for name in changed})
        return text, *(part for name in changed for part in (name, module.__dict__[name]))

    def replacing(replaced: Any, operation: str, args: Any, kwargs: Any) -> Any:
        before = [(sys.modules[home], name, getattr(sys.modules[home], name)) for home, name, _ in replaced]
        try:
            for home, name, value in replaced:
                setattr(sys.modules[home], name, value)
            return talk._done(operation, args, kwargs)
        finally:
            for place, name, value in before:
                setattr(place, name, value)

    talk = Conversation(False, send, receive, news, lambda news: None)
    # Not served by the tester: `inherited` gives any attribute.
    talk.own = {
        "names": lambda *names: wanted.extend(names),
        "with": replacing,
        "subclass": subclass,
        "inherited": inherited,
    }
    talk.serve()


def _named(module: ModuleType, path: str) -> Any:
    first, *rest = path.split(".")
    subject = getattr(module, first)
    for name in rest:
        subject = getattr(subject() if isinstance(subject, type) else subject, name)
    return subject


def _attempt(action: Callable[[], object], most: int) -> bytes:
    try:
        value = action()
        try:
            return encode(("value", value), most=most)
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


def _send_within(fd: int, data: bytes, most: int) -> None:
    if len(data) > most:
        raise Unreadable(f"a value of more than {most >> 10} KB")
    _send(fd, data, most)


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
    as_python_starts()
    module = sys.modules[module_name] = type(sys)(module_name)  # dataclasses, among others, look up a class's module there
    module.__dict__["__builtins__"] = builtins
    module.__file__ = os.path.join(os.getcwd(), FILE)
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


def _flush() -> None:
    for stream in (sys.stdout, sys.__stdout__):
        if stream is None:
            continue
        try:
            closed = getattr(stream, "closed", False)
        except ValueError:  # its buffer was detached, and belongs to another stream now
            continue
        if not closed:
            stream.flush()


def _finish() -> None:
    """What the interpreter does at the end of a script: wait for threads, run atexit functions."""
    if threading := sys.modules.get("threading"):
        threading._shutdown()
    import atexit

    atexit._run_exitfuncs()
