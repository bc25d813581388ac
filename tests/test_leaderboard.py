"""The figures of a leaderboard follow from the records, and what a reader has to know is said."""

from __future__ import annotations

import itertools
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic_records import only_table, write_comparison, write_record

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.reader import load_run
from sdzero_bench.records.schema import PhaseUse
from sdzero_bench.report.leaderboard.comparison import compare_runs
from sdzero_bench.report.leaderboard.costs import samples_up_to
from sdzero_bench.report.leaderboard.efficiency import curve, style_of
from sdzero_bench.report.leaderboard.report_files import Report


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return write_comparison(tmp_path / "runs")


def test_figures_are_the_means_of_the_records(runs: Path) -> None:
    table = only_table(runs)
    entries = [json.loads((runs / f"rft-s{seed}" / "evaluation.json").read_text())[0] for seed in range(3)]
    standing = table.standing("rft")
    assert standing is not None
    for figure, name in ((standing.avg, "avg_at_k"), (standing.best, "pass_at_k"), (standing.majority, "maj_at_k")):
        assert figure is not None
        assert figure.mean == pytest.approx(np.mean([entry[name] for entry in entries]))
        assert figure.low < figure.mean < figure.high
    base = json.loads((runs / "base" / "evaluation.json").read_text())[0]
    over = standing.over_reference
    assert over is not None
    assert over.difference.mean == pytest.approx(standing.avg.mean - base["avg_at_k"])


def test_rank_counts_the_methods_that_are_better_and_groups_those_that_are_not(runs: Path) -> None:
    table = only_table(runs)
    assert len(table.pairs) == 6
    ranks = {s.label: s.rank for s in table.standings}
    assert ranks == {"sdzero": 1, "rft": 2, "srt": 2, "base": 3}  # rft - base has p = 0.0050026
    assert table.standings[0].label == "sdzero"
    groups = {s.label: set(s.group) for s in table.standings}
    for pair in table.pairs:
        assert bool(groups[pair.before] & groups[pair.after]) != pair.significant
    row = next(line for line in Report(runs).text("md")["README.md"].splitlines() if line.startswith("| 1 | a | sdzero"))
    assert "]* |" in row


def test_a_figure_does_not_depend_on_what_else_is_in_the_table(runs: Path, tmp_path: Path) -> None:
    """Two rows alone, among others, and as two single runs side by side: the same intervals to the last bit."""
    for name in ("base", *(f"rft-s{seed}" for seed in range(3))):
        shutil.copytree(runs / name, tmp_path / "two" / name)
    many, few = only_table(runs), only_table(tmp_path / "two")
    assert len(many.standings) > len(few.standings) == 2
    for label in ("base", "rft"):
        one, other = many.standing(label), few.standing(label)
        assert (one.avg, one.best, one.majority, one.tokens) == (other.avg, other.best, other.majority, other.tokens)
    assert many.standing("rft").over_reference.difference == few.standing("rft").over_reference.difference


def test_compare_gives_the_interval_of_the_leaderboard(tmp_path: Path) -> None:
    base = write_record(tmp_path / "base", "base", 0, 0.25)
    rft = write_record(tmp_path / "rft-s0", "rft", 0, 0.6)
    write_record(tmp_path / "srt-s0", "srt", 0, 0.7)
    compared = compare_runs(load_run(base), load_run(rft))
    standing = only_table(tmp_path).standing("rft")
    assert compared.difference == standing.over_reference.difference
    assert compared.after.avg == standing.avg
    assert compared.p == standing.over_reference.p


def test_the_order_of_keys_in_a_file_changes_nothing(tmp_path: Path) -> None:
    """Formatters of JSON sort keys as text: test-10 before test-2."""
    for method, chance in (("base", 0.25), ("rft", 0.6), ("srt", 0.65)):
        for seed in range(1 if method == "base" else 2):
            write_record(tmp_path / f"{method}-s{seed}", method, seed, chance, questions=40)
    before = only_table(tmp_path)
    path = tmp_path / "rft-s0" / "evaluation.json"
    path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True))
    assert list(json.loads(path.read_text())[0]["per_question"]["avg"])[:3] == ["test-0", "test-1", "test-10"]
    after = only_table(tmp_path)
    assert after.pairs == before.pairs
    assert [(s.avg, s.over_base, s.rank) for s in after.standings] == [(s.avg, s.over_base, s.rank) for s in before.standings]


def test_rows_with_figures_of_different_questions_are_not_compared(tmp_path: Path) -> None:
    for method, chance in (("base", 0.25), ("rft", 0.6)):
        write_record(tmp_path / method, method, 0, chance)
    for file, change in (("manifest.json", lambda m: m | {"digests": None}), ("evaluation.json", without_first_question)):
        path = tmp_path / "rft" / file
        path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(UserError, match="do not both have a figure of 'test-0'; validate the records"):
        only_table(tmp_path)


def without_first_question(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for entry in entries:
        for figures in entry["per_question"].values():
            (figures or {}).pop("test-0", None)
    return entries


def test_dropping_a_method_that_does_not_differ_changes_no_other_verdict(runs: Path, tmp_path: Path) -> None:
    whole = only_table(runs, "rft")
    assert whole.standing("srt").over_reference.decision == "underpowered"
    for seed in range(3):
        shutil.rmtree(runs / f"srt-s{seed}")
    rest = only_table(runs, "rft")
    assert [s.label for s in rest.standings] == [s.label for s in whole.standings if s.label != "srt"]
    for standing in rest.standings:
        before = whole.standing(standing.label)
        for now, then in ((standing.over_reference, before.over_reference), (standing.over_base, before.over_base)):
            assert (now is None) == (then is None)
            assert now is None or (now.decision, now.p, now.difference) == (then.decision, then.p, then.difference)
    assert set(rest.pairs) < set(whole.pairs)  # to the last digit: no pair is corrected for the others


def test_variants_whose_seeds_share_samples_are_compared_seed_by_seed(tmp_path: Path) -> None:
    for seed in range(3):
        for epochs in (2, 3):
            options, folder = {"distill": {"epochs": epochs}}, tmp_path / f"sdzero-{epochs}-s{seed}"
            write_record(
                folder, "sdzero", seed, 0.8, options=options, intermediate={"srt": 0.7}, rng=np.random.default_rng(seed)
            )
        write_record(tmp_path / f"rft-s{seed}", "rft", seed, 0.6)
    table = only_table(tmp_path)
    how = {(pair.after, pair.before): pair.seeds for pair in table.pairs}
    assert len(how) == 3
    assert {pair: seeds for pair, seeds in how.items() if "rft" not in pair} == {
        pair: "paired" for pair in how if "rft" not in pair
    }
    assert {seeds for pair, seeds in how.items() if "rft" in pair} == {"independent"}
    shutil.rmtree(tmp_path / "sdzero-3-s2")  # other seeds on either side: nothing to pair
    assert {pair.seeds for pair in only_table(tmp_path).pairs} == {"independent"}


def test_differences_can_be_taken_to_any_row(runs: Path) -> None:
    to_base, to_sdzero = only_table(runs).standing("sdzero"), only_table(runs, "sdzero").standing("base")
    assert to_base is not None
    assert to_sdzero is not None
    assert to_base.over_reference.difference.mean == pytest.approx(-to_sdzero.over_reference.difference.mean)
    assert to_base.over_reference.difference.interval == [-v for v in reversed(to_sdzero.over_reference.difference.interval)]
    with pytest.raises(UserError, match="there are: base, rft, sdzero, srt"):
        Report(runs, "ppo")


def test_a_control_stands_below_the_line_and_changes_no_rank_and_no_verdict(runs: Path, tmp_path: Path) -> None:
    before = only_table(runs)
    shutil.copytree(runs, tmp_path / "with")
    for seed in range(3):
        write_record(tmp_path / "with" / f"random-s{seed}", "random_reward", seed, 0.9)
    after = only_table(tmp_path / "with")
    assert [s.label for s in after.standings] == [*(s.label for s in before.standings), "random_reward"]
    assert [(s.rank, s.group) for s in after.standings[:-1]] == [(s.rank, s.group) for s in before.standings]
    assert after.pairs == before.pairs
    control = after.standing("random_reward")
    assert (control.rank, control.group) == (None, "")
    assert control.over_reference.difference.mean == pytest.approx(control.avg.mean - after.standing("base").avg.mean)
    page = Report(tmp_path / "with").text("md")["README.md"]
    assert "| control |  | random_reward |" in page
    assert "Controls, which are not ranked: random_reward." in page
    only_table(tmp_path / "with", "random_reward")


def test_the_base_measured_within_runs_is_a_row_too(tmp_path: Path) -> None:
    for seed in range(2):
        rng = np.random.default_rng(0)  # the same base samples in both
        write_record(tmp_path / f"s{seed}", "rft", seed, 0.6, base=0.4, rng=rng)
    table = only_table(tmp_path)
    base = table.standing("base")
    assert base is not None
    assert len(base.row.runs) == 1
    assert base.cost.samples == 0
    assert table.reference == "base"


def test_cost_is_of_training_alone_and_the_mean_over_seeds(runs: Path) -> None:
    path = runs / "rft-s0" / "result.json"
    result = json.loads(path.read_text())
    result["ledger"]["rft"] |= {"forward_tokens": 300, "backward_tokens": 3000, "wall_seconds": 98.0}
    path.write_text(json.dumps(result))
    cost = only_table(runs).standing("rft").cost
    assert cost.samples == 40
    assert cost.training_tokens == pytest.approx((3300 + 1000 + 1000) / 3)
    assert cost.hours == pytest.approx(2 * (100 + 10 + 10) / 3 / 3600)  # two threads
    assert cost.unit == "CPU"
    assert cost.evaluation_samples == 160
    rft, base = (only_table(runs).standing(label).avg.mean for label in ("rft", "base"))
    assert cost.gain_per_thousand == pytest.approx(100 * (rft - base) / 0.04)
    assert only_table(runs).standing("base").cost.gain_per_thousand is None


def test_policies_on_the_way_stand_where_their_phases_end(runs: Path) -> None:
    run = load_run(runs / "sdzero-s0")
    assert samples_up_to(run, "srt") == 20
    phases = {"warm": 5, "srt.initial": 10, "srt.revision": 20, "distill": 40, "evaluation.srt": 160}
    ledger = {name: PhaseUse(samples=samples) for name, samples in phases.items()}
    assert samples_up_to(replace(run, written=run.result.model_copy(update={"ledger": ledger})), "srt") == 35
    assert samples_up_to(run, "unheard of") == 40
    points = curve(only_table(runs), "sdzero")
    assert [(point.samples, point.policy) for point in points] == [(0, "base"), (20, "srt"), (40, "final")]


def test_one_seed_is_said_to_be_one_seed(tmp_path: Path) -> None:
    write_record(tmp_path / "a", "rft", 0, 0.6)
    write_record(tmp_path / "b", "base", 0, 0.4)
    assert "1 seed: rft." in Report(tmp_path).text("md")["README.md"]


def test_several_seeds_are_not_called_one_and_each_is_shown(runs: Path) -> None:
    text = Report(runs).text("md")["README.md"]
    assert "1 seed:" not in text
    scores = only_table(runs).standing("rft").by_seed
    assert "rft " + ", ".join(f"{100 * mean:.1f} ({seed})" for seed, mean in scores.items()) in text


def test_tasks_without_answers_have_a_dash_for_the_majority(tmp_path: Path) -> None:
    write_record(tmp_path / "a", "rft", 0, 0.6, answers=False)
    row = next(line for line in Report(tmp_path).text("md")["README.md"].splitlines() if line.startswith("| 1 | a | rft"))
    assert row.split(" | ")[5] == "-"


def test_verifier_failures_are_counted(runs: Path) -> None:
    assert "verifier failed" not in Report(runs).text("md")["README.md"]
    write_record(runs / "failing", "rft", 9, 0.6, failures=3, config={"task": {"name": "other"}})
    assert "The verifier failed on 3 evaluation and 0 training samples" in Report(runs).text("md")["README.md"]


def versions(record: Path, commit: str) -> None:
    manifest = json.loads((record / "manifest.json").read_text())
    manifest["versions"]["commit"] = commit
    (record / "manifest.json").write_text(json.dumps(manifest))


def test_runs_of_different_commits_or_of_uncommitted_code_are_said_to_be(tmp_path: Path) -> None:
    records = [write_record(tmp_path / f"rft-s{seed}", "rft", seed, intervals=False) for seed in range(3)]
    for commits, note in (
        (["a" * 40] * 3, None),
        (
            ["a" * 40, "a" * 40, "b" * 40],
            "The runs come from different commits of this project: aaaaaaa (2 runs), bbbbbbb (1 run).",
        ),
        ([f"{'a' * 40}+changes"] * 3, "The runs come from commit aaaaaaa with uncommitted changes (3 runs)."),
    ):
        for record, commit in zip(records, commits, strict=True):
            versions(record, commit)
        text = Report(tmp_path).text("md")["README.md"]
        assert (note or "The runs come from") in text if note else "The runs come from" not in text


def test_rows_of_another_commit_or_of_uncommitted_code_are_marked(tmp_path: Path) -> None:
    """The commit is that of most runs of the table; a session that resumed a run counts as well."""
    for method in ("rft", "srt", "sdzero"):
        for seed in range(2):
            versions(write_record(tmp_path / f"{method}-s{seed}", method, seed, intervals=False), "a" * 40)
    assert set(named(tmp_path)) == {"rft", "srt", "sdzero"}
    versions(tmp_path / "srt-s0", "b" * 40)
    assert set(named(tmp_path)) == {"rft", "srt †", "sdzero"}
    versions(tmp_path / "srt-s0", f"{'b' * 40}+changes")
    versions(tmp_path / "rft-s0", f"{'a' * 40}+changes")
    manifest = json.loads((tmp_path / "sdzero-s0" / "manifest.json").read_text())
    manifest["sessions"].append({**manifest["sessions"][0], "versions": {"commit": "c" * 40}})
    (tmp_path / "sdzero-s0" / "manifest.json").write_text(json.dumps(manifest))
    assert set(named(tmp_path)) == {"rft ‡", "srt †‡", "sdzero †"}
    text = Report(tmp_path).text("md")["README.md"]
    assert (
        "- †: with runs of another commit of this project than aaaaaaa, which made more of this table than any other." in text
    )
    assert "- ‡: with runs of code that was not committed." in text
    assert "ccccccc (1 run). A run that was resumed counts for each of its commits." in text
    assert "\\dag{}\\ddag{}" in Report(tmp_path).text("latex")["leaderboard.tex"]


def named(folder: Path) -> list[str]:
    """The methods as the table of the page names them."""
    lines = Report(folder).text("md")["README.md"].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| rank |"))
    return [line.split(" | ")[2] for line in itertools.takewhile(lambda line: line.startswith("|"), lines[start + 2 :])]


def test_no_two_lines_of_a_figure_look_alike() -> None:
    styles = [style_of(number) for number in range(121)]
    assert len({(style["color"], style["marker"]) for style in styles}) == len(styles)
