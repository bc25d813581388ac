"""The learning curve, the ways to choose a policy of it, and what was forgotten, as parts of summary.md."""

from __future__ import annotations

from sdzero_bench.core.text import counted, markdown_table, percent, with_interval
from sdzero_bench.records.curve_record import LearningCurve, SelectedPolicy
from sdzero_bench.records.schema import RunResult

WAYS = {
    "last": "last (ranked)",
    "best_by_validation": "best by validation",
    "best_by_test": "best by test",
}
"""What the ways to choose a policy are called in tables."""


def curve_parts(result: RunResult) -> list[str]:
    """Nothing for a run without a curve."""
    if (curve := result.curve) is None:
        return []
    n = curve.samples_per_question
    headings = ["share of samples", "policy", "samples", "generated", "forward", "backward", "seconds"]
    headings += [f"test avg@{n} (%)", f"validation avg@{n} (%)"]
    rows = [
        [
            f"{100 * point.share:g} %",
            point.policy,
            f"{point.used.samples:,}",
            f"{point.used.generated_tokens:,}",
            f"{point.used.forward_tokens:,}",
            f"{point.used.backward_tokens:,}",
            f"{point.used.wall_seconds:.1f}",
            with_interval(point.test.avg_at_k, point.test.interval),
            with_interval(point.validation.avg_at_k, point.validation.interval) if point.validation else "",
        ]
        for point in curve.points
    ]
    return [
        "## Learning curve",
        markdown_table(headings, rows),
        "## Selection",
        markdown_table(["chosen", "policy", f"test avg@{n} (%)", "over last (pts)"], _selection(curve)),
        "\n".join(f"- {note}" for note in _notes(curve)),
    ]


def _selection(curve: LearningCurve) -> list[list[str]]:
    chosen: dict[str, SelectedPolicy | None] = {way: getattr(curve.selection, way) for way in WAYS}
    last = curve.selection.last.test.avg_at_k
    return [
        [
            WAYS[way],
            f"{found.policy}, at {100 * found.share:g} %",
            with_interval(found.test.avg_at_k, found.test.interval),
            percent(found.test.avg_at_k - last),
        ]
        for way, found in chosen.items()
        if found is not None
    ]


def _notes(curve: LearningCurve) -> list[str]:
    validation = (
        f", and on the first {counted(curve.validation_questions, 'validation question')}" if curve.validation_questions else ""
    )
    return [
        f"The newest policy when each share of the {counted(curve.planned_samples, 'planned training sample')} had "
        f"been charged, on the "
        f"first {counted(curve.test_questions, 'test question')}{validation}, "
        f"{counted(curve.samples_per_question, 'sample')} each.",
        "Best by test is chosen on the questions that it is shown on, so it is biased upwards and never ranked.",
    ]


def forgetting_parts(result: RunResult) -> list[str]:
    """Nothing for a run that measured neither other tasks nor KL."""
    rows = [
        [
            f"{other.task}, {entry.policy}",
            with_interval(other.avg_at_k, other.interval),
            with_interval(other.over_base.difference, other.over_base.interval) if other.over_base else "",
        ]
        for entry in result.evaluation
        for other in entry.other_tasks or ()
    ]
    parts = [markdown_table(["other task", "accuracy (%)", "Δ vs base (pts)"], rows)] if rows else []
    for entry in result.evaluation:
        if (kl := entry.kl_to_base) is not None:
            token, response = (
                with_interval(value, interval, scale=1, digits=4)
                for value, interval in ((kl.per_token, kl.per_token_interval), (kl.per_response, kl.per_response_interval))
            )
            parts.append(
                f"- kl({entry.policy}, base) at its own responses to {counted(kl.responses, 'test question')}, "
                f"{counted(kl.tokens, 'token')}: "
                f"{token} nats per token, {response} per response."
            )
    return ["## Forgetting", *parts] if parts else []
