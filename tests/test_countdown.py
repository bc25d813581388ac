"""countdown: from reasoning-gym, or from a file of numbers and targets."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from local_tasks import DATA

from sdzero_bench.core.errors import UserError
from sdzero_bench.runs import registry
from sdzero_bench.tasks.procedural.countdown_solver import solution


def countdown(**options: Any) -> Any:
    cls = registry.task("countdown")
    return cls(cls.Options(**{"train": 4, "validation": 2, "test": 2, **options}))


@pytest.mark.parametrize(("numbers", "target"), [([3, 5, 7], 36), ([2, 3, 4, 9], 41), ([1, 5, 5, 5], 24), ([8, 3, 8, 3], 24)])
def test_the_solver_uses_each_number_once_and_reaches_the_target(numbers: list[int], target: int) -> None:
    found = solution(numbers, target)
    assert found is not None
    assert sorted(map(int, re.findall(r"\d+", found))) == sorted(numbers)
    assert eval(re.sub(r"\d+", r"Fraction(\g<0>)", found), {"Fraction": Fraction}) == target


def test_the_solver_says_when_there_is_none() -> None:
    assert solution([1, 1, 1], 50) is None


def test_made_up_questions_have_three_or_four_numbers() -> None:
    task = countdown()
    for question in task.load("test"):
        assert task.verify(question, task.demonstration(question)).reward == 1.0
        assert len(re.findall(r"\d+", question.answer)) in (3, 4)


def test_any_expression_that_reaches_the_target_is_right() -> None:
    task = countdown(path=str(DATA / "countdown.jsonl"), test=6, validation=1, train=1)
    question = next(q for q in task.load("test") if "3, 5, 7" in q.text)
    for expression, reward in (("3*(5+7)", 1.0), ("(7 + 5) * 3", 1.0), ("36", 0.0), ("3*12", 0.0), ("5*7 + 3 - 2", 0.0)):
        assert task.verify(question, f"<answer>{expression}</answer>").reward == reward


def test_a_question_is_used_once_whatever_the_order_of_its_numbers() -> None:
    """The file has ten rows; the last two ask the same."""
    task = countdown(path=str(DATA / "countdown.jsonl"), test=4, validation=3, train=2)
    assert sum(len(task.load(split)) for split in ("train", "validation", "test")) == 9
    with pytest.raises(UserError, match="9 different questions, fewer than"):
        countdown(path=str(DATA / "countdown.jsonl"), train=5, test=4, validation=1).load("train")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"nums": [1, 1], "target": 50}, "50 cannot be reached from"),
        ({"nums": [1], "target": 1}, "nums must be a list"),
        ({"nums": [1, 2]}, "nums must be a list"),
        ({"nums": "12", "target": 3}, "nums must be a list"),
    ],
)
def test_a_row_that_is_no_question_is_named(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    (tmp_path / "c.jsonl").write_text(json.dumps(row))
    with pytest.raises(UserError, match=f"line 1: {message}"):
        countdown(path=str(tmp_path / "c.jsonl"), test=1).load("test")
