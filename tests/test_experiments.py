"""Every experiment that comes with the package can be run under every preset, and every claim is about one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.report.leaderboard.columns import COLUMNS
from sdzero_bench.report.reproduce.cells import Setting, cells, covers, identity, measured_besides, needed
from sdzero_bench.report.reproduce.claims import claims
from sdzero_bench.report.reproduce.curves import CURVES
from sdzero_bench.report.reproduce.experiment import Experiment, experiments, named, parse
from sdzero_bench.report.reproduce.hours_left import hours
from sdzero_bench.runs.config import preset_names
from sdzero_bench.runs.session import Session

ALL = list(experiments().values())
IN_THE_PAPER = {f"table{n}" for n in (1, 3, *range(7, 15))} | {"appendix-g"} | {f"figure{n}" for n in range(3, 7)}
IN_DISPUTE = {"kl-direction", "top-k", "phrases", "lie", "stages", "tuples", "grpo-loss", "public-code"}

OF_THE_SUITE = {"controls"}


def test_there_is_one_for_each_table_and_figure_and_dispute() -> None:
    assert {e.name for e in ALL} == IN_THE_PAPER | IN_DISPUTE | OF_THE_SUITE


@pytest.mark.parametrize("preset", preset_names())
@pytest.mark.parametrize("experiment", ALL, ids=lambda e: e.name)
def test_its_runs_are_valid_under_every_preset(experiment: Experiment, preset: str) -> None:
    found = cells(experiment, Setting(preset))
    if experiment.on(preset).skip:
        assert found == []
        return
    seeds = {c.variant: [o.seed for o in found if (o.variant, o.task) == (c.variant, c.task)] for c in found}
    assert list(seeds) == list(experiment.variants)
    for variant, taken in seeds.items():
        base = experiment.variants[variant].method == "base"
        assert taken == ([0] if base else list(range(experiment.seeds)))
    assert experiment.seeds >= (5 if experiment.name == "table1" else 3)


@pytest.mark.parametrize("experiment", [e for e in ALL if not e.on("micro").skip], ids=lambda e: e.name)
def test_its_runs_fit_their_budgets_on_the_micro_tier(experiment: Experiment) -> None:
    for cell in cells(experiment, Setting(seeds=1)):
        if cell.task == "micro-arith":
            Session(cell.config, ProgressDisplay())  # raises for a plan over its budget


@pytest.mark.parametrize("experiment", ALL, ids=lambda e: e.name)
def test_its_variants_differ_and_only_in_what_they_say(experiment: Experiment) -> None:
    found = [c for c in cells(experiment, Setting("micro", seeds=1)) if c.task == "micro-arith"]
    rows = {(identity(c.config), experiment.variants[c.variant].policy) for c in found}
    assert len(rows) == len(found)


def test_figures_are_all_used_and_columns_exist() -> None:
    of_leaderboards = {"maj", "gain", "tuning", "over_base"}
    assert {column for e in ALL for column in e.columns} == set(COLUMNS) - of_leaderboards
    assert {e.figure for e in ALL} - {None} == set(CURVES)


@pytest.mark.parametrize("claim", [*claims().claims, *claims().questions], ids=lambda c: c.claim)
def test_claims_are_about_rows_that_there_are(claim) -> None:
    variants = experiments()[claim.experiment].variants
    assert claim.after in variants
    assert claim.before in variants or (not claim.before and claim.figure in ("revision", "concentration"))


def configs(name: str, *assignments: str):
    return {c.variant: c.config for c in cells(experiments()[name], Setting(seeds=1, assignments=assignments))}


def test_what_is_measured_besides_makes_no_other_run() -> None:
    plain, revising = configs("table13")["40 % SRT"], configs("table9")["sdzero"]
    assert identity(plain) == identity(revising)
    assert not covers(measured_besides(plain), measured_besides(revising))
    assert covers(measured_besides(revising), measured_besides(plain))


def test_experiments_that_need_the_same_run_share_it() -> None:
    both = [c for name in ("table13", "table9") for c in cells(experiments()[name], Setting(seeds=1))]
    wanted = needed(both)
    assert len(wanted) == len({identity(c.config) for c in both}) < len(both)
    shared = wanted[identity(configs("table13")["40 % SRT"])]
    assert (shared.evaluation.revise, shared.evaluation.localise) == (True, 200)


def test_policies_on_the_way_are_measured_where_something_looks_at_them() -> None:
    def looked_at(name: str) -> dict[str, bool]:
        return {variant: config.evaluation.of_intermediate for variant, config in configs(name).items()}

    assert not any(looked_at("kl-direction").values())
    assert looked_at("lie") == {"the truth": False, "the opposite": False, "always wrong": False, "sdzero after SRT": True}
    assert all(looked_at("figure6").values())  # it draws the responses of the SRT policy
    assert all(looked_at("figure4").values())  # its reviser is the SRT policy
    assert not looked_at("table12")["without SRT"]
    assert configs("kl-direction", "evaluation.intermediate=true")[
        "half of each"
    ].evaluation.of_intermediate  # who asks gets it
    # Those that share a run measure what any of them looks at.
    wanted = needed(c for c in cells(experiments()["lie"], Setting(seeds=1)))
    assert sorted(config.evaluation.intermediate for config in wanted.values()) == [False, False, True]


@pytest.mark.parametrize(
    ("change", "same"),
    [("optimizer.learning_rate=0.01", False), ("evaluation.seed=1", False), ("verifying.workers=1", True)],
)
def test_what_makes_another_run(change: str, same: bool) -> None:
    assert (identity(configs("table13")["40 % SRT"]) == identity(configs("table13", change)["40 % SRT"])) is same


def test_how_others_train_is_nothing_to_the_base() -> None:
    assert identity(configs("table9")["base"]) == identity(configs("table9", "optimizer.learning_rate=0.01")["base"])
    assert identity(configs("table9")["base"]) != identity(configs("table9", "evaluation.temperature=0.5")["base"])


REST = "reference: a\ntitle: x\nquestion: x\norder: 1\ncolumns: [avg]\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: x\n", "^the experiment 'mine': question is missing$"),
        ("- 1\n", "keys and values at its top level"),
        (
            f"variants: {{a: {{method: rft, polcy: x}}}}\n{REST}",
            "unknown key 'variants.a.polcy'; did you mean 'variants.a.policy'",
        ),
        (f"variants: {{a: {{method: [rft]}}}}\n{REST}", "variants.a.method: input should be a valid string"),
        ("variants: {a: {method: rft}}\nreference: b\ntitle: x\nquestion: x\norder: 1\ncolumns: [avg]\n", "no variant 'b'"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_file_that_is_no_experiment_is_told_why(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        parse("mine", text)


def test_a_name_that_there_is_not_gets_the_near_one() -> None:
    with pytest.raises(UserError, match="table12"):
        named(["table-12"])
    assert [e.name for e in named(["figure4", "table1"])] == ["table1", "figure4"]
    assert named(["all"]) == ALL


def test_an_experiment_of_ones_own_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("title: x\nquestion: x\norder: 1\nvariants: {a: {method: rft}}\nreference: a\ncolumns: [avg]\n")
    assert [e.name for e in named([str(path), "table3"])] == ["table3", "mine"]
    with pytest.raises(UserError, match="cannot read"):
        named([str(tmp_path / "none.yaml")])
    path.rename(tmp_path / "table1.yaml")
    with pytest.raises(UserError, match="give it another"):
        named([str(tmp_path / "table1.yaml")])


def test_hours_of_runs_that_are_in_part_unknown() -> None:
    known = configs("table13")["40 % SRT"]
    (unknown, *_) = [
        cell.config
        for cell in cells(experiments()["appendix-g"], Setting("paper-qwen3-4b", seeds=1))
        if cell.config.task["name"] == "countdown"
    ]
    assert float(hours([known])) > 0
    assert hours([known, unknown]) == f"over {hours([known])}"
    assert hours([unknown]) == "not known"
    assert hours([]) == "0"
