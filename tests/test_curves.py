"""What the figures of experiments show, from journals and logs of runs that are known to the last token."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.reader import RunRecord
from sdzero_bench.report.leaderboard.grouping import Row
from sdzero_bench.report.reproduce.curves import DRAWN_TOGETHER, WINDOW, concentrations, curve
from sdzero_bench.report.reproduce.experiment import Experiment
from sdzero_bench.report.reproduce.plots import draw
from sdzero_bench.report.reproduce.row_figures import Measured, TaskFigures

EXPERIMENT = Experiment(
    name="mine",
    title="Mine",
    question="What is to be seen?",
    order=1,
    variants={"sdzero": {"method": "sdzero"}},
    reference="sdzero",
    columns=("avg",),
)


def lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def figures_of(*folders: Path) -> TaskFigures:
    runs = tuple(RunRecord(folder, {"test_set": "t", "run_id": folder.name}, {}, []) for folder in folders)
    row = Measured("sdzero", Row("sdzero", "srt", runs), tuple(range(len(runs))))
    return TaskFigures(EXPERIMENT, "sums", (row,), (), ())


def test_steps_are_a_running_mean_of_rewards_over_seeds(tmp_path: Path) -> None:
    for seed, reward in enumerate((0.2, 0.6)):
        steps = [{"step": i, "reward": reward} for i in range(20)]
        lines(tmp_path / f"s{seed}" / "training" / "distill.jsonl", [*steps, {"step": 20, "train_loss": 1.0}])
    rows = curve(figures_of(tmp_path / "s0", tmp_path / "s1"), "steps")
    assert [row["step"] for row in rows] == list(range(1 + WINDOW // 2, 21 - WINDOW // 2))
    assert {(row["reward"], row["reward_low"], row["reward_high"]) for row in rows} == {(0.4, 0.2, 0.6)}
    assert draw(rows, "steps") == draw(rows, "steps")


def test_a_run_without_rewards_of_its_steps_is_named(tmp_path: Path) -> None:
    lines(tmp_path / "s0" / "training" / "distill.jsonl", [{"step": 1, "loss": 1.0}])
    with pytest.raises(UserError, match="has no step rewards of 'distill'"):
        curve(figures_of(tmp_path / "s0"), "steps")


def test_length_and_words_over_training(tmp_path: Path) -> None:
    short, long = {"token_ids": [1] * 4, "text": "3"}, {"token_ids": [1] * 10, "text": "3\n\nWait, let me start over."}
    journal = tmp_path / "s0" / "journal"
    lines(journal / "srt.initial.jsonl", [short, short])
    lines(journal / "evaluation.srt.jsonl", [long, long, short, short])
    lines(journal / "distill.jsonl", [long] * DRAWN_TOGETHER + [short] * DRAWN_TOGETHER + [long])  # the last point is not full
    rows = curve(figures_of(tmp_path / "s0"), "words")
    assert [(row["point"], row["tokens"], row["words"]) for row in rows] == [(0, 4, 0), (1, 7, 0.5), (2, 10, 1), (3, 4, 0)]
    assert draw(rows, "words").keys() == {"png", "svg"}


def test_words_are_restored_in_a_packed_record() -> None:
    (record,) = (Path(__file__).parent.parent / "results" / "micro").glob("sdzero-micro-arith-s0-*")
    base, srt, *_ = curve(figures_of(record), "words")
    assert (base["words"], srt["words"]) == (0, pytest.approx(1, abs=0.1))


def localisation(folder: Path, responses: list[tuple[bool, list[float]]]) -> None:
    folder.mkdir()
    rows = [{"policy": "srt", "right": right, "kl": kl} for right, kl in responses]
    others = [{"policy": "final", "right": True, "kl": [5.0] * 20}]
    (folder / "localisation.json").write_text(json.dumps({"responses": [*rows, *others]}))


def test_where_the_divergence_of_right_and_wrong_responses_lies(tmp_path: Path) -> None:
    """Wrong: all of it on one token in twenty. Right: the same on each. Without any there are no shares to count."""
    peak, flat, none = [0.0] * 19 + [3.0], [0.1] * 20, [0.0] * 20
    localisation(tmp_path / "s0", [(False, peak), (False, peak[::-1]), (True, flat), (True, none)])
    localisation(tmp_path / "s1", [(True, flat), (False, peak)])
    figures = figures_of(tmp_path / "s0", tmp_path / "s1")
    rows = curve(figures, "localisation")
    wrong, right = ([row["share"] for row in rows if row["responses"] == kind] for kind in ("wrong", "right"))
    assert wrong == [1.0] + [0.0] * 19
    assert right == pytest.approx([0.05] * 20)
    assert {(row["responses"], row["count"]) for row in rows} == {("wrong", 3), ("right", 2)}
    found = concentrations(figures.rows[0])
    assert found is not None
    assert (found.wrong.mean, found.right.mean) == (pytest.approx(0.95), pytest.approx(0))
    assert found.difference.mean == pytest.approx(0.95)
    assert draw(rows, "localisation").keys() == {"png", "svg"}


def test_nothing_is_compared_where_one_kind_is_lacking(tmp_path: Path) -> None:
    localisation(tmp_path / "s0", [(True, [0.1, 0.2]), (True, [0.1, 0.3])])
    assert concentrations(figures_of(tmp_path / "s0").rows[0]) is None
    (tmp_path / "s1").mkdir()
    with pytest.raises(UserError, match=r"run it with evaluation\.localise"):
        curve(figures_of(tmp_path / "s1"), "localisation")
