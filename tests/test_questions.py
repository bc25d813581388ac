"""Question sets are ordered, fingerprinted, and never split with an overlap."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.questions.question_files import read_rows


def questions(count: int, answer: str = "1") -> QuestionSet:
    return QuestionSet("set", tuple(Question(f"q{i}", f"text {i}", answer) for i in range(count)))


def test_the_fingerprint_covers_ids_texts_answers_and_order() -> None:
    base = questions(4)
    assert base.fingerprint == questions(4).fingerprint
    turned = QuestionSet("set", tuple(reversed(base.questions)))
    others = [questions(3), questions(4, answer="2"), turned]
    assert len({base.fingerprint, *(o.fingerprint for o in others)}) == 4


@pytest.mark.parametrize("share", [0.1, 0.4, 0.5, 0.9])
def test_a_split_is_a_partition(share: float) -> None:
    whole = questions(20)
    first, second = whole.split(share)
    assert list(first) + list(second) == list(whole)
    assert len(first) == round(20 * share)


def test_what_cannot_be_a_question_set() -> None:
    with pytest.raises(UserError, match="empty"):
        QuestionSet("set", ())
    with pytest.raises(UserError, match="'q0' more than once"):
        QuestionSet("set", (Question("q0", "a", "1"), Question("q0", "b", "1")))
    with pytest.raises(UserError, match="unpaired surrogate"):
        QuestionSet("set", (Question("q0", "a", "1"), Question("q1", "b \ud800", "1")))
    with pytest.raises(UserError, match="cannot split"):
        questions(2).split(0.1)
    with pytest.raises(UserError, match="5 questions requested"):
        questions(4).head(5)


def test_overlap_ignores_case_and_white_space() -> None:
    one = QuestionSet("one", (Question("a", "What is  1 + 1?", "2"), Question("b", "Other", "2")))
    two = QuestionSet("two", (Question("c", "what is 1 + 1?\n", "2"),))
    assert [q.id for q in one.overlap(two)] == ["a"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ('{"question": "1", "answer": "2"}\n{"question": ', "line 2: not JSON"),
        ('{"question": "1", "answer": "2"}\n\n[1]', "line 3: not a JSON object"),
        ('{"question": "1"}', "line 1: the field 'answer' is missing"),
        ('{"question": " ", "answer": "2"}', "line 1: the field 'question' is missing, empty"),
        ('{"question": 5, "answer": "2"}', "line 1: the field 'question' is missing, empty or not text"),
    ],
)
def test_malformed_question_files_name_the_line(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "q.jsonl"
    file.write_text(content)
    with pytest.raises(UserError) as error:
        read_rows(file, ("question", "answer"))
    assert message in str(error.value)


def test_json_lines_and_parquet_read_the_same(tmp_path: Path) -> None:
    rows = [{"question": f"q{i}", "answer": str(i)} for i in range(3)]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "q.parquet")
    for name in ("q.jsonl", "q.parquet"):
        assert read_rows(tmp_path / name, ("question", "answer")) == rows
    with pytest.raises(UserError, match="no question file"):
        read_rows(tmp_path / "none.jsonl", ())
    (tmp_path / "bad.parquet").write_text("no")
    with pytest.raises(UserError, match="not a Parquet file"):
        read_rows(tmp_path / "bad.parquet", ())
