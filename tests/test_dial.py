"""The dial: worlds of equal accuracy that err in different ways, and the page on what SD-Zero gains in each."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

import pytest
from record_edits import value
from synthetic_records import write_record

from sdzero_bench.core.errors import UserError
from tools.dial.__main__ import write
from tools.dial.advantages import OTHERS, OURS, measured
from tools.dial.dial_worlds import DRAFTS, HABIT_FROM, accuracy, dial_worlds, problems
from tools.micro_model.worlds import World


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
    write(records, tmp_path / "page")
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


def test_the_worlds_comparisons_are_one_family(records: Path) -> None:
    found = measured(records, ["from-10", "from-5"])
    alone = measured(records, ["from-5"])
    p = {pair.before: pair.p_holm for world in found for pair in world.pairs}
    for pair in alone[0].pairs:
        assert pair.p_holm is not None
        assert pair.p_holm <= (p[pair.before] or 0) + 1e-12


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
