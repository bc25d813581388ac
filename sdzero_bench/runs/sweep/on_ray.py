"""Runs as tasks of a Ray cluster: Ray assigns machines, and restarts a run elsewhere if its machine dies."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.runs.sweep.grid import PlannedRun
from sdzero_bench.runs.sweep.remote_run import RemoteRun
from sdzero_bench.runs.sweep.scheduler import Ended
from sdzero_bench.runs.sweep.status_reports import StatusReport

if TYPE_CHECKING:
    import ray

DEATHS = 10
"""How often a run may lose its machine or its process before it counts as failed."""


class RayRuns:
    """Starts runs on a cluster.

    address:
        Address of the cluster, such as `auto` or `ray://head:10001`; None starts one on this machine only.
    cpus:
        Cores of each run.
    remote:
        What each machine calls, with the GPUs of each run.
    """

    def __init__(self, remote: RemoteRun, address: str | None, cpus: int) -> None:
        try:
            import ray
        except ImportError as error:
            raise UserError("--launcher ray needs Ray: pip install 'sdzero-bench[cluster]'") from error
        try:
            _require_listener(address)
            ray.init(address=address, log_to_driver=False, configure_logging=False, include_dashboard=False)
        except (OSError, RuntimeError, ValueError) as error:
            said = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UserError(
                f"no Ray cluster answers at {address!r} ({said}); start one with `ray start --head`, and give its address"
            ) from error
        available: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        for name, wanted in (("CPU", cpus), ("GPU", remote.gpus)):
            if wanted > available.get(name, 0):
                raise UserError(f"each run needs {wanted:g} {name}, but the Ray cluster has only {available.get(name, 0):g}")
        # Ray retries only what died with its machine or process; a run that fails reports it in its result.
        call: Callable[[RemoteRun, PlannedRun], Ended] = RemoteRun.__call__
        self._remote = remote
        self._task: Any = ray.remote(num_cpus=cpus, num_gpus=remote.gpus, max_retries=DEATHS)(call)

    def start(self, run: PlannedRun, slot: int) -> RayAttempt:
        return RayAttempt(self._task.options(name=run.name).remote(self._remote, run))

    def close(self) -> None:
        import ray

        ray.shutdown()


def _require_listener(address: str | None) -> None:
    """Raises `OSError` if nothing listens at HOST:PORT; Ray itself would keep trying for minutes."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


class RayAttempt:
    """A run that waits for resources or is executed on the cluster; a `RunAttempt` of the scheduler."""

    def __init__(self, reference: ray.ObjectRef[Ended]) -> None:
        self.report = StatusReport()
        self._reference = reference

    def poll(self) -> Ended | None:
        import ray

        ready, _ = ray.wait([self._reference], timeout=0)
        if not ready:
            return None
        try:
            return ray.get(self._reference)
        except ray.exceptions.RayError as error:
            return Ended("failed", f"Ray: {(str(error).strip() or type(error).__name__).splitlines()[0]}")

    def stop(self) -> None:
        import ray

        ray.cancel(self._reference)

    def kill(self) -> None:
        import ray

        ray.cancel(self._reference, force=True)
