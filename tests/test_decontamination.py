"""Training and test share no question, word for word or in a long passage; what was removed is on record."""

from __future__ import annotations

import pytest

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.questions.decontamination import COMMON, NGRAM, decontaminate, overlaps


def questions(name: str, *texts: str) -> QuestionSet:
    return QuestionSet(name, tuple(Question(f"{name}{i}", text, "1") for i, text in enumerate(texts)))


def words(start: int, count: int) -> str:
    return " ".join(f"word{i}" for i in range(start, start + count))


def test_the_same_text_up_to_case_and_white_space() -> None:
    found = overlaps(questions("train", "One and  one?", "Other."), questions("test", "one AND one?\n"))
    assert [(o.train, o.test, o.kind) for o in found] == [("train0", "test0", "exact")]


def test_thirteen_words_in_a_row_are_an_overlap_and_twelve_are_not() -> None:
    test = questions("test", f"{words(0, 20)} and how many?")
    long, short = f"In short: {words(5, NGRAM)}, then?", f"In short: {words(5, NGRAM - 1)}, then?"
    (found,) = overlaps(questions("train", long, short), test)
    assert (found.train, found.test, found.kind, found.passage) == ("train0", "test0", "ngram", words(5, NGRAM))


def test_what_many_training_questions_have_is_a_turn_of_phrase() -> None:
    phrase = words(0, NGRAM)
    test = questions("test", f"{phrase} of ours")
    for count, expected in ((COMMON, COMMON), (COMMON + 1, 0)):
        train = questions("train", *(f"{phrase} number {i}" for i in range(count)))
        assert len(overlaps(train, test)) == expected


def test_the_side_that_is_named_loses_and_the_record_says_what() -> None:
    train = questions("train", "same", f"{words(0, 14)} a", "fine")
    test = questions("test", "Same", f"{words(0, 14)} b", "good")
    left, kept, record = decontaminate(train, test, "train")
    assert ([q.text for q in left], kept) == (["fine"], test)
    kept, left, record = decontaminate(train, test, "test")
    assert (kept, [q.text for q in left]) == (train, ["good"])
    removed = record.removed
    assert [(o.train, o.test, o.kind) for o in removed] == [("train0", "test0", "exact"), ("train1", "test1", "ngram")]
    assert record.side == "test"
    assert str(NGRAM) in record.rule
    assert overlaps(kept, left) == []


def test_off_still_refuses_identical_questions() -> None:
    train, test = questions("train", f"{words(0, 14)} a"), questions("test", f"{words(0, 14)} b")
    assert decontaminate(train, test, "off")[:2] == (train, test)
    with pytest.raises(UserError, match="1 training question is in the test split too, such as 'train0'"):
        decontaminate(questions("train", "same", "fine"), questions("test", "same"), "off")
    with pytest.raises(UserError, match="all of them overlap"):
        decontaminate(questions("train", "same"), questions("test", "same"), "train")
