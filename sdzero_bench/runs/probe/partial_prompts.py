"""The first part of a question as a prompt, and how far a continuation is the rest of it.

Source: Wu et al. 2025, "Reasoning or Memorization? Unreliable Results of Reinforcement Learning Due to Data Contamination",
arXiv 2507.10532, section on partial-prompt completion: the first 60 % of a question, greedy decoding, exact match and ROUGE-L.

The partial question is plain text, without the chat template: models see benchmarks in pre-training, on pages and in data
files, where no chat surrounds them, and fine-tuning on chats usually takes no loss on the user's turn. In the paper too, most
is reproduced without the template.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sdzero_bench.core.question import Question

SHOWN = 0.6
"""Share of a question's words that the model is given."""
SHORTEST = 5
"""Words of the shortest question that is used: of fewer, the rest is one word that anybody would guess."""

_WORD = re.compile(r"\S+")
_ALPHANUMERIC = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class PartialPrompt:
    """A question cut in two at a word."""

    question: Question
    shown: str
    rest: str


@dataclass(frozen=True)
class Continuation:
    """What a model wrote after the shown part: as many words as the rest has."""

    partial: PartialPrompt
    written: str
    exact: bool
    """Whether it is the rest, word for word, up to white space."""
    rouge_l: float


def partial_prompt(question: Question, share: float = SHOWN) -> PartialPrompt | None:
    """The question cut after `share` of its words.

    None if it has fewer than `SHORTEST`, or a rest without letters or digits.
    """
    words = list(_WORD.finditer(question.text))
    if len(words) < SHORTEST:
        return None
    cut = min(max(1, round(share * len(words))), len(words) - 1)
    rest = question.text[words[cut].start() :]
    return PartialPrompt(question, question.text[: words[cut - 1].end()], rest) if _ALPHANUMERIC.search(rest) else None


def continuation(partial: PartialPrompt, text: str) -> Continuation:
    """`text` held against the rest. The model goes on after the end of the question, with an answer for example; that part is
    not counted."""
    expected = partial.rest.split()
    words = list(_WORD.finditer(text))[: len(expected)]
    written = text[: words[-1].end()].strip() if words else ""
    return Continuation(partial, written, written.split() == expected, rouge_l(written, partial.rest))


def rouge_l(candidate: str, reference: str) -> float:
    """The F-measure of ROUGE-L: the longest common subsequence of words, over the words of either text.

    Words are runs of letters and digits in lower case, as in the package rouge_score, which reads ASCII alone.
    Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries".
    """
    one, other = (_ALPHANUMERIC.findall(text.lower()) for text in (candidate, reference))
    common = longest_common_subsequence(one, other)
    return 2 * common / (len(one) + len(other)) if common else 0.0


def longest_common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    """Its length."""
    lengths = [0] * (len(other) + 1)
    for item in one:
        diagonal = 0  # the length without this item of either
        for j, candidate in enumerate(other, start=1):
            diagonal, lengths[j] = lengths[j], diagonal + 1 if item == candidate else max(lengths[j], lengths[j - 1])
    return lengths[-1]
