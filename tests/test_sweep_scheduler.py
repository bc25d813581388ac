"""How a sweep goes about its runs, told with runs that only pretend to work."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.console import Console
from synthetic_records import write_finished

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.records.folder import LockedError, RunFolder
from sdzero_bench.runs.resuming import resume_session
from sdzero_bench.runs.sweep.children import Child, Children, log_file, visible_accelerators
from sdzero_bench.runs.sweep.display import SweepDisplay, progress_table, seconds_left
from sdzero_bench.runs.sweep.grid import Grid, PlannedRun
from sdzero_bench.runs.sweep.scheduler import Ended, Scheduler, SweepEntry
from sdzero_bench.runs.sweep.status_reports import ReportingDisplay, StatusReport

DONE = Ended("done")


def runs(out: Path, seeds: int = 4) -> list[PlannedRun]:
    return Grid(methods=["rft"], tasks=[None], seeds=range(seeds)).runs(out)[1:]


def mark_finished(run: PlannedRun) -> None:
    run.folder.mkdir(parents=True, exist_ok=True)
    write_finished(run.folder, run.config)


@dataclass
class Pretended:
    """An attempt that ends at its second poll, or never."""

    run: PlannedRun
    ended: Ended | None
    report: StatusReport = field(default_factory=StatusReport)
    polls: int = 0
    stopped: bool = False
    killed: bool = False
    obeys: bool = True

    def poll(self) -> Ended | None:
        self.polls += 1
        if self.stopped and self.obeys:
            return Ended("failed")
        if self.polls < 2 or self.ended is None:
            return None
        if self.ended == DONE:
            mark_finished(self.run)
        return self.ended

    def stop(self) -> None:
        self.stopped = True

    def kill(self) -> None:
        self.killed = True


class Pretender:
    """Starts attempts that end as scripted by seed, one ending an attempt; without a script a run is done."""

    def __init__(self, **endings: Sequence[Ended | None]) -> None:
        self.endings = {name: list(script) for name, script in endings.items()}
        self.attempts: list[Pretended] = []
        self.slots: list[int] = []
        self.most = 0

    def start(self, run: PlannedRun, slot: int) -> Pretended:
        script = self.endings.get(f"s{run.config.seed}")
        self.attempts.append(Pretended(run, script.pop(0) if script else DONE))
        self.slots.append(slot)
        self.most = max(self.most, sum(attempt.polls < 2 for attempt in self.attempts))
        return self.attempts[-1]

    @property
    def seeds(self) -> list[int]:
        return [attempt.run.config.seed for attempt in self.attempts]


class Notes:
    """A display that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.changes: list[tuple[int, str]] = []

    def showing(self, entries: Sequence[SweepEntry]) -> nullcontext[None]:
        return nullcontext()

    def changed(self, entry: SweepEntry) -> None:
        self.changes.append((entry.run.config.seed, entry.state))

    def tick(self) -> None:
        pass

    def say(self, text: str) -> None:
        self.said.append(text)


def scheduler(pretender: Pretender, display: Notes | None = None, jobs: int = 1, full: bool = False) -> Scheduler:
    return Scheduler(pretender.start, display or Notes(), lambda: full, jobs, tick=0.001, retry=0.01)


def states(entries: list[SweepEntry]) -> list[str]:
    return [entry.state for entry in entries]


@pytest.mark.parametrize("jobs", [1, 2, 3, 8])
def test_every_run_is_done_once_and_so_many_at_a_time(tmp_path: Path, jobs: int) -> None:
    pretender = Pretender()
    entries = scheduler(pretender, jobs=jobs).run(runs(tmp_path, 6))
    assert states(entries) == ["done"] * 6
    assert pretender.seeds == list(range(6))
    assert pretender.most == min(jobs, 6)
    assert set(pretender.slots) == set(range(min(jobs, 6)))


def test_what_is_finished_is_skipped(tmp_path: Path) -> None:
    planned, pretender = runs(tmp_path), Pretender()
    for run in planned[1:3]:
        mark_finished(run)
    assert states(scheduler(pretender).run(planned)) == ["done"] * 4
    assert pretender.seeds == [0, 3]
    again = Pretender()
    assert states(scheduler(again).run(planned)) == ["done"] * 4
    assert again.seeds == []


def test_a_run_that_fails_stops_no_other_and_is_tried_again_by_the_next_sweep(tmp_path: Path) -> None:
    planned, pretender = runs(tmp_path), Pretender(s1=[Ended("failed", "no sample was right")])
    entries = scheduler(pretender).run(planned)
    assert states(entries) == ["done", "failed", "done", "done"]
    assert entries[1].reason == "no sample was right"
    again = Pretender()
    assert states(scheduler(again).run(planned)) == ["done"] * 4
    assert again.seeds == [1]


def test_a_run_that_cannot_be_started_is_a_failed_run(tmp_path: Path) -> None:
    def start(run: PlannedRun, slot: int) -> Pretended:
        if run.config.seed == 0:
            raise PermissionError(13, "Permission denied", "a/file")
        return Pretended(run, DONE)

    entries = Scheduler(start, Notes(), lambda: False, tick=0.001).run(runs(tmp_path, 2))
    assert states(entries) == ["failed", "done"]
    assert entries[0].reason == "Permission denied (a/file)"


def test_a_run_of_another_process_is_left_to_it_and_counts_once_it_is_done(tmp_path: Path) -> None:
    planned, notes = runs(tmp_path, 3), Notes()
    pretender = Pretender(s0=[Ended("locked")] * 3)
    started = pretender.start

    def start(run: PlannedRun, slot: int) -> Pretended:
        if pretender.seeds.count(0) == 3:
            mark_finished(planned[0])  # by the other process
        return started(run, slot)

    entries = Scheduler(start, notes, lambda: False, tick=0.001, retry=0.01).run(planned)
    assert states(entries) == ["done"] * 3
    assert pretender.seeds[:3] == [0, 1, 2]  # other runs meanwhile
    assert set(pretender.seeds[3:]) <= {0}
    assert notes.changes.count((0, "elsewhere")) == 1  # said once, however often it is looked at


def test_a_run_whose_other_process_dies_is_taken_over(tmp_path: Path) -> None:
    pretender = Pretender(s0=[Ended("locked"), Ended("locked"), DONE])
    assert states(scheduler(pretender, jobs=2).run(runs(tmp_path, 2))) == ["done", "done"]
    assert pretender.seeds == [0, 1, 0, 0]


def test_a_full_disk_ends_the_starting_of_runs_and_is_said_once(tmp_path: Path) -> None:
    planned, notes = runs(tmp_path, 5), Notes()
    pretender = Pretender(s1=[Ended("no room", "the disk of x is full; make room")], s2=[Ended("no room", "also full")])
    stopped = scheduler(pretender, notes, jobs=3)
    assert states(stopped.run(planned)) == ["done", "failed", "failed", "waiting", "waiting"]
    assert states(stopped.run(planned)) == ["done", *["waiting"] * 4]  # as the runs after a full disk among the trials
    assert len(notes.said) == 1
    assert "Free some space" in notes.said[0]
    assert states(scheduler(Pretender()).run(planned)) == ["done"] * 5  # once there is room


def test_nothing_is_started_on_a_full_disk(tmp_path: Path) -> None:
    pretender, notes = Pretender(), Notes()
    assert states(scheduler(pretender, notes, full=True).run(runs(tmp_path))) == ["waiting"] * 4
    assert pretender.seeds == []
    assert len(notes.said) == 1


@pytest.mark.parametrize("obeys", [True, False])
def test_an_interrupt_ends_all_that_is_under_way(tmp_path: Path, obeys: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    pretender = Pretender(s0=[None], s1=[None])
    interrupted = scheduler(pretender, jobs=2)

    def sleep(seconds: float) -> None:
        for attempt in pretender.attempts:
            attempt.obeys = obeys
        raise KeyboardInterrupt  # the second one ends the patience with what does not obey

    monkeypatch.setattr(time, "sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        interrupted.run(runs(tmp_path))
    assert [(attempt.stopped, attempt.killed) for attempt in pretender.attempts] == [(True, True)] * 2


# The lock of a run folder

HOLD = "import sys, time; from pathlib import Path; from sdzero_bench.records.folder import RunFolder\n"
HOLD += "folder = RunFolder(Path(sys.argv[1])); folder.lock(); print('held', flush=True); time.sleep(60)"


def test_one_process_works_on_a_run_and_its_death_releases_it(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "one"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockedError, match="is being worked on by another process"):
            RunFolder(path).lock()
        holder.kill()
    mine = RunFolder(path)
    mine.lock()
    with pytest.raises(LockedError):
        RunFolder(path).lock()
    del mine
    RunFolder(path).lock()


def test_a_folder_that_its_holder_removed_is_made_anew(tmp_path: Path) -> None:
    first, second = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "run")
    first.lock()
    first.discard_if_unused()
    second.lock()
    assert second.path.is_dir()
    with pytest.raises(LockedError):
        RunFolder(tmp_path / "run").lock()


def test_a_run_that_is_worked_on_cannot_be_resumed(tmp_path: Path) -> None:
    (run,) = runs(tmp_path, 1)
    mark_finished(run)
    holder = RunFolder(run.folder)
    holder.lock()
    with pytest.raises(LockedError, match="is being worked on by another process"):
        resume_session(run.folder, ProgressDisplay())


# What a child is given, and what it tells


def test_children_share_the_cores_and_take_accelerators_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    children = Children(3, tmp_path)
    environments = [children.environment(slot) for slot in range(3)]
    assert [e["CUDA_VISIBLE_DEVICES"] for e in environments] == ["3", "5", "3"]
    assert {e["OMP_NUM_THREADS"] for e in environments} == {"2"}
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert children.environment(0)["OMP_NUM_THREADS"] == "1"
    assert Children(100, tmp_path).threads == 1
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert visible_accelerators() == []
    assert Children(1, tmp_path).environment(0)["CUDA_VISIBLE_DEVICES"] == ""


def test_children_take_as_many_gpus_as_asked_with_a_process_for_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3,5")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    children = Children(2, tmp_path, gpus=2)
    assert [children.environment(slot)["CUDA_VISIBLE_DEVICES"] for slot in range(2)] == ["0,1", "2,3"]
    assert children.environment(0)["OMP_NUM_THREADS"] == "2"
    with pytest.raises(UserError, match="--gpus 2 with --jobs 3 needs 6 GPUs, but the number of visible ones is 5"):
        Children(3, tmp_path, gpus=2)


def test_a_child_reports_its_phases_a_few_times_a_second() -> None:
    channel = io.StringIO()
    with ReportingDisplay(channel).phase("rft.sample", 1000) as bar:
        for _ in range(1000):
            bar.advance(rewards=[1.0, 0.0, None])
    reports = [StatusReport.parse(line) for line in channel.getvalue().splitlines()]
    assert reports[-1] == StatusReport("rft.sample", 1000, 1000, "50% right")
    assert 2 <= len(reports) < 100


# What is shown


def entries_for_show(out: Path) -> list[SweepEntry]:
    entries = [SweepEntry(run) for run in runs(out, 40)]
    report = StatusReport("evaluation.final.revision", 2_400, 12_000, "100% right")
    for entry in entries[:3]:
        entry.state, entry.report, entry.started = "running", report, 100.0
    for entry in entries[3:23]:
        entry.state, entry.reason = "failed", "the disk of a/very/long/path is full; make room " * 3
    for entry in entries[23:27]:
        entry.state, entry.seconds = "done", 300.0
    return entries


def test_the_table_can_be_read_at_80_columns_and_fits_a_terminal(tmp_path: Path) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(progress_table(entries_for_show(tmp_path), jobs=2, now=250.0))
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 24
    (running,) = [line for line in lines if line.startswith("rft micro-arith s0 ")]
    for shown in ("running", "evaluation.fin", "2400/12000", "100% right", "2:30"):
        assert shown in running
    assert "40 runs: 4 done, 3 running, 20 failed, 13 waiting" in " ".join(lines)


def test_the_time_left_follows_from_the_runs_that_are_done(tmp_path: Path) -> None:
    entries = entries_for_show(tmp_path)
    assert seconds_left(entries, jobs=2, now=250.0) == pytest.approx((13 * 300 + 3 * 150) / 2)
    for entry in entries:
        entry.seconds = None
    assert seconds_left(entries, jobs=2, now=250.0) is None


def test_elsewhere_than_on_a_terminal_a_change_is_a_line(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=80)
    display = SweepDisplay(1, console)
    pretender = Pretender(s1=[Ended("failed", "out of [memory]")])
    Scheduler(pretender.start, display, lambda: False, tick=0.001).run(runs(tmp_path, 2))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines == [
        "2 runs: 2 waiting",
        "rft micro-arith s0: running (2 runs: 1 running, 1 waiting)",
        "rft micro-arith s0: done in 0:00 (2 runs: 1 done, 1 waiting)",
        "rft micro-arith s1: running (2 runs: 1 done, 1 running)",
        "rft micro-arith s1: failed, out of [memory] (2 runs: 1 done, 1 failed)",
    ]


def outcome(child: Child) -> Ended:
    while (ended := child.poll()) is None:
        time.sleep(0.02)
    return ended


def test_a_killed_child_is_said_to_be_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    child = Children(1, tmp_path).start(runs(tmp_path, 1)[0], 0)
    child.kill()
    assert outcome(child) == Ended("failed", "killed by SIGKILL; the machine may have run out of memory")


def test_a_child_that_fails_before_it_can_report_is_quoted_from_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (run,) = runs(tmp_path, 1)
    log_file(run).parent.mkdir()
    log_file(run).write_text("what an earlier attempt said\n")
    ended = outcome(Child(run, tmp_path / "no-such-plan.json", Children(1, tmp_path).environment(0)))
    assert ended.how == "failed"
    assert ended.reason.startswith("FileNotFoundError: ")
