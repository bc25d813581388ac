"""Chains of sums: the questions of micro-arith, and simulated solutions to them.

The questions are reasoning-gym's `chain_sum`. The rest is a small model of how people solve such questions: a quick first draft
with occasional slips, or with a habit that is wrong in the same way each time; a more careful second attempt that may also just
repeat the first; and a textbook solution in words.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypedDict

from sdzero_bench.tasks.micro_world.care import Care

MAX_TOTAL = 99
"""Running totals stay in 0..MAX_TOTAL, small enough for a model of a million parameters to add correctly."""

MAX_DRAFTS = 1000

_TERM = re.compile(r"([+-]?)\s*(\d+)")


class ChainSumMetadata(TypedDict):
    expression: str


class ChainSum(TypedDict):
    """An item of reasoning-gym's `chain_sum`, as far as it is used here."""

    question: str
    answer: str
    metadata: ChainSumMetadata


@dataclass(frozen=True)
class Line:
    """One written step, `left op right = result`; `result` is what was written, correct or not."""

    left: int
    op: str
    right: int
    result: int

    @property
    def correct(self) -> bool:
        return self.result == add(self.left, self.op, self.right)

    def __str__(self) -> str:
        return f"{self.left}{self.op}{self.right}={self.result}"


@dataclass(frozen=True)
class WorkedSolution:
    """A complete solution as written: its lines, and the boxed result of the last one."""

    lines: tuple[Line, ...]

    @property
    def answer(self) -> int:
        return self.lines[-1].result

    def __str__(self) -> str:
        return "\n".join(map(str, self.lines)) + f"\n\\boxed{{{self.answer}}}"


def prompt(question: str) -> str:
    """The user turn: reasoning-gym's question, and where to put the answer."""
    return f"{question}\nPut the final answer in \\boxed{{}}."


def add(left: int, op: str, right: int) -> int:
    return left + right if op == "+" else left - right


def terms(expression: str) -> list[tuple[str, int]]:
    """The signed terms of `a + b - c` in order: [("+", a), ("+", b), ("-", c)]."""
    return [(sign or "+", int(value)) for sign, value in _TERM.findall(expression)]


def solve(expression: str) -> WorkedSolution:
    """The correct solution."""
    (_, total), *rest = terms(expression)
    lines = []
    for op, right in rest:
        lines.append(Line(total, op, right, add(total, op, right)))
        total = lines[-1].result
    return WorkedSolution(tuple(lines))


def chain_sums(seed: int, min_terms: int = 3, max_terms: int = 5) -> Iterator[ChainSum]:
    """Endless reasoning-gym `chain_sum` items without repeats whose running totals stay in 0..MAX_TOTAL."""
    import reasoning_gym

    seen: set[str] = set()
    chunk = 20_000
    # chain_sum seeds item i with seed + i, so the seeds of different streams must be far apart to share no items.
    for start in range(seed * 10_000_000, (seed + 1) * 10_000_000, chunk):
        items = reasoning_gym.create_dataset(
            "chain_sum", seed=start, size=chunk, min_terms=min_terms, max_terms=max_terms, min_digits=1, max_digits=2
        )
        for item in items:
            expression = item["metadata"]["expression"]
            if expression in seen or not all(0 <= line.result <= MAX_TOTAL for line in solve(expression).lines):
                continue
            seen.add(expression)
            yield item


def carries(line: Line) -> bool:
    """Whether the units of this step carry or borrow, where people slip most."""
    units = add(line.left % 10, line.op, line.right % 10)
    return not 0 <= units <= 9


def slipped(line: Line, rng: random.Random) -> Line:
    """The same step with a wrong result: a forgotten carry, off by one, or off by ten."""
    right = add(line.left, line.op, line.right)
    wrong = [right - 1, right + 1, right - 10, right + 10]
    if carries(line):
        wrong += [right - 10 if line.op == "+" else right + 10] * 2
    return Line(line.left, line.op, line.right, rng.choice(wrong))


def by_habit(line: Line, habit_from: int) -> Line | None:
    """The step with its carry forgotten, where the number added or taken away ends in `habit_from` or more; else None.

    A total that the model never learns is one off instead.
    """
    if not carries(line) or line.right % 10 < habit_from:
        return None
    right = add(line.left, line.op, line.right)
    wrong = right - 10 if line.op == "+" else right + 10
    return Line(line.left, line.op, line.right, wrong if 0 <= wrong <= MAX_TOTAL else right - 1)


def attempt(expression: str, care: Care, rng: random.Random) -> WorkedSolution:
    """A solution written with this care; a slip carries through to the end.

    Drafts whose totals leave 0..MAX_TOTAL after a slip are drawn again, since the model never learns such numbers. Where a
    habit leaves hardly any other, the sum is written without it.
    """
    for _ in range(MAX_DRAFTS):
        (_, total), *rest = terms(expression)
        lines = []
        for op, right in rest:
            line = Line(total, op, right, add(total, op, right))
            if care.habit and (habitual := by_habit(line, care.habit_from)) and rng.random() < care.habit:
                line = habitual
            elif rng.random() < (care.tricky if carries(line) else care.plain):
                line = slipped(line, rng)
            lines.append(line)
            total = line.result
        if all(0 <= line.result <= MAX_TOTAL for line in lines):
            return WorkedSolution(tuple(lines))
    if not care.habit:
        raise ValueError(f"every draft of {expression!r} leaves 0..{MAX_TOTAL}")
    return attempt(expression, replace(care, habit=0.0), rng)


def demonstration(expression: str) -> str:
    """The gold solution in textbook words, a style that the drafts do not use."""
    solution = solve(expression)
    steps = [f"Start with {solution.lines[0].left}."]
    for line in solution.lines:
        verb = f"Add {line.right}" if line.op == "+" else f"Take away {line.right}"
        steps.append(f"{verb} to get {line.result}.")
    return " ".join(steps) + f" So the answer is \\boxed{{{solution.answer}}}."


@dataclass(frozen=True)
class Sum:
    """A problem in the pretraining texts of the embedded model."""

    question: str
    expression: str

    in_words = "Explain in words."

    @property
    def prompt(self) -> str:
        return prompt(self.question)

    @property
    def demonstration(self) -> str:
        return demonstration(self.expression)

    def attempt(self, care: Care, rng: random.Random) -> tuple[str, bool]:
        """A solution as text, and whether it is correct."""
        written = attempt(self.expression, care, rng)
        return str(written), written.answer == solve(self.expression).answer
