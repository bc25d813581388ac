"""The scratch directory, which each test finds empty: what a program leaves there would be known to it under the next test."""

from __future__ import annotations

import os


def emptied(directory: str) -> None:
    """Delete everything in a directory, however deeply nested and whatever its permissions. Raises `OSError`."""
    todo = [directory]
    count = 0
    while todo:
        where = todo.pop()
        try:
            entries = list(os.scandir(where))
        except PermissionError:
            os.chmod(where, 0o700)
            entries = list(os.scandir(where))
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
            elif where == directory:
                todo.append(entry.path)
            else:  # paths must not grow longer than the kernel takes
                count += 1
                moved = os.path.join(directory, f".{os.getpid()}-{count}")
                os.rename(entry.path, moved)
                todo.append(moved)
        if where != directory:
            os.rmdir(where)
