"""Decontamination: training and test questions that are equal or share a passage are found and removed from one side.

The rule follows GPT-3's (Brown et al. 2020, arXiv 2005.14165, appendix C): two questions overlap if their texts are equal up to
case and white space, or if they share 13 consecutive words (numbers and signs count as words). A passage that occurs in more
than 10 training questions is standard wording of the task, not a leak, and does not count.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Literal

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question, QuestionSet, normalised
from sdzero_bench.core.text import counted
from sdzero_bench.records.schema import Decontamination, Overlap

NGRAM = 13
COMMON = 10
RULE = (
    f"same text up to case and white space, or {NGRAM} consecutive words, numbers or signs in common that at most {COMMON} "
    f"training questions have"
)

_WORD = re.compile(r"\w+")


def decontaminate(
    train: QuestionSet, test: QuestionSet, side: Literal["train", "test", "off"]
) -> tuple[QuestionSet, QuestionSet, Decontamination]:
    """Both sets, after removing the overlapping questions from `side`.

    Raises `UserError` if `side` is "off" and a question is in both sets word for word, or if no question would be left.
    """
    found = overlaps(train, test)
    if side == "off":
        if exact := [o for o in found if o.kind == "exact"]:
            raise UserError(
                f"{counted(len(exact), 'training question is', 'training questions are')} in the test split "
                f"too, such as {exact[0].train!r}; "
                f"set questions.decontaminate to train or test"
            )
        return train, test, Decontamination(rule=RULE, side=side)
    gone = {getattr(overlap, side) for overlap in found}
    if side == "train":
        train = _without(train, gone)
    else:
        test = _without(test, gone)
    return train, test, Decontamination(rule=RULE, side=side, removed=found)


def overlaps(train: QuestionSet, test: QuestionSet) -> list[Overlap]:
    """One `Overlap` per overlapping pair, in the order of the training questions."""
    texts = {normalised(q.text): q for q in test}
    passages = defaultdict(list)
    for question in test:
        for passage in set(_passages(question)):
            passages[passage].append(question.id)
    shared = Counter(p for q in train for p in set(_passages(q)) if p in passages)
    found = []
    for question in train:
        if (twin := texts.get(normalised(question.text))) is not None:
            found.append(Overlap(train=question.id, test=twin.id, kind="exact", passage=question.text))
        pairs: dict[str, str] = {}
        for passage in _passages(question):
            if passage in passages and shared[passage] <= COMMON:
                for test_id in passages[passage]:
                    if twin is None or test_id != twin.id:
                        pairs.setdefault(test_id, passage)
        found += [Overlap(train=question.id, test=test_id, kind="ngram", passage=passage) for test_id, passage in pairs.items()]
    return found


def _passages(question: Question) -> Iterator[str]:
    found = words(question.text)
    for start in range(len(found) - NGRAM + 1):
        yield " ".join(found[start : start + NGRAM])


def words(text: str) -> list[str]:
    """What is compared: words and numbers, in lower case."""
    return _WORD.findall(text.lower())


def _without(questions: QuestionSet, ids: set[str]) -> QuestionSet:
    left = tuple(q for q in questions if q.id not in ids)
    if not left:
        raise UserError(f"no question of {questions.name!r} is left: all of them overlap with the other set")
    return QuestionSet(questions.name, left)
