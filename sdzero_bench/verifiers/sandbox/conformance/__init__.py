"""The conformance suite: what a sandbox has to withstand, tried on this machine.

Even the first tier does not cover everything; `NOT_COVERED` says what.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sdzero_bench.verifiers.sandbox.conformance.compilers import COMPILING, compiler_there
from sdzero_bench.verifiers.sandbox.conformance.exhaustion import EXHAUSTION
from sdzero_bench.verifiers.sandbox.conformance.forging import FORGING
from sdzero_bench.verifiers.sandbox.conformance.host import HOST
from sdzero_bench.verifiers.sandbox.conformance.probe import Probe
from sdzero_bench.verifiers.sandbox.conformance.reaching import REACHING
from sdzero_bench.verifiers.sandbox.sandbox import Sandbox

PROBES: tuple[Probe, ...] = EXHAUSTION + HOST + REACHING + FORGING + COMPILING

NOT_COVERED = (
    "faults of the kernel: who takes over the kernel is out; against that only a virtual machine helps",
    "side channels: timing, caches, how busy the machine is",
    "files below /usr and of the Python installation can be read, though not written",
    "memory that is not the program's own address space: up to 128 MB of scratch files, and what pipes hold",
    "the number of threads where the whole of it runs as root: only memory and time end them then",
    "how much of disk and memory bandwidth a program takes from others",
    "a program that recognises the tests by their arguments and answers from memory",
)
"""What tier 1 does not keep a program from."""


@dataclass(frozen=True)
class AttackOutcome:
    """`held`: None where the tier does not promise it, or it could not be tried; it was not run then."""

    probe: str
    held: bool | None
    expects: str
    found: str


def run_conformance(sandbox: Sandbox, probes: Iterable[Probe] = PROBES) -> list[AttackOutcome]:
    """Tries every probe that the sandbox promises to hold, on all cores. Takes about half a minute on 2 of them."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda probe: _try(probe, sandbox), probes))


def _try(probe: Probe, sandbox: Sandbox) -> AttackOutcome:
    if not probe.promised_by(sandbox):
        return AttackOutcome(probe.name, None, probe.expects, f"{probe.tries}: not held by {sandbox.name}")
    if probe in COMPILING and not compiler_there():
        return AttackOutcome(probe.name, None, probe.expects, "not tried: there is no g++")
    try:
        wrong = probe.attack(sandbox)
    except Exception as error:  # a sandbox that breaks has not held, and the other probes are still to be tried
        wrong = f"{type(error).__name__}: {error}"
    return AttackOutcome(probe.name, wrong is None, probe.expects, wrong or "held")
