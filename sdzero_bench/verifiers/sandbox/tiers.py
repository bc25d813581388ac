"""The commands that start a process in a sandbox of each tier."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

SCRATCH_BYTES = 128 << 20
"""Size of the tmpfs, the only place a program can write to. A compiled program and its intermediate files have to fit."""

PATH = "/usr/local/bin:/usr/bin:/bin"
ENVIRONMENT = {"PATH": PATH, "HOME": "/tmp", "TMPDIR": "/tmp", "LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"}

PACKAGES = "/lib-packages"
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")


def interpreter() -> list[str]:
    """The Python that runs the tester: this one, ignoring environment variables and site-packages."""
    return [os.path.realpath(getattr(sys, "_base_executable", sys.executable)), "-I", "-S", "-X", "utf8"]


def bubblewrap() -> list[str]:
    """No network, own namespaces, a read-only file system with system directories and Python, and a tmpfs at /tmp."""
    command = [_path("bwrap"), "--unshare-all", "--new-session", "--die-with-parent", "--clearenv", "--hostname", "sandbox"]
    for directory in ("/usr", "/bin", "/sbin", *map(str, sorted(Path("/").glob("lib*")))):
        if os.path.islink(directory):
            command += ["--symlink", os.readlink(directory), directory]
        elif os.path.isdir(directory):
            command += ["--ro-bind", directory, directory]
    for prefix in {os.path.realpath(sys.base_prefix), os.path.realpath(sys.base_exec_prefix)}:
        if not prefix.startswith("/usr"):
            command += ["--ro-bind", prefix, prefix]
    for device in _DEVICES:
        command += ["--dev-bind", device, device]
    for package in _packages():
        command += ["--ro-bind", str(package), f"{PACKAGES}/{package.name}"]
    command += ["--cap-add", "CAP_SYS_ADMIN"]  # dropped by the tester, once it has limited the number of files in /tmp
    command += ["--size", str(SCRATCH_BYTES), "--tmpfs", "/tmp", "--chdir", "/tmp"]
    for name, value in ENVIRONMENT.items():
        command += ["--setenv", name, value]
    return [*command, "--remount-ro", "/", "--"]


@cache
def _packages() -> list[Path]:
    """The folders of NumPy, which programs may import, as they may on contest sites; none if it is not installed."""
    found = find_spec("numpy")
    if found is None or not found.submodule_search_locations:
        return []
    home = Path(found.submodule_search_locations[0]).resolve()
    return [folder for folder in (home, home.with_name("numpy.libs")) if folder.is_dir()]


def unshare() -> list[str]:
    """Own namespaces. setpriv makes unshare die with this process; --kill-child covers only its child."""
    spaces = ["--user", "--map-root-user", "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup"]
    return [_path("setpriv"), "--pdeathsig", "KILL", _path("unshare"), *spaces, "--fork", "--kill-child", "--"]


def _path(tool: str) -> str:
    """The tool on this process's PATH, else on the system's default: the command is started with a different PATH."""
    return shutil.which(tool) or shutil.which(tool, path=os.defpath) or tool


def nothing() -> list[str]:
    """No isolation besides resource limits and the seccomp filter, which the tester applies itself."""
    return []


COMMANDS: dict[int, Callable[[], list[str]]] = {1: bubblewrap, 2: unshare, 3: nothing}
NAMES = {1: "bubblewrap", 2: "unshare", 3: "accident guard, not a sandbox"}


def versions(tier: int) -> dict[str, str]:
    """Versions of the kernel, of Python and of the tool that isolates the tier."""
    found = {"kernel": platform.release(), "python": platform.python_version()}
    if tool := {1: "bwrap", 2: "unshare"}.get(tier):
        said = subprocess.run([_path(tool), "--version"], capture_output=True, text=True, check=False).stdout
        found[tool] = (re.findall(r"\d+(?:\.\d+)+", said) or ["unknown"])[0]
    return found
