"""`sdzero-bench inspect`: counts of outcomes, and samples with what the verifier said."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from small_runs import command, finished
from synthetic_records import write_record
from typer.testing import CliRunner

from sdzero_bench.cli.commands.inspect import explain, inspect, outcome
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.verdict import ProgramReport, Verdict
from sdzero_bench.records.journal import Journal
from sdzero_bench.records.packed_lines import read_lines
from sdzero_bench.records.packing import pack
from sdzero_bench.records.question_sets import read_questions
from sdzero_bench.records.record_files import read_manifest

FINAL = "evaluation.final"
VERDICTS = [
    (Verdict(1.0, tests=ProgramReport(5, 5, None, "passed")), "right", "right: passed 5 of 5"),
    (
        Verdict(0.0, detail="4.1 s CPU", tests=ProgramReport(3, 5, 4, "time")),
        "wrong: time",
        "wrong: passed 3 of 5; test 4: time (4.1 s CPU)",
    ),
    (
        Verdict(0.0, detail="SyntaxError: '(' was never closed", tests=ProgramReport(0, 5, None, "compile error")),
        "wrong: compile error",
        "wrong: compile error (SyntaxError: '(' was never closed)",
    ),
    (
        Verdict.failed("timeout", "no verdict within 9 s"),
        "verifier failed",
        "the verifier failed: timeout (no verdict within 9 s)",
    ),
    (Verdict(0.0, answer="7"), "wrong", "wrong: 7"),
    (Verdict(0.0, detail="no final answer"), "wrong", "wrong (no final answer)"),
    (Verdict(1.0, answer="8"), "right", "right: 8"),
]


def shown(*arguments: Any) -> str:
    app = typer.Typer()
    app.command()(inspect)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False, env={"COLUMNS": "200"})
    assert result.exit_code == 0
    return result.stdout


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose last phase has one verdict of each kind, among others."""
    folder = write_record(tmp_path / "run", accuracy=0.5, questions=10, k=2, failures=1, intervals=False)
    path = folder / "journal" / f"{FINAL}.jsonl"
    samples = list(Journal(folder / "journal").phases[FINAL].values())
    changed = [replace(s, verdict=v) for s, (v, _, _) in zip(samples, VERDICTS, strict=False)] + samples[len(VERDICTS) :]
    path.write_text("".join(sample.to_json() + "\n" for sample in changed))
    return folder


@pytest.mark.parametrize(("verdict", "name", "line"), VERDICTS)
def test_a_verdict_in_words(verdict: Verdict, name: str, line: str) -> None:
    assert (outcome(verdict), explain(verdict)) == (name, line)


@pytest.mark.parametrize("packed", [False, True])
def test_outcomes_are_counted_by_phase_and_the_verifiers_failures_apart(run: Path, tmp_path: Path, packed: bool) -> None:
    folder = pack(run, tmp_path / "records") if packed else run
    document = json.loads(shown(folder, "--json"))
    for phase in ("rft.sample", FINAL):
        rows = list(read_lines(run / "journal" / f"{phase}.jsonl"))
        right = sum(row["verdict"]["reward"] == 1.0 for row in rows)
        failed = sum(row["verdict"]["reward"] is None for row in rows)
        counts = Counter(document["phases"][phase])
        assert counts.total() == len(rows)
        assert (counts["right"], counts["verifier failed"]) == (right, failed)
    assert document["phases"][FINAL]["wrong: time"] == 1
    assert len(document["samples"]) == sum(sum(counts.values()) for counts in document["phases"].values())
    text = shown(folder)
    assert "verifier failed" in text
    assert "response" not in text


def test_a_sample_is_shown_with_question_response_and_verdict(run: Path) -> None:
    row = list(read_lines(run / "journal" / f"{FINAL}.jsonl"))[1]
    question = read_questions(run, read_manifest(run)).by_id[row["question_id"]]
    text = shown(run, "--phase", FINAL, "--sample", f"{row['question_id']}/{row['index']}")
    for part in (
        question.text,
        f"gold  {question.answer}",
        row["text"].splitlines()[0],
        "passed 3 of 5; test 4: time (4.1 s CPU)",
    ):
        assert part in text
    both = json.loads(shown(run, "--phase", FINAL, "--sample", row["question_id"], "--json"))["samples"]
    assert [s["question_id"] for s in both] == [row["question_id"]] * 2


def test_wrong_leaves_out_what_is_right_and_limit_says_how_much_more_there_is(run: Path) -> None:
    samples = json.loads(shown(run, "--wrong", "--json"))["samples"]
    assert samples
    assert all(s["outcome"] != "right" for s in samples)
    phases = list(dict.fromkeys(s["phase"] for s in samples))
    assert phases == [FINAL, "rft.sample"], "what was measured comes before what was trained on"
    text = shown(run, "--wrong", "--limit", 2)
    assert text.count("response") == 2
    assert f"{len(samples) - 2:,} more samples" in text


def test_escape_sequences_of_a_response_do_not_reach_the_terminal(run: Path) -> None:
    path = run / "journal" / f"{FINAL}.jsonl"
    rows = [{**row, "text": "\x1b]0;title\x07\x1b[31mred"} for row in read_lines(path)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = shown(run, "--phase", FINAL)
    assert "\x1b]0" not in text
    assert "\\x1b]0;title" in text


def test_what_is_not_there_is_said(run: Path, tmp_path: Path) -> None:
    for arguments, message in (
        ([tmp_path / "nowhere"], "does not exist"),
        ([run.parent], "it holds runs, such as"),
        ([run, "--phase", "evaluation.finale"], "did you mean 'evaluation.final'"),
        ([run, "--sample", "test-999/0"], "names look like"),
    ):
        with pytest.raises(UserError, match=message):
            shown(*arguments)
    assert "no sample matches" in shown(run, "--phase", FINAL, "--wrong", "--sample", "test-0/0")


def test_samples_that_are_missing_are_said(run: Path) -> None:
    journal = run / "journal/evaluation.final.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:-1]))
    said = finished(command("inspect", str(run)))
    assert said.returncode == 2
    assert "evaluation.final.jsonl' has 19 samples, and manifest.json says 20" in said.stderr
    journal.unlink()
    assert "has 0 samples" in finished(command("inspect", str(run))).stderr
    assert finished(command("inspect", str(run), "--phase", "rft.sample")).returncode == 0


def test_a_damaged_journal_is_named(run: Path) -> None:
    (run / "journal" / f"{FINAL}.jsonl").write_text('{"phase": "x", "text": ""}\n')
    with pytest.raises(UserError, match=r"evaluation\.final has a line that is not a sample"):
        shown(run)
