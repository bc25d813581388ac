"""`python -m tools.torture`: kills, damage, programs and samples; each writes a record into results/torture."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PARTS = ("kills", "damage", "programs", "samples")


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m tools.torture", description=__doc__)
    parts = top.add_subparsers(dest="part", required=True)
    every = parts.add_parser("all", help="all four of them, at their full sizes")
    every.add_argument("--jobs", type=int, default=2, help="parts that run at a time, each on one core")
    kills = parts.add_parser("kills", help="runs of every method, killed and resumed")
    kills.add_argument("--kills", type=int, default=60, help="how often runs are killed in all, at least")
    kills.add_argument("--methods", nargs="*", default=(), help="only these methods")
    kills.add_argument("--no-sweep", action="store_true", help="leave out the sweep that is killed")
    damage = parts.add_parser("damage", help="damaged files, full disks, misbehaving verifiers, changing data")
    damage.add_argument("--parts", nargs="*", default=(), help="only these of its parts")
    damage.add_argument("--share", type=float, default=1.0, help="fraction of the damaged files to try")
    programs = parts.add_parser("programs", help="hostile programs in the sandbox")
    programs.add_argument("--programs", type=int, default=5_000, help="how many are run")
    samples = parts.add_parser("samples", help="very many samples through journal, verifiers and ledger")
    samples.add_argument("--samples", type=int, default=100_000, help="how many are drawn")
    for one in (every, kills, damage, programs, samples):
        one.add_argument("--seed", type=int, default=0, help="of all that is random")
        one.add_argument("--out", type=Path, default=Path("results/torture"), help="folder of the records")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    if given.part == "all":
        return _all(given)
    # Imported late: the worker processes of verifier pools import this module again.
    if given.part == "kills":
        from tools.torture.kills import kills

        outcome = kills(given.kills, given.methods, given.seed, sweep=not given.no_sweep)
    elif given.part == "damage":
        from tools.torture.damage import damage

        outcome = damage(given.parts, given.share, given.seed)
    elif given.part == "programs":
        from tools.torture.programs import programs

        outcome = programs(given.programs)
    else:
        from tools.torture.samples import samples

        outcome = samples(given.samples, given.seed)
    return outcome.conclude(given.out)


def _all(given: argparse.Namespace) -> int:
    """Each part in a process of its own. Forks of one that has several threads may hang."""

    def run(part: str) -> int:
        command = [sys.executable, "-m", "tools.torture", part, "--seed", str(given.seed), "--out", str(given.out)]
        return subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False).returncode

    with ThreadPoolExecutor(given.jobs) as pool:
        return max(pool.map(run, PARTS))


if __name__ == "__main__":
    sys.exit(main())
