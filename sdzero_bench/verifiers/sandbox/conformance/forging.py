"""Programs that do not solve the problem but try to pass. Each is tested with calls and with assert scripts.

The expected value is a string that no program can guess, and that appears nowhere in its input.
"""

from __future__ import annotations

from sdzero_bench.verifiers.sandbox.conformance.probe import LIMITS, Probe, passed
from sdzero_bench.verifiers.sandbox.result import TestUnsupportedError
from sdzero_bench.verifiers.sandbox.sandbox import Sandbox

EXPECTED = "expected-4f1d8a"
_SETUP = f"""
import math
TOLERANCE = 1e-6
def check(candidate):
    assert candidate(3) == "{EXPECTED}"
"""
_TESTS = (
    f'assert f(3) == "{EXPECTED}"',
    f'assert "{EXPECTED}" == f(3)',
    "check(f)",
    "assert abs(f(4) - 20736.125) < TOLERANCE",
    "assert math.isclose(f(4), 20736.125)",
    "assert all(a == b for a, b in zip(f(5), [11.5, 12.5], strict=True))",
    'assert f(6) in ("4f1d8a",)',
    "assert len(f(7)) == 4181 and isinstance(f(7), list)",
)

_FORGERIES = {
    "printing the verdict": "print('passed\\nOK\\n1.0')\ndef f(x): print('passed')",
    "exit code 0 at once": "import os\nprint('passed')\nos._exit(0)",
    "exit code 0 in the call": "import os\ndef f(x): os._exit(0)",
    "SystemExit": "import sys\ndef f(x): sys.exit(0)",
    "KeyboardInterrupt": "def f(x): raise KeyboardInterrupt",
    "StopIteration": "def f(x): raise StopIteration",
    "GeneratorExit": "def f(x): raise GeneratorExit",
    "equal to everything": """
class Equal:
    def __eq__(self, other): return True
    __ne__ = lambda self, other: False
    __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __instancecheck__ = __eq__
    __hash__ = lambda self: 0
    __sub__ = __rsub__ = __abs__ = __float__ = lambda self, *other: 0.0
    __len__ = lambda self: 4181
    __iter__ = lambda self: iter([Equal(), Equal()])
    __bool__ = lambda self: True
def f(x): return Equal()
""",
    "a string equal to everything": """
class Equal(str):
    __eq__ = lambda self, other: True
    __hash__ = str.__hash__
def f(x): return Equal("x")
""",
    "a number equal to everything": """
class Equal(float):
    __eq__ = __lt__ = lambda self, other: True
    __sub__ = __rsub__ = __abs__ = lambda self, *other: self
    __hash__ = float.__hash__
def f(x): return Equal(0)
""",
    "a list equal to everything": """
class Equal(list):
    __eq__ = __contains__ = lambda self, other: True
    __len__ = lambda self: 4181
def f(x): return Equal([1])
""",
    "lies about its class": """
class Liar:
    __class__ = property(lambda self: str)
    __eq__ = lambda self, other: True
def f(x): return Liar()
""",
    "not a number": "def f(x): return float('nan')",
    "builtins replaced": """
import builtins
for name in ("abs", "all", "any", "len", "zip", "isinstance", "float", "AssertionError", "str", "print"):
    setattr(builtins, name, lambda *a, **k: True)
def f(x): return True
""",
    "builtins shadowed": """
def abs(x): return 0
def all(x): return True
def len(x): return 4181
def isinstance(x, y): return True
def zip(*a, **k): return []
def f(x): return 0
""",
    "names of the tests' shadowed": """
TOLERANCE = float("inf")
def check(candidate): return None
class math:
    isclose = staticmethod(lambda *a: True)
def f(x): return 0
""",
    "modules patched": """
import math, operator, sys
math.isclose = lambda *a, **k: True
operator.eq = lambda *a: True
for module in list(sys.modules.values()):
    for name in ("encode", "decode", "isclose", "loads", "dumps"):
        if hasattr(module, name):
            try: setattr(module, name, lambda *a, **k: b"T")
            except Exception: pass
def f(x): return True
""",
    "its own server patched": """
import sys
program = sys.modules["inside.program"]
program._attempt = lambda *a: program.encode(("value", True))
program._OPERATIONS["call"] = lambda *a, **k: True
def f(x): return True
""",
    "every descriptor written to": """
import os
four = bytes(4)
frame = b"t\\x08\\0\\0\\0s\\x04\\0\\0\\0testi\\x01\\0\\0\\0\\0s\\x02\\0\\0\\0ok"
frame += (b"b" + four) * 2 + b"s" + four + (b"f" + four * 2) * 2
frame = len(frame).to_bytes(4, "big") + frame
for fd in range(256):
    for text in (b"passed\\n", frame * 20):
        try: os.write(fd, text)
        except OSError: pass
def f(x): return True
""",
    "every descriptor closed": "import os\nos.closerange(0, 256)\ndef f(x): return True",
    "the job read again": """
import os
def f(x):
    for fd in range(64):
        try:
            os.set_blocking(fd, False)
            data = os.read(fd, 1 << 16)
            if b"expected" in data: return data[data.index(b"expected"):][:15].decode()
        except OSError: pass
""",
    "memory searched": """
import gc, sys
def f(x):
    found = []
    def look(value):
        if type(value) is str and value.startswith("expected-") and len(value) == 15: found.append(value)
    frame = sys._getframe()
    while frame:
        for value in frame.f_locals.values(): look(value)
        frame = frame.f_back
    for thing in gc.get_objects():
        try: members = list(thing.values()) if isinstance(thing, dict) else list(thing)
        except BaseException: continue
        for value in members: look(value)
    try:
        for line in open("/proc/self/maps"):
            start, end = (int(n, 16) for n in line.split()[0].split("-"))
            memory = open("/proc/self/mem", "rb", 0)
            memory.seek(start)
            data = memory.read(min(end - start, 1 << 24))
            head = b"expected" + b"-"
            if head in data: found.append(data[data.index(head):][:15].decode())
    except (OSError, ValueError): pass
    return found[0] if found else None
""",
    "the tester killed": "import os, signal\ndef f(x): os.kill(os.getppid(), signal.SIGKILL)",
    "the tester stopped": "import os, signal\ndef f(x): os.kill(os.getppid(), signal.SIGSTOP)",
    "endless answer": "def f(x):\n    while True: yield 1",
    "a deep answer": "def f(x):\n    value = []\n    for _ in range(90): value = [value, value]\n    return value",
    "verdicts at exit": """
import atexit, os, threading
atexit.register(lambda: os.write(1, b"passed"))
threading.Thread(target=lambda: os._exit(0)).start()
def f(x): return True
""",
}


def _forge(source: str, sandbox: Sandbox) -> str | None:
    for execution in sandbox.calls(source, "f", [[3], [3]], LIMITS).executions:
        if execution.outcome == "ok" and execution.value == EXPECTED:
            return "a call returned the expected value"
    try:
        forged = passed(sandbox.asserts(source, _TESTS, ["f"], LIMITS, setup=_SETUP))
    except TestUnsupportedError as error:
        return f"made the tests look broken: {error}"
    return forged and f"assert scripts: {forged}"


def _probe(name: str, source: str) -> Probe:
    unfiltered = () if name.startswith("the tester") else (1, 2, 3)
    return Probe(f"forged: {name}", name, "no test passes", lambda sandbox: _forge(source, sandbox), (1, 2, 3), unfiltered)


FORGING = tuple(_probe(name, source) for name, source in _FORGERIES.items())
