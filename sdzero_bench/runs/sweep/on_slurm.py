"""Runs as Slurm jobs, through submitit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sdzero_bench.core.errors import UserError
from sdzero_bench.runs.sweep.grid import PlannedRun
from sdzero_bench.runs.sweep.remote_run import RemoteRun
from sdzero_bench.runs.sweep.scheduler import Ended
from sdzero_bench.runs.sweep.slurm_options import slurm_options
from sdzero_bench.runs.sweep.status_reports import StatusReport

if TYPE_CHECKING:
    import submitit

TIMEOUTS = 10
"""How often a run may reach its time limit, and be submitted again, before it counts as failed."""


class SlurmRuns:
    """Submits runs. A job that is preempted, or whose time is up, is submitted again by submitit, and resumes its run.

    remote:
        What each job calls, with the GPUs of each run.
    cluster:
        `slurm`, or `local`, submitit's substitute for it on one machine.
    cpus:
        Cores of each run.
    hours:
        Time limit of a job.
    options:
        Further options of Slurm; see slurm_options.py.
    """

    def __init__(
        self,
        remote: RemoteRun,
        cluster: str,
        cpus: int,
        hours: float,
        partition: str | None = None,
        options: Sequence[str] = (),
    ) -> None:
        try:
            import submitit
        except ImportError as error:
            raise UserError("--launcher slurm needs submitit: pip install 'sdzero-bench[cluster]'") from error
        self._remote = remote
        further = slurm_options(options)
        folder = remote.out / "logs" / "slurm"
        try:
            self._executor = submitit.AutoExecutor(folder=folder, cluster=cluster, slurm_max_num_timeout=TIMEOUTS)
        except RuntimeError as error:
            raise UserError(f"there is no Slurm on this machine ({error}); run the sweep on a machine with `srun`") from error
        # submitit takes the values of Slurm's own options as they are.
        self._executor.update_parameters(
            timeout_min=max(1, round(60 * hours)),
            cpus_per_task=cpus,
            gpus_per_node=remote.gpus,
            name="sdzero-bench",
            slurm_partition=partition,
            **further,
        )

    def start(self, run: PlannedRun, slot: int) -> SlurmAttempt:
        return SlurmAttempt(self._executor.submit(self._remote, run))

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
