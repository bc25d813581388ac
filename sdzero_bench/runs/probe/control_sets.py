"""What the completion of test questions is compared with: comparable questions that no model can have been trained on."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace
from pathlib import Path

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Task
from sdzero_bench.runs import registry
from sdzero_bench.runs.config import make_task, resolve

_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class ControlSet:
    """The control questions, and where they come from, in words."""

    questions: QuestionSet
    source: str
    paired: bool = False
    """Whether each control question is a test question with other numbers, of the same id."""


def control_set(task: Task, test: QuestionSet, given: str | None) -> ControlSet:
    """A control for the test questions: `given`, a task or file; else fresh questions of a task that generates them; else the
    test questions with other numbers.

    Raises `UserError` if the given one cannot be loaded or shares questions with the test set, or if no test question has a
    number.
    """
    if given is not None:
        control = _given(given)
        if shared := control.overlap(test):
            raise UserError(
                f"--control {given}: {len(shared)} of its questions are test questions too, such as {shared[0].id!r}; a "
                f"control has to be fresh"
            )
        return ControlSet(control.head(min(len(control), len(test))), f"the questions of {given}")
    if (fresh := task.fresh(len(test))) is not None:
        return ControlSet(fresh, f"fresh questions of {task.name}, drawn with another seed")
    renumbered = tuple(changed for question in test if (changed := with_other_numbers(question)) is not None)
    if not renumbered:
        raise UserError(f"no question of {test.name} has a number that could be changed; give comparable questions: --control")
    return ControlSet(QuestionSet(f"{test.name}, renumbered", renumbered), "the same questions with other numbers", paired=True)


def with_other_numbers(question: Question) -> Question | None:
    """The question with each number replaced by a random one of as many digits; None if it has no numbers.

    Equal numbers stay equal, and every other one changes: the text is as plausible as before and as easy to continue, but it is
    not the published one. After GSM-Symbolic (Mirzadeh et al. 2024, arXiv 2410.05229), without its check that the question
    still has an answer, which a completion does not need. The same question gets the same numbers each time.
    """
    numbers = list(dict.fromkeys(_NUMBER.findall(question.text)))
    if not numbers:
        return None
    rng = random.Random(question.text)
    others: dict[str, str] = {}
    for number in numbers:
        lowest = 10 ** (len(number) - 1) if number[0] != "0" else 0
        choices = range(lowest, 10 ** len(number))
        others[number] = number
        while others[number] == number:
            others[number] = str(rng.choice(choices)).zfill(len(number))
    return replace(question, text=_NUMBER.sub(lambda found: others[found.group()], question.text))


def _given(name: str) -> QuestionSet:
    """The test questions of a task, or all questions of a file."""
    place = Path(name).expanduser()
    if place.exists() and name not in registry.tasks():
        config = resolve("base", assignments=_all_of(place), task=f"file:{name}")
    elif name not in registry.tasks() and (place.suffix or "/" in name) and ":" not in name:
        raise UserError(f"--control {name}: there is no such file")
    else:
        config = resolve("base", task=name)
    questions: QuestionSet = make_task(config).load("test")
    return questions


def _all_of(place: Path) -> list[str]:
    """A single file is used as a whole; a folder has a file of test questions."""
    return ["task.test=1", "task.validation=0"] if place.is_file() else []
