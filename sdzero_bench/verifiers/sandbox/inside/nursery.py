"""One Python for many programs: it is started once, and forks for each, which takes a fraction of the time of starting it.

Each program gets namespaces of processes, mounts and IPC of its own and an empty scratch directory, as in a sandbox of its own.
The process that forks never has a job in its memory: it only hands on the descriptors that a job comes through.
"""

from __future__ import annotations

import _socket
import ctypes
import gc
import os

from .main import main
from .mounts import mount_scratch

TYPE_CHECKING = False  # not from `typing`, before it is wanted
if TYPE_CHECKING:
    from collections.abc import Callable

_PRELOADED = ("typing", "collections", "math", "itertools", "heapq", "bisect", "string", "operator", "copy", "_sitebuiltins")
"""What programs import most. `random` is not among them: all programs would begin with the same state."""

_NEW_MOUNTS, _NEW_IPC, _NEW_PROCESSES = 0x20000, 0x8000000, 0x20000000
_libc = ctypes.CDLL(None, use_errno=True)


def nurse(take: Callable[[int], bytes], scratch: int) -> None:
    """Serve jobs until the host closes its end of standard input, a socket: each is three descriptors, answered by a byte
    when nothing of the job is left. `scratch` is the size of the scratch directory in bytes.
    """
    for name in _PRELOADED:
        __import__(name)
    gc.collect()
    gc.freeze()
    control = _socket.socket(fileno=0)
    while True:
        asked, ancillary, _, _ = control.recvmsg(1, _socket.CMSG_SPACE(3 * 4))
        if not asked:
            os._exit(0)
        descriptors = memoryview(ancillary[0][2]).cast("i").tolist()
        pid = os.fork()
        if pid == 0:
            _begin(descriptors, take, scratch)
        for fd in descriptors:
            os.close(fd)
        os.waitpid(pid, 0)
        control.send(b"+")


def _begin(descriptors: list[int], take: Callable[[int], bytes], scratch: int) -> None:
    """Become the parent of a new namespace, in which the tester is the first process: when it ends, all others are killed."""
    try:
        for number, fd in enumerate(descriptors):
            os.dup2(fd, number)
        os.closerange(3, 1024)
        if _libc.unshare(_NEW_PROCESSES | _NEW_MOUNTS | _NEW_IPC) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        pid = os.fork()
        if pid == 0:
            mount_scratch("/tmp", scratch)
            os.chdir("/tmp")
            main(take)
        os.waitpid(pid, 0)
    except BaseException as error:
        os.write(2, repr(error).encode())
    finally:
        os._exit(0)
