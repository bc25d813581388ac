"""pass@k curves as a table, as sentences on where they cross, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sdzero_bench.core.stats.footnotes import OVER_QUESTIONS, rule
from sdzero_bench.core.stats.pass_curves import OverBase, PassCurve
from sdzero_bench.core.text import counted, with_interval
from sdzero_bench.report.leaderboard.leaderboard_notes import probability
from sdzero_bench.report.rendering.blocks import Block, Figure, Heading, Notes, Table
from sdzero_bench.runs.pass_curves.compared_policies import BASE

FIGURE = "passk"
"""Stem of the figure's files."""
COMMAND = "sdzero-bench passk"


@dataclass(frozen=True)
class MeasuredCurves:
    """The curves of policies by label, and what they were measured on."""

    task: str
    question_set: str
    questions: int
    samples: int
    temperature: float
    curves: Mapping[str, PassCurve]

    @property
    def title(self) -> str:
        return f"pass@k on {self.task}, {counted(self.questions, 'question')}, {counted(self.samples, 'sample')} each"


def tables(measured: MeasuredCurves) -> list[tuple[list[str], list[list[str]]]]:
    """Headings, and one row per k: a table for each trained policy beside its base, or one of all policies without a base."""
    curves = measured.curves
    trained = {label: curve for label, curve in curves.items() if curve.over_base}
    if not trained:
        return [_columns(curves)]
    found = []
    for label, curve in trained.items():
        headings, rows = _columns({BASE: curves[BASE], label: curve})
        more = [[_marked(over), probability(over.p)] for over in curve.over_base]
        found.append(([*headings, "Δ vs base (pts)", "p"], [[*row, *own] for row, own in zip(rows, more, strict=True)]))
    return found


def _columns(curves: Mapping[str, PassCurve]) -> tuple[list[str], list[list[str]]]:
    ks = next(iter(curves.values())).ks
    rows = [
        [str(k), *(with_interval(c.values[i].mean, c.values[i].interval) for c in curves.values())] for i, k in enumerate(ks)
    ]
    return ["k", *(f"{label} (%)" for label in curves)], rows


def crossings(measured: MeasuredCurves) -> list[str]:
    """One sentence per trained policy: where it is below its base."""
    return [_crossing(label, curve) for label, curve in measured.curves.items() if curve.over_base]


def notes(measured: MeasuredCurves) -> list[str]:
    """What a reader has to know of the figures."""
    found = [
        f"Unbiased estimator of pass@k from {counted(measured.samples, 'sample')} per question (Chen et al. 2021), temperature "
        f"{measured.temperature:g}; question set {measured.question_set}.",
        OVER_QUESTIONS,
    ]
    if any(curve.over_base for curve in measured.curves.values()):
        found.append(
            f"Differences are paired by question. * marks the significant ones: {rule('the differences of all policies')}."
        )
        found.append(
            "A policy is below its base from the smallest k at which it is. The difference is small there; larger k say more."
        )
    return found


def blocks(measured: MeasuredCurves) -> list[Block]:
    """The page passk.md."""
    return [
        Heading(1, measured.title),
        Notes(crossings(measured) or ["One policy alone: there is no base to compare with."]),
        *(Table(headings, rows) for headings, rows in tables(measured)),
        Figure(FIGURE, f"{measured.title}, one line per policy"),
        Notes(notes(measured)),
    ]


def document(measured: MeasuredCurves) -> dict[str, Any]:
    """The record passk.json."""
    policies = []
    for label, curve in measured.curves.items():
        points: list[dict[str, Any]] = [
            {"k": k, "pass_at_k": value.mean, "interval": value.interval}
            for k, value in zip(curve.ks, curve.values, strict=True)
        ]
        for point, over in zip(points, curve.over_base, strict=False):
            found = over.difference
            point["over_base"] = {"difference": found.mean, "interval": found.interval, "p_holm": over.p}
        entry: dict[str, Any] = {"policy": label, "points": points}
        if curve.over_base:
            entry |= {"crossing": curve.crossing, "significantly_below": curve.significantly_below}
        policies.append(entry)
    about = {name: value for name, value in asdict(measured).items() if name != "curves"}
    return about | {"base": BASE if BASE in measured.curves else None, "policies": policies}


def _marked(over: OverBase) -> str:
    return with_interval(over.difference.mean, over.difference.interval) + ("*" if over.significant else "")


def _crossing(label: str, curve: PassCurve) -> str:
    if (k := curve.crossing) is None:
        return f"{label} is not below the base at any k up to {curve.ks[-1]}."
    over = curve.over_base[curve.ks.index(k)]
    said = "significant" if over.significant else "not significant"
    sentence = (
        f"{label} is below the base from k = {k}: by {-100 * over.difference.mean:.2g} points, p {_equals(over.p)}, {said}."
    )
    if over.significant:
        return sentence
    later = curve.significantly_below
    return f"{sentence} It is " + (f"significantly below it from k = {later}." if later else "significantly below it at no k.")


def _equals(p: float) -> str:
    text = probability(p)
    return text if text.startswith("<") else f"= {text}"
