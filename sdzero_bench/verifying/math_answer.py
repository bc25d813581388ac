"""Mathematical answers: what counts as the final answer of a response, and whether it equals the gold answer.

The final answer is read strictly:

1. The content of the last `\\boxed{...}` (or `\\fbox{...}`), braces balanced. An opened box that is never closed is no
   answer, even if an earlier one was complete: the response was cut or malformed.
2. Only where there is no box at all: the last line, if it has the form `#### X`, `Answer: X`, `Final answer: X`, `The
   (final) answer is X` or `The answer to ... is X`, X being free of full stops; or the whole response, if it is one plain
   number, or one equation whose right-hand side is a plain number, and nothing else.

Nothing else is accepted: no last number in the text, no answer in the middle. Equality is decided by math-verify.
"""

from __future__ import annotations

import re

from .verdict import Verdict

LONGEST_ANSWER = 300
"""Characters. SymPy can take minutes over longer ones, and no gold answer is nearly as long."""

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
    """The text of the final answer, or None where the response has none. See the rules above."""
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
    """Compare the response's final answer with `gold` (a number or LaTeX). Run it in a process that can be killed."""
    answer = final_answer(response)
    if answer is None:
        return Verdict(0.0, detail="no final answer")
    if len(answer) > LONGEST_ANSWER:
        return Verdict(0.0, answer=answer[:LONGEST_ANSWER], detail=f"longer than {LONGEST_ANSWER} characters")
    plain = answer.replace(",", "").strip()
    if _INTEGER.fullmatch(plain) and _INTEGER.fullmatch(gold):
        # Two plain integers need no algebra system; the outcome is the same and a hundred times faster.
        return Verdict(float(int(plain) == int(gold)), answer=answer)
    if answer == gold.strip():
        return Verdict(1.0, answer=answer)  # letter by letter, even where it is nothing that math-verify can read, as 05:00
    return Verdict(float(_equal(gold, answer)), answer=answer)


def _equal(gold: str, answer: str) -> bool:
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify

    # No time limits of math-verify's own: they use SIGALRM, which a worker's other threads would never see.
    targets = [LatexExtractionConfig(), ExprExtractionConfig()]
    expected = parse(f"${gold.strip()}$", targets, parsing_timeout=None, raise_on_error=True)
    given = parse(f"${answer}$", targets, parsing_timeout=None, raise_on_error=True)
    if not expected:
        raise ValueError(f"the gold answer {gold!r} cannot be read as mathematics")
    return bool(verify(expected, given, timeout_seconds=None, raise_on_error=True))
