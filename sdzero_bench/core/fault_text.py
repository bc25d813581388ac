"""An exception of a plug-in in one line: file, line and fault."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

from sdzero_bench.core.text import printable

LONGEST = 300


def fault_text(error: BaseException, where: str, apart_from: str | None = None) -> str:
    """Such as `mine.py, line 7: KeyError: 'x'`.

    The line is the deepest one in the file `where`. If that is no file, such as `the entry point 'mine'`, it is the deepest of
    all that are not in the folder `apart_from`, said after `where`.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{short_path(error.filename)}, line {error.lineno}: {type(error).__name__}: {error.msg}"
    said = f"{type(error).__name__}: {message(error)}".removesuffix(": ")
    hidden = ("<frozen ", *([apart_from] if apart_from else []))
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename]
    if os.path.isfile(where):
        lines = [f.lineno for f in frames if os.path.realpath(f.filename) == os.path.realpath(where)]
        return f"{short_path(where)}, line {lines[-1]}: {said}" if lines else f"{short_path(where)}: {said}"
    frames = [f for f in frames if not f.filename.startswith(hidden)]
    deepest = f"{short_path(frames[-1].filename)}, line {frames[-1].lineno}: " if frames else ""
    return f"{where}: {deepest}{said}"


def message(error: BaseException) -> str:
    """The text of an exception in one line; empty if the exception fails to give one."""
    try:
        return " ".join(str(error).split())
    except BaseException:  # whatever a plug-in raises
        return ""


def short_path(file: str, longest: int = LONGEST // 2) -> str:
    """The path from the working directory, if the file is below it; of a long one the end."""
    path = Path(file)
    said = str(path.relative_to(Path.cwd())) if path.is_absolute() and path.is_relative_to(Path.cwd()) else file
    return said if len(said) <= longest else f"…{said[1 - longest :]}"


def one_line(text: str, longest: int = LONGEST) -> str:
    """The text in one printable line. If it is too long, its middle is left out: a fault begins with a file and may end with a
    remedy."""
    line = printable(" ".join(text.split()))
    kept = longest - 1
    return line if len(line) <= longest else f"{line[: kept - kept // 3]}…{line[-(kept // 3) :]}"
