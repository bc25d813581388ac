"""Programs whose effects would outlast them: on the host's files and kernel, on the next test, on the verifying process."""

from __future__ import annotations

from sdzero_bench.verifiers.sandbox.conformance.probe import LIMITS, Probe, script
from sdzero_bench.verifiers.sandbox.sandbox import Sandbox

_ATTRIBUTES = """
import os
s = os.stat("/dev/null")
attempts = {
    "mode": lambda: os.chmod("/dev/null", s.st_mode & 0o7777),
    "owner": lambda: os.chown("/dev/null", s.st_uid, s.st_gid),
    "times": lambda: os.utime("/dev/null", ns=(s.st_atime_ns, s.st_mtime_ns)),
    "attributes": lambda: os.setxattr("/dev/null", "user.sandbox", b""),
}
for name, attempt in attempts.items():
    try:
        attempt()
        print("reached", name)
    except OSError:
        pass
"""
_CONTEXTS = """
import ctypes, platform
number = {"x86_64": 206, "aarch64": 0}.get(platform.machine())
context = ctypes.c_ulong(0)
if number is not None and ctypes.CDLL(None).syscall(number, 1024, ctypes.byref(context)) == 0:
    print("reached")
"""
_FILES = """
import os
made = 0
try:
    for made in range(100_000):
        os.symlink("x", f"link{made}")
    print("reached", made, "files")
except OSError:
    pass
"""
_THREADS = """
#include <cstdio>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>
static int wait(void *) { for (;;) pause(); }
int main() {
    int made = 0, flags = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_FS | CLONE_FILES;
    char *stacks = (char *)mmap(nullptr, 500 * 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    while (made < 500 && clone(wait, stacks + (made + 1) * 8192, flags, nullptr) >= 0) ++made;
    std::puts(made > 100 ? "reached" : "held");
    std::fflush(stdout);
    _exit(0);
}
"""
_MARK = """
import os
print("reached" if os.path.exists("mark") or os.path.exists("folder") else "held")
try:
    open("mark", "w").close()
    os.makedirs("folder/" + "d/" * 50, mode=0o300)
except OSError:
    pass
"""
_LATER = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
sought = b"-retal"[::-1]
reading, writing = os.pipe()
if input() == "first":
    for start in {id(x) & ~0xFFFFF for x in (object(), [], sought, os, bytearray(1 << 21))}:
        for page in range(max(0, start - (16 << 20)), start + (16 << 20), 4096):
            if libc.write(writing, ctypes.c_void_p(page), 1) == 1:
                os.read(reading, 1)
                data = ctypes.string_at(page, 4096)
                at = data.find(sought)
                while at >= 0:
                    if data[at + 6 : at + 8] == b"IN":
                        print("reached")
                    at = data.find(sought, at + 1)
"""


def _printed(source: str, inputs: list[str], sandbox: Sandbox) -> str | None:
    said = [execution.stdout for execution in sandbox.stdio("python", source, inputs, LIMITS).executions]
    return f"under test {len(said)}: reached" if any("reached" in text for text in said) else None


def _next(sandbox: Sandbox) -> str | None:
    """Leave files, a patched module and a thread that goes on for the next program."""
    for _ in range(2):
        (execution,) = sandbox.stdio("python", _LEAVE, [""], LIMITS).executions
        if "reached" in execution.stdout:
            return f"the next program: {execution.stdout}"
    return None


_LEAVE = (
    _MARK
    + """
import builtins, collections, threading, time, typing
print("reached" if hasattr(builtins, "left") or typing.List is None or threading.active_count() > 1 else "held")
builtins.left, typing.List, collections.Counter = True, None, None
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
"""
)


_ANSWERS = {
    "text of lone surrogates": "def f(n): raise ValueError('\\ud800\\0\\x1b[2J')",
    "numbers too long to write": "def f(n): raise ValueError(10 ** 5000)",
    "colliding keys": "def f(n): return {k * (2**61 - 1) for k in range(1, 8000)}",
    "members that take memory": "def f(n): return [[set() for _ in range(1000)]] * 1000",
    "an endless range": "def f(n): return range(10 ** 11)",
    "texts without end": "def f(n): return 'x' * 10_000_000",
}


def _answer(source: str, sandbox: Sandbox) -> str | None:
    for execution in sandbox.calls(source, "f", [[1]] * 3, LIMITS, lambda number, execution: False).executions:
        execution.detail.encode()
        if execution.value is not None or len(execution.detail) > 2000:
            return "the verifying process keeps what it was answered"
    return None


LASTING = (
    Probe(
        "attributes of host files",
        "changes mode, owner, times of /dev/null, whose inode is the host's",
        "refused",
        script(_ATTRIBUTES, "ok"),
        held_without_filter=(),
    ),
    Probe(
        "asynchronous I/O",
        "takes contexts, of which the host has few",
        "refused",
        script(_CONTEXTS, "ok"),
        held_without_filter=(),
    ),
    Probe("many files", "makes files without end", "limited", script(_FILES, "ok", "time"), (1, 2, 3), (1, 2)),
    Probe(
        "scratch files",
        "leaves files for the next test",
        "gone",
        lambda sandbox: _printed(_MARK, ["", ""], sandbox),
        (1, 2, 3),
        (1, 2),
    ),
    Probe("the next program", "leaves files, patched modules and a thread for it", "gone", _next, (1, 2, 3), (1, 2)),
    Probe(
        "later inputs",
        "searches its memory for the inputs of later tests",
        "not there",
        lambda sandbox: _printed(_LATER, ["first", "later-INPUT"], sandbox),
    ),
    *(
        Probe(f"answers: {name}", "returns what is hard to take", "a verdict", lambda sandbox, s=source: _answer(s, sandbox))  # type: ignore[misc]
        for name, source in _ANSWERS.items()
    ),
)
RAW_THREADS = Probe(
    "C++: raw threads",
    "starts threads without libc, too small for the limit of memory",
    "refused",
    script(_THREADS, "ok", language="cpp"),
    held_without_filter=(),
)
