"""What is committed under results/ follows from its own records, and the README quotes it to the letter."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from pathlib import Path

import pytest
from small_runs import command

from sdzero_bench.records.packing import run_folders
from sdzero_bench.runs.registry import methods

ROOT = Path(__file__).parent.parent
MICRO = ROOT / "results" / "micro"


def test_every_committed_figure_follows_from_its_journal() -> None:
    done = subprocess.run(command("validate", str(ROOT / "results"), "--json"), capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    assert found["findings"] == 0, done.stdout[:3000]
    assert done.returncode == 0
    assert str(MICRO) in found["leaderboards"]


def test_the_leaderboard_has_every_method_on_five_seeds_of_both_tasks_within_eight_minutes_of_a_core() -> None:
    rows: dict[str, dict[str, list[int]]] = {"micro-arith": {}, "micro-code": {}}
    for folder in run_folders(MICRO):
        result = json.loads((folder / "result.json").read_text())
        if result["budget"]["questions"] == 1000:
            rows[result["task"]].setdefault(result["method"], []).append(result["seed"])
        threads = json.loads((folder / "manifest.json").read_text())["hardware"]["torch_threads"]
        assert threads * sum(use["wall_seconds"] for use in result["ledger"].values()) < 480, folder.name
    for seeds_of in rows.values():
        assert seeds_of.pop("base") == [0]
        assert seeds_of.keys() == methods().keys() - {"base"}
        assert all(sorted(seeds) == [0, 1, 2, 3, 4] for seeds in seeds_of.values())


@pytest.mark.parametrize("task", ["micro-arith", "micro-code"])
@pytest.mark.parametrize("quoted", ["| rank | method |", "| method | samples |"])
def test_the_readme_quotes_the_tables_to_the_letter(task: str, quoted: str) -> None:
    """A table of the report, line by line; the README has it whole or not at all."""
    lines = (MICRO / "README.md").read_text().partition(f"\n## {task}\n")[2].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(quoted))
    table = list(itertools.takewhile(lambda line: line.startswith("|"), lines[start:]))
    assert len(table) > 10
    assert "\n".join(table) in (ROOT / "README.md").read_text()


def test_the_orders_in_the_readme_follow_from_the_leaderboard() -> None:
    """Each row `a - b`: the paired difference with its interval, either way round, and what can be said of it; by task."""
    pairs: dict[str, dict[str, tuple[float, ...]]] = {"micro-arith": {}, "micro-code": {}}
    for board in json.loads((MICRO / "leaderboard.json").read_text())["boards"]:
        for pair in board["tables"][0]["pairs"]:
            mean, low, high = (100 * pair["difference"][name] for name in ("mean", "low", "high"))
            found = pairs[board["tables"][0]["task"]]
            found[f"{pair['after']} - {pair['before']}"] = (mean, low, high, pair["p_holm"])
            found[f"{pair['before']} - {pair['after']}"] = (-mean, -high, -low, pair["p_holm"])
    section = (ROOT / "README.md").read_text().partition("| the paper's order |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines()[2:]]
    assert len(rows) == 11
    for name, _, *cells in rows:
        for task, here, verdict in (("micro-arith", *cells[:2]), ("micro-code", *cells[2:])):
            mean, low, high, p = pairs[task][name]
            assert here == f"{mean:.1f} [{low:.1f}, {high:.1f}]"
            assert verdict == ("can't be told" if p >= 0.05 else "yes" if mean > 0 else "no, the other way round")


def table_of(text: str, start: str) -> str:
    """The first table whose first line begins so."""
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith(start))
    return "\n".join(itertools.takewhile(lambda line: line.startswith("|"), lines[first:]))


def test_the_readme_shows_what_make_run_printed() -> None:
    (run,) = (ROOT / "results" / "run").glob("sdzero-micro-arith-*")
    assert table_of((run / "summary.md").read_text(), "| policy |") in (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    ("folder", "starts"),
    [("smol", ["| rank |", "| pair |", "| method | samples |"]), ("harnesses", ["| task |", "| harness |"])],
)
def test_a_page_of_records_quotes_their_report(folder: str, starts: list[str]) -> None:
    done = subprocess.run(command("report", str(ROOT / "results" / folder)), capture_output=True, text=True, check=True)
    page = (ROOT / "results" / folder / "README.md").read_text()
    for start in starts:
        assert table_of(done.stdout, start) in page


def test_the_papers_tables_and_claims_follow_from_the_records(tmp_path: Path) -> None:
    """Also where runs are still missing: then the committed pages say so, and the exit code does."""
    results = ROOT / "results"
    where = ["--no-runs", "--runs", str(results / "records"), "--reuse", str(MICRO), "--out", str(tmp_path)]
    done = subprocess.run(command("reproduce", "all", *where), capture_output=True, text=True, check=False)
    complete = "not run" not in (results / "README.md").read_text()
    assert done.returncode == (0 if complete else 1), done.stderr
    made = [path for path in sorted(tmp_path.rglob("*")) if path.suffix in (".md", ".csv", ".json", ".tex")]
    assert len(made) > 80
    for path in made:
        assert path.read_bytes() == (results / path.relative_to(tmp_path)).read_bytes(), path.name


def test_the_readme_says_of_the_claims_what_their_page_says() -> None:
    readme, page = (" ".join((ROOT / name).read_text().split()) for name in ("README.md", "results/README.md"))
    rows = [[cell.strip() for cell in line.split("|")] for line in (ROOT / "results/README.md").read_text().splitlines()]
    verdict = {(row[2], row[3]): row[-2] for row in rows if len(row) > 6}
    for pair in ("both - generation alone", "both - revision alone", "filtered - unfiltered", "srt - base", "srt - sdzero"):
        assert verdict[pair, "micro-arith"] == "holds"
    for pair in ("sdzero - rft", "sdzero - grpo"):
        assert {verdict[pair, task] for task in ("micro-arith", "micro-code")} == {"does not hold"}
    assert verdict["kl(teacher, student) - kl(student, teacher)", "micro-arith"] == "the second is higher"
    assert "| placebo - paper | micro-arith | -7.0 [" in page
    assert "costs 7.0 points" in readme
    for pair in ("sdzero - without SRT", "the opposite - the truth"):
        assert verdict[pair, "micro-arith"] == "can't be told"
    runs, hours = re.search(r"made from (\d+) runs, which took ([\d.]+) CPU hours", page).groups()
    assert f"made from {runs} runs: about {float(hours) / 2:.0f} hours on 2 cores" in readme


def test_a_report_shows_the_experiments_that_its_records_are_enough_for() -> None:
    done = subprocess.run(
        command("report", str(MICRO), "--experiments", "--format", "json,md"), capture_output=True, text=True, check=True
    )
    shown = {line.removeprefix("## ").partition(":")[0] for line in done.stdout.splitlines() if line.startswith("## ")}
    assert {"Table 1", "Table 3", "Table 7", "Figure 3", "Figure 6"} <= shown
    assert "Table 9" not in shown  # which needs revisions


def test_the_model_card_quotes_what_was_measured() -> None:
    card = " ".join((ROOT / "tasks/micro_world/sums_and_programs/README.md").read_text().split())
    worth = json.loads((ROOT / "results/run/references.json").read_text())
    for shown in ("nothing", "own right response", "gold solution"):
        arith, code = (f"{100 * worth[task][shown]['right']:.1f}" for task in ("micro-arith", "micro-code"))
        assert f"| {arith} | {code} |" in card
    found = json.loads((ROOT / "results/run/localisation.json").read_text())
    before, after = found["before_srt"], found["after_srt"]
    assert (
        f"{100 * before['kl_mass']:.1f} % of kl(student, teacher) falls on the first wrong line, which has "
        f"{100 * before['share_of_tokens']:.1f} % of the tokens ({before['nats_on_line']:.2f} nats there, "
        f"{before['nats_elsewhere']:.2f} elsewhere); after SRT {100 * after['kl_mass']:.1f} % "
        f"({after['nats_on_line']:.2f} nats, {after['nats_elsewhere']:.2f} elsewhere)" in card
    )
    bases = []
    for task in ("micro-arith", "micro-code"):
        (run,) = (ROOT / "results" / "run").glob(f"sdzero-{task}-*")
        bases.append(json.loads((run / "result.json").read_text())["evaluation"][0])
    for name, interval in (("avg_at_k", "interval"), ("pass_at_k", "pass_at_k_interval")):
        cells = [f"{100 * base[name]:.1f} [{100 * base[interval][0]:.1f}, {100 * base[interval][1]:.1f}]" for base in bases]
        assert f"| {' | '.join(cells)} |" in card
    for name in ("correction_rate", "kept_rate"):
        cells = [f"{100 * base['revision'][name]:.1f}" for base in bases]
        assert f"| {' | '.join(cells)} |" in card


def test_the_readme_quotes_the_benchmarks() -> None:
    readme = " ".join((ROOT / "README.md").read_text().split())
    measured = json.loads((ROOT / "results" / "sandbox_throughput.json").read_text())["measured"]
    tier_1 = [row for row in measured if row["checker"].startswith("tier 1")]
    rates = [row["programs_per_second"] for row in tier_1 if "C++" not in row["workload"]]
    assert len(rates) == 3
    assert f"{min(rates):.0f} to {max(rates):.0f} in Python at tier 1" in readme
    costs = json.loads((ROOT / "results" / "costs_at_scale.json").read_text())
    most, report = costs["journal"][-1], costs["report"]
    assert f"takes {most['journal_ms_a_sample']:.2f} ms a sample of {costs['tokens']} tokens" in readme
    assert f"{most['memory_grown_mb']:.0f} MB at {most['samples']:,} samples" in readme
    assert f"over {report['records']:,} records takes {report['seconds']:.0f} s and {report['peak_mb'] / 1000:.1f} GB" in readme
    assert max(row["share_of_sampling_percent"] for row in costs["journal"]) < 2
