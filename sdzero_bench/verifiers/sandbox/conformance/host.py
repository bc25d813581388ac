"""Programs that try to reach the host's files and environment."""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from sdzero_bench.verifiers.sandbox.conformance.probe import LIMITS, Probe, wrong_outcome
from sdzero_bench.verifiers.sandbox.sandbox import Sandbox


def _home() -> Path:
    """The user's home, or the directory of temporary files if it is missing or read-only, as those of system users are."""
    home = Path.home()
    return home if os.access(home, os.W_OK) else Path(tempfile.gettempdir())


def _reading(by: Callable[[str], str]) -> Callable[[Sandbox], str | None]:
    """`by` returns a program that prints `reached` if it can read the file at a path."""

    def attack(sandbox: Sandbox) -> str | None:
        with tempfile.NamedTemporaryFile("w", dir=_home(), prefix=".sandbox-probe-") as secret:
            secret.write("a secret of the host's")
            secret.flush()
            return wrong_outcome(sandbox.stdio("python", by(secret.name), [""], LIMITS).executions[0], ("ok",))

    return attack


def _directly(path: str) -> str:
    return f"""
for path in ({path!r}, "/etc/passwd", "/etc/hostname", "/root/.bashrc", "/var/log/dpkg.log"):
    try:
        open(path).read()
        print("reached", path)
    except OSError:
        pass
"""


def _by_detours(path: str) -> str:
    return f"""
import os
os.chdir("/tmp")
detours = ["../" * 20 + {path!r}]
for number, start in enumerate(["", "/proc/self/root", "/proc/1/root", "/proc/self/cwd/..", "/proc/1/cwd/.."]):
    detours.append(start + {path!r})
    try:
        os.symlink(start + {path!r}, f"link{{number}}")
        os.link({path!r}, f"hard{{number}}")
    except OSError:
        pass
    detours += [f"link{{number}}", f"hard{{number}}"]
for path in detours:
    try:
        open(path).read()
        print("reached", path)
    except OSError:
        pass
"""


def _environment(sandbox: Sandbox) -> str | None:
    name = "SANDBOX_PROBE"
    os.environ[name] = "a secret of the host's"
    try:
        source = f"""
import glob, os
print("reached" * ({name!r} in os.environ))
for path in glob.glob("/proc/[0-9]*/environ"):
    try:
        print("reached" * (b{name!r} in open(path, "rb").read()), path)
    except OSError:
        pass
"""
        return wrong_outcome(sandbox.stdio("python", source, [""], LIMITS).executions[0], ("ok",))
    finally:
        del os.environ[name]


def _writing(sandbox: Sandbox) -> str | None:
    name = f"sandbox-probe-{secrets.token_hex(8)}"
    places = [_home(), Path.cwd(), Path(sys.prefix), Path(tempfile.gettempdir())]
    places += map(Path, ("/", "/var/tmp", "/dev/shm"))

    def left() -> set[Path]:
        return {path for place in places for path in place.glob(f"{name}*")}

    victim = _home() / f"{name}-victim"
    victim.write_text("whole")
    source = f"""
import os
for place in {list(map(str, places))!r}:
    try:
        open(place + "/{name}", "w").write("x")
    except OSError:
        pass
    try:
        os.mkdir(place + "/{name}-directory")
    except OSError:
        pass
victim = {str(victim)!r}
for attempt in (
    lambda: os.unlink(victim), lambda: os.truncate(victim, 0), lambda: os.chmod(victim, 0), lambda: os.rename(victim, "x")
):
    try:
        attempt()
    except OSError:
        pass
"""
    try:
        sandbox.stdio("python", source, [""], LIMITS)
        harmed = [] if victim.exists() and victim.read_text() == "whole" else [victim]
        wrong = harmed + [path for path in left() if path != victim]
        return f"written: {', '.join(map(str, wrong))}" if wrong else None
    finally:
        for path in left():
            path.rmdir() if path.is_dir() else path.unlink()


HOST = (
    Probe("host files", "reads files of the host", "not found", _reading(_directly), (1,), (1,)),
    Probe("links and detours", "reads them through links, .. and /proc", "not found", _reading(_by_detours), (1,), (1,)),
    Probe(
        "host environment", "reads environment variables, its own and through /proc", "cleared", _environment, (1, 2), (1, 2)
    ),
    Probe("writing outside", "writes, deletes and renames files", "nothing changes", _writing, (1, 2, 3), (1, 2)),
)
