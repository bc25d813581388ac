"""Pipelines over a list of integers: the questions of micro-code, and simulated programs for them.

A question names two to four steps in one line, such as "keep the even numbers, add 3 to each, return the sum". The rest is a
small model of how people program: a quick first draft with occasional slips, or with habits that are wrong in the same way
each time; a more careful second attempt; and a textbook solution with a comment above every line. The slips are typical of
people: the wrong side of a boundary, a number off by one, a missing step, the opposite of what was asked. So are the habits:
the wrong side of "from 5 up", one too few of "the first 3", sorting without the rest of what was asked.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sdzero_bench.tasks.micro_world.care import Care

TESTS = 8
"""Number of hidden tests per question."""

Value = int | list[int]
"""What a step returns: the next list, or the value of the whole program."""


@dataclass(frozen=True)
class Kind:
    """A kind of step: how it is asked for, how it is written, and what it does to the list."""

    asked: str
    written: str
    does: Callable[[list[int], int], Value]
    numbers: range | None = None
    """The numbers that {k} may be; None for steps without a number."""
    slips: tuple[str, ...] = ()
    """Kinds that may be written instead by mistake."""
    tricky: bool = False
    """Whether the step involves a boundary, where people slip most."""
    habit: tuple[str, int] | None = None
    """What is written by habit instead: a kind, and what is added to the number."""


def _keep(
    asked: str,
    condition: str,
    holds: Callable[[int, int], bool],
    *slips: str,
    numbers: range | None = None,
    tricky: bool = False,
    habit: tuple[str, int] | None = None,
) -> Kind:
    written = f"xs = [x for x in xs if {condition}]"
    return Kind(asked, written, lambda xs, k: [x for x in xs if holds(x, k)], numbers, slips, tricky, habit)


def _each(asked: str, expression: str, result: Callable[[int, int], int], *slips: str, numbers: range | None = None) -> Kind:
    return Kind(asked, f"xs = [{expression} for x in xs]", lambda xs, k: [result(x, k) for x in xs], numbers, slips)


DIGITS, FEW = range(2, 10), range(2, 5)

STEPS: dict[str, Kind] = {
    "even": _keep("keep the even numbers", "x % 2 == 0", lambda x, _: x % 2 == 0, "odd"),
    "odd": _keep("keep the odd numbers", "x % 2 == 1", lambda x, _: x % 2 == 1, "even"),
    "above": _keep("keep numbers above {k}", "x > {k}", lambda x, k: x > k, "at least", "below", numbers=DIGITS, tricky=True),
    "at least": _keep(
        "keep numbers from {k} up", "x >= {k}", lambda x, k: x >= k, "above", numbers=DIGITS, tricky=True, habit=("above", 0)
    ),
    "below": _keep("keep numbers below {k}", "x < {k}", lambda x, k: x < k, "at most", "above", numbers=DIGITS, tricky=True),
    "at most": _keep(
        "keep numbers up to {k}", "x <= {k}", lambda x, k: x <= k, "below", numbers=DIGITS, tricky=True, habit=("below", 0)
    ),
    "multiples": _keep("keep multiples of {k}", "x % {k} == 0", lambda x, k: x % k == 0, "others", numbers=FEW),
    "others": _keep(
        "drop multiples of {k}", "x % {k} != 0", lambda x, k: x % k != 0, "multiples", numbers=FEW, habit=("multiples", 0)
    ),
    "add": _each("add {k} to each", "x + {k}", lambda x, k: x + k, "subtract", numbers=DIGITS),
    "subtract": _each("subtract {k} from each", "x - {k}", lambda x, k: x - k, "add", numbers=DIGITS),
    "times": _each("multiply each by {k}", "x * {k}", lambda x, k: x * k, "add", numbers=DIGITS),
    "square": _each("square each", "x * x", lambda x, _: x * x, "double"),
    "double": _each("double each", "x + x", lambda x, _: x + x, "square"),
    "negate": _each("negate each", "-x", lambda x, _: -x, "absolute"),
    "absolute": _each("take absolute values", "abs(x)", lambda x, _: abs(x), "negate"),
    "reverse": Kind("reverse the list", "xs = xs[::-1]", lambda xs, _: xs[::-1], slips=("sort", "down")),
    "sort": Kind("sort the list", "xs = sorted(xs)", lambda xs, _: sorted(xs), slips=("down",)),
    "down": Kind("sort downwards", "xs = sorted(xs)[::-1]", lambda xs, _: sorted(xs)[::-1], slips=("sort",), habit=("sort", 0)),
    "unique": Kind(
        "sort and drop repeats", "xs = sorted(set(xs))", lambda xs, _: sorted(set(xs)), slips=("sort",), habit=("sort", 0)
    ),
    "first": Kind(
        "take the first {k}", "xs = xs[:{k}]", lambda xs, k: xs[:k], FEW, ("skip",), tricky=True, habit=("first", -1)
    ),
    "skip": Kind("skip the first {k}", "xs = xs[{k}:]", lambda xs, k: xs[k:], FEW, ("first",), tricky=True, habit=("skip", -1)),
}

RETURNS: dict[str, Kind] = {
    "sum": Kind("return the sum", "return sum(xs)", lambda xs, _: sum(xs), slips=("count",)),
    "count": Kind("return how many there are", "return len(xs)", lambda xs, _: len(xs), slips=("sum",)),
    "largest": Kind("return the largest", "return max(xs)", lambda xs, _: max(xs), slips=("smallest", "last one")),
    "smallest": Kind("return the smallest", "return min(xs)", lambda xs, _: min(xs), slips=("largest", "first one")),
    "first one": Kind("return the first one", "return xs[0]", lambda xs, _: xs[0], slips=("last one",)),
    "last one": Kind("return the last one", "return xs[-1]", lambda xs, _: xs[-1], slips=("first one",)),
    "list": Kind("return the list", "return xs", lambda xs, _: xs, slips=("sum",)),
}

KINDS = STEPS | RETURNS


@dataclass(frozen=True)
class Step:
    """One step as asked or as written; `k` is 0 if the kind has no number."""

    kind: str
    k: int = 0

    @property
    def asked(self) -> str:
        return KINDS[self.kind].asked.format(k=self.k)

    @property
    def written(self) -> str:
        return KINDS[self.kind].written.format(k=self.k)

    def __call__(self, numbers: list[int]) -> Value:
        return KINDS[self.kind].does(numbers, self.k)


Steps = tuple[Step, ...]
Lists = tuple[tuple[int, ...], ...]


def specification(steps: Steps) -> str:
    """The question in one line."""
    return f"Write f(xs): {', '.join(step.asked for step in steps)}."


def prompt(question: str) -> str:
    """The user turn: the specification, and where to put the program."""
    return f"{question}\nPut it in a ```python block."


def program(steps: Steps) -> str:
    """A response with a program of these steps."""
    return _block(f"    {step.written}" for step in steps)


def demonstration(steps: Steps) -> str:
    """The gold program with a comment above every line, a style that the drafts do not use."""
    return _block(f"    # {step.asked}\n    {step.written}" for step in steps)


def _block(lines: Iterable[str]) -> str:
    return "```python\ndef f(xs):\n" + "\n".join(lines) + "\n```"


def outcome(steps: Steps, numbers: Iterable[int]) -> Value | None:
    """What the program returns; None if it raises, as `max` of an empty list does."""
    value: Value = [*numbers]
    try:
        for step in steps:
            assert isinstance(value, list)  # only the last step returns a number
            value = step(value)
    except (ValueError, IndexError):
        return None
    return value


def hidden_tests(steps: Steps) -> Lists:
    """The inputs that programs are tested with: random lists that contain the neighbours of the boundaries.

    The correct program returns a value on each. Empty if no such lists with sufficiently varied results were found.
    """
    rng = random.Random(specification(steps))
    near = [step.k + d for step in steps if step.k for d in (-1, 0, 1)]
    found: list[tuple[int, ...]] = []
    for _ in range(40):
        numbers = [rng.choice(near) if near and rng.random() < 0.3 else rng.randint(-20, 20) for _ in range(rng.randint(6, 10))]
        numbers.append(rng.choice(numbers))  # a repeat
        if outcome(steps, numbers) is not None:
            found.append(tuple(numbers))
        if len(found) == TESTS:
            distinct = {repr(outcome(steps, numbers)) for numbers in found}
            return tuple(found) if len(distinct) > TESTS // 2 else ()
    return ()


def slipped(step: Step, rng: random.Random) -> Step | None:
    """The step done wrong: its opposite or neighbour, or a number off by one; None: the step is missing."""
    kind = KINDS[step.kind]
    wrong: list[Step | None] = [*(Step(name, step.k) for name in kind.slips)] * 2
    if kind.numbers is not None:
        wrong += (Step(step.kind, k) for k in (step.k - 1, step.k + 1) if k in kind.numbers)
    if step.kind in STEPS:
        wrong.append(None)
    return rng.choice(wrong)


def by_habit(step: Step) -> Step | None:
    """The step as it is written by habit: the wrong side of a boundary, one too few, a step half done; None without a habit."""
    habit = KINDS[step.kind].habit
    return Step(habit[0], step.k + habit[1] if step.k else 0) if habit else None


def attempt(steps: Steps, care: Care, rng: random.Random) -> Steps:
    """The steps as written with this care."""
    written = []
    for step in steps:
        if care.habit and (habitual := by_habit(step)) and rng.random() < care.habit:
            written.append(habitual)
            continue
        slips = rng.random() < (care.tricky if KINDS[step.kind].tricky else care.plain)
        line = slipped(step, rng) if slips else step
        if line is not None:
            written.append(line)
    return tuple(written)


def pipelines(seed: int) -> Iterator[tuple[Steps, Lists]]:
    """Endless questions without repeats, with their hidden tests: one to three steps, then what to return."""
    rng = random.Random(seed)
    seen: set[Steps] = set()
    while True:
        kinds = [*rng.sample(sorted(STEPS), rng.choice((1, 2, 2, 3, 3))), rng.choice(sorted(RETURNS))]
        steps = tuple(Step(kind, rng.choice(numbers) if (numbers := KINDS[kind].numbers) else 0) for kind in kinds)
        if steps not in seen and (tests := hidden_tests(steps)):
            seen.add(steps)
            yield steps, tests


@dataclass(frozen=True)
class Pipeline:
    """A problem in the pretraining texts of the embedded model."""

    steps: Steps
    tests: Lists

    in_words = "Explain in comments."

    @property
    def prompt(self) -> str:
        return prompt(specification(self.steps))

    @property
    def demonstration(self) -> str:
        return demonstration(self.steps)

    def attempt(self, care: Care, rng: random.Random) -> tuple[str, bool]:
        """A program as text, and whether it passes the tests."""
        written = attempt(self.steps, care, rng)
        return program(written), all(outcome(written, test) == outcome(self.steps, test) for test in self.tests)
