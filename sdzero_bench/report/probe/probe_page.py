"""A probe's tables, verdicts and notes, for the terminal and for probe.md, and its record probe.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sdzero_bench.core.stats.significance import SIGNIFICANT
from sdzero_bench.core.text import counted, percent, printable, with_interval
from sdzero_bench.report.leaderboard.leaderboard_notes import probability
from sdzero_bench.report.rendering.blocks import Block, Heading, Notes, Table
from sdzero_bench.runs.probe.contamination import EXACT, CompletionMeasure, Contamination
from sdzero_bench.runs.probe.partial_prompts import SHOWN, Continuation
from sdzero_bench.runs.probe.prompt_sensitivity import PromptSensitivity, PromptVariant
from sdzero_bench.runs.probe.prompt_templates import templates
from sdzero_bench.runs.probe.verdict_words import MATERIAL, TestedDifference

COMMAND = "sdzero-bench probe"
TRUNCATED = 0.05
"""Share of truncated responses from which a note says that they may decide."""
LONGEST = 160
"""Characters of a text in the list of suspicious questions."""


@dataclass(frozen=True)
class ProbeReport:
    """What was probed, and what was found; None for a part that was not asked for."""

    model: str
    task: str
    question_set: str
    questions: int
    contamination: Contamination | None
    sensitivity: PromptSensitivity | None


def blocks(report: ProbeReport) -> list[Block]:
    """The whole page."""
    found: list[Block] = [
        Heading(1, f"{report.model} on {report.task}, {counted(report.questions, 'question')} ({report.question_set})")
    ]
    if (known := report.contamination) is not None:
        found += [Heading(2, "Is the test set in the model?"), Notes([contamination_verdict(known)])]
        found += [completion_table(known), Notes(completion_notes(known))]
        found += [Heading(3, "The most suspicious questions"), suspicious_table(known)]
    if (sensitive := report.sensitivity) is not None:
        found += [Heading(2, "Is the base measured low?"), Notes([sensitivity_verdict(sensitive)])]
        found += [prompt_table(sensitive), Notes(prompt_notes(sensitive))]
    return found


def contamination_verdict(found: Contamination) -> str:
    """In words."""
    said = "; ".join(f"{m.name} {_points(m.over_control)}" for m in found.measures)
    against = f"({said}, against {found.control})"
    if found.finding == "found":
        return f"Signs of memorisation {against}."
    if found.finding == "not found":
        return f"No sign of memorisation {against}."
    return f"Inconclusive {against}: the intervals do not exclude {100 * MATERIAL:g} points; more questions may tell."


def completion_table(found: Contamination) -> Table:
    headings = ["measure", "test questions (%)", "control (%)", "difference (pts)", "p"]
    return Table(headings, [_completion_row(measure) for measure in found.measures])


def suspicious_table(found: Contamination) -> Table:
    headings = ["question", "ROUGE-L", "its end", "what the model wrote"]
    return Table(headings, [_suspicious_row(own) for own in found.suspicious], left=4)


def completion_notes(found: Contamination) -> list[str]:
    left_out = (
        f" {counted(found.left_out, 'question was', 'questions were')} left out: too short, or without a counterpart."
        if found.left_out
        else ""
    )
    return [
        f"The model was given the first {100 * SHOWN:g} % of the words of a question, as plain text without its chat template, "
        f"and continued greedily. What it wrote is compared with the rest, over as many words.",
        f"{counted(found.test_questions, 'test question')} and {counted(found.control_questions, 'control question')}: "
        f"{found.control}.{left_out}",
        f"Signs of memorisation: a difference of {100 * MATERIAL:g} points or more with Holm-corrected p < {SIGNIFICANT:g}. No "
        f"sign: both intervals end below {100 * MATERIAL:g} points. Intervals: 95 %, Newcombe's for exact match, BCa bootstrap "
        f"over questions for ROUGE-L{'; paired by question' if found.paired else ''}.",
    ]


def sensitivity_verdict(found: PromptSensitivity) -> str:
    """In words: the best figure beside the default."""
    base, best = found.figures[found.default], found.figures[found.best]
    k = base.samples_per_question
    default = f"{found.default} {with_interval(base.avg_at_k, base.interval)}"
    if best.avg_at_k == 0:
        return "Inconclusive: no response was right under any prompt."
    if found.best == found.default:
        return f"No other prompt scores higher than the task's own: avg@{k} {default}."
    over = found.over_default[found.best]
    beside = f"avg@{k} {found.best} {with_interval(best.avg_at_k, best.interval)}, {default}, difference {_points(over)}"
    if found.finding == "found":
        return f"The base is measured low by the task's own prompt: {beside}. Compare gains with the higher figure."
    if found.finding == "not found":
        return f"No other prompt does better by {100 * MATERIAL:g} points: {beside}."
    return f"Inconclusive: {beside}."


def prompt_table(found: PromptSensitivity) -> Table:
    k = found.figures[found.default].samples_per_question
    headings = ["prompt", f"avg@{k} (%)", "Δ vs default (pts)", "p", "truncated (%)", "response tokens"]
    return Table(headings, [_prompt_row(found, variant) for variant in found.figures])


def prompt_notes(found: PromptSensitivity) -> list[str]:
    about = {template.name: template.about for template in templates()}
    measured = dict.fromkeys(variant.template for variant in found.figures)
    return [
        *(f"{name}: {about[name]}." for name in measured),
        *(f"{name} was not measured: {why}." for name, why in found.skipped.items()),
        *([f"vendor's sampling: {found.vendor}."] if found.vendor else []),
        *_of_truncation(found),
        "Samples share their random numbers; differences are paired by question, p-values Holm-corrected. The best of several "
        "figures is too high by chance: measure it again, on other questions, before you report it.",
    ]


def _of_truncation(found: PromptSensitivity) -> list[str]:
    if found.truncated <= TRUNCATED:
        return []
    return [
        f"Under some prompts, up to {percent(found.truncated)} % of the responses were truncated: what they lack may be the "
        f"answer. Raise evaluation.max_new_tokens before you compare prompts."
    ]


def document(report: ProbeReport) -> dict[str, Any]:
    """The record probe.json."""
    found: dict[str, Any] = {n: getattr(report, n) for n in ("model", "task", "question_set", "questions")}
    if (known := report.contamination) is not None:
        suspicious = [
            {"question": c.partial.question.id, "rest": c.partial.rest, "written": c.written, "rouge_l": c.rouge_l}
            for c in known.suspicious
        ]
        found["contamination"] = {**asdict(known), "suspicious": suspicious, "finding": known.finding}
        found["contamination"]["verdict"] = contamination_verdict(known)
    if (sensitive := report.sensitivity) is not None:
        found["sensitivity"] = {
            "default": str(sensitive.default),
            "best": str(sensitive.best),
            "finding": sensitive.finding,
            "verdict": sensitivity_verdict(sensitive),
            "vendor": sensitive.vendor,
            "skipped": dict(sensitive.skipped),
            "prompts": [_prompt_entry(sensitive, variant) for variant in sensitive.figures],
        }
    return found


def _prompt_entry(found: PromptSensitivity, variant: PromptVariant) -> dict[str, Any]:
    over = found.over_default.get(variant)
    figures = found.figures[variant].model_dump(mode="json", by_alias=True)
    return {**asdict(variant), **figures, "over_default": asdict(over) if over else None}


def _prompt_row(found: PromptSensitivity, variant: PromptVariant) -> list[str]:
    own, over = found.figures[variant], found.over_default.get(variant)
    difference = with_interval(over.difference.mean, over.difference.interval) + "*" * over.significant if over else ""
    return [
        str(variant),
        with_interval(own.avg_at_k, own.interval),
        difference,
        probability(over.p) if over else "",
        percent(own.truncated),
        f"{own.mean_tokens:.1f}",
    ]


def _completion_row(measure: CompletionMeasure) -> list[str]:
    over = measure.over_control
    return [
        measure.name,
        _share(measure, measure.test.mean, measure.test.interval),
        _share(measure, measure.control.mean, measure.control.interval),
        with_interval(over.difference.mean, over.difference.interval) + "*" * over.significant,
        probability(over.p),
    ]


def _share(measure: CompletionMeasure, mean: float, interval: list[float]) -> str:
    # Of zeros alone, a bootstrap has no width; the interval of the difference is the one to read.
    return percent(mean) if measure.name == EXACT else with_interval(mean, interval)


def _suspicious_row(own: Continuation) -> list[str]:
    rouge = percent(own.rouge_l) + (", exact" if own.exact else "")
    return [own.partial.question.id, rouge, _short(own.partial.rest), _short(own.written)]


def _short(text: str) -> str:
    line = printable(" ".join(text.split()))
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _points(over: TestedDifference) -> str:
    return f"{with_interval(over.difference.mean, over.difference.interval)} points"
