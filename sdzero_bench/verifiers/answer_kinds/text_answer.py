"""Text: equal after normalisation."""

from __future__ import annotations

import unicodedata
from typing import Literal

from sdzero_bench.verifiers.answer_kinds.answer_kind import AnswerKind, GoldAnswer, UnreadableAnswer

_QUOTES = (('"', '"'), ("'", "'"), ("`", "`"), ("“", "”"), ("‘", "’"), ("«", "»"), ("„", "“"), ("「", "」"), ("(", ")"))
_ENDS = ".,;:!?。，；：！？…"
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_SAME_QUOTES = str.maketrans("‘’“”‐‑", "''\"\"--")
_ARTICLES = ("a", "an", "the")


class TextAnswer(AnswerKind):
    """The same text, up to what the options name. Words, digits, signs such as - and %, and accents always count."""

    kind: Literal["text"] = "text"
    ignore_case: bool = True
    ignore_space: bool = True
    """Runs of white space are one blank, and none around the text."""
    ignore_punctuation: bool = True
    """Quotes and parentheses around the text, and punctuation at its end."""
    ignore_articles: bool = False
    """The English a, an, the at the beginning."""
    unicode: bool = True
    """NFKC: full-width letters, ligatures and composed accents are like plain ones."""

    def read(self, text: str, expected: GoldAnswer) -> str:
        found = self.normalised(text)
        if not found.strip():
            raise UnreadableAnswer("it is empty")
        return found

    def same(self, gold: str, answer: str) -> bool:
        return gold == answer

    def gold_text(self, value: object) -> str:
        return str(value) if not self.ignore_space else super().gold_text(value)

    def tampered(self, expected: GoldAnswer) -> list[str]:
        text = expected.answer.strip()
        return [f"not {text}", f"{text} or not", *([text[: len(text) // 2]] if len(text) > 8 else [])]

    def normalised(self, text: str) -> str:
        """The text without what is ignored; what would leave nothing is kept."""
        if self.unicode:
            text = unicodedata.normalize("NFKC", text.translate(_INVISIBLE)).translate(_SAME_QUOTES)
        if self.ignore_case:
            text = unicodedata.normalize("NFKC", text.casefold()) if self.unicode else text.casefold()
        if self.ignore_space:
            text = " ".join(text.split())
        if self.ignore_punctuation:
            text = _bare(text)
        if self.ignore_articles:
            first, _, rest = text.partition(" ")
            text = rest if first.lower() in _ARTICLES and rest else text
        return text


def _bare(text: str) -> str:
    while True:
        shorter = text.strip().rstrip(_ENDS).rstrip()
        for start, end in _QUOTES:
            inside = shorter[1:-1]
            if len(shorter) > 2 and shorter[0] == start and shorter[-1] == end and start not in inside and end not in inside:
                shorter = inside
        if shorter == text or not shorter:
            return text
        text = shorter
