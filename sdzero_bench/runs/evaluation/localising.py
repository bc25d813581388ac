"""Self-localisation as a measurement of a run: on which tokens of a response the reviser disagrees (the paper's Figure 4).

The student is a policy at (x, y_<t), the teacher the reviser at (x, y, P_r, y_<t), compared token by token. Nothing is sampled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.policies.chat import Contexts
from sdzero_bench.records.journal import Sample
from sdzero_bench.records.ledger import EVALUATION
from sdzero_bench.training.phrases import ControlPhrases

if TYPE_CHECKING:
    from sdzero_bench.runs.evaluation.trained import Trained
    from sdzero_bench.training.run import Checkpoint, Run

LOCALISATION = "localisation.json"


class Chosen(NamedTuple):
    samples: list[Sample]
    unverified: int
    """Samples that were skipped: without a reward there is no control phrase."""


def students(labels: Sequence[str], reviser: str | None) -> list[str]:
    """Which of the measured policies are compared with the reviser; the first of them is the reviser itself.

    These are `reviser`, the policy that the method trained to revise (`Method.reviser`), and the final one. If the former was
    not measured, the final policy alone, or the base if nothing was trained.
    """
    if reviser is None or reviser not in labels:
        return [labels[-1]]
    return [reviser, *(label for label in labels if label == "final")]


def first_responses(questions: Iterable[str], samples: Mapping[str, Sample], each: int, count: int) -> Chosen:
    """The first `count` of a policy's evaluation samples that have a reward.

    In the order of sample 0 of each question, then sample 1 of each, so that as few questions as possible occur twice.
    `samples` are by key, `each` is the number of samples per question.
    """
    chosen: list[Sample] = []
    unverified, ids = 0, list(questions)
    for index in range(each):
        for question in ids:
            sample = samples[f"{question}/{index}"]
            if len(chosen) == count:
                return Chosen(chosen, unverified)
            if sample.verdict.reward is None:
                unverified += 1
            else:
                chosen.append(sample)
    return Chosen(chosen, unverified)


def localise(
    run: Run, questions: QuestionSet, policies: Mapping[str, Checkpoint], trained: Trained, count: int
) -> dict[str, Any]:
    """The content of localisation.json; `policies` by label, in the order in which they were measured.

    With several processes, each computes its share. A policy that is its own reviser is loaded once.
    """
    labels, by_id, phrases = students(list(policies), trained.reviser), {q.id: q for q in questions}, trained.phrases
    reviser = run.weights(policies[labels[0]])
    rows: list[tuple[int, dict[str, Any]]] = []
    unverified: dict[str, int] = {}
    for label in labels:
        student = reviser if label == labels[0] else run.weights(policies[label])
        journal = run.journal.phases[f"{EVALUATION}.{label}"]
        samples, unverified[label] = first_responses(by_id, journal, run.config.evaluation.samples, count)
        own = list(enumerate(samples, start=len(rows)))[run.ranks.index :: run.ranks.count]
        found = []
        with run.display.phase(f"localisation.{label}", len(own), unit="responses") as bar:
            for place, sample in own:
                found.append((place, _row(label, sample, run, by_id[sample.question_id], student, reviser, phrases)))
                bar.advance()
        rows += sorted(run.ranks.gather(found), key=lambda placed: placed[0])
    return {
        "reviser": labels[0],
        "phrases": phrases.model_dump(),
        "unverified": unverified,
        "responses": [row for _, row in rows],
    }


def _row(
    label: str,
    sample: Sample,
    contexts: Contexts,
    question: Question,
    student: Any,
    reviser: Any,
    phrases: ControlPhrases,
) -> dict[str, Any]:
    return {
        "policy": label,
        "question_id": sample.question_id,
        "index": sample.index,
        "right": sample.right,
        "tokens": len(sample.token_ids),
        **compared(sample, contexts, question, student, reviser, phrases),
    }


def compared(
    sample: Sample, contexts: Contexts, question: Question, student: Any, reviser: Any, phrases: ControlPhrases
) -> dict[str, list[float]]:
    """`kl`: kl(student, reviser) before each token of a sample; `reward`: log student(y_t) - log reviser(y_t). In nats, to 6
    digits. The sample must have a reward.
    """
    from sdzero_bench.training.token_kl import compare_tokens

    context = contexts.reviser_context(question, sample.token_ids, phrases.after(sample.verdict.reward or 0.0))
    kl, reward = compare_tokens(student, reviser, contexts.prompt_ids(question), context, sample.token_ids)
    # A divergence is never negative, but its sum in floating point may be slightly.
    return {"kl": _rounded(kl.clamp(min=0)), "reward": _rounded(reward)}


def _rounded(values: Any) -> list[float]:
    return [round(value, 6) + 0.0 for value in values.tolist()]  # + 0.0: no -0.0 in records
