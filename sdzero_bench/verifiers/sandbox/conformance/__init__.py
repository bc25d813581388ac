"""The conformance suite: attacks that a sandbox has to withstand and right programs that it has to run, on this machine.

Not even tier 1 covers everything; see `NOT_COVERED`.
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
from sdzero_bench.verifiers.sandbox.conformance.interpreters import INTERPRETED, node_there
from sdzero_bench.verifiers.sandbox.conformance.lasting import LASTING, RAW_THREADS
from sdzero_bench.verifiers.sandbox.conformance.probe import Probe
from sdzero_bench.verifiers.sandbox.conformance.reaching import REACHING
from sdzero_bench.verifiers.sandbox.conformance.right import RIGHT, RIGHT_COMPILED
from sdzero_bench.verifiers.sandbox.sandbox import Sandbox

_COMPILED = (*COMPILING, RAW_THREADS, *RIGHT_COMPILED)
PROBES: tuple[Probe, ...] = (*EXHAUSTION, *HOST, *REACHING, *FORGING, *LASTING, *RIGHT, *_COMPILED, *INTERPRETED)

NOT_COVERED = (
    "kernel vulnerabilities: a program that exploits one escapes; only a virtual machine protects against that",
    "side channels: timing, caches, the load of the machine",
    "reading, though not writing, files under /usr and in the Python installation",
    "memory outside the program's address space: up to 128 MB of scratch files, and pipe buffers",
    "the number of threads if sdzero-bench runs as root: then only the limits of memory and time apply, and threads have to be"
    " made as libc makes them",
    "disk and memory bandwidth that a program takes from others",
    "objects of a program's own classes compared with each other: there the program's own operators decide, as in one process",
    "a program that recognises tests by their arguments and returns memorised answers",
)
"""What tier 1 does not prevent."""


@dataclass(frozen=True)
class AttackOutcome:
    """`held`: None if the attack was not run, since the tier does not promise to withstand it or it cannot be tried here."""

    probe: str
    held: bool | None
    expects: str
    found: str


def run_conformance(sandbox: Sandbox, probes: Iterable[Probe] = PROBES) -> list[AttackOutcome]:
    """Run every probe that the sandbox promises to withstand, on all cores. Takes about half a minute on 2 cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda probe: _try(probe, sandbox), probes))


def _try(probe: Probe, sandbox: Sandbox) -> AttackOutcome:
    if not probe.promised_by(sandbox):
        return AttackOutcome(probe.name, None, probe.expects, f"{probe.tries}: not prevented by {sandbox.name}")
    if probe in _COMPILED and not compiler_there():
        return AttackOutcome(probe.name, None, probe.expects, "not tried: g++ is not installed")
    if probe in INTERPRETED and not node_there():
        return AttackOutcome(probe.name, None, probe.expects, "not tried: node is not installed")
    try:
        wrong = probe.attack(sandbox)
    except Exception as error:  # a sandbox that fails has not held; the other probes still run
        wrong = f"{type(error).__name__}: {error}"
    return AttackOutcome(probe.name, wrong is None, probe.expects, wrong or "held")
