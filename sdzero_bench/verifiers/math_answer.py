"""Mathematical answers: which part of a response is its final answer, and whether it equals the gold answer.

The final answer is read strictly, from what follows the thinking (thinking.py):

1. The content of the last `\\boxed{...}` (or `\\fbox{...}`) that is not empty, with balanced braces; `\\boxed 5` is one too.
   Boxes with only a comma or `and` between them are one list. A box that is never closed is not an answer, even if an earlier
   one was complete: the response was truncated or malformed. If the last line is `Final answer: X` with a formula X, and the
   box is above it, the answer is X: it may take back what is in the box.
2. Only if there is no box at all: the last line, if it has the form `#### X`, `Answer: X`, `Final answer: X`, `The
   (final) answer is X` or `The answer to ... is X`, where X contains no full stop, or if it follows a line `Final answer`; what
   is in `<answer>` tags at the end; or the whole response, if it is a plain number, or an equation whose right-hand side is a
   plain number, and nothing else.

Nothing else is accepted: not the last number in the text, not an answer in the middle. Both answers are then read as formulas,
sets, intervals, equations or words (`answers/`), completely or not at all, and compared exactly. Identical text is equal.
"""

from __future__ import annotations

import re

from sdzero_bench.core.verdict import Verdict
from sdzero_bench.verifiers.answers.evaluation import NoValue
from sdzero_bench.verifiers.answers.nodes import ONE
from sdzero_bench.verifiers.answers.reading import readings
from sdzero_bench.verifiers.answers.sameness import same
from sdzero_bench.verifiers.answers.statements import Quantity, Statement, Words
from sdzero_bench.verifiers.answers.tokens import NotAnAnswer, closing
from sdzero_bench.verifiers.thinking import after_thinking

LONGEST_ANSWER = 300
"""In characters. Gold answers are much shorter, and what is longer is no final answer."""

_BOX = re.compile(r"\\(?:boxed|fbox)(?![a-zA-Z])\s*")
_UNBRACED = re.compile(
    r"[+-]?\d[\d,]*(?:\.\d+)?(?![\w{\\])|[A-Za-z](?=\s*(?:[$.,;)]|$))|\\[dt]?frac\s*(?:\{[^{}]*\}\s*\{[^{}]*\}|\d\d)"
)
_FILLER = re.compile(r"[\s$]|\\(?:[,;:!\[\]()]|q?quad\b)")
_JOINED = re.compile(r"(?:,|;|and|or|,and|,or|\\text\{,?(?:and|or)\})")
_LAST_LINE = re.compile(
    r"(?:####|(?:the\s+)?(?:final\s+)?answer(?:\s+to\b[^.:=]*?)?(?:\s+is\s*:?|\s*:))[\s*]*((?:[^.]|\.(?=\d))+)", re.IGNORECASE
)
_REVISED = re.compile(r"(?:the\s+)?final\s+answer\s*(?:is\s*)?:[\s*]*((?:[^.]|\.(?=\d))+)", re.IGNORECASE)
_HEADING = re.compile(r"[#*\s]*(?:the\s+)?(?:final\s+)?answer[*:\s]*", re.IGNORECASE)
_HOPE = re.compile(r"\.?\s*I hope (?:it|this) is correct\.?$")
"""Of Minerva's prompt, which models that were evaluated with it repeat."""
_ORNAMENT = re.compile(r"\A[^\w\s#\\$(<\[{|+-]+\s*")
"""Such as a check mark before the answer's line."""
_NUMBER = r"[+-]?\d[\d,]*(?:\.\d+)?"
_ALONE = re.compile(rf"\$?(?:[\d\s+*/().×÷-]+=\s*)?({_NUMBER})\$?\.?")
_INTEGER = re.compile(r"[+-]?(?:\d{1,15}|\d{1,3}(?:,\d{3}){1,4})")


def final_answer(response: str) -> str | None:
    """The text of the final answer, or None if the response has none. See the rules above. Takes linear time."""
    response = after_thinking(response)
    boxes = list(_BOX.finditer(response))
    for box in reversed(boxes):
        start = box.end()
        if response[start : start + 1] != "{":
            if found := _UNBRACED.match(response, start):
                return found.group()
            continue  # the command is only mentioned
        end = closing(response, start + 1)
        if end is None:
            return None
        if answer := re.sub(r"(?<!\\)\\$", "", response[start + 1 : end].strip()):  # `\\ ` is a blank too
            revised = _REVISED.fullmatch(_last_line(response[end:]))
            if revised and _is_formula(revised.group(1)):
                return revised.group(1).strip(" \t\r*.!")
            return _with_those_before(response, boxes, box, answer)
    if any(response[box.end() : box.end() + 1] == "{" for box in boxes):
        return None
    whole = response.strip()
    if (marked := _marked(whole)) is not None:
        return marked
    match = _ALONE.fullmatch(whole) if len(whole) <= 2 * LONGEST_ANSWER else None
    return match.group(1) if match else None


def _marked(response: str) -> str | None:
    """The answer in a response without a box whose last line says that it is one."""
    line = _last_line(response)
    if match := _LAST_LINE.fullmatch(line):
        inner = match.group(1).strip(" \t\r*.!")
        again = _LAST_LINE.fullmatch(inner)  # Final answer: The final answer is 5
        return again.group(1).strip(" \t\r*.!") if again else inner
    if response.endswith("</answer>") and (start := response.rfind("<answer>")) >= 0:
        return response[start + len("<answer>") : -len("</answer>")].strip()
    above = response[: max(response.rfind("\n"), 0)].rstrip()
    if line and len(line) <= LONGEST_ANSWER and _HEADING.fullmatch(above, above.rfind("\n") + 1):
        return line
    return None


def _last_line(response: str) -> str:
    """Without emphasis, ornaments and the full stop; empty if it is too long for an answer."""
    whole = response.strip()
    line = whole[whole.rfind("\n") + 1 :]
    if len(line) > 2 * LONGEST_ANSWER:
        return ""
    return _ORNAMENT.sub("", _HOPE.sub("", line).strip(" \t\r*.!"))


def _is_formula(text: str) -> bool:
    try:
        return not isinstance(readings(text)[0], Words)
    except NotAnAnswer:
        return False


def _with_those_before(response: str, boxes: list[re.Match[str]], last: re.Match[str], answer: str) -> str:
    """The answer with those in the boxes right before it, joined by no more than a comma or `and`, as a list."""
    found, after = [answer], last.start()
    for box in reversed(boxes[: boxes.index(last)]):
        near = response[box.end() : box.end() + 1] == "{" and after - box.end() < LONGEST_ANSWER
        end = closing(response, box.end() + 1, after) if near else None
        if end is None or not _JOINED.fullmatch(_FILLER.sub("", response[end + 1 : after])):
            break
        found.append(response[box.end() + 1 : end].strip())
        after = box.start()
    return answer if len(found) == 1 else ", ".join(reversed(found))


def check_math(response: str, gold: str) -> Verdict:
    """Compare the response's final answer with `gold`, a number or LaTeX.

    A response that cannot be read, or whose value cannot be computed, is wrong. Raises `ValueError` if `gold` cannot be read;
    `unreadable_gold` tells beforehand. Takes milliseconds, but run it in a process that can be killed.
    """
    answer = final_answer(response)
    if answer is None:
        return Verdict(0.0, detail="no final answer")
    if _text(answer) == _text(gold):
        return Verdict(1.0, answer=answer[:LONGEST_ANSWER])
    if len(answer) > LONGEST_ANSWER:
        return Verdict(0.0, answer=answer[:LONGEST_ANSWER], detail=f"longer than {LONGEST_ANSWER} characters")
    plain, expected = answer.strip(), gold.strip()
    if _INTEGER.fullmatch(plain) and _INTEGER.fullmatch(expected):
        return Verdict(float(_integer(plain) == _integer(expected)), answer=answer)
    golds = _gold_readings(gold)
    try:
        equal, problem = _any_equal(golds, readings(answer))
    except NotAnAnswer as error:
        return Verdict(0.0, "refused", answer, f"the answer cannot be read: {error}")
    if problem and not equal:
        if why := unreadable_gold(gold):
            raise ValueError(f"the gold answer {gold!r} cannot be compared: {why}")
        return Verdict(0.0, "refused", answer, f"the answer cannot be compared: {problem}")
    return Verdict(float(equal), answer=answer)


def unreadable_gold(gold: str) -> str | None:
    """Why a gold answer cannot be compared with anything but its own text; None if it can."""
    if _INTEGER.fullmatch(gold.strip()):
        return None
    try:
        found = readings(gold)
    except NotAnAnswer as error:
        return str(error)
    if final_answer(f"\\boxed{{{gold}}}") is None:
        return "it cannot be put into a box: its braces do not match"
    problems = [_any_equal([reading], [Quantity(ONE)])[1] for reading in found]
    return problems[0] if all(problems) else None


def prepare() -> None:
    """Import what comparisons need."""
    check_math(r"\boxed{\sqrt{2}}", r"2^{1/2}")


def _gold_readings(gold: str) -> list[Statement]:
    try:
        return readings(gold)
    except NotAnAnswer as error:
        raise ValueError(f"the gold answer {gold!r} cannot be read: {error}") from error


def _any_equal(golds: list[Statement], answers: list[Statement]) -> tuple[bool, str | None]:
    """Whether a reading of the one equals a reading of the other; if not, what kept readings from being compared."""
    problem = None
    for gold in golds:
        for answer in answers:
            try:
                if same(gold, answer):
                    return True, None
            except NoValue as error:
                problem = str(error)
            except Exception as error:  # whatever a response does to the comparison, it is no reason to have no verdict
                problem = f"{type(error).__name__}: {error}"
    return False, problem


def _integer(text: str) -> int:
    return int(text.replace(",", ""))


def _text(text: str) -> str:
    return " ".join(text.split()).rstrip(" .,")
