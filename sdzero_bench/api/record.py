"""One run: what it was, what came out, and its data frames."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sdzero_bench.api.html_fragment import fragment
from sdzero_bench.api.run_frames import RunFrames, method_of, policy_of
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.records.reader import RunRecord
from sdzero_bench.records.recorded_journal import RecordedJournal
from sdzero_bench.records.schema import RunResult
from sdzero_bench.report.rendering.blocks import Heading, Notes, Table
from sdzero_bench.runs.write_up.summary import notes, policy_rows, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Record(RunFrames):
    """One run, whole or packed."""

    def __init__(self, record: RunRecord) -> None:
        super().__init__([record])
        self.record = record

    @property
    def run_id(self) -> str:
        return self.record.run_id

    @property
    def folder(self) -> Path:
        return self.record.folder

    @property
    def method(self) -> str:
        """`eval` for a policy that was measured by itself."""
        return method_of(self.record)

    @property
    def task(self) -> str:
        return self.record.task

    @property
    def seed(self) -> int:
        return self.record.seed

    @property
    def state(self) -> str:
        """`finished` or `running`."""
        return self.record.state

    @property
    def config(self) -> RunConfig:
        """All of its settings."""
        return self.record.config

    @property
    def result(self) -> RunResult:
        """What `sdzero-bench run --json` prints. Raises `UserError` for an unfinished run."""
        return self.record.result

    def plot_learning_curve(self, ax: Axes | None = None) -> Axes:
        """Its measured policies and its training rollouts, against training samples drawn: as in learning_curve.png.

        `ax`: what to draw on; by default the axes of a new figure. Raises `UserError` for an unfinished run.
        """
        from sdzero_bench.api.axes import axes
        from sdzero_bench.runs.write_up.learning_curve import plot_learning_curve

        journal, panel = RecordedJournal(self.folder), axes(ax)
        phases = {phase: {sample.key: sample for sample in journal.samples(phase)} for phase in journal.phases}
        plot_learning_curve(panel, phases, self.result)
        return panel

    def __eq__(self, other: object) -> bool:
        """Whether both are the same folder."""
        return isinstance(other, Record) and self.folder.resolve() == other.folder.resolve()

    def __hash__(self) -> int:
        return hash(self.folder.resolve())

    def __repr__(self) -> str:
        figures = (
            ", ".join(f"{policy_of(self.record, e.policy)} {100 * e.avg_at_k:.1f} %" for e in self.record.evaluation)
            or self.state
        )
        return f"Record({self.run_id!r}: {figures})"

    def _repr_html_(self) -> str:
        if not self.record.finished:
            return fragment([Notes([f"{self.run_id}: {self.state}"])])
        heading = Heading(4, f"{title(self.result)}, seed {self.seed}")
        return fragment([heading, Table(*policy_rows(self.result)), Notes(notes(self.result))])
