"""codeforces: which problems are kept, on which side, in which language, and how they are judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from code_tasks import code_task, rows_of, verify_all, write_rows

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question
from sdzero_bench.core.task import Split
from sdzero_bench.questions.programs.code_task import CodeTask, fenced

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
SOLUTIONS = {
    "python": "print(int(input()) + {})",
    "cpp": '#include <cstdio>\nint main() {{ long long n; std::scanf("%lld", &n); std::printf("%lld", n + {}); }}',
}


def task_of(path: Path | None = None, **options: Any) -> CodeTask:
    return code_task("codeforces", path, **{"held_out": 3, "validation": 2, **options})


def questions_of(task: CodeTask) -> dict[str, Question]:
    return {q.id: q for split in SPLITS for q in task.load(split)}


def test_only_problems_that_can_be_judged_are_kept() -> None:
    assert set(questions_of(task_of())) == {f"{i}/A" for i in range(1, 9)} | {"20/B"}


def test_a_problem_with_longer_tests_than_asked_for_is_left_out(tmp_path: Path) -> None:
    rows = rows_of("codeforces")
    rows[0]["official_tests"][0]["input"] = "1" * 1_000_001
    path = write_rows(tmp_path / "rows.jsonl", rows)
    assert set(questions_of(task_of())) - set(questions_of(task_of(path, tests_mb=1.0))) == {"1/A"}


def test_no_problem_changes_sides_when_the_data_grows(tmp_path: Path) -> None:
    rows = rows_of("codeforces")
    small, whole = task_of(write_rows(tmp_path / "small.jsonl", rows[:-6])), task_of()
    before, after = ({q.id for q in task.load("test")} for task in (small, whole))
    joined = {row["id"] for row in rows[-6:]}
    # A problem leaves the test split only where a new one takes its place.
    assert len(before - after) == len(after & joined)
    assert [q.id for q in whole.load("test")] == [
        q.id for q in task_of(write_rows(tmp_path / "r.jsonl", rows[::-1])).load("test")
    ]


@pytest.mark.parametrize("language", ["python", pytest.param("cpp", marks=pytest.mark.cpp)])
def test_solutions_in_either_language_pass_and_others_fail(language: str) -> None:
    task = task_of(language=language)
    adds = [q for q in questions_of(task).values() if q.id.endswith("A")][:3]
    right = [(q, fenced(SOLUTIONS[language].format(q.id.split("/")[0]), language)) for q in adds]
    assert [v.reward for v in verify_all(task, right)] == [1.0] * len(adds)
    off_by_one = [(q, fenced(SOLUTIONS[language].format(int(q.id.split("/")[0]) + 1), language)) for q in adds]
    assert [v.reward for v in verify_all(task, off_by_one)] == [0.0] * len(adds)
    other = {"python": "cpp", "cpp": "python"}[language]
    assert task.verify(adds[0], fenced(SOLUTIONS[other].format(1), other)).tests.outcome == "no program"  # type: ignore[union-attr]


@pytest.mark.cpp
def test_both_languages_are_asked_for_in_turn() -> None:
    task = task_of(language="both")
    languages = [task.language_of(q) for q in task.load("train")]
    assert languages == [("python", "cpp")[i % 2] for i in range(len(languages))]
    for question in task.load("train"):
        assert f"```{task.language_of(question)} block" in task.prompt(question)[0]["content"]


def test_a_checker_of_the_data_decides_where_there_is_one() -> None:
    task = task_of()
    parts = questions_of(task)["20/B"]
    assert task.verify(parts, fenced("n = int(input())\nprint(n - 1, 1)")).reward == 1.0
    assert task.verify(parts, fenced("n = int(input())\nprint(n, 0)")).reward == 0.0


def test_each_problem_has_its_own_limits(tmp_path: Path) -> None:
    rows = rows_of("codeforces")
    rows[0] |= {"time_limit": 0.5, "memory_limit": 1024.0}
    task = task_of(write_rows(tmp_path / "rows.jsonl", rows), time_factor=2.0)
    questions = questions_of(task)
    assert (task.limits(questions["1/A"]).cpu_seconds, task.limits(questions["1/A"]).memory_mb) == (1.0, 1024)
    assert task.limits(questions["2/A"]).cpu_seconds == 2.0
    looping = fenced("while True: pass")
    assert task.verify(questions["1/A"], looping).tests.outcome == "time"  # type: ignore[union-attr]


def test_the_prompt_has_the_statement_and_no_test() -> None:
    task = task_of()
    question = questions_of(task)["3/A"]
    content = task.prompt(question)[0]["content"]
    for part in ("Print the given number plus 3.", "Time limit: 1 s", "256 MB", "Input:\n```\n1\n```", "Output:\n```\n4\n```"):
        assert part in content
    assert "1000000000003" not in content


def test_too_few_problems_and_malformed_ones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"9 problems .* lower task\.held_out=500"):
        task_of(held_out=500, validation=200).load("train")
    rows = rows_of("codeforces")
    rows[1]["official_tests"] = [{"input": "1"}]
    with pytest.raises(UserError, match="problem 2/A: official_tests"):
        task_of(write_rows(tmp_path / "rows.jsonl", rows)).load("train")


def test_a_fingerprint_depends_on_the_tests(tmp_path: Path) -> None:
    rows = rows_of("codeforces")
    for row in rows:
        row["official_tests"][0]["output"] += "0"
    changed = task_of(write_rows(tmp_path / "rows.jsonl", rows))
    assert changed.load("train").fingerprint != task_of().load("train").fingerprint == task_of().load("train").fingerprint
