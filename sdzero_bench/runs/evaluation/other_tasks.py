"""What a run has forgotten: tasks that it has not trained on, measured with the base and with the final policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sdzero_bench.core.completion import SamplingParameters
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import QuestionSet
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.core.stats.estimators import mean_over_questions
from sdzero_bench.core.task import Task
from sdzero_bench.policies.chat import PolicyContexts
from sdzero_bench.policies.engines.factory import engines_of
from sdzero_bench.questions.harness.harness_task import HarnessTask
from sdzero_bench.questions.harness.lm_eval_choices import ChoiceTask
from sdzero_bench.questions.harness.lm_eval_tasks import ComparesLikelihoods
from sdzero_bench.records.ledger import EVALUATION, other_task
from sdzero_bench.records.measured import OtherTask
from sdzero_bench.records.rollouts import Prompt, Rollouts
from sdzero_bench.runs import registry
from sdzero_bench.runs.evaluation.curve_measuring import first
from sdzero_bench.runs.evaluation.measures import measure
from sdzero_bench.verifiers.equip import equip, require_readable
from sdzero_bench.verifiers.pool import VerifierPool

if TYPE_CHECKING:
    from sdzero_bench.training.run import Checkpoint, Run

SHORT_LISTS = {"forgetting-short": ("lm-eval:ifeval", "lm-eval:mmlu", "lm-eval:hellaswag", "lm-eval:winogrande")}
"""Lists of tasks under one name."""


@dataclass(frozen=True)
class TaskAsked:
    """One of these tasks, with its questions and how they are asked."""

    name: str
    questions: QuestionSet
    samples: int
    """To a question; 0 where likelihoods are compared."""
    parameters: SamplingParameters
    task: Task | None
    choices: ChoiceTask | None = None

    @property
    def on(self) -> str:
        """Name of its questions in records, and the end of its phases."""
        return other_task(self.name)

    def prompts(self, contexts: PolicyContexts) -> list[Prompt]:
        """`samples` for each question, in the contexts of this task."""
        asked = [(question, tuple(contexts.prompt_ids(question))) for question in self.questions]
        return [Prompt(question, ids, str(i)) for question, ids in asked for i in range(self.samples)]


def names_of(config: RunConfig) -> list[str]:
    """The tasks that `evaluation.forgetting` names, short lists written out, without the run's own."""
    settings = config.evaluation
    if settings.split != "test":
        return []
    found = [name for given in settings.forgetting for name in SHORT_LISTS.get(given, (given,))]
    return [name for name in dict.fromkeys(found) if name != config.task["name"]]


def load_other_tasks(config: RunConfig) -> list[TaskAsked]:
    """Raises `UserError` for the first task that cannot be loaded or verified here, and for two that records name alike."""
    found: list[TaskAsked] = []
    for name in names_of(config):
        try:
            found.append(_asked(name, config))
        except UserError as error:
            raise UserError(
                f"evaluation.forgetting: {name}: {error}. Or leave it out: --set 'evaluation.forgetting=[...]'"
            ) from error
        if [task.on for task in found].count(found[-1].on) > 1:
            raise UserError(f"evaluation.forgetting: {name} goes by the same name in records as another task; leave one out")
    return found


def own_task(name: str) -> Task:
    """The task of that name with its default options. Raises `UserError`."""
    cls = registry.task(name)
    return cls(cls.Options())


def _asked(name: str, config: RunConfig) -> TaskAsked:
    settings = config.evaluation
    task = own_task(name)
    try:
        questions = first(task.load("test"), settings.forgetting_questions)
    except ComparesLikelihoods:
        choices = ChoiceTask(name.partition(":")[2], settings.forgetting_questions)
        return TaskAsked(name, choices.questions, 0, _parameters(config, {}), None, choices)
    equip(task, config.verifying)
    require_readable(task, questions)
    if isinstance(task, HarnessTask):
        return TaskAsked(name, questions, 1, _parameters(config, task.usual_evaluation()), task)
    return TaskAsked(name, questions, min(settings.forgetting_samples, settings.samples), _parameters(config, {}), task)


def _parameters(config: RunConfig, usual: dict[str, float]) -> SamplingParameters:
    settings = config.evaluation
    limit = int(usual.get("max_new_tokens", settings.max_new_tokens))
    return SamplingParameters(usual.get("temperature", settings.temperature), settings.top_p, limit)


def measure_other_tasks(
    run: Run, policies: Mapping[str, Checkpoint], others: Sequence[TaskAsked]
) -> dict[str, dict[str, tuple[OtherTask, dict[str, float]]]]:
    """By policy and task: the figures, and the accuracy by question. Samples are journaled and verified as all others are."""
    config = run.config.verifying
    with ExitStack() as stack:
        verifiers = {
            asked.name: stack.enter_context(VerifierPool(asked.task, config.workers, config.timeout_seconds))
            for asked in others
            if asked.task is not None
        }
        return {
            label: {asked.name: _measured(run, label, policy, asked, verifiers.get(asked.name)) for asked in others}
            for label, policy in policies.items()
        }


def _measured(
    run: Run, label: str, policy: Checkpoint, asked: TaskAsked, verifier: VerifierPool | None
) -> tuple[OtherTask, dict[str, float]]:
    if asked.choices is not None:
        compared = run.ranks.from_first(_compared(run, policy, asked.choices) if run.ranks.first else {})
        return other_task_figures(asked.name, 0, 0, compared, 0), compared
    assert asked.task is not None
    assert verifier is not None
    phase = f"{EVALUATION}.{label}.{asked.on}"
    prompts = asked.prompts(PolicyContexts(run.tokenizer, asked.task, ends=()))
    rollouts = Rollouts(run.journal, run.ledger, verifier, run.decode, run.accelerators, run.ranks, run.book)
    engine = engines_of(run).of(run.weights(policy), policy.path)
    with run.display.phase(phase, len(prompts)) as bar:
        seed = run.config.evaluation.seed
        samples = rollouts.draw(phase, policy.name, engine, prompts, asked.parameters, seed, bar, stream=EVALUATION)
    engines_of(run).rest()
    run.save_ledger()
    found = measure(samples, 1)
    limit, values = asked.parameters.max_new_tokens, found.per_question.avg
    return other_task_figures(asked.name, asked.samples, limit, values, found.unverified), values


def other_task_figures(name: str, each: int, limit: int, values: dict[str, float], unverified: int) -> OtherTask:
    """The figures of a policy on another task, from its accuracy by question, `each` samples of at most `limit` tokens each."""
    estimate = mean_over_questions(list(values.values()))
    return OtherTask(
        task=name,
        questions=len(values),
        samples_per_question=each,
        max_new_tokens=limit,
        avg_at_k=estimate.mean,
        interval=estimate.interval,
        unverified=unverified,
    )


def _compared(run: Run, policy: Checkpoint, choices: ChoiceTask) -> dict[str, float]:
    model: Any = run.weights(policy)
    with run.display.phase(f"{EVALUATION}.{choices.name}", len(choices.questions), unit="questions") as bar:
        found = choices.accuracy(model, run.tokenizer, run.config.sampling.batch_size)
        bar.advance(len(found))
    return found
