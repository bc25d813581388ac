"""From finished runs to the tables and figures of experiments; runs that are there are not made again."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from record_edits import value
from small_runs import SMALL, command, finished
from synthetic_records import only_table, write_record

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.stats.intervals import mean, ratio
from sdzero_bench.core.stats.significance import holm, p_value
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.own_digests import file_digests, with_own_digest
from sdzero_bench.records.packing import pack
from sdzero_bench.records.reader import load_run
from sdzero_bench.records.record_files import read_manifest
from sdzero_bench.records.schema import RecordDigests
from sdzero_bench.report.leaderboard.columns import ColumnName, Shown, shown
from sdzero_bench.report.leaderboard.pairs import Pair
from sdzero_bench.report.rendering.blocks import Heading, Table
from sdzero_bench.report.reproduce import claims, claims_page, curves, paper_order
from sdzero_bench.report.reproduce.cells import Cell, Setting, identity
from sdzero_bench.report.reproduce.claims import Claim, ClaimVerdict
from sdzero_bench.report.reproduce.conclusions import conclusions
from sdzero_bench.report.reproduce.experiment import Experiment, parse
from sdzero_bench.report.reproduce.row_figures import TaskFigures, measure
from sdzero_bench.report.reproduce.section import section
from sdzero_bench.report.reproduce.shelf import Shelf
from sdzero_bench.report.reproduce.writing import write
from sdzero_bench.runs.config import validate

EXPERIMENT = parse(
    "mine",
    """
title: "Mine"
question: Is SD-Zero better than RFT?
order: 1
variants:
  base: {method: base}
  rft: {method: rft}
  srt: {method: sdzero, policy: srt}
  sdzero: {method: sdzero}
reference: rft
columns: [avg, over, pass, tokens, samples, generated, trained, hours]
figure: length
paper:
  setting: a large model
  presets: [paper-qwen3-4b]
  columns:
    points: {rft: 54.3, sdzero: 60}
""",
)


@pytest.fixture
def records(tmp_path: Path) -> Path:
    folder = tmp_path / "records"
    write_record(folder / "base", "base", 0, 0.25, intervals=False)
    for seed in range(3):
        write_record(folder / f"rft-s{seed}", "rft", seed, 0.6, intervals=False)
        write_record(folder / f"sdzero-s{seed}", "sdzero", seed, 0.9, intermediate={"srt": 0.7}, intervals=False)
    return folder


def cells_of(experiment: Experiment, records: Path, seeds: int = 3) -> list[Cell]:
    """The cells that the synthetic records are the runs of."""
    made = []
    for label, variant in experiment.variants.items():
        for seed in range(1 if variant.method == "base" else seeds):
            folder = records / ("base" if variant.method == "base" else f"{variant.method}-s{seed}")
            config = validate(load_run(folder if folder.is_dir() else records / f"{variant.method}-s0").config)
            made.append(Cell(experiment.name, label, "micro-arith", seed, config.model_copy(update={"seed": seed})))
    return made


def figures_of(records: Path, seeds: int = 3) -> TaskFigures:
    (figures,) = measure(EXPERIMENT, cells_of(EXPERIMENT, records, seeds), Shelf([records]))
    return figures


def column(name: ColumnName, figures: TaskFigures) -> Shown:
    return shown(name, [row.row for row in figures.rows], figures.beside)


def test_rows_are_the_means_of_their_records(records: Path) -> None:
    figures = figures_of(records)
    assert [row.label for row in figures.rows] == ["base", "rft", "srt", "sdzero"]
    entries = [json.loads((records / f"sdzero-s{s}" / "evaluation.json").read_text()) for s in range(3)]
    by_policy = {e["policy"]: e["avg_at_k"] for e in entries[0]}
    averages = figures.estimates("avg")
    assert averages["sdzero"].mean == pytest.approx(np.mean([e[-1]["avg_at_k"] for e in entries]))
    assert averages["srt"].mean == pytest.approx(np.mean([e[0]["avg_at_k"] for e in entries]))
    assert by_policy.keys() == {"srt", "final"}
    over = figures.differences["sdzero"]
    assert over.difference.mean == pytest.approx(averages["sdzero"].mean - averages["rft"].mean)
    assert over.significant
    assert "rft" not in figures.differences


def test_a_figure_is_that_of_the_leaderboard(records: Path) -> None:
    figures, table = figures_of(records), only_table(records, "rft")
    for label in ("rft", "sdzero"):
        assert figures.estimates("avg")[label] == table.standing(label).avg
        assert figures.estimates("tokens")[label] == table.standing(label).tokens
    assert figures.differences["sdzero"].difference == table.standing("sdzero").over_reference.difference


def test_a_policy_on_the_way_has_the_samples_drawn_until_then(records: Path) -> None:
    figures = figures_of(records)
    samples = column("samples", figures)
    assert samples.values["base"] == 0
    assert samples.values["srt"] == samples.values["sdzero"] / 2  # one of its two sampling phases
    assert column("trained", figures).cells["srt"] == "-"


def test_a_packed_record_is_as_good_as_a_run_wherever_it_lies_and_whatever_it_is_called(records: Path, tmp_path: Path) -> None:
    for folder in list(records.iterdir()):
        pack(folder, tmp_path / "packed")
        shutil.rmtree(folder)
    (tmp_path / "packed" / "rft-s1").rename(tmp_path / "packed" / "other")
    shelf = Shelf([tmp_path / "nowhere", tmp_path / "packed"])
    (tmp_path / "records").rmdir()
    config = validate(load_run(tmp_path / "packed" / "other").config)
    assert shelf.find(config).folder.name == "other"
    assert shelf.find(config.model_copy(update={"seed": 7})) is None


def test_an_edited_record_is_left_out_and_named(records: Path) -> None:
    manifest = read_manifest(records / "rft-s1")
    digests = RecordDigests(files=file_digests(records / "rft-s1"), base=None, checkpoints={}, method=None)
    sealed = with_own_digest(manifest.model_copy(update={"digests": digests}))
    RunFolder(records / "rft-s1").write("manifest.json", sealed)
    assert Shelf([records]).strange == []
    value("evaluation.json", "0/avg_at_k", 1.0)(records / "rft-s1")
    shelf = Shelf([records])
    assert shelf.find(validate(load_run(records / "rft-s1").config)) is None
    (said,) = shelf.strange
    assert said == f"{records / 'rft-s1'}: changed after the run had ended (evaluation.json); see sdzero-bench validate"


def test_a_figure_that_no_run_has_data_for_is_left_out(records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rollouts are drawn by no run of the base."""
    shown = EXPERIMENT.model_copy(update={"figure": "rollouts", "reference": "base", "paper": ()})
    shown = shown.model_copy(update={"variants": {"base": EXPERIMENT.variants["base"]}})
    monkeypatch.setattr("sdzero_bench.report.reproduce.section.cells", lambda e, s: cells_of(shown, records))
    made = section(shown, Setting(), Shelf([records]))
    assert made.rows
    assert made.images == {}


def test_what_is_missing_is_named_once_for_all_that_need_it(records: Path) -> None:
    shutil.rmtree(records / "sdzero-s2")
    cells = cells_of(EXPERIMENT, records)
    others = [replace(cell, experiment="other") for cell in cells]
    (missing,) = Shelf([records]).missing([*cells, *others])
    assert (missing.config.method["name"], missing.config.seed, missing.for_experiments) == ("sdzero", 2, ("mine", "other"))
    figures = figures_of(records)
    assert figures.incomplete == ("srt", "sdzero")


def test_runs_that_were_measured_on_other_questions_are_refused(records: Path) -> None:
    path = records / "rft-s1" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "test_set": "0" * 16}))
    with pytest.raises(UserError, match="different questions"):
        figures_of(records)


def test_the_files_of_an_experiment(records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdzero_bench.report.reproduce.section.cells", lambda e, s: cells_of(e, records))
    made = section(EXPERIMENT, Setting(), Shelf([records]))
    paths = {path.name: path for path in write([made], tmp_path / "out")}
    assert set(paths) == {f"mine.{e}" for e in ("md", "tex", "csv", "json", "data.csv", "png", "svg")} | {"index.html"}
    text = paths["mine.md"].read_text()
    assert "Is SD-Zero better than RFT?" in text
    assert "| rft | 54.3 |" in text  # the paper's figures, apart from ours
    assert "in another setting: a large model" in text
    rows = list(csv.DictReader(paths["mine.csv"].open()))
    data = json.loads(paths["mine.json"].read_text())
    assert [row["variant"] for row in rows] == ["base", "rft", "srt", "sdzero"] == [r["variant"] for r in data["rows"]]
    assert float(rows[3]["avg"]) == pytest.approx(data["rows"][3]["avg"])
    assert "mine.png" in paths["mine.tex"].read_text()
    before = {path: path.read_bytes() for path in paths.values()}
    write([section(EXPERIMENT, Setting(), Shelf([records]))], tmp_path / "out")
    assert before == {path: path.read_bytes() for path in paths.values()}  # the same records, the same bytes


def test_the_papers_figures_stand_beside_ours_where_the_setting_is_the_papers(
    records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sdzero_bench.report.reproduce.section.cells", lambda e, s: cells_of(e, records))
    made = section(EXPERIMENT, Setting("paper-qwen3-4b"), Shelf([records]))
    (table,) = [block for block in made.blocks if type(block).__name__ == "Table"]
    assert table.headings[-1] == "paper: points"
    assert [row[-1] for row in table.rows] == ["-", "54.3", "-", "60.0"]


def test_of_several_settings_of_the_paper_only_the_same_one_stands_beside_ours(
    records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sdzero_bench.report.reproduce.section.cells", lambda e, s: cells_of(e, records))
    (large,) = EXPERIMENT.paper
    other = large.model_copy(
        update={"presets": ("paper-olmo3-7b",), "setting": "another model", "columns": {"theirs": {"rft": 46.7}}}
    )
    made = section(EXPERIMENT.model_copy(update={"paper": (large, other)}), Setting("paper-olmo3-7b"), Shelf([records]))
    ours, apart = [block for block in made.blocks if type(block).__name__ == "Table"]
    assert ours.headings[-1] == "paper: theirs"
    assert [row[-1] for row in ours.rows] == ["-", "46.7", "-", "-"]
    assert apart.headings == ["row", "points"]


def test_with_several_tasks_the_papers_figures_stand_in_the_table_of_all(
    records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = cells_of(EXPERIMENT, records)
    both = [*made, *(replace(cell, task="another") for cell in made)]
    monkeypatch.setattr("sdzero_bench.report.reproduce.section.cells", lambda e, s: both)
    tables = [b for b in section(EXPERIMENT, Setting("paper-qwen3-4b"), Shelf([records])).blocks if type(b).__name__ == "Table"]
    assert [table.headings[-1] for table in tables] == ["paper: points", "seeds", "seeds"]
    assert tables[0].headings[:3] == ["row", "mean (%)", "micro-arith avg (%)"]


def test_names_that_would_be_formulas_are_drawn_as_they_are(records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = EXPERIMENT.model_copy(update={"variants": {"$x^{$": EXPERIMENT.variants["rft"]}, "reference": "$x^{$", "paper": ()})
    monkeypatch.setattr("sdzero_bench.report.reproduce.section.cells", lambda e, s: cells_of(named, records))
    assert section(named, Setting(), Shelf([records])).images["svg"]


def test_a_readme_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    write([], tmp_path)  # without claims there is no README
    with pytest.raises(UserError, match="was not written by this command"):
        write([], tmp_path, claims=[Heading(2, "x")])
    assert (tmp_path / "README.md").read_text() == "mine"


def test_ratio_and_its_interval_against_a_plain_bootstrap() -> None:
    rng = np.random.default_rng(1)
    whole = rng.integers(0, 8, (3, 200)).astype(float)
    part = rng.binomial(whole.astype(int), 0.3).astype(float)
    found = mean(ratio(part, whole))
    assert found.mean == pytest.approx(part.sum() / whole.sum())
    picked = rng.integers(0, 200, (4000, 200))
    plain = part.sum(0)[picked].sum(1) / whole.sum(0)[picked].sum(1)
    assert [found.low, found.high] == pytest.approx(np.quantile(plain, [0.025, 0.975]), abs=0.01)
    assert ratio(np.zeros((1, 3)), np.zeros((1, 3))) is None


@pytest.mark.parametrize(
    ("difference", "p_holm", "exceeds", "verdict", "better"),
    [
        (0.13, 0.01, 10, "holds", "sdzero"),
        (0.13, 0.05, 10, "inconclusive", "inconclusive"),
        (0.05, 0.01, 10, "does not hold", "base"),
        (-0.03, 0.049, 0, "does not hold", "base"),
        (-0.03, 0.2, 0, "inconclusive", "inconclusive"),
    ],
)
def test_when_a_claim_holds(difference: float, p_holm: float, exceeds: float, verdict: str, better: str) -> None:
    claim = Claim(claim="c", experiment="table1", after="sdzero", before="base", exceeds=exceeds)
    found = ClaimVerdict(claim, "t", claims.Estimate(difference, difference - 0.01, difference + 0.01), p_holm)
    assert (found.verdict, found.answer) == (verdict, better)
    assert ClaimVerdict(claim, "t", None).verdict == "not run"


def test_claims_of_one_page_are_corrected_together_and_tested_against_what_they_state(
    records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "experiments", lambda: {"mine": EXPERIMENT})
    monkeypatch.setattr(claims, "cells", lambda experiment, setting: cells_of(experiment, records))
    ahead = Claim(claim="a", experiment="mine", after="sdzero", before="rft")
    far = ahead.model_copy(update={"exceeds": 90})
    alone, *_ = claims.findings([ahead], Setting(), Shelf([records]))
    together, refuted = claims.findings([ahead, far], Setting(), Shelf([records]))
    assert together.difference == alone.difference == figures_of(records).differences["sdzero"].difference
    assert together.p_holm == pytest.approx(2 * alone.p_holm) or together.p_holm == pytest.approx(alone.p_holm)
    assert (alone.verdict, together.verdict, refuted.verdict) == ("holds", "holds", "does not hold")
    first, second = (figures_of(records).row(label).row.avg for label in ("rft", "sdzero"))
    assert sorted([together.p_holm, refuted.p_holm]) == pytest.approx(
        sorted(holm([p_value(first, second), p_value(first, second, 0.9)]))
    )


def test_the_page_says_what_its_runs_took_those_that_are_shared_once(records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims_page, "experiments", lambda: {"one": EXPERIMENT, "another": EXPERIMENT})
    monkeypatch.setattr(claims_page, "cells", lambda experiment, setting: cells_of(experiment, records))
    seconds = 0.0
    for path in records.glob("*/result.json"):
        result = json.loads(path.read_text())
        for use in result["ledger"].values():
            use["wall_seconds"] *= 1000
            seconds += use["wall_seconds"]
        path.write_text(json.dumps(result))
    hours = 2 * seconds / 3600  # 2 threads each
    assert hours > 10
    assert f"7 runs, which took {hours:.1f} CPU-hours" in claims_page._made_from(Setting(), Shelf([records]))


def test_a_page_opens_with_the_verdicts_per_task_and_with_what_they_do_not_say() -> None:
    def verdict(claim: str, task: str, p: float, difference: float) -> claims.ClaimVerdict:
        found = Estimate(difference, difference - 0.01, difference + 0.01)
        said = claims.Claim(claim=claim, experiment="table1", after="sdzero", before="rft")
        return claims.ClaimVerdict(said, task, found, p, p_equivalent=1.0)

    found = [
        verdict("ahead", "sums", 0.001, 0.2),
        verdict("needed", "sums", 0.001, -0.1),
        verdict("helps", "sums", 0.6, 0.1),
        verdict("shorter", "sums", 0.8, 0.1),
        verdict("ahead", "programs", 0.001, 0.2),
    ]
    behind = Pair("sdft", "sdzero", Estimate(-0.2, -0.3, -0.1), "independent", 0.001, 0.001, 1.0, None)
    unclear = Pair("rft", "sdzero", Estimate(-0.05, -0.3, 0.2), "independent", 0.4, 0.8, 0.9, None)
    beside = {"sums": {"sdft": behind, "rft": None, "base": -behind}, "programs": {"rft": unclear}}
    single = {"programs": {"sdzero, one epoch": 0.5, "sdzero": 0.7, "sdzero after SRT": 0.6, "base": 0.4}}
    _, lines, _, limits = conclusions([(Setting("mine"), found)], [beside], [single], ["owner/model"])
    assert lines.lines == [
        "Preset mine, sums: SD-Zero does not lead: of the paper's Table 1, sdft (20.0 pts) is significantly ahead of it. "
        "Not run: rft. 1 of 4 claims holds. 1 does not: needed. 2 are inconclusive.",
        "Preset mine, programs: No method of the paper's Table 1 is significantly ahead of SD-Zero. rft (5.0 pts) has a higher "
        "mean, not significantly. 1 of 1 claim holds. SD-Zero distils for several epochs here. With one, as in the paper, its "
        "avg is 50.0 % instead of 70.0 %; the base has 40.0 %, and the policy after SRT 60.0 %.",
    ]
    embedded = conclusions([(Setting("mine"), found)], [{}], [{}], ["package:sdzero_bench.tasks/micro_world/habits"])[-1]
    assert len(embedded.lines) == len(limits.lines) + 1


def test_sdzero_is_compared_with_each_row_of_table_1_per_task(records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paper_order, "experiments", lambda: {"table1": EXPERIMENT})
    monkeypatch.setattr(paper_order, "cells", lambda experiment, setting: cells_of(experiment, records))
    beside = paper_order.beside_sdzero(Setting(), Shelf([records]))["micro-arith"]
    assert {row for row, pair in beside.items() if pair is None} == {"sdzero after SRT", "grpo", "sdft", "sft"}
    assert beside["rft"] is not None
    assert beside["rft"].difference.mean > 0
    for seed in range(3):
        shutil.rmtree(records / f"rft-s{seed}")
        write_record(records / f"rft-s{seed}", "rft", seed, 0.98, intervals=False)
    (beside,) = paper_order.beside_sdzero(Setting(), Shelf([records])).values()
    assert beside["rft"] is not None
    assert beside["rft"].decision == "lower"


def test_sdzero_with_one_epoch_stands_beside_the_rest_where_all_were_run(
    records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table1 = parse(
        "mine",
        """
title: "Mine"
question: Is one epoch enough?
order: 1
variants:
  base: {method: base}
  sdzero after SRT: {method: sdzero, policy: srt}
  sdzero: {method: sdzero}
  "sdzero, one epoch": {method: rft}
reference: base
columns: [avg]
""",
    )
    monkeypatch.setattr(paper_order, "experiments", lambda: {"table1": table1})
    monkeypatch.setattr(paper_order, "cells", lambda experiment, setting: cells_of(experiment, records))
    (avg,) = paper_order.one_epoch(Setting(), Shelf([records])).values()
    by_seed = [load_run(records / f"rft-s{seed}").evaluation[-1].avg_at_k for seed in range(3)]
    assert avg["sdzero, one epoch"] == pytest.approx(sum(by_seed) / 3)
    assert avg["base"] < avg["sdzero, one epoch"] < avg["sdzero after SRT"] < avg["sdzero"]
    all_cells = cells_of(table1, records)
    monkeypatch.setattr(paper_order, "cells", lambda experiment, setting: all_cells)
    shutil.rmtree(records / "base")
    assert paper_order.one_epoch(Setting(), Shelf([records])) == {}


def test_verdicts_on_several_presets_stand_side_by_side(tmp_path: Path) -> None:
    page = claims_page.blocks([Setting("micro"), Setting("micro-slips")], Shelf([tmp_path]))
    tables = [block for block in page if isinstance(block, Table)]
    first = tables[0]
    assert first.headings == ["claim", "task", "micro", "micro-slips"]
    assert {tuple(row[2:]) for row in first.rows} == {("not run", "not run")}
    assert {(c.claim) for c in claims.claims().claims} == {row[0] for row in first.rows}
    assert [b.text for b in page if isinstance(b, Heading) and b.level == 2][-2:] == ["Preset micro", "Preset micro-slips"]
    *of_one, asked = (t for t in claims_page.blocks([Setting("micro")], Shelf([tmp_path])) if isinstance(t, Table))
    assert [t.headings for t in of_one] == [t.headings for t in tables[1 : 1 + len(tables[1:]) // 2]]
    assert {(c.claim) for c in claims.claims().questions} == {row[0] for row in asked.rows}


def test_words_of_open_revision() -> None:
    for text in ("Wait, this response is not correct, let me start over.", "let me check that", "I will try again"):
        assert curves.OPEN_REVISION.search(text)
    for text in ("3 + 4 = 7, so \\boxed{7}", "the waiter redoes it"):
        assert not curves.OPEN_REVISION.search(text)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return finished(command("reproduce", *arguments))


@pytest.mark.slow
def test_figure_4_and_table_12_from_nothing_and_again(tmp_path: Path) -> None:
    """Three small runs, of which both need one: reviser, KL and revisions are measured for real."""
    small = [part for text in SMALL for part in ("--set", text)]
    where = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out"), "--seeds", "1", "--jobs", "2", *small]
    done = run("figure4", "table12", *where)
    assert done.returncode == 0, done.stderr[-3000:]
    made = sorted(path.parent.name for path in (tmp_path / "runs").glob("*/result.json"))
    assert [name.split("-")[0] for name in made] == ["base", "sdzero", "sdzero"]

    figure = list(csv.DictReader((tmp_path / "out" / "tables" / "figure4.data.csv").open()))
    bars = {(row["variant"], row["responses"]) for row in figure}
    assert {variant for variant, _ in bars} == {"before distillation", "after distillation"}
    for bar in bars:
        shares = [float(row["share"]) for row in figure if (row["variant"], row["responses"]) == bar]
        assert sum(shares) == pytest.approx(1, abs=1e-4)
        assert shares == sorted(shares, reverse=True)
    rows: dict[str, Any] = {r["variant"]: r for r in csv.DictReader((tmp_path / "out" / "tables" / "table12.csv").open())}
    folder = next(path for path in (tmp_path / "runs").glob("base-*"))
    (entry,) = json.loads((folder / "evaluation.json").read_text())
    assert float(rows["base"]["correction"]) == pytest.approx(entry["revision"]["correction_rate"])
    assert float(rows["base"]["broken"]) == pytest.approx(1 - entry["revision"]["kept_rate"])

    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*.json")}
    again = run("table12", "--no-runs", *where)
    assert again.returncode == 0, again.stderr
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*.json")}
    lacking = run("table13", "--no-runs", *where)
    assert lacking.returncode == 1
    assert "2 runs are missing" in lacking.stderr


@pytest.mark.slow
@pytest.mark.bwrap
def test_policies_are_measured_on_further_benchmarks(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        """
title: Mine
question: Does what is learnt on sums help on programs?
order: 1
seeds: 1
set: {evaluation.revise: false}
variants: {base: {method: base}, srt: {method: sdzero, policy: srt}}
reference: base
columns: [samples, avg, over]
presets: {micro: {benchmarks: {micro-arith: [micro-code]}}}
"""
    )
    small = [part for text in SMALL for part in ("--set", text)]
    where = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out"), *small]
    done = run(str(tmp_path / "mine.yaml"), *where)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = list(csv.DictReader((tmp_path / "out" / "tables" / "mine.csv").open()))
    assert [(row["task"], row["variant"]) for row in rows] == [
        (task, row) for task in ("micro-arith", "micro-code") for row in ("base", "srt")
    ]
    assert [row["samples"] != "" for row in rows] == [True, True, False, False]  # what training cost is said once
    assert (tmp_path / "out" / "index.html").read_text().count("the line is at") == 2  # accuracy is drawn in both tables
    records = [json.loads(path.read_text()) for path in (tmp_path / "runs").glob("base-micro-code-*/manifest.json")]
    assert sorted(record["origin"]["checkpoint"] for record in records) == ["base", "srt"]
    assert run(str(tmp_path / "mine.yaml"), "--no-runs", *where).returncode == 0


def test_the_list_says_what_is_missing_and_what_it_costs(tmp_path: Path) -> None:
    listed = {}
    for more in ([], ["--hours"]):
        done = run("--runs", str(tmp_path), *more)
        assert done.returncode == 0, done.stderr
        rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("|")]
        listed[bool(more)] = {row[0]: row[1:] for row in rows}
    assert listed[False]["table13"][1:] == ["9", "9"]
    assert listed[True]["table13"][1:3] == ["9", "9"]
    assert 0.1 < float(listed[True]["table13"][3]) < 1
    assert "not here" in listed[False]["table14"][0]


def test_a_list_takes_no_torch() -> None:
    code = "import sys; from sdzero_bench.cli.app import main; sys.argv[1:] = ['reproduce']; "
    code += "import contextlib\nwith contextlib.suppress(SystemExit): main()\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_settings_that_an_experiment_decides_are_refused() -> None:
    done = run("table1", "--set", "seed=3")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "use --seeds" in done.stderr
    assert run("table99").returncode == 2


def test_identity_is_of_the_resolved_settings() -> None:
    config = RunConfig(preset="a", model={"name": "m"}, task={"name": "t"}, method={"name": "rft"})
    assert identity(config) == identity(config.model_copy(update={"preset": "b"}))
