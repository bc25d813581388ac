"""What a report says of how settings were chosen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from synthetic_records import write_comparison, write_record

from sdzero_bench.report.leaderboard.report_files import Report

RATE, EPOCHS = "optimizer.learning_rate", "method.epochs"
SPACE = {RATE: {"kind": "range", "low": 1e-5, "high": 1e-3, "log": True}, EPOCHS: {"kind": "one of", "values": [1, 2, 4]}}


def tuned(runs: Path, seed: int, points: dict[tuple[float, int], float], space: Any = SPACE) -> None:
    """An rft run whose trials have these accuracies by (learning rate, epochs)."""
    trials = [
        {"values": {RATE: rate, EPOCHS: epochs}, "avg_at_k": avg, "run_id": f"t{number}", "samples": 40}
        for number, ((rate, epochs), avg) in enumerate(points.items())
    ]
    rate, epochs = max(points, key=lambda point: points[point])
    grid = {RATE: [point[0] for point in points], EPOCHS: sorted({point[1] for point in points})}
    chosen = {RATE: rate, EPOCHS: epochs}
    tuning = {"grid": grid, "space": space, "split": "validation", "trials": trials, "chosen": chosen}
    write_record(
        runs / f"tuned-s{seed}",
        "rft",
        seed,
        0.7,
        config={"optimizer": {"learning_rate": rate}},
        options={"epochs": epochs},
        tuning=tuning,
    )


def rows(runs: Path) -> list[str]:
    text = Report(runs).text("md")["README.md"]
    below = text.partition("#### Tuning\n\n")[2].splitlines()
    return [line for line in below[2 : below.index("")] if line]


def test_seeds_that_share_their_trials_have_one_row(tmp_path: Path) -> None:
    write_comparison(tmp_path)
    for seed in (0, 1):
        tuned(tmp_path, seed, {(1e-5, 4): 0.5, (1e-4, 2): 0.625, (1e-3, 1): 0.25})
    assert rows(tmp_path) == ["| rft | optimizer.learning_rate=0.0001, method.epochs=2 | 25.0 to 62.5 |"]


def test_a_learning_rate_at_the_end_of_those_tried_is_marked_and_an_option_with_few_values_is_not(tmp_path: Path) -> None:
    write_comparison(tmp_path)
    tuned(tmp_path, 0, {(1e-5, 4): 0.5, (1e-4, 2): 0.625, (1e-3, 4): 0.75})
    assert rows(tmp_path) == ["| rft | optimizer.learning_rate=0.001 (highest tried), method.epochs=4 | 50.0 to 75.0 |"]


def test_without_a_search_space_both_ends_of_the_grid_are_marked(tmp_path: Path) -> None:
    write_comparison(tmp_path)
    tuned(tmp_path, 0, {(1e-5, 4): 0.75, (1e-4, 2): 0.625, (1e-3, 1): 0.5}, space=None)
    assert rows(tmp_path) == [
        "| rft | optimizer.learning_rate=1e-05 (lowest tried), method.epochs=4 (highest tried) | 50.0 to 75.0 |"
    ]


@pytest.mark.parametrize(
    ("edited", "row"),
    [
        ({"trials": []}, "| rft | optimizer.learning_rate=0.0001, method.epochs=2 | - |"),
        ({"chosen": {}}, "| rft | - | 25.0 to 62.5 |"),
        ({"space": {}, "grid": {}}, "| rft (epochs=2) | optimizer.learning_rate=0.0001, method.epochs=2 | 25.0 to 62.5 |"),
    ],
)
def test_a_record_without_what_was_tried_is_reported_all_the_same(tmp_path: Path, edited: dict[str, Any], row: str) -> None:
    write_comparison(tmp_path)
    tuned(tmp_path, 0, {(1e-5, 4): 0.5, (1e-4, 2): 0.625, (1e-3, 1): 0.25})
    path = tmp_path / "tuned-s0" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["tuning"] |= edited
    path.write_text(json.dumps(manifest))
    assert rows(tmp_path) == [row]


def test_nothing_is_said_where_nothing_was_tuned(tmp_path: Path) -> None:
    assert "#### Tuning" not in Report(write_comparison(tmp_path)).text("md")["README.md"]
