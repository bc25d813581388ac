"""Which runs a sweep is made of, and what tuning chooses: decided before anything starts, by settings alone."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from synthetic_records import write_finished

from sdzero_bench.cli.commands.sweep import sweep
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.core.search_space import one_of, points
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.record_files import read_evaluation, read_manifest
from sdzero_bench.records.schema import PhaseUse, QuestionFiles, TuningRecord, TuningTrial
from sdzero_bench.report.audit.check_tuning import check_tuning
from sdzero_bench.runs.config import make_method, resolve
from sdzero_bench.runs.registry import methods
from sdzero_bench.runs.resuming import session_in
from sdzero_bench.runs.session import Session
from sdzero_bench.runs.sweep.grid import Grid, changed, digest, planned
from sdzero_bench.runs.sweep.tuning import SharedGrid, Tuning, own_spaces

RATES = {"optimizer.learning_rate": ["1e-4", "2e-4", "4e-4"]}


def grid(*names: str, seeds: tuple[int, ...] = (0, 1), **more: Any) -> Grid:
    return Grid(methods=names, tasks=[None], seeds=seeds, **more)


def test_the_product_of_methods_and_seeds_and_one_base() -> None:
    runs = grid("rft", "srt").runs(Path("out"))
    assert [run.label.replace(" micro-arith", "") for run in runs] == ["base s0", "rft s0", "srt s0", "rft s1", "srt s1"]
    assert [run.config.evaluation.base for run in runs] == [True, False, False, False, False]
    assert len({run.folder for run in runs}) == 5


def test_the_base_is_one_run_whether_it_is_named_or_not() -> None:
    assert grid("rft").runs(Path("out")) == grid("base", "rft").runs(Path("out"))
    assert grid("rft", seeds=(5,)).runs(Path("out"))[0] == grid("rft").runs(Path("out"))[0]
    (alone,) = grid("base").runs(Path("out"))
    assert alone.config.method == {"name": "base"}


def test_options_of_methods_are_not_for_the_base() -> None:
    base, trained, _ = grid("rft", assignments=["method.samples=2", "optimizer.weight_decay=0.5"]).runs(Path("out"))
    assert base.config.method == {"name": "base"}
    assert trained.config.method["samples"] == 2
    assert base.config.optimizer == trained.config.optimizer


@pytest.mark.parametrize("value", ["true", "false"])
def test_whoever_sets_evaluation_base_is_heeded(value: str) -> None:
    trained = grid("rft", assignments=[f"evaluation.base={value}"]).runs(Path("out"))[1]
    assert trained.config.evaluation.base == (value == "true")


def test_parts_are_the_first_questions_and_never_of_the_base() -> None:
    runs = grid("rft", parts=(0.25, 0.5), assignments=["task.train=40", "questions.train=30"]).runs(Path("out"))
    sizes = [(run.config.method["name"], run.config.seed, run.config.questions.train) for run in runs]
    assert sizes == [
        ("base", 0, 30),
        ("rft", 0, 30),
        ("rft", 1, 30),
        ("rft", 0, 8),
        ("rft", 1, 8),
        ("rft", 0, 15),
        ("rft", 1, 15),
    ]


def test_digests_differ_exactly_when_settings_do() -> None:
    config = grid("rft").config("rft", None, 0)
    assert digest(config) == digest(grid("rft").config("rft", None, 0))
    assert digest(config) == digest(changed(config, {"seed": 7}))  # the seed has a place of its own in the name
    others = [
        changed(config, {key: value})
        for key, value in {
            "optimizer.learning_rate": 1e-3,
            "questions.train": 12,
            "method.epochs": 1,
            "task.train": 1000,
            "evaluation.split": "validation",
            "model.name": "elsewhere",
            "preset": "other",
        }.items()
    ]
    assert len({digest(other) for other in [config, *others]}) == 1 + len(others)


def test_a_tuned_run_is_another_run_than_one_with_the_same_settings() -> None:
    config = grid("rft").config("rft", None, 0)
    trial = TuningTrial(values={"optimizer.learning_rate": 1e-4}, avg_at_k=0.5, run_id="trial", samples=4)
    record = TuningRecord(
        grid={"optimizer.learning_rate": [1e-4, 2e-4]}, split="validation", trials=[trial], chosen=trial.values
    )
    assert digest(config, record) != digest(config)
    better = trial.model_copy(update={"avg_at_k": 0.6})
    assert digest(config, record) == digest(config, record.model_copy(update={"trials": [better]}))
    other = record.model_copy(update={"grid": {"optimizer.learning_rate": [2e-4, 4e-4]}})
    assert digest(config, record) != digest(config, other)


def test_names_of_plug_in_tasks_are_no_paths() -> None:
    config = grid("rft").config("rft", None, 0)
    odd = config.model_copy(update={"task": {"name": "mine/gsm:hard"}})
    assert planned(odd, Path("out")).folder.parent == Path("out")


def test_every_method_can_be_swept_and_tuned() -> None:
    everything = grid(*methods(), seeds=(0,))
    assert len(everything.runs(Path("out"))) == len(methods())
    tuning = Tuning(everything, SharedGrid(RATES), Path("out/tuning"))
    assert {len(trials) for trials in tuning.trials.values()} == {3}
    assert set(tuning.trials) == {(name, None) for name in methods() if name != "base"}


def test_trials_are_measured_on_validation_and_differ_in_nothing_but_the_grid() -> None:
    trials = Tuning(grid("rft", "srt"), SharedGrid({**RATES, "optimizer.batch_size": ["16", "32"]}), Path("out")).runs
    assert len(trials) == 2 * 3 * 2
    assert {(run.config.evaluation.split, run.config.seed) for run in trials} == {("validation", 0)}
    for name in ("rft", "srt"):
        own = [run.config for run in trials if run.config.method["name"] == name]
        values = [(c.optimizer.learning_rate, c.optimizer.batch_size) for c in own]
        assert values == [(r, b) for r in (1e-4, 2e-4, 4e-4) for b in (16, 32)]
        assert len({c.model_copy(update={"optimizer": own[0].optimizer}).model_dump_json() for c in own}) == 1


def finish(run: Any, score: float, samples: int = 160) -> None:
    """Write what a finished run leaves, as far as tuning reads it."""
    folder = RunFolder(write_finished(run.folder, run.config))
    (final,) = read_evaluation(run.folder)
    half = final.model_copy(update={"policy": "half", "avg_at_k": 1.0})
    folder.write("evaluation.json", [half, final.model_copy(update={"avg_at_k": score})])
    folder.write("ledger.json", {"rft.sample": PhaseUse(samples=samples), "evaluation.final": PhaseUse(samples=999)})


@pytest.mark.parametrize(("scores", "best"), [((0.1, 0.3, 0.2), 2e-4), ((0.5, 0.5, 0.4), 1e-4), ((0.1, 0.1, 0.2), 4e-4)])
def test_the_best_trial_wins_and_the_first_of_equals(tmp_path: Path, scores: tuple[float, ...], best: float) -> None:
    wanted = grid("rft")
    tuning = Tuning(wanted, SharedGrid(RATES), tmp_path / "tuning")
    assert tuning.choose("rft", None) is None  # not before every trial is there
    for run, score in zip(tuning.runs, scores, strict=True):
        assert tuning.choose("rft", None) is None
        finish(run, score)
    base, *trained = wanted.runs(tmp_path, tuning.choose)
    assert base.tuning is None
    for run in trained:
        assert run.config.optimizer.learning_rate == best
        assert run.config.evaluation.split == "test"
        assert run.tuning is not None
        assert run.tuning.chosen == {"optimizer.learning_rate": best}
        assert run.tuning.grid == {"optimizer.learning_rate": [1e-4, 2e-4, 4e-4]}
        assert run.tuning.split == "validation"
        assert [(t.avg_at_k, t.samples) for t in run.tuning.trials] == [(score, 160) for score in scores]
        assert [t.run_id for t in run.tuning.trials] == [trial.name for trial in tuning.runs]


def test_a_method_without_all_its_trials_is_left_out(tmp_path: Path) -> None:
    wanted = grid("rft", "srt", seeds=(0,))
    tuning = Tuning(wanted, SharedGrid(RATES), tmp_path / "tuning")
    for run in tuning.runs[:-1]:
        finish(run, 0.5)
    assert [run.config.method["name"] for run in wanted.runs(tmp_path, tuning.choose)] == ["base", "rft"]


def test_every_method_has_as_many_trials_of_its_own_space_and_the_same_learning_rates() -> None:
    tuning = Tuning(grid(*methods(), seeds=(0,)), own_spaces("micro", 8), Path("out"))
    rates = {tuple(t.values["optimizer.learning_rate"] for t in trials) for trials in tuning.trials.values()}
    assert len(rates) == 1
    (tried,) = rates
    assert len(set(tried)) == 8
    assert all(5e-5 <= rate <= 8e-4 for rate in tried)
    eighths = [math.floor(8 * math.log(rate / 5e-5) / math.log(16)) for rate in tried]
    assert sorted(eighths) == list(range(8))  # quasi-random: one in each eighth of the range
    assert all(len({run.folder for run in (t.run for t in trials)}) == 8 for trials in tuning.trials.values())


@pytest.mark.parametrize("name", sorted(name for name in methods() if name != "base"))
def test_a_search_space_has_at_most_three_options_which_change_no_number_of_samples(name: str) -> None:
    cls = methods()[name]
    assert len(cls.search) <= 3
    config = resolve(name, "micro")
    drawn = {sum(make_method(config).plan(1000).values())}
    for trial in Tuning(grid(name), own_spaces("micro", 16), Path("out")).trials[name, None]:
        drawn.add(sum(make_method(trial.run.config).plan(1000).values()))
    assert len(drawn) == 1


def test_a_choice_from_a_search_space_is_recorded_and_audited(tmp_path: Path) -> None:
    wanted = grid("rft")
    tuning = Tuning(wanted, own_spaces("micro", 4), tmp_path / "tuning")
    for number, run in enumerate(tuning.runs):
        finish(run, 0.1 + 0.1 * (number == 2))
    record = wanted.runs(tmp_path, tuning.choose)[1].tuning
    assert record is not None
    assert record.chosen == tuning.trials["rft", None][2].values
    assert set(record.space) == {"optimizer.learning_rate", "method.epochs"}
    assert [trial.values for trial in record.trials] == points(record.space, 4)
    audited: Any = SimpleNamespace(
        manifest=SimpleNamespace(tuning=record), config=wanted.runs(tmp_path, tuning.choose)[1].config
    )
    assert list(check_tuning(audited)) == []  # a trial's 3.0 epochs are the 3 of its point
    tried = record.trials[0].model_copy(update={"values": {**record.trials[0].values, "method.epochs": 7}})
    audited.manifest.tuning = record.model_copy(update={"trials": [tried, *record.trials[1:]]})
    assert ["which are not the 4 quasi-random points" in str(finding) for finding in check_tuning(audited)] == [True]
    narrower = {**record.space, "method.epochs": one_of(3, 4)}
    audited.manifest.tuning = record.model_copy(update={"space": narrower})
    assert any("is not the search space that rft declares" in str(finding) for finding in check_tuning(audited))


def test_a_preset_without_learning_rates_is_not_tuned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdzero_bench.runs.sweep.tuning.load_preset", lambda name: {})
    with pytest.raises(UserError, match="has no range of learning rates"):
        own_spaces("micro", 8)


def test_a_folder_with_another_run_is_refused(tmp_path: Path) -> None:
    run = grid("rft").runs(tmp_path)[1]
    assert not run.is_finished()
    finish(run, 0.5)
    assert run.is_finished()
    manifest = read_manifest(run.folder)
    other = manifest.model_copy(update={"config": run.config.model_copy(update={"seed": 7})})
    RunFolder(run.folder).write("manifest.json", other)
    with pytest.raises(UserError, match=r"holds a run with other settings \(seed\) than its name says"):
        run.is_finished()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"methods": "rft,srrt"}, "did you mean 'srt'"),
        ({"methods": ","}, "--methods is empty"),
        ({"tasks": "micro-arith,micro-arit"}, "did you mean 'micro-arith'"),
        ({"preset": "mikro"}, "did you mean 'micro'"),
        ({"seeds": "three"}, "neither a number of seeds"),
        ({"seeds": "0"}, "neither a number of seeds"),
        ({"seeds": "1,-1"}, "neither a number of seeds"),
        ({"parts": "0.5,2"}, "is not a list of fractions between 0 and 1"),
        ({"parts": "half"}, "is not a list of fractions between 0 and 1"),
        ({"parts": "0.0001"}, "questions.train: input should be greater than 1"),
        ({"assign": ["optimizer.learnin_rate=1"]}, "did you mean 'optimizer.learning_rate'"),
        ({"assign": ["method.samples=5"]}, "but the budget allows"),
        ({"methods": "rft,srt", "assign": ["method.samples=5"]}, "unknown key 'method.samples'"),
        ({"model": "./no/such/model"}, "no model directory"),
        ({"grid": ["optimizer.learning_rate=1e-4,2e-4"]}, "add --tune"),
        ({"tune": True, "grid": ["optimizer.learning_rate"]}, "is not KEY=V1,V2,V3"),
        ({"tune": True, "grid": ["optimizer.learning_rate=1e-4"]}, "only one value"),
        ({"tune": True, "grid": ["optimizer.learning_rate=1e-4,0.0001"]}, "or one twice"),
        ({"tune": True, "grid": ["optimizer.learning_rate=1e-4,"]}, "has an empty value"),
        ({"trials": 4}, "--trials is for --tune"),
        ({"tune": True, "trials": 4, "grid": ["optimizer.learning_rate=1e-4,2e-4"]}, "--trials is for --tune"),
        ({"methods": "base", "tune": True}, "nothing to tune"),
        ({"tune": True, "assign": ["evaluation.split=validation"]}, "not reported on them too"),
        ({"tune": True, "grid": ["optimizer.learning_rate=1e-4,2"]}, "less than 1"),
        ({"tune": True, "grid": ["budget.samples_per_question=4,8"]}, "cannot be tuned"),
        ({"tune": True, "assign": ["optimizer.learning_rate=1e-3"]}, "would bypass tuning"),
        ({"tune": True, "assign": ["method.learning_rate=1e-3"]}, "method.learning_rate=0.001 of rft would bypass"),
        (
            {"methods": "sdzero", "tune": True, "assign": ["method.distill.learning_rate=1e-3"]},
            "method.distill.learning_rate=0.001 of sdzero would bypass",
        ),
    ],
)
def test_what_is_wrong_is_said_before_anything_starts(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        sweep(**{"methods": "rft", "out": tmp_path / "out", **arguments})
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_tuned_run_that_goes_on_still_knows_how_its_settings_were_chosen(tmp_path: Path) -> None:
    session = Session(resolve("base"), ProgressDisplay())
    session.tuning = TuningRecord(grid={"optimizer.learning_rate": [1e-4]}, split="validation", trials=[], chosen={})
    folder = RunFolder(tmp_path)
    files = QuestionFiles(train=None, test=folder.write_question_set(session.test_questions, with_details=False))
    folder.start_session(session.manifest(folder, files))
    assert session_in(folder, ProgressDisplay()).tuning == session.tuning
