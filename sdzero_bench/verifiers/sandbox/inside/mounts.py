"""A read-only file system for tier 2, which has mount namespaces but not bubblewrap."""

from __future__ import annotations

import ctypes

_libc = ctypes.CDLL(None, use_errno=True)
MOST_FILES = 20_000
"""In the scratch directory: each takes a kilobyte of the kernel's memory, which no limit counts."""

_SYS_MOUNT_SETATTR = 442
_REMOUNT, _NO_SETUID_NOR_DEVICES = 32, 0b110
_AT_FDCWD, _AT_RECURSIVE, _READ_ONLY, _NO_SETUID = -100, 0x8000, 1, 2


def limit_files(directory: str, size: int) -> None:
    """Limit the number of files of the tmpfs at `directory`. Raises `OSError` if that is not permitted."""
    options = f"size={size},nr_inodes={MOST_FILES}"
    if _libc.mount(None, directory.encode(), None, ctypes.c_ulong(_REMOUNT | _NO_SETUID_NOR_DEVICES), options.encode()) != 0:
        raise OSError(ctypes.get_errno(), f"limiting the files of {directory}")


def mount_scratch(directory: str, size: int) -> None:
    """Mount an empty tmpfs of `size` bytes at `directory`. Raises `OSError` if that is not permitted."""
    _tmpfs(directory, f"size={size},nr_inodes={MOST_FILES},mode=700")


def _tmpfs(where: str, options: str) -> None:
    if _libc.mount(b"tmpfs", where.encode(), b"tmpfs", ctypes.c_ulong(_NO_SETUID_NOR_DEVICES), options.encode()) != 0:
        raise OSError(ctypes.get_errno(), f"mounting on {where}")


class _Attributes(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns"))


def read_only_but_for(directory: str, size: int) -> None:
    """Make all mounts read-only, mount an empty tmpfs of `size` bytes at `directory`, and hide /proc and /sys.

    Raises `OSError` if the kernel does not support it (before Linux 5.12) or does not permit it.
    """
    attributes = _Attributes(_READ_ONLY | _NO_SETUID, 0, 0, 0)
    arguments = (_AT_FDCWD, b"/", _AT_RECURSIVE, ctypes.byref(attributes), ctypes.c_size_t(ctypes.sizeof(attributes)))
    if _libc.syscall(ctypes.c_long(_SYS_MOUNT_SETATTR), *arguments) != 0:
        raise OSError(ctypes.get_errno(), "mount_setattr")
    mount_scratch(directory, size)
    for where in ("/proc", "/sys"):
        _tmpfs(where, "size=4k,mode=555")
