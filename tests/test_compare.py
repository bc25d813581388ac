"""Two runs, question by question."""

from __future__ import annotations

import json
import lzma
import shutil
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import ttest_rel
from small_runs import command, finished
from synthetic_records import write_record

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.packed_lines import read_lines
from sdzero_bench.records.reader import load_run
from sdzero_bench.records.record_files import parsed
from sdzero_bench.report.leaderboard.comparison import Comparison, compare_runs
from sdzero_bench.runs.evaluation.measures import paired_difference

MICRO = Path(__file__).parent.parent / "results" / "micro"


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    return write_record(tmp_path / "a", "rft", 0, 0.5), write_record(tmp_path / "b", "sdzero", 0, 0.75)


def comparison(two: tuple[Path, Path], policy: str | None = None) -> Comparison:
    return compare_runs(load_run(two[0]), load_run(two[1]), policy)


def shares(folder: Path) -> dict[str, float]:
    """Right samples of each question, counted from the journal."""
    rewards: dict[str, list[float]] = {}
    for row in read_lines(folder / "journal" / "evaluation.final.jsonl"):
        rewards.setdefault(row["question_id"], []).append(row["verdict"]["reward"])
    return {question: sum(values) / len(values) for question, values in rewards.items()}


def test_the_difference_is_paired_by_question(two: tuple[Path, Path]) -> None:
    found, a, b = comparison(two), shares(two[0]), shares(two[1])
    independent = paired_difference(a, b)
    assert found.difference.mean == pytest.approx(independent.difference)
    assert found.difference.interval == pytest.approx(independent.interval, abs=1e-9)
    assert found.p == pytest.approx(ttest_rel([b[q] for q in a], list(a.values())).pvalue)
    assert found.questions == 40


def test_changed_questions_are_those_whose_majority_changed_largest_first(two: tuple[Path, Path]) -> None:
    found, a, b = comparison(two), shares(two[0]), shares(two[1])
    assert {c.id for c in found.gained} == {q for q in a if a[q] < 0.5 <= b[q]}
    assert {c.id for c in found.lost} == {q for q in a if b[q] < 0.5 <= a[q]}
    for changes in (found.gained, found.lost):
        sizes = [abs(c.after - c.before) for c in changes]
        assert sizes == sorted(sizes, reverse=True)
    assert found.gained


def test_each_change_shows_question_gold_answer_and_a_response_of_either_side(two: tuple[Path, Path]) -> None:
    for change in comparison(two).gained:
        boxed = f"\\boxed{{{change.answer}}}"
        assert change.response_before is not None
        assert boxed not in change.response_before
        assert change.response_after is not None
        assert boxed in change.response_after
        terms = [int(term) for term in change.text.removesuffix(" = ?").split(" + ")]
        assert sum(terms) == int(change.answer)


def test_swapping_the_runs_swaps_everything(two: tuple[Path, Path]) -> None:
    there, back = comparison(two), comparison((two[1], two[0]))
    assert back.difference.mean == pytest.approx(-there.difference.mean)
    assert back.p == pytest.approx(there.p)
    assert {c.id for c in back.lost} == {c.id for c in there.gained}


def test_a_run_against_itself_changes_nothing(two: tuple[Path, Path]) -> None:
    found = comparison((two[0], two[0]))
    assert (found.difference.mean, found.p, found.gained, found.lost) == (0.0, 1.0, (), ())
    assert found.warnings == ("both are the same run",)


def test_packed_records_compare_as_their_runs_do(two: tuple[Path, Path]) -> None:
    plain = comparison(two).as_dict()
    for path in [*two[1].glob("question_sets/*.jsonl"), *two[1].glob("journal/*.jsonl")]:
        path.with_name(path.name + ".xz").write_bytes(lzma.compress(path.read_bytes()))
        path.unlink()
    assert comparison(two).as_dict() == plain


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"questions": 41}, "different test questions"),
        ({"config": {"evaluation": {"temperature": 0.5}}}, "evaluation temperature 1 against evaluation temperature 0.5"),
        ({"k": 5}, "measured differently: evaluation samples 4"),
        ({"state": "running"}, "is not finished"),
    ],
)
def test_runs_that_were_not_measured_alike_are_refused(
    two: tuple[Path, Path], tmp_path: Path, other: Any, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        comparison((two[0], write_record(tmp_path / "c", "srt", 0, 0.6, **other)))


@pytest.mark.parametrize(
    ("other", "warning"),
    [
        ({"train": 12}, "trained on different questions"),
        ({"config": {"budget": {"samples_per_question": 8}}}, "budgets differ: budget samples 40 against budget samples 80"),
        ({"config": {"model": {"name": "m"}}}, "different models"),
    ],
)
def test_what_differs_in_training_is_a_warning(two: tuple[Path, Path], tmp_path: Path, other: Any, warning: str) -> None:
    assert comparison(two).warnings == ()
    found = comparison((two[0], write_record(tmp_path / "c", "srt", 0, 0.6, **other)))
    assert any(warning in line for line in found.warnings)


def test_figures_that_were_changed_after_the_run_are_not_compared(tmp_path: Path) -> None:
    shutil.copytree(MICRO / "question_sets", tmp_path / "question_sets")
    records = [Path(shutil.copytree(path, tmp_path / path.name)) for path in sorted(MICRO.glob("rft-micro-arith-s[01]-*"))]
    compare_runs(*map(load_run, records))
    evaluation = parsed(records[1] / "evaluation.json")
    evaluation[-1]["per_question"]["avg"] = dict.fromkeys(evaluation[-1]["per_question"]["avg"], 1.0)
    (records[1] / "evaluation.json").write_text(json.dumps(evaluation))
    with pytest.raises(UserError, match=r"evaluation.json of .* changed after the run had ended"):
        compare_runs(*map(load_run, records))


def test_any_measured_policy_can_be_compared_and_the_base_needs_no_name(tmp_path: Path) -> None:
    run = write_record(tmp_path / "a", "sdzero", 0, 0.7, intermediate={"srt": 0.6})
    base = write_record(tmp_path / "b", "base", 0, 0.4)
    assert comparison((run, run), "srt").before.policy == "srt"
    found = comparison((base, run))
    assert (found.before.policy, found.after.policy) == ("base", "final")
    with pytest.raises(UserError, match=r"unknown policy of .* 'stt'; did you mean 'srt'"):
        comparison((run, run), "stt")


def test_the_command_shows_as_many_questions_as_asked_and_all_in_json(two: tuple[Path, Path]) -> None:
    a, b = map(str, two)
    shown = finished(command("compare", a, b, "--limit", "1"), check=True).stdout
    found = comparison(two)
    assert f"From wrong to right: {len(found.gained)} questions, showing the first 1" in shown
    assert found.gained[0].text in shown
    assert found.gained[1].text not in shown
    document = finished(command("compare", a, b, "--json"), check=True).stdout
    assert json.loads(document) == json.loads(json.dumps(found.as_dict()))
    wrong = finished(command("compare", a, a + "x"))
    assert wrong.returncode == 2
    assert "does not exist" in wrong.stderr
    assert len(wrong.stderr.splitlines()) == 1
