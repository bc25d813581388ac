"""An exception of a plug-in in one line: file, line and fault."""

from __future__ import annotations

import traceback
from pathlib import Path


def fault_text(error: BaseException, where: str) -> str:
    """Such as `mine.py, line 7: KeyError: 'x'`.

    The line is the deepest one in the file `where`. If that is no file, such as `the entry point 'mine'`, it is the deepest of
    all, said after `where`.
    """
    said = f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_short(error.filename)}, line {error.lineno}: {type(error).__name__}: {error.msg}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename]
    if Path(where).is_file():
        lines = [f.lineno for f in frames if Path(f.filename).resolve() == Path(where).resolve()]
        return f"{_short(where)}, line {lines[-1]}: {said}" if lines else f"{_short(where)}: {said}"
    deepest = f"{_short(frames[-1].filename)}, line {frames[-1].lineno}: " if frames[1:] else ""
    return f"{where}: {deepest}{said}"


def _short(file: str) -> str:
    """The path from the working directory, if the file is below it."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_absolute() and path.is_relative_to(Path.cwd()) else file
