"""A run with a learning curve, another task and kl(trained, base): its figures by other means, its record, its report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
import torch
from record_edits import says
from small_runs import SAVING, command, finished, run_json, small_run
from test_command_line import forked_until, lines_in

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.policies.loading import load_model
from sdzero_bench.questions.harness import lm_eval_tasks
from sdzero_bench.records.packing import pack
from sdzero_bench.records.record_files import read_curve, read_evaluation, read_manifest
from sdzero_bench.report.audit.audit import check_record
from sdzero_bench.report.leaderboard.report_files import Report
from sdzero_bench.runs.config import resolve
from sdzero_bench.runs.evaluation.other_tasks import load_other_tasks
from sdzero_bench.runs.session import Session
from sdzero_bench.testing.same_end import differences

MORE = [
    "evaluation.revise=false",
    "evaluation.curve_questions=4",
    "evaluation.curve_samples=1",
    "evaluation.forgetting=[countdown,micro-arith]",
    "evaluation.forgetting_questions=2",
    "evaluation.kl=3",
    "verifying.workers=1",
]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return run_json(small_run("grpo", tmp_path_factory.mktemp("runs"), *MORE))


@pytest.fixture(scope="module")
def run(result: dict[str, Any]) -> Path:
    return Path(result["folder"])


def samples_of(run: Path, phase: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "journal" / f"{phase}.jsonl").read_text().splitlines()]


def accuracy(rows: list[dict[str, Any]]) -> float:
    return fmean(row["verdict"]["reward"] for row in rows)


def test_each_point_is_the_accuracy_of_its_own_samples(run: Path) -> None:
    curve = read_curve(run)
    assert [(point.share, point.used.samples) for point in curve.points] == [(0.25, 16), (0.5, 32), (0.75, 48), (1.0, 64)]
    assert [point.checkpoint for point in curve.points] == ["grpo@2", "grpo@4", "grpo@6", "grpo"]
    for point in curve.points[:-1]:
        rows = samples_of(run, f"evaluation.{point.policy}.curve")
        assert len(rows) == 4
        assert {row["policy"] for row in rows} == {point.checkpoint}
        assert point.test.avg_at_k == accuracy(rows)
        assert point.validation is not None
        assert point.validation.avg_at_k == accuracy(samples_of(run, f"evaluation.{point.policy}.validation"))
    # The final policy is not sampled from twice: its first samples of the first questions.
    first = [row for row in samples_of(run, "evaluation.final") if row["index"] == "0" and int(row["question_id"][5:]) < 4]
    assert curve.points[-1].test.avg_at_k == accuracy(first)
    assert not (run / "journal" / "evaluation.final.curve.jsonl").exists()


def test_what_was_kept_for_the_curve_is_gone_and_was_not_charged(run: Path, result: dict[str, Any]) -> None:
    assert [path.name for path in (run / "checkpoints").iterdir() if path.is_dir()] == ["grpo"]
    assert result["ledger"]["grpo"]["samples"] == 64
    steps = [json.loads(line) for line in (run / "training" / "grpo.jsonl").read_text().splitlines()]
    used = read_curve(run).points[1].used
    assert used.backward_tokens == sum(step["backward_tokens"] for step in steps[:4])
    assert used.wall_seconds == pytest.approx(steps[3]["runtime_seconds"])


def test_the_other_task_is_measured_before_and_after(run: Path) -> None:
    before, after = read_evaluation(run)
    for entry in (before, after):
        (other,) = entry.other_tasks or []  # the run's own task is left out
        assert (other.task, other.questions, other.samples_per_question) == ("countdown", 2, 2)
        assert other.avg_at_k == accuracy(samples_of(run, f"evaluation.{entry.policy}.on-countdown"))
    assert after.other_tasks is not None
    assert after.other_tasks[0].over_base is not None
    names = read_manifest(run).question_files
    assert names is not None
    assert names.others.keys() == {"validation", "on-countdown"}


def test_kl_is_that_of_full_logits(run: Path, micro_path: str, tokenizer: Any) -> None:
    (entry,) = [entry for entry in read_evaluation(run) if entry.policy == "final"]
    assert entry.kl_by_question is not None
    assert entry.kl_to_base is not None
    config = read_manifest(run).config
    trained, base = (load_model(str(path), config.model) for path in (run / "checkpoints" / "grpo", micro_path))
    session = Session(config, ProgressDisplay(quiet=True))
    total = tokens = 0.0
    for question in session.test_questions.head(3):
        (row,) = [r for r in samples_of(run, "evaluation.final") if (r["question_id"], r["index"]) == (question.id, "0")]
        prompt = tokenizer.apply_chat_template(session.task.prompt(question), add_generation_prompt=True, return_dict=False)
        ids = torch.tensor([[*prompt, *row["token_ids"]]])
        with torch.no_grad():
            p, q = (model(ids).logits[0, len(prompt) - 1 : -1].double().log_softmax(-1) for model in (trained, base))
        kl = float((p.exp() * (p - q)).sum())
        assert entry.kl_by_question[question.id].kl == pytest.approx(kl, abs=1e-5)
        total, tokens = total + kl, tokens + len(row["token_ids"])
    assert entry.kl_to_base.per_token == pytest.approx(total / tokens, abs=1e-6)
    assert entry.kl_to_base.per_response == pytest.approx(total / 3, abs=1e-5)


def test_the_record_holds_packed_or_not(run: Path, tmp_path: Path) -> None:
    own, packed = check_record(run), check_record(pack(run, tmp_path))
    assert says(own) == says(packed) == ""
    assert own.notes == packed.notes == []


def point(document: Any) -> None:
    document["points"][1]["used"]["generated_tokens"] += 1


def better(document: Any) -> None:
    document["selection"]["best_by_test"]["policy"] = "at25"


def other(document: Any) -> None:
    document[1]["other_tasks"][0]["avg_at_k"] = 1.0


def kl(document: Any) -> None:
    document[1]["kl_to_base"]["per_token"] /= 2


@pytest.mark.parametrize(
    ("file", "edit", "found"),
    [
        ("curve.json", point, "curve.points.1.used.generated_tokens"),
        ("curve.json", better, "curve.selection.best_by_test.policy"),
        ("evaluation.json", other, "final.countdown.avg_at_k"),
        ("evaluation.json", kl, "final.kl_to_base.per_token"),
    ],
)
def test_an_edited_figure_is_found(run: Path, tmp_path: Path, file: str, edit: Any, found: str) -> None:
    copy = tmp_path / run.name
    shutil.copytree(run, copy)
    document = json.loads((copy / file).read_text())
    edit(document)
    (copy / file).write_text(json.dumps(document))
    assert found in says(check_record(copy))


def test_a_report_has_selection_curves_and_what_was_forgotten(run: Path, tmp_path: Path) -> None:
    """Over two seeds, of which the second is the first one's copy with another final policy's accuracy on one question."""
    for seed in range(2):
        shutil.copytree(run, tmp_path / f"s{seed}")
    path = tmp_path / "s1" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["config"]["seed"], manifest["digests"] = 1, None
    path.write_text(json.dumps(manifest))
    path = tmp_path / "s1" / "curve.json"
    curve = json.loads(path.read_text())
    changed = {id: 1.0 - value for id, value in curve["per_question"]["final"]["test"].items()}
    curve["per_question"]["final"]["test"] = changed
    path.write_text(json.dumps(curve))

    report = Report(tmp_path)
    ((table,),) = report.boards
    found = table.curves
    assert found is not None
    first = read_curve(run).per_question
    assert found.points["grpo"][-1].avg.mean == pytest.approx(0.5)  # right in one seed where wrong in the other
    assert found.points["grpo"][0].avg.mean == pytest.approx(fmean(first["at25"].test.values()))
    assert found.points["grpo"][0].samples == 16
    data = json.loads(report.text("json")["leaderboard.json"])["boards"][0]["tables"][0]
    assert data["selection"]["grpo"]["last"]["mean"] == pytest.approx(0.5)
    (before, after) = (entry.other_by_question["countdown"] for entry in read_evaluation(run) if entry.other_by_question)
    change = np.mean(list(after.values())) - np.mean(list(before.values()))
    assert data["forgetting"]["other task (pts)"]["grpo"]["mean"] == pytest.approx(change)
    assert data["forgetting"]["KL(trained, base)"]["grpo"]["mean"] > 0
    text = report.text("md")["README.md"]
    assert "#### Selection" in text
    assert report.images.keys() >= {"learning_curves.png", "learning_curves.svg"}
    assert "learning_curves" in text


@pytest.mark.slow
def test_a_method_that_trains_after_sampling_has_the_base_until_then(tmp_path: Path) -> None:
    """As in a sweep, where the base has a run of its own: it is measured once here, on the questions of the curve."""
    settings = ["evaluation.base=false", *MORE, "evaluation.forgetting=[]"]
    done = Path(run_json(small_run("rft", tmp_path, *settings))["folder"])
    curve = read_curve(done)
    assert [point.policy for point in curve.points] == ["base", "base", "base", "final"]
    assert [point.used.samples for point in curve.points] == [16, 32, 48, 64]
    assert [point.used.backward_tokens > 0 for point in curve.points] == [False, False, False, True]
    assert len(samples_of(done, "evaluation.base.curve")) == 4
    assert not (done / "journal" / "evaluation.base.jsonl").exists()
    report = check_record(done)
    assert says(report) == ""
    assert report.notes == []


def test_flops_are_six_per_parameter_trained_and_two_per_parameter_generated(run: Path) -> None:
    curve = read_curve(run)
    used = curve.points[-1].used
    assert used.flops(10) == 60 * used.backward_tokens + 20 * (used.forward_tokens + used.generated_tokens)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("[micro-cod]", "did you mean 'micro-code'"),
        pytest.param("[lm-eval:no-such-task-here]", "unknown lm-eval task", marks=pytest.mark.slow),
        pytest.param("[forgetting-short]", "lm-eval:ifeval", marks=pytest.mark.slow),
    ],
)
def test_a_task_that_cannot_be_loaded_is_named_before_the_first_sample(
    given: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    config = resolve("base", "tiny", assignments=[f"evaluation.forgetting={given}"])
    with pytest.raises(UserError, match=r"evaluation\.forgetting: ") as refusal:
        Session(config, ProgressDisplay(quiet=True))
    assert said in str(refusal.value)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("phase", ["journal/grpo.jsonl", "journal/evaluation.at50.validation.jsonl", "curve.json"])
def test_a_run_killed_anywhere_ends_as_it_would_have(phase: str, run: Path, tmp_path: Path) -> None:
    """In training, with policies kept; while the curve is measured; and once its policies are deleted."""
    arguments = small_run("grpo", tmp_path / "runs", *MORE, SAVING)
    least = 40 if "grpo" in phase else 1
    forked_until(lambda: lines_in(tmp_path / "runs", phase) >= least, arguments, tmp_path).kill()
    (cut,) = (tmp_path / "runs").iterdir()
    assert not (cut / "result.json").exists()
    resumed = finished(command("run", "--resume", str(cut), "--json"))
    assert resumed.returncode == 0, resumed.stderr[-2000:]
    assert differences(run, cut) == []
    again = finished(command("run", "--resume", str(cut), "--json"))  # finished, and its policies are gone
    assert again.returncode == 0, again.stderr[-2000:]
    assert differences(run, cut) == []


PICK = """
task: pick
custom_dataset: !function pick.documents
test_split: test
output_type: multiple_choice
doc_to_text: "Question: {{question}} Answer:"
doc_to_choice: "{{options}}"
doc_to_target: "{{answer}}"
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
"""
DOCUMENTS = """
from datasets import Dataset

def documents(**_):
    rows = [{"question": f"{i} + {i}?", "options": [str(2 * i), str(2 * i + 1)], "answer": i % 2} for i in range(1, 6)]
    return {"test": Dataset.from_list(rows)}
"""


def test_a_task_of_given_answers_is_right_where_the_right_one_is_likeliest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, micro: Any, tokenizer: Any
) -> None:
    """Against the likelihood of each answer, token by token."""
    from lm_eval.tasks import TaskManager

    (tmp_path / "pick.yaml").write_text(PICK)
    (tmp_path / "pick.py").write_text(DOCUMENTS)
    manager = TaskManager(include_path=str(tmp_path), include_defaults=False)
    monkeypatch.setattr(lm_eval_tasks, "task_manager", lambda include_path: manager)
    settings = ["evaluation.forgetting=[lm-eval:pick]", "evaluation.forgetting_questions=4"]
    (asked,) = load_other_tasks(resolve("base", "tiny", assignments=settings))
    assert asked.choices is not None
    assert asked.samples == 0

    def likelihood(context: str, answer: str) -> float:
        before, whole = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (context, context + answer))
        with torch.no_grad():
            log_p = micro(torch.tensor([whole])).logits[0].log_softmax(-1)
        return sum(float(log_p[i - 1, whole[i]]) for i in range(len(before), len(whole)))

    expected = {}
    for i in range(1, 5):
        found = [likelihood(f"Question: {i} + {i}? Answer:", f" {answer}") for answer in (2 * i, 2 * i + 1)]
        expected[f"pick/{i - 1}"] = float(found.index(max(found)) == i % 2)
    assert asked.choices.accuracy(micro, tokenizer, 4) == expected
