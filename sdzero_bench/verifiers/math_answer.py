"""Mathematical answers: which part of a response is its final answer, and whether it equals the gold answer.

The final answer is read strictly:

1. The content of the last `\\boxed{...}` (or `\\fbox{...}`), with balanced braces. A box that is never closed is not an
   answer, even if an earlier one was complete: the response was truncated or malformed.
2. Only if there is no box at all: the last line, if it has the form `#### X`, `Answer: X`, `Final answer: X`, `The
   (final) answer is X` or `The answer to ... is X`, where X contains no full stop; or the whole response, if it is a plain
   number, or an equation whose right-hand side is a plain number, and nothing else.

Nothing else is accepted: not the last number in the text, not an answer in the middle. Equality is decided by math-verify;
identical text is always equal.
"""

from __future__ import annotations

import re
from typing import Any

from sdzero_bench.core.verdict import Verdict

LONGEST_ANSWER = 300
"""In characters. SymPy can take minutes on longer answers, and gold answers are much shorter."""

SMALL = 1e-4
"""Numbers closer to 0 than this have to agree within 1 %, in addition to their first six decimals."""

_REWRITTEN = {
    re.compile(r"(?<=\d),\\!\s*(?=\d{3})"): "",  # 10,\!080
    re.compile(r"\\([dt]?frac)\s*\\pi\b\s*"): r"\\\1{\\pi}",  # \frac\pi 2
    re.compile(r"\\[hv]?phantom\s*(?:\{[^{}]*\}|\S)"): "",
}
"""Rewrites of what math-verify cannot parse in gold answers of published data sets."""
_LAST_LETTER = re.compile(r"(?<![a-zA-Z\\])([a-zA-Z])$")
_NO_VARIABLE = re.compile(r"\\(?:text|mbox)\{[^}]*\}|\\(?:sqrt|[dt]?frac|cdot|times|left|right)")
_ESCAPED = re.compile(r"\\[%$!,;: ]")
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_LAST_LINE = re.compile(
    r"[\s*]*(?:####|(?:the\s+)?(?:final\s+)?answer(?:\s+to\b[^.:=]*?)?(?:\s+is\s*:?|\s*:))"
    r"[\s*]*((?:[^.\n]|\.(?=\d))+?)[\s*.!]*",
    re.IGNORECASE,
)
_NUMBER = r"[+-]?\d[\d,]*(?:\.\d+)?"
_ALONE = re.compile(rf"\$?(?:[\d\s+*/().×÷-]+=\s*)?({_NUMBER})\$?\.?")
_INTEGER = re.compile(r"[+-]?\d{1,15}")


def final_answer(response: str) -> str | None:
    """The text of the final answer, or None if the response has none. See the rules above."""
    boxes = list(_BOX.finditer(response))
    if boxes:
        start = boxes[-1].end()
        depth = 1
        for end in range(start, len(response)):
            depth += {"{": 1, "}": -1}.get(response[end], 0)
            if depth == 0:
                return response[start:end].strip() or None
        return None
    lines = response.strip().splitlines()
    if match := _LAST_LINE.fullmatch(lines[-1]) if lines else None:
        return match.group(1).strip()
    match = _ALONE.fullmatch(response.strip())
    return match.group(1) if match else None


def check_math(response: str, gold: str) -> Verdict:
    """Compare the response's final answer with `gold`, a number or LaTeX. Has no time limit: run it in a process that can be
    killed. Raises `ValueError` if `gold` cannot be parsed."""
    answer = final_answer(response)
    if answer is None:
        return Verdict(0.0, detail="no final answer")
    if len(answer) > LONGEST_ANSWER:
        return Verdict(0.0, answer=answer[:LONGEST_ANSWER], detail=f"longer than {LONGEST_ANSWER} characters")
    plain = answer.replace(",", "").strip()
    if _INTEGER.fullmatch(plain) and _INTEGER.fullmatch(gold):
        # Two plain integers need no algebra system: the result is the same, and a hundred times faster.
        return Verdict(float(int(plain) == int(gold)), answer=answer)
    if _text(answer) == _text(gold):
        return Verdict(1.0, answer=answer)  # even if math-verify cannot parse it, such as the time 05:00
    return Verdict(float(_equal(gold, answer)), answer=answer)


def _equal(gold: str, answer: str) -> bool:
    from math_verify import verify

    expected, given = _read(gold), _read(answer)
    if all(isinstance(reading, str) for reading in expected):
        raise ValueError(f"the gold answer {gold!r} cannot be read as mathematics")
    # math-verify's own time limits use SIGALRM, which does not work outside the main thread.
    same = verify(expected, given, timeout_seconds=None, raise_on_error=True)
    return bool(same) and _agree_in_size(expected[0], given[0])


def _read(text: str) -> list[Any]:
    """The answer as parsed by math-verify: an expression, if it can be parsed, and the text.

    Only text without LaTeX commands is searched for a number. In LaTeX that it cannot parse, math-verify would pick one of
    the numbers, so that a matrix followed by a full stop would equal any other matrix that contains the same number.
    """
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse

    text = text.strip().rstrip(" .,")
    for pattern, better in _REWRITTEN.items():
        text = pattern.sub(better, text)
    if (last := _LAST_LETTER.search(text)) and re.search("[a-zA-Z]", _NO_VARIABLE.sub("", text[: last.start()])):
        # math-verify drops the last letter of `a + b` as if it were a unit, as in `5 m`.
        text = f"{text[: last.start()]}{{{last.group()}}}"
    plain = "\\" not in _ESCAPED.sub("", text)
    targets = [LatexExtractionConfig(), ExprExtractionConfig()] if plain else [LatexExtractionConfig()]
    parsed: list[Any] = parse(f"${text}$", targets, parsing_timeout=None, raise_on_error=True)
    return parsed


def _agree_in_size(expected: Any, given: Any) -> bool:
    """math-verify compares numbers by their first six decimals, so that all very small ones would be equal, and equal to 0."""
    if expected == given or not (getattr(expected, "is_number", False) and getattr(given, "is_number", False)):
        return True
    one, other = (number.doit().evalf() for number in (expected, given))  # `17%` is an unevaluated product
    size = max(abs(one), abs(other))
    return bool(size >= SMALL or abs(one - other) <= size / 100)


def _text(text: str) -> str:
    return " ".join(text.split()).rstrip(" .,")
