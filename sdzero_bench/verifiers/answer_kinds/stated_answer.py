"""Where a response states its final answer.

Thinking is left out (code/thinking.py). Then the last of these counts, since models correct themselves:

- `\\boxed{...}`; one that is never closed means that the response was cut off, and there is no answer
- a line that begins with `Answer: ...`, `**Final answer:** ...` or the like; if nothing follows the colon, the next paragraph
- `<answer>...</answer>`
- `#### ...`

Only if there is none of them: what follows the last `answer is` or `answer:` in a sentence. Whatever is found is the answer: if
it cannot be read, no other place is tried. Everything takes linear time.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

from sdzero_bench.verifiers.answers.tokens import closing
from sdzero_bench.verifiers.code.fences import Syntax, fenced_blocks, lines_of

Place = Literal["stated", "boxed", "block", "last_line", "whole"]
"""stated: as above; block: the last fenced block; whole: the response and nothing else."""

_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_TAGGED = re.compile(r"<answer>((?:(?!</?answer>)[\s\S])*)</answer>", re.IGNORECASE)
_MARKED = re.compile(r"^[ \t]*####(?!#)[ \t]*(\S.*)$", re.MULTILINE)
_WRAPPED = (
    ("***", "***"),
    ("**", "**"),
    ("__", "__"),
    ("*", "*"),
    ("_", "_"),
    ("`", "`"),
    ("$$", "$$"),
    ("$", "$"),
    (r"\(", r"\)"),
    (r"\[", r"\]"),
    (r"\text{", "}"),
    (r"\textbf{", "}"),
    (r"\mathrm{", "}"),
    (r"\mathbf{", "}"),
)


def stated(response: str, marker: str = "answer", boxed_only: bool = False) -> str | None:
    """The final answer as it is written; None if there is none. `marker` is the word of its line, in whatever language."""
    boxes = list(_BOX.finditer(response))
    found: list[tuple[int, str]] = []
    if boxes:
        end = closing(response, boxes[-1].end())
        if end is None:
            return None
        found.append((boxes[-1].start(), response[boxes[-1].end() : end]))
    if not boxed_only:
        line, sentence = _patterns(marker)
        found += [(match.start(), match[1]) for pattern in (_TAGGED, _MARKED) for match in [*pattern.finditer(response)][-1:]]
        if lines := list(line.finditer(response)):
            found.append((lines[-1].start(), _after(response, lines[-1])))
        if not found and (words := list(sentence.finditer(response))):
            found = [(words[-1].start(), response[words[-1].end() :].partition("\n")[0])]
    if not found:
        return None
    answer = undecorated(max(found, key=lambda one: one[0])[1])
    if (box := _BOX.match(answer)) and closing(answer, box.end()) == len(answer.rstrip(" .")) - 1:
        answer = undecorated(answer.rstrip(" .")[box.end() : -1])
    return answer or None


def last_block(response: str, *tags: str) -> str | None:
    """The text of the last fenced block with one of these tags, or else without a tag; if none are named, of the last block."""
    blocks = fenced_blocks(lines_of(response), Syntax("//"))
    if not tags:
        return blocks[-1].text if blocks else None
    for wanted in (tags, ("",)):
        for block in reversed(blocks):
            if block.info.lower().partition(" ")[0] in wanted:
                return block.text
    return None


def last_line(response: str) -> str | None:
    """The last line with anything on it."""
    return undecorated(response.rstrip().rpartition("\n")[2]) or None


def undecorated(text: str) -> str:
    """The text without white space, Markdown and LaTeX around all of it."""
    text = text.strip()
    while True:
        for start, end in _WRAPPED:
            inner = text[len(start) : -len(end)]
            if len(text) > len(start) + len(end) and text.startswith(start) and text.endswith(end) and end not in inner:
                text = inner.strip()
                break
        else:
            return text


@cache
def _patterns(marker: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    word = re.escape(marker)
    before = r"(?:(?:so|thus|hence|therefore|the|my|our|final|correct|best|right),?[ \t]+){0,5}"
    line = rf"^[ \t>#\"'-]{{0,8}}(?P<lead>[*_]{{0,3}}){before}{word}[*_ \t]{{0,8}}(?:is[ \t]{{0,4}})?[:：][ \t]*(?P<given>.*)$"
    is_it = r"[ \t]{1,4}(?:is|should[ \t]be|must[ \t]be|would[ \t]be)\b[ \t]{0,4}[:：]?"
    sentence = rf"\b(?:(?:answer|option|choice)[*_]{{0,3}}{is_it}|{word}[*_]{{0,3}}[ \t]{{0,4}}[:：])(?=[ \t]*\S)"
    return re.compile(line, re.IGNORECASE | re.MULTILINE), re.compile(sentence, re.IGNORECASE)


def _after(response: str, line: re.Match[str]) -> str:
    """What follows the colon, without the marks that begin before it, as in `**Answer: B**`."""
    given, lead = line["given"].strip(), line["lead"]
    if lead and given == lead:
        given = ""
    elif lead:
        given = given.removesuffix(lead).strip() if not given.startswith(lead) else given
        given = given.removeprefix(lead).strip() if not given.endswith(lead) else given
    if given:
        return given
    paragraph: list[str] = []
    for text in response[line.end() :].split("\n"):
        if text.strip():
            paragraph.append(text)
        elif paragraph:
            break
    return "\n".join(paragraph)
