"""The dial: worlds of equal accuracy that err in different ways, and the page on what SD-Zero gains in each."""

from __future__ import annotations

import itertools
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from record_edits import value
from synthetic_records import write_record

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.stats.significance import holm
from sdzero_bench.records.reader import load_run
from sdzero_bench.report.rendering.blocks import Table
from sdzero_bench.tasks.micro_world.care import Care
from tools.dial import figures
from tools.dial.__main__ import write
from tools.dial.advantages import OTHERS, OURS, measured
from tools.dial.dial_worlds import DRAFTS, HABIT_FROM, accuracy, dial_worlds, problems
from tools.dial.other_model import both_models
from tools.dial.page import blocks
from tools.micro_model.worlds import WORLDS, World


@pytest.fixture(scope="module")
def worlds() -> dict[str, World]:
    return dial_worlds()


def solved(world: World) -> float:
    """Share of sums that at least one of several drafts has right."""
    rng = random.Random(1)
    found = problems()
    return sum(any(p.attempt(world.draft, rng)[1] for _ in range(DRAFTS)) for p in found) / len(found)


def test_drafts_of_all_worlds_are_as_often_right_and_fewer_sums_are_ever_right_where_errors_are_habits(
    worlds: dict[str, World],
) -> None:
    sums = problems()
    shares = {name: accuracy(world.draft, sums) for name, world in worlds.items()}
    assert max(shares.values()) - min(shares.values()) < 0.02
    ever = [solved(worlds[f"from-{first}"]) for first in HABIT_FROM]
    assert ever[0] > 0.95 > 0.75 > ever[-1]
    assert all(before > after for before, after in itertools.pairwise(ever))


def test_second_looks_differ_in_nothing_else(worlds: dict[str, World]) -> None:
    looks = {name: world for name, world in worlds.items() if name.startswith("second")}
    assert [world.revision.habit for world in looks.values()] == [0.3, 0.6, 0.9]
    assert {world.draft for world in looks.values()} == {worlds[f"from-{HABIT_FROM[-1]}"].draft}
    assert all(world.code_share == 0 for world in worlds.values())


@pytest.fixture
def records(tmp_path: Path) -> Path:
    for world, ours in (("from-10", 0.6), ("from-5", 0.9), ("second-look-0.6", 0.7)):
        config = {"model": {"name": f"runs/dial/models/{world}"}}
        for seed in range(3):
            for method, chance in {**dict.fromkeys(OTHERS, 0.6), OURS: ours}.items():
                write_record(tmp_path / "runs" / world / f"{method}-{seed}", method, seed, chance, base=0.5, config=config)
    return tmp_path / "runs"


def test_the_page_has_every_world_that_was_run_and_each_difference(records: Path, tmp_path: Path) -> None:
    write(records, tmp_path / "page", tmp_path / "no boards")
    page = (tmp_path / "page" / "README.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith(("| from-", "| second-look"))]
    assert [row.split(" | ")[0] for row in rows] == ["| from-10", "| from-5", "| from-5", "| second-look-0.6"]
    assert "*" not in rows[0]
    assert rows[1].count("*") == len(OTHERS)
    data = {entry["world"]: entry for entry in json.loads((tmp_path / "page" / "dial.json").read_text())}
    gain = data["from-5"]["differences"]["rft"]
    assert gain["mean"] == pytest.approx(data["from-5"]["methods"][OURS]["mean"] - data["from-5"]["methods"]["rft"]["mean"])
    assert gain["decision"] == "higher"
    for name in ("errors", "second_looks"):
        assert (tmp_path / "page" / f"{name}.png").stat().st_size > 10_000
        assert "<svg" in (tmp_path / "page" / f"{name}.svg").read_text()


def test_a_second_model_is_compared_on_the_same_questions_and_seeds(records: Path, tmp_path: Path) -> None:
    boards, found = tmp_path / "boards", {}
    for method, chance in {**dict.fromkeys(OTHERS, 0.5), OURS: 0.8}.items():
        for seed in range(5):
            folder = write_record(boards / f"{method}-{seed}", method, seed, chance, questions=60, base=0.4)
            found[method, seed] = load_run(folder).evaluation[-1].per_question.avg
    asked = load_run(records / "from-5" / f"{OURS}-0").evaluation[-1].per_question.avg
    assert len(asked) < len(found[OURS, 0])
    models = both_models(records, "from-5", boards)
    assert models is not None
    for method in (OURS, *OTHERS):
        expected = np.mean([found[method, seed][name] for seed in range(3) for name in asked])
        assert models[1][method] == pytest.approx(expected)
    write(records, tmp_path / "page", boards)
    page = (tmp_path / "page" / "README.md").read_text()
    (row,) = (line.split(" | ") for line in page.splitlines() if line.startswith("| leaderboards"))
    assert row[1] == f"{100 * models[1]['base']:.1f}"
    assert row[-1] == f"{100 * (models[1][OURS] - models[1][OTHERS[-1]]):.1f} |"

    shutil.rmtree(records / "from-5" / f"{OTHERS[1]}-0")
    shutil.rmtree(boards / f"{OTHERS[0]}-2")
    models = both_models(records, "from-5", boards)
    assert models is not None  # on seed 1, which all methods still have
    assert models[1][OURS] == pytest.approx(np.mean([found[OURS, 1][name] for name in asked]))
    shutil.rmtree(boards / f"{OTHERS[0]}-1")
    with pytest.raises(UserError, match="no seed has a run of each"):
        both_models(records, "from-5", boards)
    for seed in (0, 3, 4):
        shutil.rmtree(boards / f"{OTHERS[0]}-{seed}")
    assert both_models(records, "from-5", boards) is None  # a method is missing


def test_the_comparisons_of_all_worlds_are_one_family_whether_run_or_not(records: Path) -> None:
    pairs = [pair for world in measured(records, ["from-10", "from-5"]) for pair in world.pairs]
    assert len(pairs) == 8
    assert [pair.p_holm for pair in pairs] == holm([pair.p for pair in pairs], absent=9 * 4 - 8)
    assert len({pair.p_holm for pair in pairs}) > 1


def test_each_column_has_what_its_heading_says(records: Path) -> None:
    revises = {"accuracy_first": 0.5, "accuracy_revised": 0.6, "correction_rate": 0.25, "kept_rate": 0.9, "mean_tokens": 20}
    folder = write_record(records / "from-5" / "base", "base", 0, 0.5, config={"model": {"name": "runs/dial/models/from-5"}})
    value("evaluation.json", "0/revision", revises)(folder)
    (world,) = measured(records, ["from-5"])
    entry = load_run(folder).evaluation[0]
    made = {"from-5": WORLDS["habits"]}
    tables = [block for block in blocks([world], [world, world], made) if isinstance(block, Table)]
    for table, dial in zip(tables, ("slips (%)", "habit when redone (%)"), strict=True):
        row = dict(zip(table.headings, table.rows[0], strict=True))
        texts = made["from-5"].draft.plain if dial == "slips (%)" else made["from-5"].revision.habit
        assert float(row[dial]) == pytest.approx(100 * texts)
        if dial == "slips (%)":
            careful = Care(0.0, 0.0, made["from-5"].draft.habit, made["from-5"].draft.habit_from)
            assert float(row["without slips (%)"]) == pytest.approx(100 * accuracy(careful, problems()), abs=0.5)
        assert row["base avg@8 (%)"].startswith(f"{100 * entry.avg_at_k:.1f} [")
        assert row["base pass@8 (%)"].startswith(f"{100 * entry.pass_at_k:.1f} [")
        assert float(row["base pass@8 - avg@8 (pts)"]) == pytest.approx(100 * (entry.pass_at_k - entry.avg_at_k), abs=0.05)
        assert (row["base corrected (%)"], row["base kept (%)"]) == ("25.0", "90.0")
        for other in OTHERS:
            difference = 100 * (world.rows[OURS].mean - world.rows[other].mean)
            assert row[f"sdzero - {other} (pts)"].startswith(f"{difference:.1f} [")


def test_figures_are_drawn_at_the_gap_and_at_the_share_of_repeated_habits(
    records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(figures, "images", lambda figure: drawn.append(figure) or {})
    found = zip(measured(records, ["from-10", "from-5"]), (0.9, 0.7), strict=True)
    worlds = [replace(world, best=Estimate(best, best, best)) for world, best in found]
    figures.against_gap(worlds)
    figures.against_second_look(worlds, [0.0, 0.6])
    for figure, at in zip(drawn, ([100 * world.gap for world in worlds], [0.0, 60.0]), strict=True):
        series = [container.lines[0] for container in figure.axes[0].containers]
        assert len(series) == len(OTHERS)
        for other, line in zip(OTHERS, series, strict=True):
            points = dict(zip(sorted(at), np.asarray(line.get_ydata()), strict=True))
            for world, x in zip(worlds, at, strict=True):
                difference = 100 * (world.rows[OURS].mean - world.rows[other].mean)
                assert points[x] == pytest.approx(difference)
            assert np.asarray(line.get_xdata()) == pytest.approx(sorted(at), abs=2)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda runs: value("manifest.json", "config/preset", "micro-slips")(runs / "from-5" / "rft-0"), "preset micro-slips"),
        (lambda runs: [shutil.rmtree(runs / world) for world in ("from-10", "from-5", "second-look-0.6")], "no run below"),
        (lambda runs: [shutil.rmtree(runs / "from-5" / f"sdzero-{seed}") for seed in range(3)], "has no runs of sdzero"),
    ],
)
def test_records_that_give_no_page_are_refused(records: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(records)
    with pytest.raises(UserError, match=message):
        measured(records, ["from-10", "from-5"])


def test_a_page_of_somebody_else_is_left_alone(records: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(UserError, match="is not a page of python -m"):
        write(records, tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"


@pytest.mark.parametrize("name", ["a", "z"])
def test_how_the_base_revises_is_from_the_run_that_measured_it(records: Path, name: str) -> None:
    """The sweep over methods measures the base too, without revisions."""
    config = {"model": {"name": "runs/dial/models/from-5"}}
    write_record(records / "from-5" / "base", "base", 0, 0.5, config=config)
    figures = {"accuracy_first": 0.5, "accuracy_revised": 0.7, "correction_rate": 0.5, "kept_rate": 0.9, "mean_tokens": 20}
    value("evaluation.json", "0/revision", figures)(write_record(records / "from-5" / name, "base", 0, 0.5, config=config))
    (world,) = measured(records, ["from-5"])
    assert world.revises == (0.5, 0.9)


def test_a_world_without_sdzero_is_said(tmp_path: Path) -> None:
    config = {"model": {"name": "models/from-9"}}
    write_record(tmp_path / "rft", "rft", 0, 0.6, base=0.5, config=config)
    with pytest.raises(UserError, match="from-9 has no runs of sdzero"):
        measured(tmp_path, ["from-9"])
