"""lm-eval's tasks as ours, on a small task of lm-eval's own kind: no network and no model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import QuestionSet
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.questions.harness import lm_eval_tasks
from sdzero_bench.questions.harness.harness_task import cut
from sdzero_bench.records.journal import Sample
from sdzero_bench.runs import registry

SUMS = """
task: {name}
custom_dataset: !function sums.documents
training_split: train
test_split: test
fewshot_split: train
output_type: {output}
doc_to_text: "Question: {{{{question}}}}\\nAnswer:"
doc_to_target: "{{{{answer}}}}"
num_fewshot: 2
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
filter_list:
  - name: strict
    filter:
      - {{function: regex, regex_pattern: "#### (-?[0-9]+)"}}
      - {{function: take_first}}
  - name: flexible
    filter:
      - {{function: regex, group_select: -1, regex_pattern: "(-?[0-9]+)"}}
      - {{function: take_first}}
{more}
"""
GENERATION = """
generation_kwargs:
  until: ["Question:"]
  do_sample: false
  max_gen_toks: 33
"""
PYTHON = """
from datasets import Dataset

def documents(**_):
    def rows(start, count):
        return Dataset.from_list([{"question": f"{i} + {i}?", "answer": str(2 * i)} for i in range(start, start + count)])
    return {"train": rows(100, 4), "test": rows(1, 3)}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """YAML of the tasks `sums`, `sums_again`, `choices` and `unsafe`, of the group `both` and the tag `tagged`."""
    from lm_eval.tasks import TaskManager

    (tmp_path / "sums.py").write_text(PYTHON)
    for name, output, more in (
        ("sums", "generate_until", GENERATION + "tag: tagged\n"),
        ("sums_again", "generate_until", GENERATION + "tag: tagged\n"),
        ("choices", "loglikelihood", ""),
        ("unsafe", "generate_until", "unsafe_code: true" + GENERATION),
    ):
        (tmp_path / f"{name}.yaml").write_text(SUMS.format(name=name, output=output, more=more))
    gone = "dataset_path: json\ndataset_kwargs: {data_files: {train: gone.jsonl, test: gone.jsonl}}\n"
    broken = SUMS.format(name="broken", output="generate_until", more=GENERATION)
    (tmp_path / "broken.yaml").write_text(broken.replace("custom_dataset: !function sums.documents\n", gone))
    group = "group: both\ntask: [sums, sums_again]\naggregate_metric_list:\n  - {metric: exact_match, filter_list: strict}\n"
    (tmp_path / "both.yaml").write_text(group)
    manager = TaskManager(include_path=str(tmp_path), include_defaults=False)
    monkeypatch.setattr(lm_eval_tasks, "task_manager", lambda include_path: manager)
    return tmp_path


def made(name: str, **options: Any) -> Any:
    cls = registry.task(f"lm-eval:{name}")
    return cls(cls.Options(**options))


def sampled(task: Any, questions: QuestionSet, texts: list[str], index: str = "0") -> list[Sample]:
    empty = Sample("p", "", index, 0, "base", "0", 1, (1,), "", "stop", Verdict(0.0), "stub")
    return [
        replace(empty, question_id=question.id, text=text, verdict=task.verify(question, text))
        for question, text in zip(questions, texts, strict=True)
    ]


def test_questions_and_prompts_are_lm_evals(folder: Path) -> None:
    task = made("sums")
    questions = task.load("test")
    assert [(q.id, q.answer) for q in questions] == [("sums/0", "2"), ("sums/1", "4"), ("sums/2", "6")]
    chat = task.prompt(questions[0])
    assert [turn["role"] for turn in chat] == ["user", "assistant", "user", "assistant", "user"]  # two examples
    assert chat[-1]["content"] == "Question: 1 + 1?\nAnswer:"
    assert made("sums").load("test").fingerprint == questions.fingerprint


def test_fewshot_examples_are_as_many_as_asked(folder: Path) -> None:
    task = made("sums", num_fewshot=0, system_instruction="Be brief.")
    assert [turn["role"] for turn in task.prompt(task.load("test")[0])] == ["system", "user"]


def test_a_verdict_is_one_of_lm_evals_figures(folder: Path) -> None:
    strict, flexible = made("sums"), made("sums", figure="exact_match,flexible")
    question = strict.load("test")[1]
    for response, by_strict, by_flexible in (
        ("2 + 2 is 4\n#### 4", 1.0, 1.0),
        ("it is 4", 0.0, 1.0),
        ("it is 5", 0.0, 0.0),
        ("#### 4\nQuestion: and 7?\n#### 14", 1.0, 1.0),  # lm-eval cuts at its stop text
    ):
        assert (strict.verify(question, response).reward, flexible.verify(question, response).reward) == (
            by_strict,
            by_flexible,
        )
    assert strict.verify(question, "#### 4").answer == "4"
    assert strict.verify(question, "none").answer is None


def test_what_lm_eval_makes_of_the_samples_is_kept_beside_our_figures(folder: Path) -> None:
    task = made("sums")
    questions = task.load("test")
    samples = sampled(task, questions, ["#### 2", "it is 4", "#### 7"]) + sampled(task, questions, ["#### 2"] * 3, "1")
    figures = task.harness_figures(questions, samples)
    assert figures["results"]["sums"] == {
        "exact_match,strict": 1 / 3,
        "exact_match,flexible": pytest.approx((2 / 3 + 1 / 3) / 2),
    }
    assert figures["n-shot"]["sums"] == 2


def test_samples_without_a_verdict_are_not_wrong(folder: Path) -> None:
    task = made("sums")
    questions = task.load("test")
    samples = sampled(task, questions, ["#### 2", "#### 4", "#### 6"])
    samples[0] = replace(samples[0], verdict=Verdict.failed("timeout", "slow"))
    assert task.harness_figures(questions, samples)["results"]["sums"]["exact_match,strict"] == 1.0


def test_a_journal_that_lm_eval_contradicts_is_refused(folder: Path) -> None:
    task = made("sums")
    questions = task.load("test")
    samples = sampled(task, questions, ["#### 2", "#### 4", "#### 6"])
    samples[2] = replace(samples[2], verdict=Verdict(0.0))
    with pytest.raises(RuntimeError, match="document 2 of lm-eval's sums"):
        task.harness_figures(questions, samples)


def test_the_first_questions_of_a_group_are_of_all_its_members(folder: Path) -> None:
    task = made("both")
    questions = task.load("test")
    assert [q.id for q in questions.head(4)] == ["sums/0", "sums_again/0", "sums/1", "sums_again/1"]
    samples = sampled(task, questions, ["#### 2", "#### 3", "#### 4", "#### 5", "#### 6", "#### 7"])
    assert task.harness_figures(questions, samples)["results"]["both"]["exact_match,strict"] == 0.5


@pytest.mark.parametrize("name", ["sums", "both", "tagged"])
def test_settings_reach_every_member_of_a_group_or_tag(folder: Path, name: str) -> None:
    members = {"sums"} if name == "sums" else {"sums", "sums_again"}
    for overrides, expected in (({}, 2), ({"num_fewshot": 1}, 1)):
        loaded = lm_eval_tasks.build(name, None, overrides)
        assert {member: task.config.num_fewshot for member, task in loaded["tasks"].items()} == dict.fromkeys(members, expected)
        assert set(loaded["groups"]) == ({"both"} if name == "both" else set())


def test_a_harness_is_used_to_its_own_way_of_sampling(folder: Path) -> None:
    assert made("sums").usual_evaluation() == {"temperature": 0.0, "samples": 1, "pass_at": 1, "max_new_tokens": 33}


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("sms", {}, "did you mean 'sums'"),
        ("xyz123", {}, "`lm_eval ls tasks` lists them"),
        ("choices", {}, "compares likelihoods of given answers"),
        ("unsafe", {}, "run them in a sandbox"),
        ("sums", {"figure": "exact_match,strickt"}, "did you mean 'exact_match,strict'"),
        ("broken", {}, "lm-eval cannot build broken .*--set task.dataset_path=json"),
    ],
)
def test_what_cannot_be_run_is_said_before_any_model_is_loaded(folder: Path, name: str, options: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        made(name, **options).load("test")


def test_a_harness_has_no_training_questions(folder: Path) -> None:
    with pytest.raises(UserError, match="harnesses are for evaluation, not for training"):
        made("sums").load("train")


def test_without_lm_eval_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lm_eval_tasks, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'sdzero-bench\[harness\]'"):
        registry.task("lm-eval:gsm8k")


def test_a_response_ends_at_its_first_stop_text() -> None:
    assert cut("one two three", ["three", "two"]) == "one "
    assert cut("one two three", ["four", ""]) == "one two three"
