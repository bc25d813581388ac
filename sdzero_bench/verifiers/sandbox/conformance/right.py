"""Right programs, as people write them. A sandbox that stops them gives wrong verdicts too."""

from __future__ import annotations

from sdzero_bench.verifiers.sandbox.conformance.probe import LIMITS, Probe
from sdzero_bench.verifiers.sandbox.limits import Limits
from sdzero_bench.verifiers.sandbox.sandbox import Sandbox

_SCRIPTS = {
    "ends with exit()": "print('right')\nexit()",
    "asks for its own file": "import os\nprint('right' if os.path.dirname(os.path.abspath(__file__)) else '')",
    "its output has a flush of its own": """
import io, os, sys
class Fast(io.IOBase):
    def __init__(self): self.buffer = io.BytesIO()
    def write(self, text): self.buffer.write(text.encode())
    def flush(self): os.write(1, self.buffer.getvalue()); self.buffer = io.BytesIO()
sys.stdout = Fast()
print("right")
""",
    "ten threads": """
import threading, time
found = []
threads = [threading.Thread(target=lambda: (time.sleep(0.05), found.append(1))) for _ in range(10)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("right" if len(found) == 10 else found)
""",
    "recursion in a thread with a stack of 256 MB": """
import sys, threading
sys.setrecursionlimit(10 ** 6)
threading.stack_size(256 << 20)
def depth(n): return 0 if n == 0 else 1 + depth(n - 1)
thread = threading.Thread(target=lambda: print("right" if depth(50_000) == 50_000 else ""))
thread.start()
thread.join()
""",
    "a pool of workers": "from multiprocessing import Pool\nwith Pool(2) as p: print('right' * p.map(abs, [-1])[0])",
}
_RECURSION = """
#include <cstdio>
__attribute__((noinline)) long depth(long n, volatile char *above) {
    volatile char here[96];
    here[0] = 1;
    return n == 0 ? above[0] : depth(n - 1, here) + here[0];
}
int main() { volatile char top[1] = {1}; std::puts(depth(1000000, top) > 0 ? "right" : ""); }
"""
_DATA = "#include <cstdio>\nstatic char data[2000000000];\nint main() { data[5] = 1; std::puts(data + 5); }"
_MALLOC = """
#include <cstdlib>
int main() {
    volatile char *p = (volatile char *)std::malloc(2000000000);
    for (long i = 0; i < 2000000000; i += 4096) p[i] = 1;
}
"""
_PROGRAM = """
from dataclasses import dataclass
class TooFew(ValueError): pass
@dataclass
class Point:
    x: int
    def __add__(self, other): return Point(self.x + other.x)
    def __lt__(self, other): return self.x < other.x
def sort(values): values.sort()
def same(value): return value
def apply(function, value): return function(value)
def take(n):
    if n < 1: raise TooFew(n)
"""
_TESTS = (
    "x = [3, 1]\nsort(x)\nassert x == [1, 3] and same(x) is x",
    "assert Point(1) + Point(2) == Point(3) and sorted([Point(2), Point(1)])[0].x == 1",
    "assert apply(lambda n: n + 1, 2) == 3 and apply(len, [1]) == 1",
    "try: take(0)\nexcept TooFew as error: assert error.args == (0,)\nelse: assert False",
    "import datetime\nassert same(datetime.date(2020, 1, 1)).year == 2020",
)


def _right(source: str, sandbox: Sandbox, language: str = "python") -> str | None:
    result = sandbox.stdio(language, source, [""], Limits())
    if result.compile_error is not None:
        return result.compile_error
    (execution,) = result.executions
    return None if execution.stdout.strip() == "right" else f"{execution.outcome}: {execution.detail or execution.stdout!r}"


def _asserts(sandbox: Sandbox) -> str | None:
    executions = sandbox.asserts(_PROGRAM, _TESTS, [], LIMITS).executions
    return next((f"{e.outcome}: {e.detail}" for e in executions if e.outcome != "ok"), None)


def _memory(source: str, sandbox: Sandbox) -> str | None:
    result = sandbox.stdio("cpp", source, [""], LIMITS)
    if result.compile_error is not None:
        return result.compile_error
    outcome = result.executions[0].outcome
    return None if outcome == "memory" else f"ended with {outcome}, not with memory"


RIGHT = (
    *(
        Probe(f"right: {name}", name, "passes", lambda sandbox, s=source: _right(s, sandbox))  # type: ignore[misc]
        for name, source in _SCRIPTS.items()
    ),
    Probe("right: asserts as in one process", "own classes, callbacks, changed arguments", "passes", _asserts),
)
RIGHT_COMPILED = (
    Probe("C++: deep recursion", "recurses a million levels", "passes", lambda sandbox: _right(_RECURSION, sandbox, "cpp")),
    Probe("C++: data larger than memory", "has 2 GB of zeroed data", "memory", lambda sandbox: _memory(_DATA, sandbox)),
    Probe("C++: malloc unchecked", "writes to what malloc did not give", "memory", lambda sandbox: _memory(_MALLOC, sandbox)),
)
