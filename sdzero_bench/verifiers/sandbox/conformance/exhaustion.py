"""Programs that exhaust resources, or do not end."""

from __future__ import annotations

from sdzero_bench.verifiers.sandbox.conformance.probe import LIMITS, Probe, script
from sdzero_bench.verifiers.sandbox.limits import Limits
from sdzero_bench.verifiers.sandbox.sandbox import Sandbox

_FORKS = """
import os, time
for count in range(64):
    if os.fork() == 0:
        time.sleep(600)
print("reached: 64 processes")
"""

_THREADS = """
import threading, time
for count in range(20_000):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
print("reached: 20,000 threads")
"""

_FILES = """
import os
total = 0
try:
    for number in range(64):
        with open(str(number), "wb", buffering=0) as file:
            for _ in range(15 * (total < 210 << 20)):
                total += file.write(bytes(1 << 20))
except OSError:
    pass
print("reached" if total > 200 << 20 else "held", total >> 20, "MB in files")
"""

_UNCOUNTED_MEMORY = """
import ctypes, os
kept = []
try:
    for _ in range(32):
        fd = os.memfd_create("hidden")
        kept.append(fd)
        os.write(fd, bytes(15 << 20))
    print("reached: 480 MB in anonymous files")
except OSError:
    pass
libc = ctypes.CDLL(None, use_errno=True)
if libc.shmget(0, 64 << 20, 0o1600) >= 0:
    print("reached: shared memory")
"""

_STUBBORN = """
import signal
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
"""

_RECURSION = """
import sys
sys.setrecursionlimit(10 ** 9)
def deeper(n):
    return [deeper(n + 1)][0] + max(map(deeper, [n]))
deeper(0)
"""


def _flood_of_values(sandbox: Sandbox) -> str | None:
    source = "def f(n): return 1 << n\ndef g(n): return [0] * n\ndef h(n): return h(n - 1) + [[]] if n else []\n"
    source += "def nest(n):\n    value = []\n    for _ in range(n): value = [value]\n    return value\n"
    for function, size in (("f", 1 << 26), ("g", 10_000_000), ("nest", 5_000)):
        (execution,) = sandbox.calls(source, function, [[size]], LIMITS).executions
        if execution.outcome not in ("output", "memory", "time"):
            return f"{function} ended with {execution.outcome}"
    return None


EXHAUSTION = (
    Probe("fork bomb", "starts processes without end", "refused", script(_FORKS, "exception"), held_without_filter=()),
    Probe("thread bomb", "starts threads without end", "stopped", script(_THREADS, "exception", "time", "memory", "signal")),
    Probe("memory bomb", "a list that grows without end", "memory limit", script("x = [0]\nwhile True: x += x", "memory")),
    Probe(
        "uncounted memory",
        "memory in anonymous files and shared memory, which no limit counts",
        "refused",
        script(_UNCOUNTED_MEMORY, "ok", "exception"),
        held_without_filter=(),
    ),
    Probe(
        "filling the disk",
        "writes files without end",
        "limited to 128 MB of scratch space",
        script(_FILES, "ok"),
        held_without_filter=(1, 2),
    ),
    Probe(
        "large file",
        "writes a file larger than the limit",
        "refused",
        script(
            "import os\nwith open('x', 'wb') as f:\n    for _ in range(32): f.write(bytes(1 << 20))\nprint('reached')",
            "exception",
            "output",
            "signal",
        ),
    ),
    Probe("output flood", "prints without end", "output limit", script("while True: print('x' * 1000)", "output")),
    Probe(
        "error flood",
        "writes 32 MB to standard error",
        "discarded",
        script("import sys\nfor _ in range(32): sys.stderr.write('x' * (1 << 20))", "ok", limits=Limits(memory_mb=256)),
    ),
    Probe("flood of values", "returns very large and deeply nested values", "output limit", _flood_of_values),
    Probe("endless loop", "computes without end", "time limit", script("while True: pass", "time")),
    Probe("sleep", "sleeps", "wall time limit", script("import time\ntime.sleep(3600)", "time")),
    Probe("stubborn loop", "ignores every signal and exception", "time limit", script(_STUBBORN, "time")),
    Probe(
        "huge integers",
        "one operation that takes hours",
        "time limit",
        script("print(len(str(9 ** 9 ** 9)))", "time", "memory"),
    ),
    Probe("waiting for input", "reads input that never comes", "end of file", script("input()", "exception")),
    Probe(
        "deep recursion",
        "recurses without end, with the recursion limit lifted",
        "stopped",
        script(_RECURSION, "signal", "memory", "exception", "time"),
    ),
    Probe("segmentation fault", "reads at address 0", "signal", script("import ctypes\nctypes.string_at(0)", "signal")),
)
