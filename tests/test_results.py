"""What is committed under results/ follows from its own records, and the README quotes it to the letter."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from small_runs import command

from sdzero_bench.packing import run_folders
from sdzero_bench.registry import methods

ROOT = Path(__file__).parent.parent
MICRO = ROOT / "results" / "micro"


def test_every_committed_figure_follows_from_its_journal() -> None:
    done = subprocess.run(command("validate", str(ROOT / "results"), "--json"), capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    assert found["findings"] == 0, done.stdout[:3000]
    assert done.returncode == 0
    assert str(MICRO) in found["leaderboards"]


def test_the_leaderboard_has_every_method_on_five_seeds_within_two_minutes_a_run() -> None:
    rows: dict[str, list[int]] = {}
    for folder in run_folders(MICRO):
        result = json.loads((folder / "result.json").read_text())
        if result["budget"]["questions"] == 1000:
            rows.setdefault(result["method"], []).append(result["seed"])
        assert sum(use["wall_seconds"] for use in result["ledger"].values()) < 120, folder.name
    assert rows.pop("base") == [0]
    assert rows.keys() == methods().keys() - {"base"}
    assert all(sorted(seeds) == [0, 1, 2, 3, 4] for seeds in rows.values())


@pytest.mark.parametrize(
    ("folder", "quoted"),
    [("micro", "| rank | method |"), ("micro", "| method | samples |"), ("micro-code", "| rank | method |")],
)
def test_the_readme_quotes_the_tables_to_the_letter(folder: str, quoted: str) -> None:
    """A table of the report, line by line; the README has it whole or not at all."""
    lines = (ROOT / "results" / folder / "README.md").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(quoted))
    table = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        table.append(line)
    assert len(table) > 10
    assert "\n".join(table) in (ROOT / "README.md").read_text()


def test_the_orders_in_the_readme_follow_from_the_leaderboard() -> None:
    """Each row `a - b`: the paired difference with its interval, either way round, and what can be said of it."""
    pairs = {}
    for pair in json.loads((MICRO / "leaderboard.json").read_text())["boards"][0]["tables"][0]["pairs"]:
        mean, low, high = (100 * pair["difference"][name] for name in ("mean", "low", "high"))
        pairs[f"{pair['after']} - {pair['before']}"] = (mean, low, high, pair["p_holm"])
        pairs[f"{pair['before']} - {pair['after']}"] = (-mean, -high, -low, pair["p_holm"])
    section = (ROOT / "README.md").read_text().partition("| the paper's order |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines()[2:]]
    assert len(rows) == 11
    for name, _, here, verdict in rows:
        mean, low, high, p = pairs[name]
        assert here == f"{mean:.1f} [{low:.1f}, {high:.1f}]"
        assert verdict == ("can't be told" if p >= 0.05 else "yes" if mean > 0 else "no, the other way round")
