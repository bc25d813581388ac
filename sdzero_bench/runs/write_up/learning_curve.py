"""Accuracy against training samples drawn: the measured policies, and the rollouts of the phases that train on policy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sdzero_bench.core.text import as_written, counted
from sdzero_bench.records.curve_record import LearningCurve
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.journal import Sample
from sdzero_bench.records.ledger import measures
from sdzero_bench.records.schema import RunResult

WINDOW = 200
"""Rollouts over which the training accuracy is averaged."""


def draw_learning_curve(folder: RunFolder, phases: Mapping[str, Mapping[str, Sample]], result: RunResult) -> None:
    """Write learning_curve.png and learning_curve.svg."""
    figure = Figure(figsize=(7, 4), layout="constrained")  # not pyplot's, whose backend is the caller's
    plot_learning_curve(figure.subplots(), phases, result)
    for ending in ("png", "svg"):
        figure.savefig(folder.path / f"learning_curve.{ending}", dpi=150, metadata={"Date": None} if ending == "svg" else None)


def plot_learning_curve(axes: Axes, phases: Mapping[str, Mapping[str, Sample]], result: RunResult) -> None:
    """One run: its measured policies, and the accuracy of on-policy rollouts as a mean over `WINDOW` of them."""
    drawn = 0
    ends: dict[str, int] = {"base": 0}
    for name in result.ledger:
        if measures(name) or name not in phases:
            continue
        samples = phases[name]
        # Only where the policy moves does the order of the samples mean anything.
        on_policy = (s.verdict.reward for s in samples.values() if "@" in s.policy)
        rewards = np.array([reward for reward in on_policy if reward is not None])
        if len(rewards) >= WINDOW:
            mean = np.convolve(rewards, np.ones(WINDOW) / WINDOW, mode="valid")
            axes.plot(drawn + np.arange(WINDOW, WINDOW + len(mean)), mean, linewidth=1, label=as_written(f"{name} (training)"))
        drawn += len(samples)
        ends[name.split(".")[0]] = drawn
    points = [(ends.get(entry.policy, drawn), entry) for entry in result.evaluation]
    x, y = [p[0] for p in points], [p[1].avg_at_k for p in points]
    errors = np.abs(np.array([p[1].interval for p in points]).T - np.array(y))
    axes.errorbar(x, y, yerr=errors, fmt="o-", color="black", capsize=4, label="test questions, 95 % interval")
    for at, entry in points:
        # Towards the middle, so that the label of the last point stays inside.
        side, offset = ("right", -6) if at > drawn / 2 else ("left", 6)
        label = as_written(entry.policy)
        axes.annotate(label, (at, entry.avg_at_k), textcoords="offset points", xytext=(offset, -12), ha=side)
    if result.curve is not None:
        _points(axes, result.curve)
    samples_per_question = result.evaluation[0].samples_per_question
    axes.set(
        xlabel="training samples drawn",
        ylabel=f"avg@{samples_per_question}",
        ylim=(0, 1),
        title=as_written(f"{result.method} on {result.task}, seed {result.seed}"),
    )
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)


def _points(axes: Axes, curve: LearningCurve) -> None:
    """The policies at shares of the samples, on the first test and validation questions."""
    at = [point.used.samples for point in curve.points]
    for name, marker in (("test", "s"), ("validation", "^")):
        found = [getattr(point, name) for point in curve.points]
        if None not in found:
            y, count = [accuracy.avg_at_k for accuracy in found], getattr(curve, f"{name}_questions")
            axes.plot(at, y, f"{marker}--", markersize=4, linewidth=0.8, label=f"first {counted(count, f'{name} question')}")
