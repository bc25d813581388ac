"""The questions of a run: those it trains on, and those it measures on, apart from each other."""

from __future__ import annotations

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import NO_QUESTIONS, QuestionSet
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.core.task import Task
from sdzero_bench.questions.decontamination import RULE, decontaminate
from sdzero_bench.records.schema import Decontamination
from sdzero_bench.training.method import Method


def require_questions_to_train_on(config: RunConfig, method: Method) -> None:
    """Raise `UserError` if a method that trains is to measure only."""
    if config.questions.measure_only and method.trains:
        raise UserError(f"{method.name} needs training questions; leave out questions.measure_only")


def questions_of(config: RunConfig, task: Task) -> tuple[QuestionSet, QuestionSet, Decontamination]:
    """Training questions, measured questions, and what was removed from either because both shared it.

    Raises `UserError` if the task has too few, or as `decontaminate` does.
    """
    settings = config.questions
    test = task.load(config.evaluation.split).head(settings.test)
    if settings.measure_only:
        return NO_QUESTIONS, test, Decontamination(rule=RULE, side="off")
    train, test, removed = decontaminate(task.load("train"), test, settings.decontaminate)
    return train.head(settings.train), test, removed
