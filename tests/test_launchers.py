"""Sweeps on clusters: two Ray nodes on this machine, one killed in mid-run; Slurm jobs through submitit's stand-in."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from ray.cluster_utils import Cluster
from small_runs import SMALL, command
from test_sweep import TINY, check_finished, finish, folder, lines, start, sweep, wait_for

from sdzero_bench.core.errors import UserError
from sdzero_bench.runs.sweep.display import SweepDisplay
from sdzero_bench.runs.sweep.grid import Grid
from sdzero_bench.runs.sweep.launching import Place
from sdzero_bench.runs.sweep.on_slurm import SlurmRuns
from sdzero_bench.runs.sweep.remote_run import RemoteRun
from sdzero_bench.runs.sweep.scheduler import Scheduler
from sdzero_bench.runs.sweep.slurm_options import slurm_options


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A head that does no work, and two nodes for a run each."""
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    made.workers = [made.add_node(num_cpus=1, resources={f"node{i}": 1}) for i in range(2)]
    yield made
    made.shutdown()


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_slurm_jobs_are_runs_of_a_process_for_each_gpu_and_a_preempted_one_goes_on(tmp_path: Path) -> None:
    """submitit says that the job has two GPUs; there are none, so that the two processes run on CPUs."""
    wanted = Grid(["rft"], [None], [0], assignments=[*TINY, "method.epochs=3"])
    runs = SlurmRuns(RemoteRun(tmp_path, gpus=2), "local", 1, 1.0)
    scheduler = Scheduler(runs.start, SweepDisplay(2), lambda: False, jobs=1)
    preempting = threading.Thread(target=_preempt_once_it_trains, args=[tmp_path])
    preempting.start()
    (entry,) = scheduler.run(wanted.runs(tmp_path)[1:])
    preempting.join()
    assert entry.state == "done"
    run = folder(tmp_path, "rft")
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["state"] == "finished"
    assert [session["hardware"]["processes"] for session in manifest["sessions"]] == [2, 2]
    rows = [json.loads(line) for line in (run / "journal" / "rft.sample.jsonl").read_text().splitlines()]
    assert len(rows) == len({(row["question_id"], row["index"]) for row in rows}) == 16 * 2


def _preempt_once_it_trains(out: Path) -> None:
    """What Slurm does before it takes a node away: it signals the job's task."""
    wait_for(lambda: lines(out, "rft-*/training/rft.jsonl") > 0)
    tasks = [p for p in psutil.Process().children(recursive=True) if "submitit.core._submit" in p.cmdline()]
    tasks[-1].send_signal(signal.SIGUSR2)


def test_slurm_jobs_are_runs_and_one_that_fails_says_why(tmp_path: Path) -> None:
    runs = SlurmRuns(RemoteRun(tmp_path), "local", 1, 1.0)
    scheduler = Scheduler(runs.start, SweepDisplay(2), lambda: False, jobs=2)
    broken = Grid(["base"], [None], [0], assignments=[*SMALL, "model.name=/nowhere"]).runs(tmp_path)
    whole = Grid(["base"], [None], [0], assignments=SMALL).runs(tmp_path)
    failed, done = scheduler.run([*broken, *whole])
    assert (failed.state, failed.reason) == ("failed", "there is no model directory '/nowhere'")
    assert done.state == "done"


def test_no_slurm_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no Slurm on this machine"):
        SlurmRuns(RemoteRun(tmp_path), "slurm", 1, 1.0)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({"launcher": "slurm", "address": "auto"}, "--address has no effect with --launcher slurm; it is for ray"),
        ({"launcher": "local", "partition": "gpu"}, "--partition has no effect with --launcher local; it is for slurm"),
        ({"launcher": "ray", "slurm": ["account=a"]}, "--slurm has no effect with --launcher ray; it is for slurm"),
        ({"launcher": "local", "cpus": 2}, "--cpus has no effect with --launcher local; it is for ray and slurm"),
        ({"launcher": "local", "gpus": 1, "sharding": "fsdp2"}, "--sharding fsdp2 needs --gpus 2 or more"),
    ],
)
def test_options_without_effect_are_refused(place: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        Place(out=tmp_path, **place).open()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("acount=nlp", "unknown option of Slurm 'acount'; did you mean 'account'?"),
        ("account", "--slurm 'account' is not KEY=VALUE, such as account=nlp"),
        ("time=60", "--slurm time is not available: use --hours"),
        ("nodes=2", "a run of a sweep uses one node; for more, call `sdzero-bench launch --nodes`"),
        ("setup=module load cuda", "--slurm setup takes a list"),
    ],
)
def test_a_wrong_option_of_slurm_is_said_in_one_line(option: str, said: str) -> None:
    with pytest.raises(UserError, match=re.escape(said)) as error:
        slurm_options([option])
    assert "\n" not in str(error.value)


def test_options_reach_sbatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for sbatch, which keeps the script that it is given."""
    for name, does in (("srun", "true"), ("sbatch", f"cp $1 {tmp_path}/script; echo Submitted batch job 7")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    options = ["account=nlp", "qos=high", "mem=64GB", "constraint=a100|h100", "requeue=true", "setup=[module load cuda]"]
    runs = SlurmRuns(RemoteRun(tmp_path / "out", gpus=8), "slurm", 16, 12.0, "gpu", options)
    runs.start(Grid(["rft"], [None], [0], assignments=TINY).runs(tmp_path)[0], 0)
    script = (tmp_path / "script").read_text().splitlines()
    flags = {line.removeprefix("#SBATCH --") for line in script if line.startswith("#SBATCH")}
    assert {
        "account=nlp",
        "qos=high",
        "mem=64GB",
        "constraint='a100|h100'",
        "requeue",
        "partition=gpu",
        "cpus-per-task=16",
        "gpus-per-node=8",
        "time=720",
    } <= flags
    assert "module load cuda" in script
