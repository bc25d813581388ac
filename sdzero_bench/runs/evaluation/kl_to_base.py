"""How far training has moved a policy: kl(policy, base) at its own responses to the test questions. Nothing is sampled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.stats.estimators import mean_over_questions
from sdzero_bench.core.stats.intervals import ratio
from sdzero_bench.records.journal import Sample
from sdzero_bench.records.ledger import EVALUATION
from sdzero_bench.records.measured import KLFigures, KLOfResponse
from sdzero_bench.runs.evaluation.curve_measuring import first

if TYPE_CHECKING:
    from sdzero_bench.training.run import Checkpoint, Run


def kl_to_base(run: Run, label: str, policy: Checkpoint, questions: QuestionSet, count: int) -> dict[str, KLOfResponse]:
    """The KL of the policy's first response to each of the first `count` questions, by question id.

    Exact over the vocabulary, at temperature 1; logits of at most 1,024 tokens exist at a time. With several processes, each
    computes its share.
    """
    from sdzero_bench.training.token_kl import token_divergence

    journal = run.journal.phases[f"{EVALUATION}.{label}"]
    asked = first_responses_to(questions, journal, count)
    base, trained = run.weights(run.base), run.weights(policy)
    own = asked[run.ranks.index :: run.ranks.count]
    found: dict[str, KLOfResponse] = {}
    with run.display.phase(f"kl.{label}", len(own), unit="responses") as bar:
        for question, sample in own:
            prompt = run.prompt_ids(question)
            # A divergence is never negative, but its sum in floating point may be slightly.
            kl = token_divergence(trained, base, prompt, prompt, sample.token_ids).clamp(min=0)
            found[question.id] = KLOfResponse(tokens=len(sample.token_ids), kl=round(float(kl.double().sum()), 6))
            bar.advance()
    gathered = dict(run.ranks.gather(list(found.items())))
    return {question.id: gathered[question.id] for question, _ in asked}


def first_responses_to(questions: QuestionSet, journal: Mapping[str, Sample], count: int) -> list[tuple[Question, Sample]]:
    """Whose KL is measured: sample 0 of each of the first questions. Raises `KeyError` if there is none."""
    return [(question, journal[f"{question.id}/0"]) for question in first(questions, count)]


def kl_figures(responses: Sequence[KLOfResponse]) -> KLFigures:
    """Per token, a ratio of sums over responses, and per response, with intervals over responses."""
    kl, tokens = (np.array([[getattr(response, name) for response in responses]], float) for name in ("kl", "tokens"))
    linearised = ratio(kl, tokens)
    assert linearised is not None  # a response has one token at least
    per_token, per_response = mean_over_questions(linearised[0].tolist()), mean_over_questions(kl[0].tolist())
    return KLFigures(
        responses=len(responses),
        tokens=int(tokens.sum()),
        per_token=per_token.mean,
        per_token_interval=per_token.interval,
        per_response=per_response.mean,
        per_response_interval=per_response.interval,
    )
