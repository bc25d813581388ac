"""What an exported task (lm_eval_export.py) calls while plain lm-eval runs it: its data and our verifier."""

from __future__ import annotations

import atexit
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from sdzero_bench.core.question import Question
from sdzero_bench.core.settings import VerifyingConfig
from sdzero_bench.runs.registry import task as registered
from sdzero_bench.verifiers.equip import equip
from sdzero_bench.verifiers.pool import VerifierPool

if TYPE_CHECKING:
    from datasets import Dataset


class ExportedQuestion(TypedDict):
    """The fields of a row that the verifier needs."""

    id: str
    question: str
    answer: str
    details: str
    """JSON."""
    task: str
    options: str
    """JSON."""
    allow_weaker: bool


def dataset(path: Path) -> dict[str, Dataset]:
    """The exported questions, in the form of lm-eval's `custom_dataset`."""
    from datasets import Dataset

    return {"test": Dataset.from_list([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()])}


def process_results(document: ExportedQuestion, results: Sequence[str]) -> dict[str, float | None]:
    """The metrics `acc` and `unverified`; if our verifier failed, `acc` is None and `unverified` is 1."""
    question = Question(document["id"], document["question"], document["answer"], json.loads(document["details"]))
    pool = _verifier(document["task"], document["options"], document["allow_weaker"])
    (verdict,) = pool.verify([(question, results[0])])
    return {"acc": verdict.reward, "unverified": float(verdict.reward is None)}


def mean_of_verified(values: Sequence[float | None]) -> float:
    """The mean over verified responses; nan if there are none."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else float("nan")


@cache
def _verifier(name: str, options: str, allow_weaker: bool) -> VerifierPool:
    """Verifies in processes that can be killed, as in a run. One worker is enough: lm-eval passes one response at a time."""
    cls = registered(name)
    settings = {key: value for key, value in json.loads(options).items() if key != "name"}
    task = equip(cls(cls.Options(**settings)), VerifyingConfig(allow_weaker_sandbox=allow_weaker))
    pool = VerifierPool(task, workers=1)
    atexit.register(pool.close)
    return pool
