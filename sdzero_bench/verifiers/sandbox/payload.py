"""What is sent into the sandbox: the modules of `inside`, compiled once in each process, and a job."""

from __future__ import annotations

import marshal
from functools import cache
from importlib.resources import files
from typing import Any

from sdzero_bench.verifiers.sandbox.inside.codec import encode

_ORDER = "codec watch confine forking stdio program asking calls remote asserts mounts compiling main"
"""Each after those that it imports."""

BOOTSTRAP = """
import marshal, os, sys
def take(length):
    parts = []
    while length:
        part = os.read(0, min(length, 1 << 20))
        if not part: sys.exit(3)
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
for name, code in marshal.loads(take(int(take(10)))):
    module = sys.modules[name] = type(sys)(name)
    module.__package__, module.__path__ = "inside", []
    exec(code, module.__dict__)
sys.modules["inside.main"].main(take)
"""
"""marshal is fit for this: it goes from the host to the same interpreter, and back comes none."""


@cache
def modules() -> bytes:
    folder = files(__package__) / "inside"
    named = [("inside", "")] + [(f"inside.{name}", (folder / f"{name}.py").read_text()) for name in _ORDER.split()]
    packed = marshal.dumps([(name, compile(source, f"{name}.py", "exec")) for name, source in named])
    return b"%10d" % len(packed) + packed


def packed(job: dict[str, Any], secret: dict[str, Any]) -> bytes:
    """Both parts of a job, behind the modules. Raises `Unreadable` where a test holds what is not plain data."""
    parts = [encode(job, _refuse), encode(secret, _refuse)]
    return modules() + b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _refuse(value: Any) -> int:
    from sdzero_bench.verifiers.sandbox.result import TestUnsupportedError

    raise TestUnsupportedError(f"a test holds a {type(value).__name__}, which is not plain data")
