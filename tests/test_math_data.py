"""The verifier on published data sets: every gold answer and worked solution is right, every tampered answer wrong.

`make test-data` runs these, with SDZERO_DATA naming a folder that holds gsm8k/{train,test}.jsonl, math/math500.jsonl,
math/deepscaler_train_math.json and aime/aime2024.jsonl, in the fields of the original.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.core.question import Question
from sdzero_bench.core.settings import VerifyingConfig
from sdzero_bench.questions.proofs.proof import prove
from sdzero_bench.questions.proofs.responses import tampered
from sdzero_bench.runs import registry
from sdzero_bench.verifiers.pool import VerifierPool

pytestmark = pytest.mark.data

FILES = {"gsm8k": "gsm8k", "math500": "math/math500.jsonl", "aime24": "aime/aime2024.jsonl"}


def data(path: str) -> Path:
    assert "SDZERO_DATA" in os.environ, "set SDZERO_DATA to the folder with the data sets"
    return Path(os.environ["SDZERO_DATA"]) / path


def published(name: str) -> Any:
    cls = registry.task(name)
    return cls(cls.Options(path=str(data(FILES[name]))))


@pytest.mark.parametrize(
    ("name", "counts"), [("gsm8k", (6973, 500, 1319)), ("math500", (0, 0, 500)), ("aime24", (0, 0, 30))], ids=FILES
)
def test_every_gold_answer_is_right_and_every_tampered_one_wrong(name: str, counts: tuple[int, int, int]) -> None:
    found = prove(published(name), VerifyingConfig(timeout_seconds=60), ProgressDisplay(Console(quiet=True)))
    findings = {finding.check: finding for finding in found}
    assert [f for f in findings.values() if f.state == "failed"] == []
    for split, count in zip(("train", "validation", "test"), counts, strict=True):
        assert findings[f"{split} questions"].found.startswith(f"{count:,},") == (count > 0)
    number = sum(counts)
    assert findings["gold answers"].found == f"{2 * number:,} correct responses to {number:,} of {number:,} questions earn 1"


def test_gsm8k_is_what_it_was_as_a_class_of_its_own() -> None:
    """Records name their question sets by these."""
    task = published("gsm8k")
    fingerprints = [task.load(split).fingerprint for split in ("train", "validation", "test")]
    assert fingerprints == ["5c5c5b4145269348", "1d3624aeb3df3be8", "85d6aa895ec4d71a"]


def bare(answer: str) -> str:
    """As many a policy writes it: no units, no thousands separators, large fractions."""
    answer = re.sub(r"\\(?:text|mbox)\{ [^}]*\}(?:\^\{?\d\}?)?", "", answer)
    answer = re.sub(r"\\!|\\\$|\^\{?\\circ\}?", "", answer)
    if re.fullmatch(r"\s*\d{1,3}(?:,\s*\d{3})+\s*", answer):
        answer = re.sub(r",\s*", "", answer)
    return answer.replace("\\frac", "\\dfrac").strip()


def test_the_answers_of_math500_are_right_in_other_words() -> None:
    task = published("math500")
    questions = [q for q in task.load("test") if bare(q.answer) != q.answer]
    with VerifierPool(task, timeout_seconds=60) as pool:
        verdicts = pool.verify([(q, f"\\boxed{{{bare(q.answer)}}}") for q in questions])
    assert len(questions) > 80
    assert [(q.answer, v.answer) for q, v in zip(questions, verdicts, strict=True) if v.reward != 1.0] == []


def test_the_training_answers_of_math() -> None:
    """All that have an answer."""
    rows = json.loads(data("math/deepscaler_train_math.json").read_text())
    questions = [Question(str(i), r["problem"], r["answer"]) for i, r in enumerate(rows) if (r["answer"] or "").strip()]
    assert len(rows) - len(questions) == 4
    with VerifierPool(published("math500"), timeout_seconds=60) as pool:
        gold = pool.verify([(q, f"\\boxed{{{q.answer}}}") for q in questions])
        changed = [(q, tampered(q.answer, [other.answer for other in questions[:20]])) for q in questions]
        others = pool.verify([(q, f"\\boxed{{{answer}}}") for q, answer in changed])
    assert [(q.id, q.answer) for q, v in zip(questions, gold, strict=True) if v.reward != 1.0] == []
    assert {v.reward for v in others} == {0.0}
