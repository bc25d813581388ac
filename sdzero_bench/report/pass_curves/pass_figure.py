"""The figure of pass@k curves: k on a logarithmic axis, one line with a band per policy."""

from __future__ import annotations

import numpy as np

from sdzero_bench.core.text import as_written, in_lines
from sdzero_bench.report.leaderboard.efficiency import COLOURS, LINES, images
from sdzero_bench.report.pass_curves.pass_table import MeasuredCurves
from sdzero_bench.runs.pass_curves.compared_policies import BASE


def draw_pass_curves(measured: MeasuredCurves) -> dict[str, bytes]:
    """As `png` and `svg`. The band is the 95 % interval over questions; a dot marks where a policy falls below the base."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with matplotlib.rc_context({"svg.hashsalt": "sdzero-bench", "svg.fonttype": "path", "figure.facecolor": "white"}):
        figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
        trained = [label for label in measured.curves if label != BASE]
        for label, curve in measured.curves.items():
            at = trained.index(label) if label in trained else 0
            colour = COLOURS[at % len(COLOURS)] if label in trained else "0.35"
            mean, low, high = (np.array([100 * getattr(v, name) for v in curve.values]) for name in ("mean", "low", "high"))
            line = LINES[at // len(COLOURS) % len(LINES)]
            axes.plot(curve.ks, mean, line, color=colour, marker=".", label=in_lines(label))
            axes.fill_between(curve.ks, low, high, color=colour, alpha=0.12, linewidth=0)
            if curve.crossing is not None:
                place = curve.ks.index(curve.crossing)
                axes.plot(curve.ks[place], mean[place], "o", color=colour, markersize=9, fillstyle="none")
        ks = next(iter(measured.curves.values())).ks
        axes.set_xscale("log", base=2)
        axes.set_xticks(ks, [str(k) for k in ks])
        axes.minorticks_off()
        axes.set(xlabel="k", ylabel="pass@k (%)")
        axes.set_title(as_written(measured.title), fontsize=9, wrap=True)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
        return images(figure)
