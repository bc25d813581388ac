"""file:PATH, questions of one's own: answers or tests, splits that are stated or follow from the texts."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from local_tasks import sandbox

from sdzero_bench.core.errors import NoSuchSplit, UserError
from sdzero_bench.runs import registry
from sdzero_bench.runs.config import resolve
from sdzero_bench.testing.task_check import check_task
from sdzero_bench.verifiers.equip import require_readable
from sdzero_bench.verifiers.pool import VerifierPool

SPLITS = ("train", "validation", "test")


def own(path: Path, rows: list[dict[str, Any]] | None = None, **options: Any) -> Any:
    if rows is not None:
        path.write_text("\n".join(map(json.dumps, rows)))
    cls = registry.task(f"file:{path}")
    return cls(cls.Options(**options))


def sums(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"question": f"{i} + {i}?", "answer": 2 * i, **more} for i in range(count)]


def texts(task: Any) -> dict[str, set[str]]:
    return {split: {q.text for q in task.load(split)} for split in SPLITS}


def test_shares_are_exact_and_follow_from_the_texts(tmp_path: Path) -> None:
    found = texts(own(tmp_path / "a.jsonl", sums(40)))
    assert {split: len(those) for split, those in found.items()} == {"train": 28, "validation": 4, "test": 8}
    assert len(set.union(*found.values())) == 40
    assert texts(own(tmp_path / "b.jsonl", sums(40)[::-1])) == found


def test_a_field_says_what_is_what(tmp_path: Path) -> None:
    rows = [{**row, "split": SPLITS[i % 3]} for i, row in enumerate(sums(9))]
    task = own(tmp_path / "a.jsonl", rows)
    assert [q.text for q in task.load("validation")] == ["1 + 1?", "4 + 4?", "7 + 7?"]
    rows[4]["split"] = "dev"
    with pytest.raises(UserError, match=r"b.jsonl', line 5: the field 'split' must be one of train, validation, test"):
        own(tmp_path / "b.jsonl", rows).load("train")


CAPITALS = ["Berlin", "Paris", "Rome"]
OF_KINDS: list[tuple[object, list[dict[str, Any]], str, str]] = [
    ("text", [{"answer": "Paris"}, {"answer": "Rome"}], "Answer: paris", "Answer: Rome"),
    ("number", [{"answer": 1200}, {"answer": "3e2"}], "Answer: 1,200", "Answer: 12"),
    ({"kind": "number", "relative": 0.01}, [{"answer": 9.81}, {"answer": 2}], "Answer: 9.8", "Answer: 9.7"),
    ("choice", [{"answer": "B", "options": CAPITALS}, {"answer": 2, "options": CAPITALS}], "(B)", "But I do not know."),
    ("set", [{"answer": ["red", "blue"]}, {"answer": []}], "Answer: blue, red", "Answer: blue"),
    ("json", [{"answer": {"a": [1]}}, {"answer": "[]"}], '{"a": [1.0]}', '{"a": 1}'),
    ("regex", [{"answer": "colou?r", "example": "color"}, {"answer": "x"}], "Answer: colour", "Answer: colours"),
]


@pytest.mark.parametrize(("kind", "rows", "right", "wrong"), OF_KINDS, ids=lambda value: str(value)[:20])
def test_answers_are_of_a_kind(tmp_path: Path, kind: Any, rows: list[dict[str, Any]], right: str, wrong: str) -> None:
    asked = [
        {"question": f"Which one? ({i})", "solution": "It is plain.", "split": "test", **row} for i, row in enumerate(rows)
    ]
    task = own(tmp_path / "a.jsonl", asked, kind=kind)
    again = pickle.loads(pickle.dumps(task))  # as in a worker process
    first, *_ = task.load("test")
    assert [again.verify(first, response).reward for response in (right, wrong)] == [1, 0]
    assert task.prompt(first)[0]["content"].endswith(task.kind.ask())
    assert task.unreadable(task.load("test")) == {}
    assert task.verify(first, task.demonstration(first)).reward == 1
    assert check_task(type(task), {"kind": kind}) == []


def test_options_are_part_of_the_question(tmp_path: Path) -> None:
    rows = [
        {"question": "Which is true?", "options": ["1 > 2", "2 > 1"], "answer": "B", "split": "test"},
        {"question": "Which is true?", "options": ["3 > 2", "2 > 3"], "answer": "A", "split": "test"},
    ]
    first, second = own(tmp_path / "a.jsonl", rows, kind="choice").load("test")
    assert first.text == "Which is true?\n\nA. 1 > 2\nB. 2 > 1"
    assert second.text != first.text
    with pytest.raises(UserError, match=r"add --set task\.kind=choice"):
        own(tmp_path / "a.jsonl").load("test")


def test_gold_answers_that_are_none_of_the_kind_are_named(tmp_path: Path) -> None:
    rows = [
        {"question": f"{i}?", "answer": answer, "id": f"q{i}", "split": "test"} for i, answer in enumerate(["7", "7 km", "x"])
    ]
    task = own(tmp_path / "a.jsonl", rows, kind="number")
    with pytest.raises(UserError, match=r"2 of 3 gold answers of .* cannot be read: q1 \('7 km' is .*name its unit.*; q2 "):
        require_readable(task, task.load("test"))
    assert {finding.split(":")[0] for finding in check_task(type(task), {"kind": "number"})} >= {"gold answers can be read"}
    with pytest.raises(UserError, match="line 1: the field 'answer' is missing, empty or not text"):
        own(tmp_path / "b.jsonl", [{"question": "?", "answer": ["x"]}], kind="text").load("train")


def test_a_pattern_that_anything_matches_is_no_question(tmp_path: Path) -> None:
    rows = [{"question": "1?", "answer": ".*", "example": "x", "split": "test"}]
    task = own(tmp_path / "a.jsonl", rows, kind="regex")
    assert any("wrong answers" in finding for finding in check_task(type(task), {"kind": "regex"}))


def test_a_folder_says_it_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, sums(5))))
    (tmp_path / "test.json").write_text(json.dumps(sums(9)[5:]))
    task = own(tmp_path)
    assert [len(task.load(split)) for split in ("train", "test")] == [5, 4]
    with pytest.raises(NoSuchSplit, match="has no validation questions, only 5 train, 4 test"):
        task.load("validation")
    (tmp_path / "test.json").write_text(json.dumps(sums(5)[4:]))
    with pytest.raises(UserError, match=r"test.json', row 1: the same question as in '.*train.jsonl', line 5"):
        task.load("train")


def test_all_of_it_may_be_for_testing(tmp_path: Path) -> None:
    task = own(tmp_path / "a.jsonl", sums(5), test=1, validation=0)
    assert len(task.load("test")) == 5
    with pytest.raises(NoSuchSplit, match="add training questions"):
        task.load("train")
    with pytest.raises(UserError, match="add up to more than 1"):
        own(tmp_path / "a.jsonl", test=0.8, validation=0.3).load("test")


def test_answers_prompts_and_solutions(tmp_path: Path) -> None:
    rows = [
        {"frage": "1/2 + 1/2?", "antwort": "1", "solution": "Two halves."},
        {"frage": "1/4 + 1/4?", "antwort": r"\frac{1}{2}"},
    ]
    names = {"question": "frage", "answer": "antwort", "prompt": "Compute {question}"}
    task = own(tmp_path / "a.jsonl", rows, test=1, validation=0, **names)
    one, half = task.load("test")
    assert task.prompt(one) == [{"role": "user", "content": "Compute 1/2 + 1/2?"}]
    assert task.verify(half, r"\boxed{0.5}").reward == 1.0
    assert task.verify(half, r"\boxed{0.4}").reward == 0.0
    assert task.demonstration(one) == "Two halves.\nThe answer is \\boxed{1}."
    assert task.demonstration(half) is None
    with pytest.raises(UserError, match="the field 'question' is missing"):
        own(tmp_path / "a.jsonl").load("test")


def named(*ids: object) -> str:
    rows = [{"question": f"{i}+1?", "answer": i + 1} | ({} if id is None else {"id": id}) for i, id in enumerate(ids)]
    return "\n".join(map(json.dumps, rows))


def test_each_file_of_a_folder_may_count_from_0(tmp_path: Path) -> None:
    for split in ("train", "test"):
        (tmp_path / f"{split}.jsonl").write_text(json.dumps({"question": f"{split}?", "answer": "1", "id": 0}))
    assert [question.text for question in own(tmp_path).load("test")] == ["test?"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no question file"),
        ('{"question": "1?"}', "line 1: the field 'answer' is missing"),
        ('{"prompt": "Write f."}', "there is a prompt, but no tests"),
        ("nonsense", "line 1: not JSON"),
        (named(1, None), "line 2: there is no 'id', which .* line 1 has; give all rows an id, or none"),
        (named(None, 1), "line 1: there is no 'id', which .* line 2 has"),
        (named(1, "1"), "line 2: the same id as in .* line 1"),
        (named("a", " a "), "line 2: the same id as in .* line 1"),
        (named("a", ""), "line 2: the field 'id' is missing, empty or not text"),
        (named("a", True), "line 2: the field 'id' is missing, empty or not text"),
        (named("a", ["b"]), "line 2: the field 'id' is missing, empty or not text"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "a.jsonl").write_text(content)
    with pytest.raises(UserError, match=message):
        own(tmp_path / "a.jsonl", test=1, validation=0).load("test")


def test_the_name_of_a_run_folder_comes_from_the_file(tmp_path: Path) -> None:
    assert own(tmp_path / "my questions, 2.jsonl", sums(3)).name == "file:my-questions-2"


PROGRAMS: list[dict[str, Any]] = [
    {"prompt": "Write add(a, b).", "tests": ["assert add(1, 2) == 3"], "solution": "def add(a, b):\n    return a + b"},
    {
        "prompt": "Print the sum of two numbers.",
        "tests": {"form": "stdio", "inputs": ["1 2\n"], "outputs": ["3\n"]},
        "solution": "print(sum(map(int, input().split())))",
    },
    {"prompt": "Write neg(a).", "tests": {"form": "calls", "function": "neg", "calls": ["(1,)"], "expected": ["-1"]}},
]


def test_programs_are_run_on_their_tests(tmp_path: Path) -> None:
    task = own(tmp_path / "p.jsonl", PROGRAMS, test=1, validation=0)
    assert task.needs_sandbox
    task.sandbox = sandbox()
    add, total, neg = task.load("test")
    assert task.demonstration(neg) is None
    wrong = "```python\ndef add(a, b):\n    return a - b\n```"
    with VerifierPool(task, workers=1, timeout_seconds=60) as pool:
        pairs = [(add, task.demonstration(add)), (total, task.demonstration(total)), (add, wrong), (add, "no program")]
        verdicts = pool.verify(pairs)
    assert [v.reward for v in verdicts] == [1.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "f", "tests": []}, "tests of question 'test-0' are malformed"),
        ({"prompt": "f", "tests": {"form": "stdin"}}, "did you mean 'stdio'"),
        ({"prompt": "f", "tests": ["assert f()"], "language": "cobol"}, "line 1: unknown language 'cobol'"),
        ({"prompt": "f", "tests": ["assert f()"], "language": "javascript"}, "are for Python; use stdio for javascript"),
        ({"prompt": "", "tests": ["assert f()"]}, "the field 'prompt' is missing"),
    ],
)
def test_tests_that_cannot_be_run_are_refused_when_loaded(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        own(tmp_path / "p.jsonl", [row], test=1, validation=0).load("test")


def test_a_file_task_without_a_path_is_refused() -> None:
    with pytest.raises(UserError, match="is followed by a path"):
        resolve("rft", task="file:")
