"""The learning curve of a run, measured once training is over: the policies at shares of its samples, each once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sdzero_bench.core.completion import SamplingParameters
from sdzero_bench.core.errors import NoSuchSplit, UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.settings import EvaluationConfig, RunConfig
from sdzero_bench.core.task import Task
from sdzero_bench.records.curve_record import Accuracy, ByQuestion, CurvePoint, LearningCurveFile, select
from sdzero_bench.records.journal import Drawn, Sample
from sdzero_bench.records.ledger import EVALUATION, VALIDATION
from sdzero_bench.runs.evaluation.curve_points import Reached, labelled
from sdzero_bench.runs.evaluation.measures import measure

if TYPE_CHECKING:
    from sdzero_bench.training.run import Checkpoint, Run


@dataclass(frozen=True)
class CurveQuestions:
    """The first questions of a run's test set, and as many of its validation questions, if the task has any."""

    test: QuestionSet
    validation: QuestionSet | None

    @classmethod
    def of(cls, config: RunConfig, task: Task, test: QuestionSet) -> CurveQuestions | None:
        """None without a curve. Raises `UserError` if the validation questions cannot be loaded."""
        if not (count := config.evaluation.of_curve):
            return None
        try:
            validation = first(task.load(VALIDATION), count)
        except NoSuchSplit:
            validation = None
        return cls(first(test, count), validation)


def first(questions: QuestionSet, count: int) -> QuestionSet:
    """The first questions of a set, or all of them if it has fewer."""
    return questions.head(min(count, len(questions)))


def samples_each(settings: EvaluationConfig) -> int:
    """Samples per question of the curve."""
    return min(settings.curve_samples, settings.samples)


def phases_of(label: str, evaluated: bool) -> tuple[str, str]:
    """The phases whose samples measure a policy of the curve on test and on validation questions."""
    phase = f"{EVALUATION}.{label}"
    return phase if evaluated else f"{phase}.curve", f"{phase}.{VALIDATION}"


def keys(questions: Iterable[Question], each: int) -> list[str]:
    """Of the samples of the curve, question by question."""
    return [f"{question.id}/{index}" for question in questions for index in range(each)]


def measure_curve(
    run: Run, points: Sequence[Reached], policies: Mapping[str, Checkpoint], questions: CurveQuestions, parameters: int
) -> LearningCurveFile:
    """The content of curve.json.

    points:
        Where the run's policies came to be.
    policies:
        Those that are evaluated on all test questions, by label: their samples are used again.
    parameters:
        Of the model, for FLOPs.

    Raises `UserError` if a policy that is not measured yet has no checkpoint.
    """
    settings, each = run.config.evaluation, samples_each(run.config.evaluation)
    labels = labelled(points, {label: policy.name for label, policy in policies.items()})
    found: dict[str, tuple[Sequence[Sample], Sequence[Sample]]] = {}
    for point, label in zip(points, labels, strict=True):
        if label not in found:
            on_test, on_validation = phases_of(label, label in policies)
            test = _drawn(run, point.checkpoint, on_test, questions.test, each)
            found[label] = (test, _drawn(run, point.checkpoint, on_validation, questions.validation, each))
    return curve_of(settings, points, labels, found, questions, sum((run.ledger.plan or {}).values()), parameters)


def curve_of(
    settings: EvaluationConfig,
    points: Sequence[Reached],
    labels: Sequence[str],
    samples: Mapping[str, tuple[Sequence[Sample], Sequence[Sample]]],
    questions: CurveQuestions,
    planned: int,
    parameters: int,
) -> LearningCurveFile:
    """The curve of these samples, test and validation, by the policy's label."""
    test, validation = ({label: _accuracy(both[i]) for label, both in samples.items()} for i in (0, 1))
    made = [
        CurvePoint(
            share=point.share,
            policy=label,
            checkpoint=point.checkpoint,
            used=point.used,
            test=_required(test[label])[0],
            validation=found[0] if (found := validation[label]) else None,
        )
        for point, label in zip(points, labels, strict=True)
    ]
    return LearningCurveFile(
        samples_per_question=samples_each(settings),
        test_questions=len(questions.test),
        validation_questions=len(questions.validation or ()),
        planned_samples=planned,
        parameters=parameters,
        points=made,
        selection=select(made),
        per_question={
            label: ByQuestion(test=_required(test[label])[1], validation=found[1] if (found := validation[label]) else None)
            for label in samples
        },
    )


def _accuracy(samples: Sequence[Sample]) -> tuple[Accuracy, dict[str, float]] | None:
    if not samples:
        return None
    found = measure(samples, 1)
    accuracy = Accuracy(avg_at_k=found.avg_at_k, interval=found.interval, unverified=found.unverified)
    return accuracy, found.per_question.avg


def _required(found: tuple[Accuracy, dict[str, float]] | None) -> tuple[Accuracy, dict[str, float]]:
    if found is None:
        raise UserError("a policy of the learning curve has no sample of a test question")
    return found


def _drawn(run: Run, checkpoint: str, phase: str, questions: QuestionSet | None, each: int) -> Sequence[Sample]:
    """The samples of a policy, from the journal where it has them: its checkpoint may be deleted by then."""
    if questions is None:
        return ()
    wanted = keys(questions, each)
    if not all(run.journal.has(phase, key) for key in wanted):
        settings = run.config.evaluation
        parameters = SamplingParameters(settings.temperature, settings.top_p, settings.max_new_tokens)
        label = phase.removeprefix(f"{EVALUATION}.")
        run.measure(label, _policy(run, checkpoint), run.ask(questions, each), parameters, settings.seed, "")
    return Drawn(run.journal.phases[phase], wanted)


def _policy(run: Run, checkpoint: str) -> Checkpoint:
    if checkpoint == run.base.name:
        return run.base
    if (path := run.folder.checkpoint(checkpoint)) is None:
        phase, folder = checkpoint.partition("@")[0], run.folder.checkpoints
        raise UserError(
            f"{str(folder / checkpoint)!r}, a policy of the learning curve, is missing; get it back from a copy, or delete "
            f"{str(folder / phase)!r} and resume: the policy is then trained again"
        )
    return type(run.base)(checkpoint, str(path))


def delete_checkpoints(run: Run, points: Sequence[Reached]) -> None:
    """Delete what was kept for the curve alone, unless it is to be kept."""
    if not run.config.evaluation.curve_keep:
        for point in points:
            if "@" in point.checkpoint:
                run.folder.delete_checkpoint(point.checkpoint)
