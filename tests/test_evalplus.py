"""EvalPlus as tasks of ours, on two problems of its format: its prompt, its sanitiser, its tests in the sandbox."""

from __future__ import annotations

import importlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import QuestionSet
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.questions.harness.evalplus import BEGUN, INSTRUCTION, answer
from sdzero_bench.records.journal import Sample
from sdzero_bench.runs import registry
from sdzero_bench.verifiers.code import evalplus_rules
from sdzero_bench.verifiers.sandbox import Sandbox, find_sandbox

DOUBLE = {
    "task_id": "HumanEval/0",
    "prompt": 'def double(x):\n    """Twice x."""\n',
    "entry_point": "double",
    "canonical_solution": "    return 2 * x\n",
    "base_input": [[1], [2]],
    "plus_input": [[-3], [2.5]],
    "atol": 0,
}
THIRD = {
    "task_id": "HumanEval/1",
    "prompt": 'def third(x):\n    """A third of x."""\n',
    "entry_point": "third",
    "canonical_solution": "    return x / 3\n",
    "base_input": [[3]],
    "plus_input": [[1]],
    "atol": 1e-6,
}


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return find_sandbox(allow_weaker=True)


@pytest.fixture
def task(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    import evalplus.data

    rows = {row["task_id"]: row for row in (DOUBLE, THIRD)}
    monkeypatch.setattr(evalplus.data, "get_human_eval_plus", lambda: rows)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = registry.task("evalplus:humaneval")()
    made.sandbox = sandbox
    return made


def fenced(code: str) -> str:
    """A response after the beginning that EvalPlus gives it, within the block."""
    return f"{code}\n```\nThis works because it does.\nprint('and so on')\n"


def sampled(task: Any, questions: QuestionSet, texts: list[str]) -> list[Sample]:
    empty = Sample("p", "", "0", 0, "base", "0", 1, (1,), "", "stop", Verdict(0.0), "stub")
    return [
        replace(empty, question_id=q.id, text=text, verdict=task.verify(q, text))
        for q, text in zip(questions, texts, strict=True)
    ]


def test_the_prompt_is_evalplus_own(task: Any, tokenizer: Any) -> None:
    from evalplus.provider.utility import make_raw_chat_prompt

    user, assistant = task.prompt(task.load("test")[0])
    theirs = make_raw_chat_prompt(DOUBLE["prompt"].strip() + "\n", INSTRUCTION, BEGUN, tokenizer)
    ours = tokenizer.apply_chat_template([user, assistant], continue_final_message=True, tokenize=False)
    assert ours == theirs


def test_the_run_goes_on_with_the_response_that_was_begun(task: Any, tokenizer: Any) -> None:
    from sdzero_bench.training.run import Run

    run = Run.__new__(Run)
    run.task, run.tokenizer = task, tokenizer
    assert tokenizer.decode(run.prompt_ids(task.load("test")[0])).endswith(f"{BEGUN}\n```python\n")


@pytest.mark.parametrize(
    ("code", "base", "plus"),
    [
        ("def double(x):\n    return 2 * x", True, True),
        ("def twice(x):\n    return x + x\n\ndef double(x):\n    return twice(x)", True, True),
        ("def double(x):\n    return abs(2 * x)", True, False),  # the base tests have no negative number
        ("def double(x):\n    return x", False, False),
        ("def double(x):\n    import os\n    os._exit(0)", False, False),
        (
            "class Anything:\n    def __eq__(self, other):\n        return True\n\ndef double(x):\n    return Anything()",
            False,
            False,
        ),
        ("I cannot do that.", False, False),
        ("def double(x: List) -> float:\n    return 2 * x", False, False),  # a name that is not imported
    ],
)
def test_base_and_plus_tests_decide(task: Any, code: str, base: bool, plus: bool) -> None:
    questions = QuestionSet("one", (task.load("test")[0],))
    (sample,) = sampled(task, questions, [fenced(code)])
    assert sample.verdict.status == "ok"
    results = task.harness_figures(questions, [sample])["results"]
    assert results == {"humaneval": {"pass@1": float(base)}, "humaneval+": {"pass@1": float(plus)}}
    assert sample.right == plus


def test_base_tests_whose_results_exceed_the_limits_are_not_counted_among_them(
    task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DOUBLE, "base_input", [[1], [3 << 30]])
    monkeypatch.setitem(DOUBLE, "canonical_solution", "    return bytearray(x) if x > 9 else 2 * x\n")
    questions = QuestionSet("one", (task.load("test")[0],))
    assert task.left_out(questions) == 1
    (sample,) = sampled(task, questions, [fenced("def double(x):\n    return abs(2 * x)")])
    results = task.harness_figures(questions, [sample])["results"]
    assert results == {"humaneval": {"pass@1": 1.0}, "humaneval+": {"pass@1": 0.0}}


@pytest.mark.parametrize(
    "code",
    [
        "def double(x):\n    return 2 * x",
        "def double(x):\n    return abs(2 * x)",
        "def double(x):\n    return 2.0 * x",
        "def double(x):\n    return [2 * x]",
        "def double(x):\n    raise ValueError(x)",
        "def double(x: List):\n    return 2 * x",
        "twice = 2",
        "",
    ],
)
def test_evalplus_own_checker_says_the_same(task: Any, code: str) -> None:
    """Its checker runs programs with little between them and the machine: these are ours."""
    from evalplus.eval import PASS, untrusted_check
    from evalplus.sanitize import sanitize

    questions = QuestionSet("one", (task.load("test")[0],))
    (sample,) = sampled(task, questions, [fenced(code)])
    ours = task.harness_figures(questions, [sample])["results"]
    passed = True
    for name, inputs in (("humaneval", DOUBLE["base_input"]), ("humaneval+", DOUBLE["plus_input"])):
        expected = [2 * x for (x,) in inputs]
        program = sanitize(answer(fenced(code)), "double")
        status, _ = untrusted_check("humaneval", program, inputs, "double", expected, 0, [0.1] * len(inputs))
        passed = passed and status == PASS
        assert ours[name] == {"pass@1": float(passed)}, name


def test_floats_are_compared_as_evalplus_does(task: Any) -> None:
    third = task.load("test")[1]
    assert task.verify(third, fenced("def third(x):\n    return x * 0.333333333")).reward == 1.0
    assert task.verify(third, fenced("def third(x):\n    return x * 0.3333")).reward == 0.0


def test_a_failure_of_the_verifier_is_not_counted(task: Any) -> None:
    questions = task.load("test")
    samples = sampled(task, questions, [fenced("def double(x):\n    return 2 * x"), fenced("def third(x):\n    return x / 3")])
    samples[1] = replace(samples[1], verdict=Verdict.failed("error", "the sandbox is gone"))
    assert task.harness_figures(questions, samples)["results"]["humaneval+"] == {"pass@1": 1.0}


def test_a_record_without_the_tests_is_not_verified_again_and_says_so(task: Any, sandbox: Sandbox) -> None:
    from types import SimpleNamespace

    from sdzero_bench.report.audit.not_recorded import NotRecorded
    from sdzero_bench.report.audit.reverify import Reverifier
    from sdzero_bench.runs.evaluation.standalone import settings_for, subject

    micro = subject("package:sdzero_bench.tasks/micro_world/slips")
    config = settings_for(micro, "micro", "evalplus:humaneval", ["verifying.allow_weaker_sandbox=true"])
    questions = task.load("test")
    samples = sampled(task, questions, [fenced("def double(x):\n    return 2 * x"), fenced("x")])
    recorded = [replace(question, details=NotRecorded()) for question in questions]
    of_the_record: Any = SimpleNamespace(
        config=config, questions={"train": [], "test": recorded}, samples={"evaluation.base": samples}
    )
    with Reverifier(workers=1) as reverifier:
        findings, notes = reverifier.check(of_the_record)
    assert findings == []
    assert notes[0].startswith("journal/evaluation.base.jsonl: 2 samples cannot be verified again")


def test_equal_answers_are_verified_once_whatever_follows_them(task: Any) -> None:
    question = task.load("test")[0]
    keys = {task.verdict_key(question, text) for text in (fenced("x = 1"), "x = 1\n```\n", "x = 1\n```\nElse")}
    assert len(keys) == 1
    assert task.verdict_key(question, "x = 2\n```\n") not in keys


def test_a_response_is_cut_as_evalplus_decoders_cut_it() -> None:
    assert answer("def f():\n\treturn 1\n```\nmore") == "def f():\n    return 1"
    assert answer("x = 1\nif __name__ == '__main__':\n    pass") == "x = 1"


def test_it_is_sampled_as_evalplus_samples(task: Any) -> None:
    assert task.usual_evaluation() == {"temperature": 0.0, "samples": 1, "pass_at": 1, "max_new_tokens": 768}


def test_without_evalplus_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise UserError(evalplus_rules.INSTALL)

    monkeypatch.setattr("sdzero_bench.questions.harness.evalplus.require_evalplus", refuse)
    with pytest.raises(UserError, match=r"pip install 'sdzero-bench\[harness\]'"):
        registry.task("evalplus:humaneval")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "file", "variable", "refused"),
    [
        ("humaneval", "HumanEvalPlus.jsonl.gz", "HUMANEVAL_OVERRIDE_PATH", set()),
        # The sanitiser drops functions without `return`, and 630's solution has a generator: EvalPlus itself refuses it so.
        ("mbpp", "MbppPlus.jsonl.gz", "MBPP_OVERRIDE_PATH", {"Mbpp/630"}),
    ],
)
def test_every_reference_solution_of_evalplus_passes(
    name: str, file: str, variable: str, refused: set[str], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of EvalPlus's problems, from SDZERO_DATA/evalplus, each answered with EvalPlus's own solution."""
    path = Path(os.environ["SDZERO_DATA"]) / "evalplus" / file
    monkeypatch.setattr(importlib.import_module(f"evalplus.data.{name}"), variable, str(path))
    task: Any = registry.task(f"evalplus:{name}")()
    task.sandbox = sandbox
    questions = task.load("test")
    verdicts = {q.id: task.verify(q, fenced(q.text + q.answer)) for q in questions}
    assert {id for id, verdict in verdicts.items() if verdict.reward != 1.0} == refused
