"""`sdzero-bench eval` on our own tasks: which policy is meant, under which settings, and what is recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_runs import SMALL, command, finished, run_json, small_run
from synthetic_records import write_record

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import NO_QUESTIONS, QuestionSet
from sdzero_bench.questions.decontamination import RULE, Decontamination
from sdzero_bench.report.audit.audit import check_record
from sdzero_bench.runs.config import resolve
from sdzero_bench.runs.evaluation.standalone import settings_for, subject

MICRO = "package:sdzero_bench.tasks/micro_world/slips"
TINY = ["--set", "task.test=6", "--set", "sampling.batch_size=16", "--set", "evaluation.max_new_tokens=80"]


def trained(folder: Path, **more: Any) -> Path:
    """The record of a finished run with its final checkpoint beside it."""
    run = write_record(folder, "rft", seed=3, **more)
    name = json.loads((run / "result.json").read_text())["evaluation"][-1]["checkpoint"]
    (run / "checkpoints" / name).mkdir(parents=True)
    (run / "checkpoints" / name / "config.json").write_text("{}")
    return run


def test_a_model_is_measured_with_the_presets_settings() -> None:
    config = settings_for(subject(MICRO), "micro", "micro-arith", [])
    assert config.model.name == MICRO
    assert config.questions.measure_only
    assert not config.evaluation.revise
    assert config.evaluation.samples == resolve("base").evaluation.samples


def test_a_run_means_its_final_checkpoint_measured_as_the_run_was(tmp_path: Path) -> None:
    own = {"preset": "tiny", "questions": {"test": 7}, "evaluation": {"temperature": 0.6, "max_new_tokens": 77}}
    run = trained(tmp_path / "rft", config=own)
    measured = subject(str(run))
    config = settings_for(measured, None, None, [])
    assert (config.preset, config.questions.test) == ("tiny", 7)
    assert settings_for(measured, "micro", "micro-code", []).questions.test is None  # those 7 are of another task
    assert measured.origin is not None
    assert (measured.origin.method, measured.origin.seed) == ("rft", 3)
    assert Path(config.model.name).parent == run / "checkpoints"
    assert (config.evaluation.temperature, config.evaluation.max_new_tokens) == (0.6, 77)
    assert config.task["name"] == json.loads((run / "manifest.json").read_text())["config"]["task"]["name"]


def test_a_checkpoint_of_a_run_knows_where_it_comes_from(tmp_path: Path) -> None:
    run = trained(tmp_path / "rft")
    (checkpoint,) = (run / "checkpoints").iterdir()
    assert subject(str(checkpoint)) == subject(str(run))


def test_later_settings_override_earlier_ones(tmp_path: Path) -> None:
    run = trained(tmp_path / "rft", config={"evaluation": {"temperature": 0.6}})
    config = settings_for(subject(str(run)), "micro", None, ["evaluation.temperature=0.9"], k=2, limit=5)
    assert config.evaluation.temperature == 0.9
    assert (config.evaluation.samples, config.evaluation.pass_at, config.questions.test) == (2, 2, 5)


def test_what_cannot_be_measured_is_said_in_one_line(tmp_path: Path) -> None:
    unfinished = write_record(tmp_path / "unfinished", state="running")
    packed = write_record(tmp_path / "packed")
    for path, said in ((unfinished, "is not finished"), (packed, "has no checkpoint")):
        with pytest.raises(UserError, match=said):
            subject(str(path))
    with pytest.raises(UserError, match="which task"):
        settings_for(subject(MICRO), None, None, [])
    with pytest.raises(UserError, match="'gsm8k' is a task; give a model too, as in `sdzero-bench eval MODEL --task gsm8k`"):
        settings_for(subject("gsm8k"), None, None, [])
    assert settings_for(subject(MICRO), "tiny", None, []).task["name"] == "micro-arith"  # the preset's
    with pytest.raises(UserError, match="all 8 samples of a question would be identical"):
        settings_for(subject(MICRO), "micro", "micro-arith", ["evaluation.temperature=0"])


def test_only_the_set_that_is_meant_to_be_may_be_empty() -> None:
    assert len(NO_QUESTIONS) == 0
    with pytest.raises(UserError, match="is empty"):
        QuestionSet("test", ())
    assert Decontamination(rule=RULE, side="off").removed == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--harness", "lm-eval"], "--harness needs its tasks"),
        (["--tasks", "micro-arith,micro-coed"], "did you mean 'micro-code'?"),
        (["--harness", "lm-eval", "--tasks", ","], "--tasks is empty"),
        (["--task", "micro-arth"], "did you mean 'micro-arith'?"),
        (["--task", "micro-arith", "--set", "method.x=1"], "unknown key 'method.x'"),
        (["--task", "micro-arith", "--limit", "1000"], "which has 600"),
        (["--task", "evalplus:humanval"], "did you mean 'humaneval'?"),
    ],
)
def test_errors_of_use_are_one_line(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = finished(command("eval", MICRO, *arguments, "--out", str(tmp_path / "runs")))
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_a_policy_is_measured_recorded_and_valid(tmp_path: Path) -> None:
    result = run_json(command("eval", MICRO, "--task", "micro-arith", "--k", "2", "--out", str(tmp_path), "--json", *TINY))
    folder = Path(result["folder"])
    (entry,) = result["evaluation"]
    assert (entry["questions"], entry["samples_per_question"], result["budget"]["questions"]) == (6, 2, 0)
    assert result["harness"] is None
    assert result["origin"] is None
    assert sorted(path.name for path in (folder / "journal").iterdir()) == ["evaluation.base.crc", "evaluation.base.jsonl"]
    assert check_record(folder).findings == []


def test_the_checkpoint_of_a_run_gives_the_runs_own_figures_again(tmp_path: Path) -> None:
    run = run_json(small_run("sft", tmp_path / "run", "evaluation.revise=false"))
    again = run_json(command("eval", run["folder"], "--out", str(tmp_path / "eval"), "--json"))
    final = next(entry for entry in run["evaluation"] if entry["policy"] == "final")
    (measured,) = again["evaluation"]
    assert (measured["avg_at_k"], measured["interval"]) == (final["avg_at_k"], final["interval"])
    assert again["origin"]["run_id"] == run["run_id"]
    assert "task.test=6" in SMALL  # the options of the run's task come along
    assert measured["questions"] == 6


def test_greedy_samples_do_not_depend_on_the_seed(tmp_path: Path) -> None:
    greedy = ["--k", "1", "--set", "evaluation.temperature=0", *TINY, "--json"]
    texts = []
    for seed in (0, 1):
        out = str(tmp_path / str(seed))
        made = run_json(
            command("eval", MICRO, "--task", "micro-arith", "--out", out, "--set", f"evaluation.seed={seed}", *greedy)
        )
        journal = Path(made["folder"]) / "journal" / "evaluation.base.jsonl"
        texts.append(sorted((s["question_id"], s["text"]) for s in map(json.loads, journal.read_text().splitlines())))
    assert texts[0] == texts[1]
