"""A base under several prompts: what the model reads under each, and what is made of the figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from local_tasks import local_task
from small_runs import command, finished, run_json
from tiny import attempt

from sdzero_bench.core.completion import SamplingParameters
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.core.question import Question
from sdzero_bench.policies.chat import PolicyContexts
from sdzero_bench.questions.harness.harness_task import HarnessTask
from sdzero_bench.report.probe.probe_page import sensitivity_verdict
from sdzero_bench.runs.config import resolve
from sdzero_bench.runs.evaluation.measures import PolicyMeasures, measure
from sdzero_bench.runs.probe.base_probe import BaseProbe
from sdzero_bench.runs.probe.probed_task import ProbedTask, stopped_at
from sdzero_bench.runs.probe.prompt_sensitivity import PromptSensitivity, PromptVariant, prompt_sensitivity
from sdzero_bench.runs.probe.prompt_templates import OWN, NotApplicableError, PromptTemplate, prompts_under, templates
from sdzero_bench.runs.probe.vendor_sampling import vendor_sampling

MICRO = "package:sdzero_bench.tasks/micro_world/slips"
BY_NAME = {template.name: template for template in templates()}


@pytest.fixture
def contexts(tokenizer: Any) -> PolicyContexts:
    return PolicyContexts(tokenizer, local_task("micro-arith"), ends=())


def read(name: str, contexts: PolicyContexts) -> str:
    """What the model reads of the first test question."""
    (ids,) = prompts_under(BY_NAME[name], contexts.task.load("test").head(1), contexts)
    return str(contexts.tokenizer.decode(list(ids)))


def test_the_first_template_is_the_tasks_own_prompt(contexts: PolicyContexts) -> None:
    assert templates()[0].name == OWN
    questions = contexts.task.load("test").head(3)
    assert prompts_under(templates()[0], questions, contexts) == [tuple(contexts.prompt_ids(q)) for q in questions]


def test_what_the_model_reads_under_each_template(contexts: PolicyContexts) -> None:
    question = contexts.task.load("test")[0].text
    prompt = contexts.task.prompt(contexts.task.load("test")[0])[0]["content"]
    asked = f"<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"
    assert read("task", contexts) == asked
    assert read("no-system", contexts) == f"<|im_start|>system\n<|im_end|>\n{asked}"
    assert read("plain", contexts) == f"{question}\n"
    assert read("question-answer", contexts) == f"Question: {prompt}\nAnswer:"
    assert f"user\n{question}\n\nPlease reason step by step, and put your final answer within \\boxed{{}}.<|im" in read(
        "boxed", contexts
    )
    assert read("boxed-system", contexts).startswith("<|im_start|>system\nPlease reason step by step")
    shown = read("few-shot", contexts)
    assert shown.count("Question: ") == 5
    assert shown.endswith(f"Question: {question}\nAnswer:")
    for example in contexts.task.load("train")[:4]:
        assert f"Question: {example.text}\nAnswer: {contexts.task.demonstration(example)}\n\n" in shown


def test_a_template_for_other_answers_is_left_out(contexts: PolicyContexts, tokenizer: Any) -> None:
    with pytest.raises(NotApplicableError, match="does not ask for programs"):
        read("program", contexts)
    code = PolicyContexts(tokenizer, local_task("micro-code"), ends=())
    with pytest.raises(NotApplicableError, match="does not ask for boxed answers"):
        read("boxed", code)
    assert "self-contained Python script" in read("program", code)
    with pytest.raises(NotApplicableError, match="no training questions"):
        read("few-shot", PolicyContexts(tokenizer, local_task("math500"), ends=()))


def test_a_chat_template_without_system_messages_is_named(contexts: PolicyContexts, micro_path: str) -> None:
    from sdzero_bench.policies.loading import load_tokenizer

    strict: Any = load_tokenizer(micro_path)
    refusal = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    strict.chat_template = refusal + strict.chat_template
    with pytest.raises(NotApplicableError, match="System role not supported"):
        read("no-system", PolicyContexts(strict, contexts.task, ends=()))


def test_a_response_ends_where_it_asks_itself_the_next_question() -> None:
    task = ProbedTask(local_task("micro-arith"))
    question = Question("0", "1 + 2 = ?", "3")
    response = " It is \\boxed{3}.\n\nQuestion: 2 + 2 = ?\nAnswer: \\boxed{4}"
    assert task.verify(question, response).reward == 0.0
    assert task.verify(stopped_at(question, ("\nQuestion:",)), response).reward == 1.0


def test_every_template_asks_and_differs_from_the_others() -> None:
    assert len({t.name for t in templates()}) == len(templates()) >= 6
    asks = [(t.chat, t.system, t.text, t.shots) for t in templates()]
    assert len(set(asks)) == len(asks)
    with pytest.raises(ValueError, match="extra"):
        PromptTemplate(name="x", about="x", chta="{question}")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("stated", "parameters", "ignored"),
    [
        ({"temperature": 0.6, "top_p": 0.95, "top_k": 20, "do_sample": True}, (0.6, 0.95), {"top_k": 20}),
        ({"temperature": 0.7, "repetition_penalty": 1.05}, (0.7, 1.0), {"repetition_penalty": 1.05}),
        ({"top_p": 0.9, "do_sample": True}, (1.0, 0.9), {}),
    ],
)
def test_the_vendors_sampling_is_read_from_the_models_files(
    stated: dict[str, Any], parameters: tuple[float, float], ignored: dict[str, float], tmp_path: Path
) -> None:
    (tmp_path / "generation_config.json").write_text(json.dumps(stated))
    found = vendor_sampling(str(tmp_path), 9)
    assert found is not None
    assert found.parameters == SamplingParameters(*parameters, 9)
    assert found.ignored == ignored


def test_a_model_that_states_no_sampling_has_none(tmp_path: Path) -> None:
    assert vendor_sampling(str(tmp_path), 9) is None
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": 2}))
    assert vendor_sampling(str(tmp_path), 9) is None
    (tmp_path / "generation_config.json").write_text(json.dumps({"do_sample": False, "temperature": 0.7}))
    assert vendor_sampling(str(tmp_path), 9) is None


def figures(right: int, of: int) -> PolicyMeasures:
    """Of one sample each of so many questions, the first of which are right."""
    return measure([attempt(str(i), [1], float(i < right)).sample for i in range(of)], 1)


@pytest.mark.parametrize(
    ("own", "other", "questions", "said"),
    [
        (40, 30, 100, "No other prompt scores higher"),
        (40, 70, 100, "The base is measured low by the task's own prompt: avg@1 plain 70.0"),
        (40, 41, 400, "No other prompt does better by 5 points"),
        (4, 5, 10, "Inconclusive: avg@1 plain 50.0"),
        (0, 0, 100, "Inconclusive: no response was right under any prompt"),
    ],
)
def test_the_verdict(own: int, other: int, questions: int, said: str) -> None:
    measured = {PromptVariant(OWN, "ours"): figures(own, questions), PromptVariant("plain", "ours"): figures(other, questions)}
    found: PromptSensitivity = prompt_sensitivity(measured, {})
    assert found.best == max(measured, key=lambda v: measured[v].avg_at_k)
    assert sensitivity_verdict(found).startswith(said)


def test_a_probe_is_drawn_once_goes_on_and_agrees_with_eval(tmp_path: Path) -> None:
    settings = ["--set", "evaluation.max_new_tokens=60", "--set", "sampling.batch_size=8"]
    folder = tmp_path / "probe"
    ask = ["probe", MICRO, "--task", "micro-arith", "--questions", "6", "--k", "2", *settings]
    first = run_json(command(*ask, "--output", str(folder), "--json"))
    prompts = {entry["template"]: entry for entry in first["sensitivity"]["prompts"]}
    assert list(prompts) == ["task", "no-system", "plain", "boxed", "boxed-system", "question-answer", "few-shot"]
    assert "vendor's sampling" in first["sensitivity"]["skipped"]

    eval_settings = [*settings, "--k", "2", "--limit", "6", "--out", str(tmp_path / "runs"), "--json"]
    (entry,) = run_json(command("eval", MICRO, "--task", "micro-arith", *eval_settings))["evaluation"]
    assert entry["avg_at_k"] == prompts["task"]["avg_at_k"]

    journal = folder / "journal" / "evaluation.prompt.plain.ours.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:5]) + lines[5][:40])  # as a kill leaves it
    again = run_json(command(*ask, "--output", str(folder), "--json"))
    assert again == first
    assert sorted(journal.read_bytes().splitlines()) == sorted(line.rstrip() for line in lines)

    other = finished(command(*ask[:-2], "--set", "evaluation.temperature=0.5", "--output", str(folder)))
    assert other.returncode == 2
    assert "holds a probe with other settings" in other.stderr
    assert "evaluation.temperature (1.0 there, 0.5 now)" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--task", "micro-arith", "--set", "evaluation.max_new_tokens=1020"], "lower evaluation.max_new_tokens"),
        (["--task", "micro-arith", "--k", "2", "--set", "evaluation.temperature=0"], "would be identical"),
    ],
)
def test_what_cannot_be_measured_is_said_before_anything_is_drawn(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = finished(command("probe", MICRO, *arguments, "--questions", "4", "--output", str(tmp_path / "probe")))
    assert (done.returncode, said in done.stderr) == (2, True)
    assert not list(tmp_path.rglob("*.jsonl"))
    assert not list(tmp_path.rglob("settings.json"))  # the corrected command may use the same folder


def test_the_prompts_of_a_harness_are_not_probed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    unused = ("load_test", "usual_evaluation", "harness_figures", "prompt", "verify")
    task = type("Own", (HarnessTask,), {"name": "own", **dict.fromkeys(unused, lambda *_: None)})
    monkeypatch.setattr("sdzero_bench.runs.probe.base_probe.make_task", lambda config: task())
    config = resolve("base")
    with pytest.raises(UserError, match="has the prompts of its harness"):
        BaseProbe(config, tmp_path / "probe", ProgressDisplay(quiet=True))
    assert not (tmp_path / "probe").exists()
