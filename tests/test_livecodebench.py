"""livecodebench: releases and windows of dates, both kinds of tests, and its departures from no test at all."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from code_tasks import DATA, code_task, rows_of, write_rows

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question
from sdzero_bench.questions.programs.code_task import CodeTask, fenced
from sdzero_bench.runs.config import resolve


def load(**options: Any) -> tuple[CodeTask, dict[str, Question]]:
    task = code_task("livecodebench", **options)
    return task, {q.id: q for q in task.load("test")}


def test_dates_choose_the_contests_first_and_last_day_included() -> None:
    assert set(load()[1]) == {"abc001_a", "3001", "abc002_b"}
    assert set(load(start_date="2024-12-31", end_date="2024-12-31")[1]) == {"3001"}
    assert set(load(start_date="2025-01-01")[1]) == {"abc002_b"}
    assert set(load(end_date="2024-12-30")[1]) == {"abc001_a"}
    with pytest.raises(UserError, match="no problem of release_v6 has a contest between 2026-01-01 and the last"):
        load(start_date="2026-01-01")


def test_a_release_is_the_first_files_of_a_folder(tmp_path: Path) -> None:
    for number, row in enumerate(rows_of("livecodebench"), start=1):
        write_rows(tmp_path / f"test{'' if number == 1 else number}.jsonl", [row])
    assert len(load(path=tmp_path, version_tag="release_v1")[1]) == 1
    assert len(load(path=tmp_path, version_tag="release_v3")[1]) == 3
    with pytest.raises(UserError, match=r"test4\.jsonl"):
        load(path=tmp_path, version_tag="release_v4")


def test_release_and_dates_are_settings_and_checked() -> None:
    path = f"task.path={DATA / 'livecodebench.jsonl'}"
    good = resolve(
        "base", task="livecodebench", assignments=[path, "task.start_date=2024-10-01", "task.version_tag=release_v5"]
    )
    assert (good.task["start_date"], good.task["version_tag"]) == ("2024-10-01", "release_v5")
    for wrong in ("task.start_date=soon", "task.version_tag=release_v9"):
        with pytest.raises(UserError, match=wrong.partition("=")[0]):
            resolve("base", task="livecodebench", assignments=[wrong])


RIGHT = {
    "abc001_a": "print(sum(map(int, input().split())))",
    "3001": "class Solution:\n    def pairs(self, numbers: List[int]):\n        return [(n, 2 * n) for n in numbers]",
    "abc002_b": "print(int(input()) / 2)",
}
WRONG = {
    "abc001_a": "print(3)",
    "3001": "class Solution:\n    def pairs(self, numbers):\n        return {n: 2 * n for n in numbers}",
    "abc002_b": "print(int(input()) // 2)",
}


@pytest.mark.parametrize("name", sorted(RIGHT))
def test_public_and_private_tests_both_count(name: str) -> None:
    task, questions = load()
    right, wrong = (task.verify(questions[name], fenced(programs[name])) for programs in (RIGHT, WRONG))
    assert right.reward == 1.0
    assert right.tests is not None
    assert right.tests.total == {"abc002_b": 2}.get(name, 3)
    assert wrong.reward == 0.0


def test_a_half_written_with_more_digits_is_the_same_number() -> None:
    task, questions = load()
    assert task.verify(questions["abc002_b"], fenced("print(f'{int(input()) / 2:.6f}')")).reward == 1.0
    # As in LiveCodeBench's own comparison, by value: 3.0 is 3.
    assert task.verify(questions["abc001_a"], fenced("print(sum(map(float, input().split())))")).reward == 1.0
    assert task.verify(questions["abc001_a"], fenced("print(sum(map(int, input().split())) + 1e-7)")).reward == 0.0


def test_the_prompt_has_the_starter_code_and_no_test() -> None:
    task, questions = load()
    content = task.prompt(questions["3001"])[0]["content"]
    assert "class Solution" in content
    assert "[2, 4]" not in content
    assert "standard input" in task.prompt(questions["abc001_a"])[0]["content"]


def test_malformed_rows_are_refused_before_anything_is_sampled(tmp_path: Path) -> None:
    for change, message in (
        ({"contest_date": "last week"}, "contest_date 'last week' is not a date"),
        ({"private_test_cases": "gAAA"}, "tests of problem '3001' are malformed: neither"),
        ({"metadata": "{}"}, "not all of the type 'stdin'"),
        ({"metadata": "[]"}, "not a JSON object"),
        ({"starter_code": ""}, "no starter_code"),
        ({"public_test_cases": ""}, "'public_test_cases' is missing"),
    ):
        rows = rows_of("livecodebench")
        path = write_rows(tmp_path / "rows.jsonl", [rows[0], {**rows[1], **change}])
        with pytest.raises(UserError, match=message):
            load(path=path)


def test_there_is_nothing_to_train_on(tmp_path: Path) -> None:
    shutil.copy(DATA / "livecodebench.jsonl", tmp_path)
    with pytest.raises(UserError, match="is a test set"):
        code_task("livecodebench").load("train")
