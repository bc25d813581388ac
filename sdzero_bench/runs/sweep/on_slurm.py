"""Runs as Slurm jobs, through submitit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sdzero_bench.core.errors import UserError
from sdzero_bench.runs.sweep.grid import PlannedRun
from sdzero_bench.runs.sweep.remote_run import carry_out
from sdzero_bench.runs.sweep.scheduler import Ended
from sdzero_bench.runs.sweep.status_reports import StatusReport

if TYPE_CHECKING:
    import submitit


class SlurmRuns:
    """Submits runs.

    cluster:
        `slurm`, or `local`, submitit's substitute for it on one machine.
    hours:
        Time limit of a job. Repeating the sweep resumes a run that reached it.
    """

    def __init__(
        self,
        out: Path,
        cluster: str,
        cpus: int,
        gpus: int,
        hours: float,
        partition: str | None,
        storage: str | None = None,
    ) -> None:
        try:
            import submitit
        except ImportError as error:
            raise UserError("--launcher slurm needs submitit: pip install 'sdzero-bench[cluster]'") from error
        self.out, self.storage = out.resolve(), storage
        try:
            self._executor = submitit.AutoExecutor(folder=self.out / "logs" / "slurm", cluster=cluster)
        except RuntimeError as error:
            raise UserError(f"there is no Slurm on this machine ({error}); run the sweep on a machine with `srun`") from error
        self._executor.update_parameters(
            timeout_min=max(1, round(60 * hours)), cpus_per_task=cpus, gpus_per_node=gpus, name="sdzero-bench"
        )
        if partition is not None:
            self._executor.update_parameters(slurm_partition=partition)

    def start(self, run: PlannedRun, slot: int) -> SlurmAttempt:
        return SlurmAttempt(self._executor.submit(carry_out, run, self.out, self.storage))

    def close(self) -> None:
        pass


class SlurmAttempt:
    """A job that is queued or running; a `RunAttempt` of the scheduler."""

    def __init__(self, job: submitit.Job[Ended]) -> None:
        self.report = StatusReport()
        self._job = job

    def poll(self) -> Ended | None:
        from submitit.core.utils import FailedJobError, UncompletedJobError

        if not self._job.done():
            return None
        try:
            return self._job.result()
        except (FailedJobError, UncompletedJobError) as error:
            last = (str(error).strip() or "no reason given").splitlines()[-1]
            return Ended("failed", f"job {self._job.job_id}, {self._job.state}: {last}")

    def stop(self) -> None:
        self._job.cancel(check=False)

    def kill(self) -> None:
        self._job.cancel(check=False)
