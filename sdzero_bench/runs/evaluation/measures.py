"""Measure a policy on the test questions: every method through this code, with the same prompts and seeds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.stats.estimators import majority_at_k, mean_over_questions, pass_at_k
from sdzero_bench.core.text import counted
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.records.journal import Sample
from sdzero_bench.records.measured import Figures, PairedDifference, PerQuestion, RevisionFigures


class PolicyMeasures(Figures):
    """The figures of a policy, and the values of each question behind them."""

    per_question: PerQuestion


class _Drawn(NamedTuple):
    """The part of a sample that figures need."""

    verdict: Verdict
    right: bool
    tokens: int
    truncated: bool


def measure(samples: Sequence[Sample], k: int) -> PolicyMeasures:
    """avg@n, pass@k, maj@n, mean length and share truncated of one policy's n samples per question, each with an interval.

    Intervals are over questions; `per_question` has the values behind them. Samples whose verifier failed have no reward: they
    are left out of avg, pass and maj, and counted in `unverified`; a question that has m < k verified ones counts with pass@m.
    maj@n is None where no sample has an answer to vote with, as in code. Raises `UserError` if k samples were not even drawn,
    or if none of a question's samples could be verified.
    """
    by_question: dict[str, list[_Drawn]] = defaultdict(list)
    for sample in samples:  # once: they may be read from a file
        by_question[sample.question_id].append(_Drawn(sample.verdict, sample.right, len(sample.token_ids), sample.truncated))
    votes = any(s.verdict.answer is not None for drawn in by_question.values() for s in drawn)
    figures: dict[str, dict[str, float]] = {name: {} for name in ("avg", "pass", "maj", "tokens", "truncated")}
    for question_id, drawn in by_question.items():
        verified = [s for s in drawn if s.verdict.reward is not None]
        if len(drawn) < k:
            raise UserError(f"question {question_id!r} has {counted(len(drawn), 'sample')}, too few for pass@{k}")
        if not verified:
            raise UserError(
                f"question {question_id!r} has {counted(len(drawn), 'sample')}, and none could be verified: "
                f"{drawn[0].verdict.detail or drawn[0].verdict.status}; see the verdicts in the journal"
            )
        right = sum(s.right for s in verified)
        figures["avg"][question_id] = right / len(verified)
        figures["pass"][question_id] = pass_at_k(len(verified), right, min(k, len(verified)))
        figures["maj"][question_id] = majority_at_k([(s.verdict.answer, s.right) for s in verified])
        figures["tokens"][question_id] = sum(s.tokens for s in drawn) / len(drawn)
        figures["truncated"][question_id] = sum(s.truncated for s in drawn) / len(drawn)
    estimates = {name: mean_over_questions(list(values.values())) for name, values in figures.items()}
    return PolicyMeasures(
        questions=len(by_question),
        samples_per_question=len(samples) // len(by_question),
        k=k,
        avg_at_k=estimates["avg"].mean,
        interval=estimates["avg"].interval,
        pass_at_k=estimates["pass"].mean,
        pass_at_k_interval=estimates["pass"].interval,
        maj_at_k=estimates["maj"].mean if votes else None,
        maj_at_k_interval=estimates["maj"].interval if votes else None,
        mean_tokens=estimates["tokens"].mean,
        mean_tokens_interval=estimates["tokens"].interval,
        truncated=estimates["truncated"].mean,
        truncated_interval=estimates["truncated"].interval,
        unverified=sum(s.verdict.reward is None for drawn in by_question.values() for s in drawn),
        per_question=PerQuestion(
            avg=figures["avg"],
            passed=figures["pass"],
            maj=figures["maj"] if votes else None,
            tokens=figures["tokens"],
        ),
    )


def measure_revision(first: Sequence[Sample], revised: Sequence[Sample]) -> RevisionFigures:
    """Generate, then revise (the paper's Table 9), the control phrase chosen by the verifier.

    `correction_rate`: of the wrong first answers, the share whose revision is right. `kept_rate`: of the right ones, the
    share whose revision still is. None where there are no such answers.
    """
    pairs, tokens = [], 0
    for before, after in zip(first, revised, strict=True):
        tokens += len(after.token_ids)
        if before.verdict.reward is not None and after.verdict.reward is not None:
            pairs.append((before.right, after.right))
    wrong = [after for before, after in pairs if not before]
    right = [after for before, after in pairs if before]
    return RevisionFigures(
        accuracy_first=sum(before for before, _ in pairs) / len(pairs),
        accuracy_revised=sum(after for _, after in pairs) / len(pairs),
        correction_rate=sum(wrong) / len(wrong) if wrong else None,
        kept_rate=sum(right) / len(right) if right else None,
        mean_tokens=tokens / len(revised),
    )


def paired_difference(before: dict[str, float], after: dict[str, float]) -> PairedDifference:
    """Mean of the differences, question by question, with its interval. The questions must be the same."""
    if before.keys() != after.keys():
        raise ValueError("a paired difference needs the same questions on both sides")
    estimate = mean_over_questions([after[q] - before[q] for q in before])
    return PairedDifference(difference=estimate.mean, interval=estimate.interval, questions=len(before))
