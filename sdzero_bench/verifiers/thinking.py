"""Responses of models that think in text: what comes after the thinking."""

from __future__ import annotations

import re

_TAGS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
)
"""Of Qwen, DeepSeek, Seed-OSS, Sky-T1, Magistral, Kimi and their like."""
_FINAL = "<|channel|>final<|message|>"
"""Begins the answer of gpt-oss."""
_BEFORE = re.compile(r"[\"'`\\(|\[{]")
_AFTER = re.compile(r"[\"'`\\)|]")
"""What precedes or follows a tag that is part of a literal."""
_SPACE = re.compile(r"\s*")


def after_thinking(response: str) -> str:
    """The response without its thinking; empty if the thinking never ends.

    The opening tag may be missing, since chat templates often write it into the prompt. A tag inside of a literal of the
    program is not one.
    """
    text = response.rpartition(_FINAL)[2].lstrip("\ufeff")
    for opening, closing in _TAGS:
        text = text[_after_leading(text, opening, closing) :]
        if (end := _end(text, closing)) is not None and opening not in text[:end]:
            text = text[end + len(closing) :]
        text = _without_later(text, opening, closing)
    return text


def _after_leading(text: str, opening: str, closing: str) -> int:
    """Where the text goes on after thinking at its start."""
    at = 0
    while (begin := _SPACE.match(text, at)) and text.startswith(opening, begin.end()):
        end = text.find(closing, begin.end())
        if end < 0:
            return len(text)
        at = end + len(closing)
    return at


def _end(text: str, closing: str) -> int | None:
    """Where the thinking ends whose opening tag is missing."""
    at = text.find(closing)
    while at >= 0:
        after = at + len(closing)
        if not _BEFORE.match(text[at - 1 : at]) and not _AFTER.match(text[after : after + 1]):
            return at
        at = text.find(closing, after)
    return None


def _without_later(text: str, opening: str, closing: str) -> str:
    """The text without thinking after visible text: from an opening tag that begins a line to its closing tag."""
    kept, at = [], 0
    while (begin := text.find("\n" + opening, at)) >= 0 and (end := text.find(closing, begin)) >= 0:
        kept.append(text[at : begin + 1])
        at = end + len(closing)
    return "".join([*kept, text[at:]])
