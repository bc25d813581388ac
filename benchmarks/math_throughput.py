"""How many mathematical answers are verified per second: in a loop, through the worker pool, and by a loop of math-verify.

    python benchmarks/math_throughput.py [--answers 2000] [--workers N] [--json FILE]

The answers are those of tests/data/math_cases.jsonl, repeated in a fixed order; nothing is remembered of an answer. Those on
which SymPy computes for more than ten seconds are left out.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from sdzero_bench.core.question import Question
from sdzero_bench.runs import registry
from sdzero_bench.verifiers.math_answer import check_math, prepare
from sdzero_bench.verifiers.pool import VerifierPool

CASES = Path(__file__).parent.parent / "tests" / "data" / "math_cases.jsonl"

Answers = list[tuple[str, str]]
"""Gold answers and responses."""


def answers(count: int) -> Answers:
    rows = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]
    pairs = [(row["gold"], row["response"]) for row in rows if not row.get("slow")]
    return list(itertools.islice(itertools.cycle(pairs), count))


def ours(pairs: Answers) -> None:
    for gold, response in pairs:
        check_math(response, gold)


def with_math_verify(pairs: Answers) -> None:
    from math_verify import parse, verify

    for gold, response in pairs:
        verify(parse(f"${gold}$", parsing_timeout=None), parse(response, parsing_timeout=None), timeout_seconds=None)


def through(pool: VerifierPool, pairs: Answers) -> None:
    pool.verify([(Question(str(number), "?", gold), response) for number, (gold, response) in enumerate(pairs)])


def per_second(verify: Callable[[Answers], None], pairs: Answers) -> float:
    started = time.perf_counter()
    verify(pairs)
    return len(pairs) / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)
    pairs = answers(arguments.answers)
    with_math_verify(pairs[:5])
    prepare()
    found = {"math-verify in a loop": per_second(with_math_verify, pairs), "ours in a loop": per_second(ours, pairs)}
    with VerifierPool(registry.task("math500")(), arguments.workers) as pool:
        through(pool, pairs[: 2 * arguments.workers])  # the workers are up
        found[f"ours, {arguments.workers} workers"] = per_second(lambda those: through(pool, those), pairs)
    for name, rate in found.items():
        print(f"{name}: {rate:,.0f} verdicts per second")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
