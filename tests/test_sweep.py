"""Sweeps of real runs as real processes: interrupted, killed, doubled, out of disk, and each sample still drawn once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from small_runs import SAVING, SMALL, command

from sdzero_bench.runs.sweep.grid import Grid

TINY = [*SMALL, "evaluation.revise=false", "method.samples=2", "method.epochs=1"]
"""Runs of 16 questions that are over a few seconds after torch is imported."""


def sweep(out: Path, *more: str) -> list[str]:
    """The command that sweeps RFT, one seed, and the base."""
    settings = [part for text in TINY for part in ("--set", text)]
    return command("sweep", "--methods", "rft", "--seeds", "1", "--out", str(out), *settings, *more)


def start(arguments: list[str]) -> subprocess.Popen[str]:
    quiet = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}  # so small a model gains nothing from more
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=quiet)


def finish(process: subprocess.Popen[str], code: int = 0) -> str:
    """Wait for its end, expect this exit code and no traceback, and return all that it said."""
    told, said = process.communicate(timeout=240)
    assert process.returncode == code, told + said
    assert "Traceback" not in told + said
    return told + said


def wait_for(condition: Callable[[], Any], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def folder(out: Path, method: str) -> Path:
    (found,) = out.glob(f"{method}-*")
    return found


def lines(out: Path, pattern: str) -> int:
    return sum(len(path.read_text().splitlines()) for path in out.glob(pattern))


def check_finished(out: Path, sessions: int = 1) -> None:
    """Both runs are finished, no sample is in a journal twice, and so many sessions worked on the trained one."""
    samples = {"base": {"evaluation.base": 6 * 2}, "rft": {"rft.sample": 16 * 2, "evaluation.final": 6 * 2}}
    for method, expected in samples.items():
        run = folder(out, method)
        manifest = json.loads((run / "manifest.json").read_text())
        assert manifest["state"] == "finished"
        assert method == "base" or len(manifest["sessions"]) == sessions
        ledger = json.loads((run / "ledger.json").read_text())
        for phase, count in expected.items():
            rows = [json.loads(line) for line in (run / "journal" / f"{phase}.jsonl").read_text().splitlines()]
            assert len(rows) == len({(row["question_id"], row["index"]) for row in rows}) == count
            assert ledger[phase]["samples"] == count


def snapshot(out: Path) -> dict[Path, tuple[int, bytes]]:
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in out.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_two_sweeps_at_once_do_each_run_once_and_a_third_does_nothing(tmp_path: Path) -> None:
    """Tuned, so that the trials are shared too."""
    tuned = sweep(tmp_path, "--tune", "--grid", "optimizer.learning_rate=1e-6,1e-4")
    both = [start(tuned) for _ in range(2)]
    said = [finish(process) for process in both]
    assert all("4 runs: 4 done" in text for text in said)
    check_finished(tmp_path)
    before = snapshot(tmp_path)
    assert "4 runs: 4 done" in finish(start(tuned))
    assert snapshot(tmp_path) == before

    base, rft = (json.loads((folder(tmp_path, method) / "result.json").read_text()) for method in ("base", "rft"))
    assert [entry["policy"] for entry in base["evaluation"]] == ["base"]
    assert [entry["policy"] for entry in rft["evaluation"]] == ["final"]  # the base is measured once
    tuning = json.loads((folder(tmp_path, "rft") / "manifest.json").read_text())["tuning"]
    assert tuning["grid"] == {"optimizer.learning_rate": [1e-6, 1e-4]}
    assert [trial["samples"] for trial in tuning["trials"]] == [32, 32]
    for trial in tuning["trials"]:
        manifest = json.loads((tmp_path / "tuning" / trial["run_id"] / "manifest.json").read_text())
        assert manifest["state"] == "finished"
        assert manifest["config"]["evaluation"]["split"] == "validation"
        assert len(manifest["sessions"]) == 1


@pytest.mark.slow
def test_a_sweep_cut_off_in_any_way_ends_its_children_and_goes_on_when_told_again(tmp_path: Path) -> None:
    moments = {
        signal.SIGINT: lambda: list(tmp_path.glob("base-*/manifest.json")),
        signal.SIGTERM: lambda: lines(tmp_path, "rft-*/journal/rft.sample.jsonl") > 0,
        signal.SIGKILL: lambda: lines(tmp_path, "rft-*/training/rft.jsonl") > 0,
    }
    for number, reached in moments.items():
        process = start(sweep(tmp_path, "--set", SAVING))
        wait_for(reached)
        family = psutil.Process(process.pid).children(recursive=True)
        assert family
        process.send_signal(number)
        if number == signal.SIGKILL:
            process.communicate()
        else:
            said = finish(process, code=130)
            assert said.splitlines()[-1] == "sdzero-bench: interrupted. Nothing is lost; the same command resumes"
        assert psutil.wait_procs(family, timeout=10)[1] == []
    finish(start(sweep(tmp_path, "--set", SAVING)))
    check_finished(tmp_path, sessions=3)


def test_a_failing_run_stops_no_other_and_is_listed_with_its_reason(tmp_path: Path) -> None:
    failing = Grid(methods=["rft"], tasks=[None], seeds=[0], assignments=TINY).runs(tmp_path)[1].folder
    failing.write_text("a file where the run's folder is to be")
    said = finish(start(sweep(tmp_path)), code=1)
    assert "2 runs: 1 done, 1 failed" in said
    reason = f"cannot write the run folder in {str(tmp_path)!r}: File exists"
    log = tmp_path / "logs" / f"{failing.name}.log"
    assert f"rft micro-arith s0 failed: {reason}\n  log: {log}" in said
    assert log.read_text().splitlines()[-1] == reason
    assert json.loads((folder(tmp_path, "base") / "manifest.json").read_text())["state"] == "finished"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 60 MB. Skipped where this user may not mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system is not permitted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.slow
def test_a_full_disk_fails_the_run_that_meets_it_and_once_there_is_room_the_sweep_goes_on(small_disk: Path) -> None:
    out, ballast = small_disk / "sweep", small_disk / "ballast"
    process = start(sweep(out))
    wait_for(lambda: lines(out, "rft-*/journal/rft.sample.jsonl") > 0)
    with pytest.raises(OSError, match="No space"), ballast.open("wb") as file:  # noqa: PT012
        while True:
            file.write(bytes(1 << 16))
            file.flush()
    said = finish(process, code=1)
    assert "2 runs: 1 done, 1 failed" in said
    assert f"the disk of {folder(out, 'rft')} is full; free some space" in said
    assert said.count("no more runs are started") == 1
    base = snapshot(folder(out, "base"))
    ballast.unlink()
    finish(start(sweep(out)))
    check_finished(out, sessions=2)
    assert snapshot(folder(out, "base")) == base
