"""Sweeps on clusters: two Ray nodes on this machine, one killed in mid-run; Slurm jobs through submitit's stand-in."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from ray.cluster_utils import Cluster
from small_runs import command
from test_sweep import TINY, check_finished, finish, folder, lines, start, sweep, wait_for

from sdzero_bench.core.errors import UserError
from sdzero_bench.runs.sweep.display import SweepDisplay
from sdzero_bench.runs.sweep.grid import Grid
from sdzero_bench.runs.sweep.launching import Place
from sdzero_bench.runs.sweep.on_slurm import SlurmRuns
from sdzero_bench.runs.sweep.scheduler import Scheduler


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A head that does no work, and two nodes for a run each."""
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    made.workers = [made.add_node(num_cpus=1, resources={f"node{i}": 1}) for i in range(2)]
    yield made
    made.shutdown()


def test_a_run_whose_node_dies_goes_on_on_another(tmp_path: Path, cluster: Any) -> None:
    """RFT is killed while it samples; no sample is drawn twice, and the run ends as one that was not killed."""
    slow = ["--set", "method.epochs=3"]
    sweeping = start(sweep(tmp_path / "killed", *slow, "--launcher", "ray", "--address", cluster.address))
    wait_for(lambda: lines(tmp_path / "killed", "rft-*/journal/rft.sample.jsonl") > 0)
    cluster.remove_node(_node_of(cluster, folder(tmp_path / "killed", "rft")), allow_graceful=False)
    assert "2 runs: 2 done" in finish(sweeping)
    check_finished(tmp_path / "killed", sessions=2)
    finish(start(sweep(tmp_path / "whole", *slow)))
    killed, whole = (
        json.loads((folder(tmp_path / name, "rft") / "evaluation.json").read_text()) for name in ("killed", "whole")
    )
    assert killed == whole


def _node_of(cluster: Any, run: Path) -> Any:
    """The node that works on the run: its process descends from the node's."""
    workers = [p for p in psutil.process_iter(["cmdline"]) if str(run) in (p.info["cmdline"] or [])]
    ancestors = {ancestor.pid for worker in workers for ancestor in worker.parents()}
    (node,) = [node for node in cluster.workers if node.all_processes["raylet"][0].process.pid in ancestors]
    return node


def test_a_cluster_that_is_not_there_or_too_small_is_said(tmp_path: Path, cluster: Any) -> None:
    asked = ("sweep", "--methods", "rft", "--launcher", "ray", "--out", str(tmp_path))
    for more, said in (
        (["--address", "127.0.0.1:1"], "no Ray cluster answers at '127.0.0.1:1'"),
        (["--address", cluster.address, "--cpus", "5"], "each run needs 5 CPU, but the Ray cluster has only 2"),
        (["--address", cluster.address, "--gpus", "1"], "each run needs 1 GPU, but the Ray cluster has only 0"),
    ):
        done = subprocess.run(command(*asked, *more), capture_output=True, text=True, check=False)
        assert done.returncode == 2, done.stderr[-2000:]
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_slurm_jobs_are_runs_and_what_fails_says_why(tmp_path: Path) -> None:
    wanted = Grid(["rft"], [None], [0], assignments=TINY)
    runs = SlurmRuns(tmp_path, "local", 1, 0, 1.0, None)
    scheduler = Scheduler(runs.start, SweepDisplay(2), lambda: False, jobs=2)
    assert [entry.state for entry in scheduler.run(wanted.runs(tmp_path))] == ["done", "done"]
    check_finished(tmp_path)
    broken = Grid(["rft"], [None], [0], assignments=[*TINY, "model.name=/nowhere"])
    (_, entry) = scheduler.run(broken.runs(tmp_path))
    assert (entry.state, entry.reason) == ("failed", "there is no model directory '/nowhere'")


def test_no_slurm_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no Slurm on this machine"):
        SlurmRuns(tmp_path, "slurm", 1, 0, 1.0, None)


def test_options_of_another_launcher_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--address has no effect with --launcher slurm"):
        Place("slurm", tmp_path, None, "auto", 1, 0, 1.0, None).open()
    with pytest.raises(UserError, match="--partition has no effect with --launcher local"):
        Place("local", tmp_path, None, None, 1, 0, 1.0, "gpu").open()
