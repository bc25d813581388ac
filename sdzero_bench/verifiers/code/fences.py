"""The fenced code blocks of a response, in Markdown as language models write it.

Fences are read as in CommonMark (https://spec.commonmark.org/0.31.2/#fenced-code-blocks): three or more backticks or tildes,
the info string after the opening ones, and a closing fence of the same marks, at least as many. A block ends at the latest with
its block quote or with the text. A Markdown parser would miss blocks of ordinary responses, so these are read as well:

- a fence after words or a tag on its line: ``Solution: ```python``, ``<answer>```python``, ``- ```python``
- a closing fence on the last line of the code, or before a closing tag such as `</answer>`
- an opening fence with an info string inside a block: the block before it was never closed
- a block in a list item whose lines are not indented as the item is
- a fence inside a triple-quoted string of a Python program

Everything is linear in the length of the text, whatever it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_BLANK = " \t"
_LOOKAHEAD = 16
"""How many closing fences of a response are tried at most for blocks that end inside of a string."""
_NESTED = 20
"""Block quotes around a block at most."""
_NUMBER = re.compile(r"\d{1,9}[.)](?=[ \t])")
_TAG = re.compile(r"[{.]*[A-Za-z][\w+#.:/-]*[};]*")
_MARKUP = re.compile(r"(?:</?[\w|:.-]{1,40}>|[ \t])+")
_CODE_END = re.compile(r"[\w)\]}\"';][ \t]*$")


@dataclass(frozen=True)
class Block:
    """`first` is the number of the line with the opening fence, counted from 0."""

    info: str
    text: str
    first: int


@dataclass(frozen=True)
class Syntax:
    """What decides about fences inside of programs of a language: the mark of its comments; whether a text ends inside of a
    string that may contain lines, and whether it is a whole program.
    """

    comment: str
    open_string: Callable[[str], bool] = lambda text: False
    whole: Callable[[str], bool] = lambda text: False


@dataclass(frozen=True)
class _Fence:
    marks: str
    info: str
    quotes: int
    """Number of block quotes around it."""
    indent: int
    """Columns before the marks, counted from the innermost block quote; markers of list items are columns too."""
    alone: bool
    """Nothing but containers precedes it on its line."""

    def inside(self, line: str) -> str | None:
        """The line without the marks of its block quotes; None if the block quote has ended."""
        for _ in range(self.quotes):
            rest = line.lstrip(_BLANK)
            if not rest.startswith(">"):
                return None
            line = rest[1:].removeprefix(" ")
        return line

    def closed_by(self, inner: str) -> bool:
        rest = inner.lstrip(_BLANK)
        if not rest.startswith(self.marks) or _columns(inner[: len(inner) - len(rest)]) > self.indent + 3:
            return False
        after = rest.lstrip(self.marks[0])
        return not after.strip(_BLANK) or _MARKUP.fullmatch(after) is not None

    def reopened_by(self, inner: str) -> _Fence | None:
        """The opening fence of another block on this line."""
        other = _opening(inner)
        if other is None or not other.alone or not other.info or not other.marks.startswith(self.marks):
            return None
        return other if other.indent <= self.indent + 3 else None


def lines_of(text: str) -> list[str]:
    """Lines as in CommonMark and in Python. `str.splitlines` would also split at characters that may be part of a literal."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def fenced_blocks(lines: list[str], syntax: Syntax) -> list[Block]:
    """The blocks in order, except empty ones that another block follows at once: an opening fence that was written twice."""
    return list(_Scan(lines, syntax).blocks())


class _Scan:
    def __init__(self, lines: list[str], syntax: Syntax) -> None:
        self.lines = lines
        self.syntax = syntax
        self.tries = _LOOKAHEAD

    def blocks(self) -> Iterator[Block]:
        at = 0
        while at < len(self.lines):
            fence = _opening(self.lines[at])
            first, at = at, at + 1
            if fence is not None:
                content, at = self._content(fence, at)
                twice = at < len(self.lines) and not any(map(str.strip, content)) and fence.reopened_by(self.lines[at])
                if not twice:
                    yield Block(fence.info, _text(content, fence.indent), first)

    def _content(self, fence: _Fence, start: int) -> tuple[list[str], int]:
        """The lines of the block that begins at `start`, and the number of the line after it."""
        content: list[str] = []
        for at in range(start, len(self.lines)):
            inner = fence.inside(self.lines[at])
            if inner is None:
                return content, at
            if fence.closed_by(inner):
                after = at + 1
            elif (other := fence.reopened_by(inner)) is not None:
                after = at if _TAG.match(other.info) and _is_info(other.info) else at + 1
            elif (code := _code_before_fence(inner, fence.marks, self.syntax.comment)) is not None:
                content.append(code)
                after = at + 1
            else:
                content.append(inner)
                continue
            return self._longer(fence, start, at, content) or (content, after)
        return _without_ending(content), len(self.lines)

    def _longer(self, fence: _Fence, start: int, at: int, content: list[str]) -> tuple[list[str], int] | None:
        """The block up to a later closing fence, if it would end inside of a string at the line `at`."""
        if self.tries <= 0 or not self.syntax.open_string(_text(content, fence.indent)):
            return None
        self.tries -= 1
        content = [line for line in (fence.inside(text) for text in self.lines[start:at]) if line is not None]
        for later in range(at, len(self.lines)):
            inner = fence.inside(self.lines[later])
            if inner is None or self.tries <= 0:
                return None
            if later > at and fence.closed_by(inner):
                self.tries -= 1
                if self.syntax.whole(_text(content, fence.indent)):
                    return content, later + 1
            content.append(inner)
        return None


def _opening(line: str) -> _Fence | None:
    if "```" not in line and "~~~" not in line:
        return None
    quotes, start, at = _containers(line)
    if quotes > _NESTED:
        return None
    rest = line[at:]
    indent = _columns(line[start:at])
    if rest[:3] in ("```", "~~~"):
        info = rest.lstrip(rest[0])
        if rest[0] == "~" or "`" not in info:
            return _Fence(rest[: len(rest) - len(info)], info.strip(), quotes, indent, alone=True)
        return None
    words, marks, info = rest.rpartition("```")
    words, info = words.rstrip("`"), info.strip()
    if not marks or "```" in words or not (_TAG.fullmatch(info) or (not info and words.rstrip(_BLANK)[-1:] in (":", ">"))):
        return None
    tail = rest[len(words) :]
    return _Fence(tail[: len(tail) - len(tail.lstrip("`"))], info, quotes, indent, alone=False)


def _containers(line: str) -> tuple[int, int, int]:
    """Number of block quotes before a line's text, the position after the last of their marks, and the position of the text."""
    quotes = start = at = 0
    while at < len(line):
        mark = line[at]
        if mark in _BLANK:
            at += 1
        elif mark == ">":
            at += 2 if line[at + 1 : at + 2] == " " else 1
            quotes, start = quotes + 1, at
        elif mark in "-*+" and line[at + 1 : at + 2] in (" ", "\t"):
            at += 1
        elif mark.isdigit() and (number := _NUMBER.match(line, at)):
            at = number.end()
        else:
            break
    return quotes, start, at


def _is_info(info: str) -> bool:
    """Whether an info string names a language; words after a closing fence do not."""
    words = info.split()
    return len(words) == 1 or any(mark in info for mark in "={:") or words[1][0].isdigit()


def _code_before_fence(line: str, marks: str, comment: str) -> str | None:
    """The code of a line that ends with the closing fence of its block; None for any other line."""
    bare = line.rstrip(_BLANK)
    if bare.endswith(">"):
        tag = bare.rfind("```")
        if tag >= 0 and _MARKUP.fullmatch(bare, tag + 3):
            bare = bare[: tag + 3]
    code = bare.rstrip("`")
    if marks[0] != "`" or len(bare) - len(code) < len(marks) or not _CODE_END.search(code[-40:]):
        return None
    in_words = "```" in code or comment in code or code.count('"') % 2 or code.count("'") % 2
    return None if in_words else code


def _without_ending(content: list[str]) -> list[str]:
    """The lines of a block that is never closed, up to a line with nothing but a closing tag such as `</answer>`."""
    for number, line in enumerate(content):
        if line.startswith(("</", "<|")) and _MARKUP.fullmatch(line):
            return content[:number]
    return content[:-1] if content and not content[-1] else content  # nothing follows the last line break


def _text(content: list[str], indent: int) -> str:
    """The lines, with as much of the fence's indentation removed as all of them have."""
    margins = (_columns(line[: len(line) - len(line.lstrip(_BLANK))]) for line in content if line.strip(_BLANK))
    cut = min([indent, *margins]) if indent else 0
    return "\n".join(_cut(line, cut) for line in content) + "\n"


def _cut(line: str, columns: int) -> str:
    """The line without its first blanks. A tab that reaches further becomes blanks."""
    at = column = 0
    while column < columns and line[at : at + 1] in (" ", "\t"):
        column += 1 if line[at] == " " else 4 - column % 4
        at += 1
    return " " * (column - columns) + line[at:]


def _columns(margin: str) -> int:
    return len(margin.expandtabs(4))
