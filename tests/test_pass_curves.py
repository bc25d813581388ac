"""pass@k curves: the estimator and the crossing against brute force, and `sdzero-bench passk` on a few questions."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_runs import command, finished, run_json
from synthetic_records import write_record

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.stats.pass_curves import pass_curves, pass_scores, powers_of_two
from sdzero_bench.report.pass_curves.pass_table import MeasuredCurves, crossings, document, tables
from sdzero_bench.runs.pass_curves.compared_policies import compared_policies

MICRO = "package:sdzero_bench.tasks/micro_world/slips"
TINY = ["--set", "task.test=4", "--set", "sampling.batch_size=16", "--set", "evaluation.max_new_tokens=60"]


def by_hand(samples: list[bool], k: int) -> float:
    """The share of all choices of k samples in which at least one is correct."""
    chosen = list(itertools.combinations(samples, k))
    return sum(any(choice) for choice in chosen) / len(chosen)


def drawn(rates: list[float], samples: int, seed: int) -> list[tuple[int, int]]:
    """Counts of questions that are answered correctly at these rates."""
    rng = np.random.default_rng(seed)
    return [(samples, int(rng.binomial(samples, rate))) for rate in rates]


@given(st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_the_estimator_is_the_mean_over_all_choices_of_k_samples(matrix: list[list[bool]]) -> None:
    ks = powers_of_two(6)
    found = pass_scores([(6, sum(row)) for row in matrix], ks)
    assert found == pytest.approx(np.array([[by_hand(row, k) for k in ks] for row in matrix]))


@pytest.mark.parametrize(("most", "ks"), [(1, (1,)), (2, (1, 2)), (6, (1, 2, 4, 6)), (64, (1, 2, 4, 8, 16, 32, 64))])
def test_the_ks_are_powers_of_two_up_to_the_samples(most: int, ks: tuple[int, ...]) -> None:
    assert powers_of_two(most) == ks


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=2, max_size=6))
@settings(max_examples=60, deadline=None)
def test_the_crossing_is_the_first_k_at_which_the_mean_is_lower(rights: list[tuple[int, int]]) -> None:
    ks = powers_of_two(8)
    counts = {"base": [(8, b) for b, _ in rights], "trained": [(8, t) for _, t in rights]}
    curve = pass_curves(counts, ks, "base")["trained"]
    lower = []
    for k in ks:
        base, trained = (
            sum(by_hand([i < right for i in range(8)], k) for right in own) / len(rights) for own in zip(*rights, strict=True)
        )
        if trained < base - 1e-9:
            lower.append(k)
    assert curve.crossing == (lower[0] if lower else None)


def test_a_policy_that_is_surer_and_narrower_crosses_its_base() -> None:
    """The base answers each of 60 questions now and then; the trained policy half of them always and the others never."""
    counts = {"base": drawn([0.3] * 60, 64, 0), "trained": drawn([1.0] * 30 + [0.0] * 30, 64, 1)}
    curve = pass_curves(counts, powers_of_two(64), "base")["trained"]
    assert curve.over_base[0].difference.mean > 0
    assert curve.crossing == 2  # 1 - 0.7^2 = 0.51, against 0.50
    assert not curve.over_base[1].significant
    assert curve.significantly_below == 4  # 1 - 0.7^4 = 0.76


def test_a_policy_that_is_better_everywhere_does_not_cross() -> None:
    counts = {"base": drawn([0.1] * 40, 16, 0), "trained": drawn([0.4] * 40, 16, 1)}
    curve = pass_curves(counts, powers_of_two(16), "base")["trained"]
    assert (curve.crossing, curve.significantly_below) == (None, None)
    assert curve.over_base[0].significant


def test_swapping_policy_and_base_mirrors_the_differences() -> None:
    counts = {"a": drawn([0.2, 0.5, 0.9, 0.1, 0.7], 16, 0), "b": drawn([0.4, 0.4, 0.4, 0.4, 0.4], 16, 1)}
    one, other = (pass_curves(counts, (1, 4), base)[name] for base, name in (("a", "b"), ("b", "a")))
    assert [o.difference for o in one.over_base] == [-o.difference for o in other.over_base]
    assert [o.p for o in one.over_base] == pytest.approx([o.p for o in other.over_base])


def measured(counts: dict[str, Any], base: str | None) -> MeasuredCurves:
    return MeasuredCurves("t", "0" * 16, len(next(iter(counts.values()))), 64, 1.0, pass_curves(counts, (1, 2, 64), base))


def test_the_crossing_is_said_with_its_significance() -> None:
    counts = {"base": drawn([0.3] * 60, 64, 0), "trained": drawn([1.0] * 30 + [0.0] * 30, 64, 1)}
    (said,) = crossings(measured(counts, "base"))
    assert "trained is below the base from k = 2" in said
    assert "not significant. It is significantly below it from k = 64." in said
    (entry,) = (p for p in document(measured(counts, "base"))["policies"] if p["policy"] == "trained")
    assert (entry["crossing"], entry["significantly_below"]) == (2, 64)


def test_without_a_base_there_are_curves_alone() -> None:
    alone = measured({"one": drawn([0.5] * 5, 64, 0), "two": drawn([0.6] * 5, 64, 1)}, None)
    ((headings, rows),) = tables(alone)
    assert (headings, len(rows)) == (["k", "one (%)", "two (%)"], 3)
    assert crossings(alone) == []


def trained(folder: Path, **more: Any) -> Path:
    run = write_record(folder, "rft", **more)
    name = json.loads((run / "result.json").read_text())["evaluation"][-1]["checkpoint"]
    (run / "checkpoints" / name).mkdir(parents=True)
    (run / "checkpoints" / name / "config.json").write_text("{}")
    return run


def test_all_policies_are_measured_as_the_first_run_was_on_the_same_questions(tmp_path: Path) -> None:
    one = trained(tmp_path / "one", config={"evaluation": {"temperature": 0.6}})
    two = trained(tmp_path / "two", config={"evaluation": {"temperature": 0.9}})
    found = compared_policies([str(one), str(two)], None, "micro", None, [], 7, 16)
    assert list(found.configs) == ["base", "one", "two"]
    assert {c.evaluation.temperature for c in found.configs.values()} == {0.6}
    assert {(c.evaluation.samples, c.evaluation.pass_at, c.questions.test) for c in found.configs.values()} == {(16, 16, 7)}
    assert found.configs["base"].model.name == json.loads((one / "manifest.json").read_text())["config"]["model"]["name"]


def test_what_cannot_be_compared_is_said(tmp_path: Path) -> None:
    one = trained(tmp_path / "one")
    other = trained(tmp_path / "other", config={"task": {"name": "micro-arith", "test": 9}})
    elsewhere = trained(tmp_path / "elsewhere", config={"model": {"name": "package:other"}})
    for names, said in (
        ([str(one), str(other)], "have other tasks or task options"),
        ([str(one), str(elsewhere)], "say which is the --base"),
        ([str(one), str(one)], "the same name"),
        ([str(trained(tmp_path / "base"))], "would be taken for the base"),
    ):
        with pytest.raises(UserError, match=said):
            compared_policies(names, None, "micro", None, [], 4, 8)


def test_policies_are_drawn_once_and_another_question_set_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "passk"
    ask = ["passk", MICRO, "--task", "micro-arith", "--questions", "4", "--samples", "4", "--output", str(out), *TINY]
    first = run_json(command(*ask, "--json"))
    assert [point["k"] for point in first["policies"][0]["points"]] == [1, 2, 4]
    assert {path.name for path in out.iterdir() if path.is_file()} == {"passk.json", "passk.md", "passk.png", "passk.svg"}
    (journal,) = out.glob("*/journal/evaluation.base.jsonl")
    before = journal.read_bytes()
    assert run_json(command(*ask, "--json")) == first
    assert journal.read_bytes() == before
    again = finished(command(*ask[:-2], "task.test=4", "--set", "evaluation.temperature=0.5"))
    assert again.returncode == 2
    assert "was measured under other settings: evaluation.temperature (1.0 there, 0.5 now)" in again.stderr
