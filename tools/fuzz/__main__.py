"""`python -m tools.fuzz`: random answers, programs, settings, question files and records; results/torture/fuzz.json."""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.fuzz.hunting import Target
    from tools.torture.outcome import Outcome


KINDS = {
    "math": "math_answers",
    "answers": "answer_kinds",
    "programs": "responses_with_programs",
    "settings": "run_settings",
    "questions": "own_questions",
    "records": "record_files",
}
"""Kinds of input, each with its module."""


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m tools.fuzz", description=__doc__)
    options.add_argument("--cases", type=int, default=100_000, help="of all kinds together")
    options.add_argument("--only", nargs="*", choices=list(KINDS), default=[], help="only these kinds")
    options.add_argument("--seed", type=int, default=0, help="the same seed gives the same cases")
    options.add_argument("--out", type=Path, default=Path("results/torture"), help="folder of the record")
    return options


def target_of(kind: str) -> Target:
    made: Target = import_module(f"tools.fuzz.{KINDS[kind]}").target()
    return made


def fuzz(cases: int, only: Sequence[str] = (), seed: int = 0) -> Outcome:
    """Try that many cases, shared between the kinds."""
    from tools.fuzz.hunting import hunt
    from tools.torture.outcome import Outcome

    outcome = Outcome("fuzz")
    warnings.simplefilter("ignore")  # of Python, about programs that it compiles
    chosen = [target_of(kind) for kind in only or KINDS]
    whole = sum(target.share for target in chosen)
    for target in chosen:
        print(f"fuzz: {target.name}", file=sys.stderr, flush=True)
        hunt(target, math.ceil(cases * target.share / whole), seed, outcome)
    return outcome


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    return fuzz(given.cases, given.only, given.seed).conclude(given.out)


if __name__ == "__main__":
    sys.exit(main())
