"""Short forms of `make torture`, and faults that each part of it has to find."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sdzero_bench.core.question import Question
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.records.journal import Journal, PhaseSamples
from sdzero_bench.records.ledger import Ledger
from sdzero_bench.records.record_files import RESULT
from sdzero_bench.runs import registry
from sdzero_bench.testing.same_end import differences
from tools.torture import __main__ as command
from tools.torture import damaged_runs, small_run
from tools.torture.damage import damage
from tools.torture.kill_cases import KillCase, kill_cases
from tools.torture.kills import kill_one
from tools.torture.outcome import Outcome
from tools.torture.programs import HostileProgram, hostile_programs, programs
from tools.torture.samples import samples


def test_every_method_is_killed() -> None:
    cases = kill_cases()
    assert {case.method for case in cases} == set(registry.methods())
    assert {"lora.rank=4", "task.name=micro-code"} == {setting for case in cases for setting in case.settings}


def test_a_killed_run_ends_as_it_would_have(tmp_path: Path) -> None:
    outcome = Outcome("kills")
    kill_one(KillCase("rft", "rft", ("evaluation.revise=false", "evaluation.base=false")), 2, tmp_path, Random(0), outcome)
    assert outcome.findings == []
    assert outcome.total == 2


def test_a_run_that_forgets_a_sample_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Resumed, it takes the first of its journal for another one."""

    def forgetful(self: PhaseSamples) -> None:
        own(self)
        for key in list(self._starts)[:1]:
            self._starts[f"{key}-of-another"] = self._starts.pop(key)

    own = PhaseSamples._index
    monkeypatch.setattr(PhaseSamples, "_index", forgetful)
    outcome = Outcome("kills")
    case = KillCase("base", "base", ("evaluation.revise=false", "task.test=40"))
    kill_one(case, 1, tmp_path, Random(3), outcome)
    assert outcome.findings


def test_some_damaged_files_are_refused_or_had_again(tmp_path: Path) -> None:
    outcome = damage(["runs"], share=0.02)
    assert outcome.findings == []
    assert outcome.total > 3


def test_damage_that_nobody_notices_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy whose checksums are not looked at, in which a bit is flipped."""
    monkeypatch.setattr("sdzero_bench.records.folder.damaged_file", lambda folder, sums: None)
    weights = Path("checkpoints", damaged_runs.METHOD, "model.safetensors")

    def chosen(folder: Path, *_: object) -> list[tuple[Path, str]]:
        return [(weights, "a bit flipped")] if (folder / weights).is_file() else []

    monkeypatch.setattr(damaged_runs, "chosen", chosen)
    outcome = Outcome("damage")
    damaged_runs.damaged_runs(tmp_path, Random(0), 1.0, outcome)
    assert any("model.safetensors" in finding for finding in outcome.findings)


def test_two_ends_that_differ_are_told_apart(tmp_path: Path) -> None:
    one, other = (small_run.finished("base", tmp_path / name, "evaluation.revise=false") for name in "ab")
    assert differences(one, other) == []
    result = json.loads((other / RESULT).read_text())
    result["ledger"]["evaluation.base"]["samples"] += 1
    (other / RESULT).write_text(json.dumps(result))
    (other / ".ledger.json.partial").write_text("{")
    assert differences(one, other) == ["result.json differs", ".ledger.json.partial is left over"]


@pytest.mark.bwrap
def test_programs_are_judged_alike_and_leave_nothing() -> None:
    quick = [case for case in hostile_programs() if case.row["language"] == "python" and not case.slow][::30]
    outcome = programs(3 * len(quick), quick)
    assert outcome.findings == []
    assert outcome.total == 3 * len(quick)


@pytest.mark.bwrap
def test_a_program_that_is_judged_wrongly_or_leaves_something_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = [case for case in hostile_programs() if not case.slow and case.row["expected"] == "passes"][:1]
    assert programs(1, [HostileProgram({**quick[0].row, "expected": "nothing passes"})]).findings
    own = HostileProgram.verdict

    def littering(self: HostileProgram, sandbox: Any) -> Verdict:
        import tempfile

        tempfile.mkstemp()
        return own(self, sandbox)

    monkeypatch.setattr(HostileProgram, "verdict", littering)
    (finding,) = programs(1, quick).findings
    assert "leaves the file" in finding


def test_samples_are_counted_exactly() -> None:
    outcome = samples(2_000)
    assert [finding for finding in outcome.findings if "memory" not in finding] == []  # of so few, memory says nothing


def test_a_ledger_that_counts_wrongly_and_a_journal_that_alters_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Ledger.charge
    monkeypatch.setattr(Ledger, "charge", lambda self, sample: [own(self, sample) for _ in range(1 + (sample.index == "3"))])
    assert any(finding.startswith("ledger") for finding in samples(1_000).findings)
    monkeypatch.undo()
    append = Journal.append
    altered = Verdict(1.0)

    def altering(self: Journal, rows: Any) -> None:
        from dataclasses import replace

        append(self, [replace(row, verdict=altered) if row.index == "2" else row for row in rows])

    monkeypatch.setattr(Journal, "append", altering)
    assert any("has the verdict" in finding for finding in samples(1_000).findings)


def test_the_command_writes_a_record_and_says_whether_all_held(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = Outcome("kills")
    outcome.count("rft", "killed in training", 3)
    assert outcome.conclude(tmp_path) == 0
    outcome.find("rft", "the journal [of round 1] differs")
    assert outcome.conclude(tmp_path) == 1
    written = json.loads((tmp_path / "kills.json").read_text())
    assert written["findings"] == ["rft: the journal [of round 1] differs"]
    assert {"cpu", "cores", "python", "torch", "commit"} == set(written["machine"])
    assert "did not hold: rft: the journal [of round 1] differs" in capsys.readouterr().out
    for part in command.PARTS:
        with pytest.raises(SystemExit) as ended:
            command.main([part, "--help"])
        assert ended.value.code == 0


def test_a_question_is_only_a_question() -> None:
    """The synthetic verdicts are those that the verifier gives."""
    from tools.torture.synthetic_task import SyntheticTask, response_to

    task = SyntheticTask()
    for token in range(2, 250):
        question, text = Question("4", "4 + 1 = ?", "5"), response_to([token])
        if "fail" not in text:
            verdict = task.verify(question, text)
            assert (verdict.status, verdict.reward) == task.expected(question, text)
