"""Set: several answers, whose order does not count."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from pydantic import Field, SkipValidation, field_validator

from sdzero_bench.verifiers.answer_kinds.answer_kind import AnswerKind, GoldAnswer, UnreadableAnswer
from sdzero_bench.verifiers.answer_kinds.json_answer import matched
from sdzero_bench.verifiers.answer_kinds.stated_answer import undecorated
from sdzero_bench.verifiers.answer_kinds.text_answer import TextAnswer

MOST = 200
"""Elements of an answer."""
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.)])\s+", re.MULTILINE)
_AND = re.compile(r"(?:^|\s)(?:and|&)\s+")
_NOTHING = ("", "none", "empty", "the empty set", "empty set", "\\emptyset", "\\varnothing", "∅", "nothing")
_BRACKETS = ("{}", "[]", "()", "⟨⟩")


class SetAnswer(AnswerKind):
    """Elements in any order, each compared by another kind: `of: number`, or `of: {kind: number, relative: 0.01}`.

    The gold answer is a JSON array. A response writes an array too, a list with bullets, or elements between separators: `;` if
    there is one, or else a comma and a blank, or else commas. So 1,000 in a list is separated by `; ` or `, `.
    """

    kind: Literal["set"] = "set"
    of: SkipValidation[AnswerKind] = TextAnswer()
    """The kind of the elements; the registry reads it."""
    duplicates: Literal["ignore", "count"] = "ignore"
    """Whether it counts how often an element occurs."""
    separator: str | None = Field(None, min_length=1)
    """The only text between elements; null: as above."""
    structured = True

    @field_validator("of")
    @classmethod
    def _flat(cls, value: AnswerKind) -> AnswerKind:
        if isinstance(value, SetAnswer):
            raise ValueError("sets of sets are JSON: use the kind json with `ordered: false`")
        return value

    @property
    def form(self) -> str:  # type: ignore[override]
        """What the prompt asks for."""
        separator = (self.separator or ", ").strip() or "a blank"
        return f"all answers, separated by {separator}" + (" (letters of options)" if self.shows_options else "")

    @property
    def shows_options(self) -> bool:  # type: ignore[override]
        """Whether the elements are options of the question."""
        return bool(self.of.shows_options)

    def read(self, text: str, expected: GoldAnswer) -> list[tuple[GoldAnswer, Any]]:
        return [self._element(part, expected) for part in self._parts(text)]

    def read_gold(self, expected: GoldAnswer) -> list[tuple[GoldAnswer, Any]]:
        try:
            values = json.loads(expected.answer)
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, list):
            raise UnreadableAnswer('it is not a JSON array, such as ["red", "blue"]')
        return [self._element(self.of.gold_text(value), expected, gold=True) for value in values]

    def same(self, gold: list[tuple[GoldAnswer, Any]], answer: list[tuple[GoldAnswer, Any]]) -> bool:
        def fits(one: int, other: int) -> bool:
            return bool(self.of.same(gold[one][1], answer[other][1]))

        if self.duplicates == "count":
            return len(gold) == len(answer) and matched(len(gold), fits)
        ones, others = range(len(gold)), range(len(answer))
        return all(any(fits(i, j) for j in others) for i in ones) and all(any(fits(i, j) for i in ones) for j in others)

    def canonical(self, value: list[tuple[GoldAnswer, Any]]) -> str:
        texts = sorted(self.of.canonical(one) for _, one in value)
        return ", ".join(texts if self.duplicates == "count" else dict.fromkeys(texts))

    def gold_text(self, value: object) -> str:
        return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    def right_answer(self, expected: GoldAnswer) -> str | None:
        given = [self.of.right_answer(one) for one, _ in self.read_gold(expected)]
        return None if None in given else self._joined([str(text) for text in given])

    def tampered(self, expected: GoldAnswer) -> list[str]:
        gold = [one for one, _ in self.read_gold(expected)]
        if not gold:
            return [self._joined(["1"])]
        if not all(texts := [self.of.right_answer(one) or "" for one in gold]):
            return ["\x1a"]
        kept = [text for text in texts if not self.of.same(self.of.read_gold(gold[0]), self.of.read(text, gold[0]))]
        wrong = self.of.tampered(gold[0])[:1] or ["\x1a"]
        return [self._joined(kept), self._joined([*wrong, *kept])] if kept else [self._joined(wrong), "none"]

    def _element(self, text: str, expected: GoldAnswer, gold: bool = False) -> tuple[GoldAnswer, Any]:
        one = GoldAnswer(text, expected.options)
        return one, self.of.read_gold(one) if gold else self.of.read(text, expected)

    def _joined(self, texts: list[str]) -> str:
        return json.dumps(texts, ensure_ascii=False) if self.separator is None else self.separator.join(texts) or "none"

    def _parts(self, text: str) -> list[str]:
        text = undecorated(text)
        if text.startswith("["):
            try:
                values = json.loads(text)
            except (ValueError, RecursionError):
                values = None
            if isinstance(values, list):
                return _few([value.strip() if isinstance(value, str) else json.dumps(value) for value in values])
        text = re.sub(r"\\([{}])", r"\1", text.rstrip(".")).strip()
        if text[:1] + text[-1:] in _BRACKETS:
            text = text[1:-1].strip()
        if text.casefold() in _NOTHING:
            return []
        if self.separator is not None:
            parts = text.split(self.separator)
        elif "\n" in text:
            parts = _BULLET.sub("", text).split("\n")
        elif ";" in text:
            parts = text.split(";")
        else:
            parts = re.split(r",\s+" if re.search(r",\s", text) else ",", text)
            parts[-1:] = [part for part in _AND.split(parts[-1], maxsplit=1) if part.strip()] or [""]
        if any(not part.strip() or part.endswith(",") for part in parts[:-1]):
            raise UnreadableAnswer("an element is empty")
        return _few([undecorated(part) for part in parts if part.strip()])


def _few(parts: list[str]) -> list[str]:
    if len(parts) > MOST:
        raise UnreadableAnswer(f"{len(parts):,} elements, of at most {MOST}")
    return parts
