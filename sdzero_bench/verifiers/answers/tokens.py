"""The tokens of an answer: numbers, letters, words, commands and signs."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from sdzero_bench.verifiers.answers.symbols import FUNCTIONS, SPACING, STYLES, SYNONYMS, TEXT


class NotAnAnswer(ValueError):
    """The text is not an answer that can be read; the message says what stands in the way."""


@dataclass(frozen=True)
class Piece:
    """One symbol of an answer."""

    kind: Literal["number", "letter", "word", "command", "sign"]
    """letter: one letter of a formula; word: several letters, or any letters within \\text{}; command: a LaTeX command, with
    its backslash; sign: anything else."""
    text: str
    spaced: bool = False
    """Whether a blank precedes it."""
    prose: bool = False
    """Whether it stands within \\text{} or a command like it."""


_NUMBER = re.compile(
    r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)?(?:\.(?:\d+|(?=\\(?:overline|bar|dot)\b)))?(?:\\(?:overline|bar|dot)\s*\{?(\d+)\}?)?|\d+\.(?!\d)"
)
_UNGROUPED = re.compile(r"\d*(?:\.(?:\d+|(?=\\(?:overline|bar|dot)\b)))?(?:\\(?:overline|bar|dot)\s*\{?(\d+)\}?)?")
_COMMAND = re.compile(r"\\(?:[a-zA-Z]+\*?|.)", re.DOTALL)
_UNITS_TOO = {"min", "max", "sec"}
"""Names of functions that are words as well: `5 min` within \\text{} are minutes."""
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_LETTERS = re.compile(r"[a-zA-Z]+")
_FOREIGN = re.compile(r"[^\W\d_a-zA-Z]+")
_TEXT_STYLE = re.compile(r"\\(?:text\w*|mbox|hbox|math[a-z]+|operatorname\*?|emph)\s*\{")


def tokenised(text: str, grouped: bool) -> list[Piece]:
    """The tokens of a cleaned answer; blanks, styles and dollar signs are dropped.

    grouped:
        Whether `1,234` is one number, and not two.

    Raises `NotAnAnswer` for braces that do not balance.
    """
    return _tokens(text, grouped, prose=False)


def _tokens(text: str, grouped: bool, prose: bool) -> list[Piece]:
    found: list[Piece] = []
    position, spaced = 0, False

    def add(kind: Literal["number", "letter", "word", "command", "sign"], value: str) -> None:
        nonlocal spaced
        found.append(Piece(kind, value, spaced, prose))
        spaced = False

    while position < len(text):
        character = text[position]
        if character.isspace() or character == "~" or (character == "$" and not prose):
            spaced, position = spaced or character != "$", position + 1
        elif character == "$":
            end = text.find("$", position + 1)
            inner = text[position + 1 : end] if end > 0 else ""
            found += _tokens(inner, grouped, prose=False)
            position = end + 1 if end > 0 else position + 1
        elif character.isdigit() or (character == "." and text[position + 1 : position + 2].isdigit()):
            match = (_NUMBER if grouped else _UNGROUPED).match(text, position)
            assert match is not None
            position = max(match.end(), position + 1)
            add("number", _number(match.group()))
        elif character == "\\":
            match = _COMMAND.match(text, position)
            if match is None:
                raise NotAnAnswer("a backslash at the end")
            name, position = match.group(), match.end()
            if name in TEXT or name.rstrip("*") in TEXT:
                inner, position = argument(text, position)
                found += [
                    replace(t, spaced=True) if n == 0 and spaced else t for n, t in enumerate(_text(name, inner, grouped))
                ]
                spaced = False
            elif name in SPACING:
                spaced = True
            elif name not in STYLES:
                if name in (r"\begin", r"\end"):
                    inner, position = argument(text, position)
                    name = f"{name}{{{inner.strip().rstrip('*')}}}"
                    if inner.strip() in ("array", "tabular") and text[position:].lstrip().startswith("{") and "begin" in name:
                        _, position = argument(text, position)
                elif name == r"\mathbb":
                    inner, position = argument(text, position)
                    name = f"{name}{{{inner.strip()}}}"
                name = SYNONYMS.get(name, name)
                bare = name[1:]
                if bare in FUNCTIONS:
                    add("word", bare)
                elif name.startswith("\\"):
                    add("command", name)
                else:
                    add("letter" if name.isalpha() else "sign", name)
        elif prose and (match := _WORD.match(text, position)):
            position = match.end()
            add("word", match.group())
        elif match := _LETTERS.match(text, position):
            position = match.end()
            add("letter" if len(match.group()) == 1 else "word", match.group())
        elif match := _FOREIGN.match(text, position):
            position = match.end()
            add("word", match.group())
        else:
            position += 1
            add("sign", "|" if character == "|" else character)
    return found


def _text(command: str, inner: str, grouped: bool) -> list[Piece]:
    name = inner.strip()
    upright = command.startswith((r"\mathrm", r"\operatorname"))
    if (name in FUNCTIONS and (upright or name not in _UNITS_TOO)) or (upright and len(name) == 1 and name.isalpha()):
        return [Piece("letter" if len(name) == 1 else "word", name)]
    return _tokens(inner, grouped, prose=True)


def _number(digits: str) -> str:
    """The digits without separators; the digits that repeat in parentheses, as in 0.1(6)."""
    match = re.fullmatch(r"([\d,.]*)(?:\\[a-z]+\s*\{?(\d+)\}?)?", digits)
    assert match is not None
    return match.group(1).replace(",", "") + (f"({match.group(2)})" if match.group(2) else "")


def argument(text: str, position: int) -> tuple[str, int]:
    """The braced argument at a position, or the single character there, and the position after it."""
    while position < len(text) and text[position].isspace():
        position += 1
    if position >= len(text) or text[position] != "{":
        return text[position : position + 1], position + 1
    end = closing(text, position + 1)
    if end is None:
        raise NotAnAnswer("a brace is never closed")
    return text[position + 1 : end], end + 1


def closing(text: str, start: int, stop: int | None = None) -> int | None:
    """The position of the brace that closes the one before `start`; None if there is none before `stop`. Braces after a
    backslash are signs, which need not balance."""
    depth, position = 1, start
    while position < (len(text) if stop is None else stop):
        if text[position] == "\\":
            position += 1
        elif text[position] in "{}":
            depth += 1 if text[position] == "{" else -1
            if depth == 0:
                return position
        position += 1
    return None
