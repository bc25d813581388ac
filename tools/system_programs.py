"""The programs from outside Python that the tests use: `python tools/system_programs.py` installs those that are missing.

Standard library only. It uses apt-get, as root or with passwordless sudo, and always exits with 0: tests that need a program
which could not be installed are left out, and tests/left_out.py reports them.
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

SANDBOX_PATH = "/usr/local/bin:/usr/bin:/bin"
"""Where programs inside the sandbox find their compiler, whatever the PATH outside."""


@dataclass(frozen=True)
class Program:
    """A system program, the marker of the tests that need it, and the apt packages that provide it."""

    name: str
    marker: str
    needed_for: str
    packages: tuple[str, ...]
    installed: Callable[[], bool]
    fault: Callable[[], str | None] = lambda: None
    """Why it does not work here although it is installed; None if it works."""

    def problem(self) -> str | None:
        """Why it cannot be used here, and what to do about it; None if it can."""
        if not self.installed():
            return f"{self.name} is not installed; to install it: {self.command}"
        return self.fault()

    @property
    def command(self) -> str:
        return f"sudo apt-get install {' '.join(self.packages)}"


def find_chromium() -> str | None:
    """The path of the first of the browsers that are a Chromium."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def _find_bubblewrap() -> str | None:
    """Where the sandbox looks for it: on PATH, or among the system's own programs."""
    return shutil.which("bwrap") or shutil.which("bwrap", path=os.defpath)


def _bubblewrap_fault() -> str | None:
    command = [str(_find_bubblewrap()), "--unshare-all", "--ro-bind", "/", "/", "true"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    if tried.returncode == 0:
        return None
    return f"bubblewrap does not work here ({tried.stderr.strip()}); allow user namespaces, which containers often forbid"


PROGRAMS = (
    Program(
        "bubblewrap",
        "bwrap",
        "running programs that models write",
        ("bubblewrap", "libseccomp2"),
        lambda: _find_bubblewrap() is not None and ctypes.util.find_library("seccomp") is not None,
        _bubblewrap_fault,
    ),
    Program("g++", "cpp", "programs in C++", ("g++",), lambda: shutil.which("g++", path=SANDBOX_PATH) is not None),
    Program("node", "node", "programs in JavaScript", ("nodejs",), lambda: shutil.which("node", path=SANDBOX_PATH) is not None),
    Program("Chromium", "browser", "report pages in a browser", ("chromium",), lambda: find_chromium() is not None),
    Program(
        "pdflatex",
        "latex",
        "reports in LaTeX",
        ("texlive-latex-base", "texlive-latex-recommended", "lmodern"),
        lambda: shutil.which("pdflatex") is not None,
    ),
)


def _as_root() -> list[str] | None:
    """The prefix that makes a command run as root without a password; None if there is no way to."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0:
        return ["sudo", "-n"]
    return None


def _apt_get(prefix: list[str], *arguments: str) -> str | None:
    """The last line of what apt-get says if it fails; None if it succeeds."""
    # Another apt-get may be at work, as on a machine that has just started.
    command = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    return (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]


def install(programs: Iterable[Program]) -> dict[Program, str]:
    """Installs each of them; returns those that could not be installed, with the reason."""
    missing = list(programs)
    prefix = _as_root()
    if prefix is None:
        return dict.fromkeys(missing, "this needs root or passwordless sudo")
    if shutil.which("apt-get") is None:
        return dict.fromkeys(missing, "there is no apt-get here")
    failed = {}
    if missing:
        _apt_get(prefix, "update")  # if it fails, the packages may still be in the lists of an earlier update
    for program in missing:
        print(f"installing {' '.join(program.packages)} for {program.needed_for}", flush=True)
        # One at a time: a package that another distribution lacks does not keep the rest from being installed.
        error = _apt_get(prefix, "install", "-y", "--no-install-recommends", *program.packages)
        if error is not None or not program.installed():
            failed[program] = error or "apt-get succeeded, but the program is still not found"
    return failed


def main() -> None:
    for program, reason in install(program for program in PROGRAMS if not program.installed()).items():
        print(f"{program.name} could not be installed: {reason}. To install it: {program.command}", file=sys.stderr)


if __name__ == "__main__":
    main()
