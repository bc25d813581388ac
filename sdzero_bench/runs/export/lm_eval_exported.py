"""What an exported task (export.py) calls while plain lm-eval runs it: its data and our verifier."""

from __future__ import annotations

import atexit
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sdzero_bench.core.question import Question
from sdzero_bench.core.settings import VerifyingConfig
from sdzero_bench.runs.registry import task as registered
from sdzero_bench.verifiers.equip import equip
from sdzero_bench.verifiers.pool import VerifierPool


def dataset(path: Path) -> dict[str, Any]:
    """The exported questions, as lm-eval's `custom_dataset` returns them."""
    from datasets import Dataset

    return {"test": Dataset.from_list([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()])}


def process_results(document: Mapping[str, Any], results: Sequence[str]) -> dict[str, float | None]:
    """`acc`, None where our verifier failed: then `unverified` is 1."""
    question = Question(document["id"], document["question"], document["answer"], json.loads(document["details"]))
    pool = _verifier(document["task"], document["options"], document["allow_weaker"])
    (verdict,) = pool.verify([(question, results[0])])
    return {"acc": verdict.reward, "unverified": float(verdict.reward is None)}


def mean_of_verified(values: Sequence[float | None]) -> float:
    """Over what could be verified; nan if nothing could."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else float("nan")


@cache
def _verifier(name: str, options: str, allow_weaker: bool) -> VerifierPool:
    """In processes that can be killed, as in a run; lm-eval hands over one response after the other."""
    cls = registered(name)
    settings = {key: value for key, value in json.loads(options).items() if key != "name"}
    task = equip(cls(cls.Options(**settings)), VerifyingConfig(allow_weaker_sandbox=allow_weaker))
    pool = VerifierPool(task, workers=1)
    atexit.register(pool.close)
    return pool
