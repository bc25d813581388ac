"""Pictures of the rows of a curve. The same rows give the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sdzero_bench.core.text import as_written, in_lines
from sdzero_bench.report.leaderboard.efficiency import COLOURS, LINES, MARKERS, images
from sdzero_bench.report.reproduce.curves import Rows, by_variant
from sdzero_bench.report.reproduce.experiment import Figure


def draw(rows: Rows, kind: Figure) -> dict[str, bytes]:
    """As `png` and `svg`; tasks side by side, or the two panels of the figure."""
    import matplotlib
    from matplotlib.figure import Figure as Canvas  # not pyplot, whose backend is the caller's

    settings: Any = {"svg.hashsalt": "sdzero-bench", "svg.fonttype": "path", "figure.facecolor": "white", "font.size": 9}
    with matplotlib.rc_context(settings):
        tasks = list(dict.fromkeys(row["task"] for row in rows))
        columns = len(tasks) * {"words": 2, "localisation": len({row["variant"] for row in rows})}.get(kind, 1)
        figure = Canvas(figsize=(1.5 + 4.2 * columns, 3.8), layout="constrained")
        axes = figure.subplots(1, columns, squeeze=False)
        for i, task in enumerate(tasks):
            own = [row for row in rows if row["task"] == task]
            panels = axes[0, i * (columns // len(tasks)) : (i + 1) * (columns // len(tasks))]
            DRAWN[kind](panels, own)
            for panel in panels:
                panel.set_title(as_written(task))
                panel.grid(alpha=0.3)
        return images(figure)


def _length(panels: Any, rows: Rows) -> None:
    (panel,) = panels
    for i, row in enumerate(rows):
        x, y = row["tokens"], 100 * row["avg"]
        panel.errorbar(
            x,
            y,
            xerr=[[x - row["tokens_low"]], [row["tokens_high"] - x]],
            yerr=[[y - 100 * row["avg_low"]], [100 * row["avg_high"] - y]],
            fmt=MARKERS[i % len(MARKERS)],
            color=COLOURS[i % len(COLOURS)],
            label=in_lines(row["variant"]),
            capsize=2,
        )
    panel.set(xlabel="mean response tokens", ylabel="avg@k (%)")
    panel.legend(fontsize=8)


def _localisation(panels: Any, rows: Rows) -> None:
    for panel, ((_, variant), of_variant) in zip(panels, by_variant(rows).items(), strict=False):
        for kind, named, colour, shift in (("wrong", "incorrect", COLOURS[1], -0.2), ("right", "correct", COLOURS[0], 0.2)):
            own = [row for row in of_variant if row["responses"] == kind]
            if own:
                label = f"{named} responses ({own[0]['count']})"
                panel.bar([r["bucket"] + shift for r in own], [100 * r["share"] for r in own], 0.4, color=colour, label=label)
        panel.set(
            xlabel=as_written(f"{variant}: bucket of tokens"),
            ylabel="share of kl(student, teacher) (%)",
            xticks=[1, 5, 10, 15, 20],
        )
        panel.legend(fontsize=8)


def _steps(panels: Any, rows: Rows) -> None:
    (panel,) = panels
    _bands(panel, rows, "step", "reward", 100)
    panel.set(xlabel="optimizer step of distillation", ylabel="correct rollouts (%)")
    panel.legend(fontsize=8)


def _rollouts(panels: Any, rows: Rows) -> None:
    (panel,) = panels
    _bands(panel, rows, "rollouts", "reward", 100)
    panel.set(xlabel="training rollouts drawn", ylabel="correct rollouts (%)")
    panel.legend(fontsize=8)


def _words(panels: Any, rows: Rows) -> None:
    for panel, name, scale, label in zip(
        panels, ("tokens", "words"), (1, 100), ("mean response tokens", "responses with open revision (%)"), strict=True
    ):
        _bands(panel, rows, "point", name, scale)
        last = max(row["point"] for row in rows)
        rollouts = range(4, last + 1, max(1, (last - 1) // 4))
        panel.set_xticks([0, 1, *rollouts], ["base", "\nSRT", *(str(n - 1) for n in rollouts)])
        panel.set(xlabel="policy, then rollouts of distillation, 64 at a time", ylabel=label, ylim=(0, None))


def _bands(panel: Any, rows: Rows, axis: str, name: str, scale: float) -> None:
    for i, ((_, label), own) in enumerate(by_variant(rows).items()):
        x, colour = [row[axis] for row in own], COLOURS[i % len(COLOURS)]
        panel.plot(x, [scale * row[name] for row in own], LINES[i % len(LINES)], color=colour, label=in_lines(label))
        low, high = ([scale * row[f"{name}_{end}"] for row in own] for end in ("low", "high"))
        panel.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)


DRAWN: dict[Figure, Callable[[Any, Rows], None]] = {
    "length": _length,
    "localisation": _localisation,
    "rollouts": _rollouts,
    "steps": _steps,
    "words": _words,
}
