"""mbpp: its splits, what its asserts may use of a program, and all 974 of its solutions."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from code_tasks import code_task, rows_of, verify_all, write_rows
from mutants import without_body

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question
from sdzero_bench.core.task import Split
from sdzero_bench.questions.programs.code_task import fenced

SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def by_id(**options: object) -> dict[str, Question]:
    return {q.id: q for split in SPLITS for q in code_task("mbpp", **options).load(split)}


def test_splits_are_those_of_the_paper() -> None:
    ids = {split: [q.id for q in code_task("mbpp").load(split)] for split in SPLITS}
    assert ids == {
        "train": ["mbpp/601", "mbpp/974"],
        "validation": ["mbpp/511", "mbpp/600"],
        "test": ["mbpp/11", "mbpp/12"],
    }


def test_every_solution_passes_and_none_without_a_body() -> None:
    task, questions = code_task("mbpp"), list(by_id().values())
    assert [v.reward for v in verify_all(task, [(q, task.demonstration(q) or "") for q in questions])] == [1.0] * 6
    emptied = [(q, fenced(without_body(q.answer, q.details["tests"]["names"][-1]))) for q in questions]
    assert [v.reward for v in verify_all(task, emptied)] == [0.0] * 6


def test_a_function_may_be_named_as_one_of_pythons_but_nothing_else_of_pythons_is_replaced() -> None:
    task, question = code_task("mbpp"), by_id()["mbpp/12"]
    assert question.details["tests"]["names"] == ["sum"]
    assert task.verify(question, fenced("def sum(n):\n    return n * (n + 1) // 2")).reward == 1.0
    assert task.verify(question, fenced("pass")).reward == 0.0
    other = by_id()["mbpp/601"]
    assert task.verify(other, fenced("class set:\n    __eq__ = lambda *_: True\ndef common(a, b):\n    return 3")).reward == 0.0


def test_modules_that_the_asserts_use_are_not_the_programs_to_give() -> None:
    task, question = code_task("mbpp"), by_id()["mbpp/600"]
    assert question.details["tests"]["setup"].strip() == "import sys"
    assert task.verify(question, fenced("def size(items):\n    return items.__sizeof__() + 16")).reward == 1.0
    forged = "class sys:\n    getsizeof = lambda x: 7\ndef size(items):\n    return 7"
    assert task.verify(question, fenced(forged)).reward == 0.0


def test_the_prompt_shows_the_sentence_and_all_asserts() -> None:
    task = code_task("mbpp")
    for row, question in zip(rows_of("mbpp")[1:], sorted(by_id().values(), key=lambda q: int(q.id[5:])), strict=True):
        content = task.prompt(question)[0]["content"]
        for part in (row["text"], *row["test_list"]):
            assert part in content
        assert row["code"].splitlines()[-1] not in content


def test_the_sanitized_fields_are_read_too(tmp_path: Path) -> None:
    rows = [
        {"source_file": "x", "task_id": r["task_id"], "prompt": r["text"], "code": r["code"], "test_list": r["test_list"]}
        | {"test_imports": ["import math"]}
        for r in rows_of("mbpp")
    ]
    task = code_task("mbpp", write_rows(tmp_path / "sanitized.jsonl", rows), sanitized=True)
    (one, _) = task.load("train")
    assert one.details["tests"]["setup"].strip() == "import math"
    assert task.verify(one, task.demonstration(one) or "").reward == 1.0


def test_malformed_rows_are_refused_before_anything_is_sampled(tmp_path: Path) -> None:
    for change, message in (
        ({"task_id": "11"}, "no number in task_id"),
        ({"test_list": []}, "mbpp 11: the text or the test_list is empty"),
        ({"test_list": ["assert double(2) = 4"]}, "'mbpp/11' are malformed.*not valid Python"),
        ({"code": ""}, "'code' is missing"),
    ):
        rows = rows_of("mbpp")
        path = write_rows(tmp_path / "rows.jsonl", [rows[0], {**rows[1], **change}])
        with pytest.raises(UserError, match=message):
            code_task("mbpp", path).load("test")
    with pytest.raises(UserError, match="no train question"):
        code_task("mbpp", write_rows(tmp_path / "few.jsonl", rows_of("mbpp")[:3])).load("train")


@pytest.mark.data
def test_all_published_solutions_pass_and_none_without_a_body() -> None:
    """With the folder SDZERO_DATA: mbpp/mbpp.jsonl."""
    task = code_task("mbpp", Path(os.environ["SDZERO_DATA"]) / "mbpp" / "mbpp.jsonl")
    questions = [q for split in SPLITS for q in task.load(split)]
    assert len(questions) == 964
    right = verify_all(task, [(q, task.demonstration(q) or "") for q in questions])
    assert [q.id for q, v in zip(questions, right, strict=True) if v.reward != 1.0] == []
    wrong = verify_all(task, [(q, fenced(without_body(q.answer, q.details["tests"]["names"][-1]))) for q in questions])
    assert [(q.id, v) for q, v in zip(questions, wrong, strict=True) if v.reward != 0.0] == []
