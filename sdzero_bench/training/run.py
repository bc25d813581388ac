"""A run: what a method works with. Every part is shared by all methods, journaled and charged."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from sdzero_bench.core.completion import SamplingParameters
from sdzero_bench.core.distributed import ALONE, Ranks
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.out_of_memory import TRAINING, memory_for, release_memory
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.core.task import Task
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.policies.chat import Contexts
from sdzero_bench.policies.engines.factory import make_engines
from sdzero_bench.policies.loading import device, load_model, load_tokenizer, model_path, switch_thinking
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.journal import Journal, PrivateJournal, Sample
from sdzero_bench.records.ledger import EVALUATION, Ledger, measures
from sdzero_bench.records.record_files import LEDGER, read_ledger
from sdzero_bench.records.rollouts import Prompt, Rollouts
from sdzero_bench.records.schema import Budget
from sdzero_bench.training.on_policy import RolloutSchedule
from sdzero_bench.training.options import Objective, PolicyGradientOptions, PreferenceOptions, SelfDistillationOptions
from sdzero_bench.training.preference_data import Judged, PreferencePair, order_of_preference
from sdzero_bench.training.signal import Signal
from sdzero_bench.training.supervised import Example
from sdzero_bench.verifiers.pool import VerifierPool

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedModel, Trainer

    from sdzero_bench.training.phase import BuildAnyTrainer, BuildTrainer, TrainingPhase
    from sdzero_bench.training.self_distillation import TeacherContext


BOOK_SECONDS = 1.0
"""How often the ledger is saved: a session that is killed loses no more of what it used."""


@dataclass(frozen=True)
class Checkpoint:
    """A policy on disk."""

    name: str
    path: str


class Run(Contexts):
    """What methods share, bound to one configuration, one question set and one run folder."""

    def __init__(
        self,
        config: RunConfig,
        task: Task,
        questions: QuestionSet,
        folder: RunFolder,
        display: ProgressDisplay,
        ranks: Ranks = ALONE,
    ) -> None:
        self.config = config
        self.task = task
        self.questions = questions
        self.folder = folder
        self.display = display
        self.ranks = ranks
        self.base = Checkpoint("base", model_path(config.model.name))
        self.tokenizer: Any = switch_thinking(load_tokenizer(self.base.path), config.model.thinking)
        self.engines = make_engines(config, self.tokenizer, self.base.path, ranks)
        self.budget = Budget(
            question_set=questions.fingerprint,
            questions=len(questions),
            samples=config.budget.samples_per_question * len(questions),
            new_tokens_per_sample=config.sampling.max_new_tokens,
            training_tokens=config.budget.training_tokens,
        )
        with ranks.first_goes_first():  # it repairs what a crash left incomplete
            self.journal = Journal(folder.journal) if ranks.first else PrivateJournal(folder.journal)
        self.saved = read_ledger(folder.path) if (folder.path / LEDGER).exists() else {}
        """The ledger of the session before."""
        self.ledger = Ledger.recount(self.budget, self.journal.phases, self.saved)
        self._booked_at = -math.inf
        self.verifier = VerifierPool(task, config.verifying.workers, config.verifying.timeout_seconds)
        self.kept: dict[str, Checkpoint] = {}
        self.trained = False
        """Whether training is over, so that policies may be measured."""
        self._loaded: tuple[str, PreTrainedModel] | None = None
        self.rollouts = Rollouts(self.journal, self.ledger, self.verifier, self.decode, self.accelerators, ranks, self.book)

    # Text and tokens, besides what `Contexts` offers

    def demonstration(self, question: Question) -> str:
        """The task's gold solution. Raises `UserError` if it has none."""
        solution = self.task.demonstration(question)
        if solution is None:
            raise UserError(
                f"the task {self.task.name!r} has no gold solution of question {question.id!r}, and this method needs them; "
                f"choose a method that learns from verifier rewards (`sdzero-bench methods`)"
            )
        return solution

    @cached_property
    def ends(self) -> set[int]:  # type: ignore[override]
        from sdzero_bench.policies.engines.transformers_engine import end_tokens

        return end_tokens(self.weights(self.base), self.tokenizer)

    # Sampling

    @property
    def sampling(self) -> SamplingParameters:
        settings = self.config.sampling
        return SamplingParameters(settings.temperature, settings.top_p, settings.max_new_tokens)

    def sample(self, phase: str, policy: Checkpoint, prompts: Sequence[Prompt]) -> Sequence[Sample]:
        """One verified training sample per prompt, in order, charged to the budget.

        Raises `BudgetError`, before drawing, if the budget does not allow it; `ValueError` if a question is not in the run's
        question set, or if the phase has the name of a measurement, which is not charged.
        """
        self._require_charged(phase)
        self._require_own(prompt.question for prompt in prompts)
        return self._sample(phase, policy, prompts, self.sampling, self.config.seed, None)

    def measure(
        self, label: str, policy: Checkpoint, prompts: Sequence[Prompt], parameters: SamplingParameters, seed: int, stream: str
    ) -> Sequence[Sample]:
        """One verified sample per prompt for evaluation, not charged. Labels of one `stream` share their random numbers.

        Raises `ValueError` while the method still trains.
        """
        if not self.trained:
            raise ValueError("policies are measured once training is over; a method draws its samples with run.sample")
        return self._sample(f"{EVALUATION}.{label}", policy, prompts, parameters, seed, f"{EVALUATION}{stream}")

    def _sample(
        self,
        phase: str,
        policy: Checkpoint,
        prompts: Sequence[Prompt],
        parameters: SamplingParameters,
        seed: int,
        stream: str | None,
    ) -> Sequence[Sample]:
        engine = self.engines.of(self.weights(policy), policy.path)
        with self.display.phase(phase, len(prompts)) as bar:
            drawn = self.rollouts.draw(phase, policy.name, engine, prompts, parameters, seed, bar, stream)
        self.engines.rest()
        self.save_ledger()
        return drawn

    def ask(self, questions: QuestionSet, n: int) -> list[Prompt]:
        """Prompts for n samples of each question."""
        asked = [(q, tuple(self.prompt_ids(q))) for q in questions]
        return [Prompt(q, ids, str(i)) for q, ids in asked for i in range(n)]

    def continue_after(self, question: Question, sample: Sample, inserted: str, index: str) -> Prompt:
        """The prompt that continues the assistant's turn: question, sample, inserted text."""
        ids = self.reviser_context(question, sample.token_ids, inserted)
        return Prompt(question, tuple(ids), index, prefix=sample.text + inserted)

    def verify(self, question: Question, text: str) -> Verdict:
        """Verify a text that is not a sample, such as a cleaned one. With several processes, the first verifies it for all."""
        return self.ranks.from_first(self.verifier.verify([(question, text)]) if self.ranks.first else [])[0]

    # Training; a finished checkpoint is not trained again

    def finetune(
        self,
        name: str,
        start: Checkpoint,
        examples: Sequence[Example],
        epochs: float,
        learning_rate: float | None = None,
    ) -> Checkpoint:
        """Fine-tune `start` on the examples' targets. Raises `UserError` if there are none."""
        return self._trained(name, start, learning_rate, lambda phase: phase.supervised(examples, epochs))

    def preference(
        self, name: str, start: Checkpoint, pairs: Sequence[PreferencePair] | Sequence[Judged], options: PreferenceOptions
    ) -> Checkpoint:
        """Prefer right to wrong samples, against `start` as the reference policy: DPO on pairs, KTO on judged samples.

        Raises `UserError` if there are none.
        """
        order = order_of_preference(name, pairs, options.epochs, self.config)

        def train(phase: TrainingPhase) -> str:
            from sdzero_bench.training.preference import preference_rows, preference_trainer

            self.ledger.require_tokens(name, sum(pairs[i].tokens * pairs[i].passes for i in order))
            rows = preference_rows(pairs, order)
            steps = -(-len(order) // self.config.optimizer.batch_size)
            return phase.with_trainer(rows, steps, partial(preference_trainer, options))

        return self._trained(name, start, options.learning_rate, train)

    def train_with(
        self,
        name: str,
        start: Checkpoint,
        rows: Dataset,
        steps: int,
        build: BuildAnyTrainer,
        learning_rate: float | None = None,
        may_teach_nothing: bool = False,
    ) -> Checkpoint:
        """Train `start` for `steps` optimiser steps with any trainer of transformers or TRL that does not generate.

        rows:
            What the trainer reads, in the columns that it expects.
        build:
            Called as build(model=..., arguments=..., train_dataset=rows, processing_class=...), it returns the trainer.
            `arguments` are keyword arguments of its configuration: the run's settings of the optimiser, batches, precision and
            checkpoints. The same settings and rows must give the same trainer, since a resumed run builds it again.
        may_teach_nothing:
            Whether the weights may stay as they are; otherwise that is an error.
        """
        return self._trained(
            name, start, learning_rate, lambda phase: phase.with_trainer(rows, steps, build, may_teach_nothing)
        )

    def train_on_rollouts(
        self,
        name: str,
        start: Checkpoint,
        questions: QuestionSet,
        schedule: RolloutSchedule,
        build: BuildTrainer,
        learning_rate: float | None = None,
    ) -> Checkpoint:
        """Train `start` with the trainer that `build` makes, on verified rollouts of the policy of each step.

        build:
            Called as build(arguments=..., **parts) with the `TrainerParts`, it returns a trainer that asks `rollout` for its
            completions, such as a subclass of `JournaledRollouts`.
        """
        self._require_own(questions)
        plan = schedule.plan(questions, self.config.optimizer.batch_size)
        repeats = 1 if schedule.repeated_by_trainer else schedule.group
        return self._trained(name, start, learning_rate, lambda phase: phase.on_policy(plan, build, repeats, schedule))

    def self_distill(
        self,
        name: str,
        start: Checkpoint,
        questions: QuestionSet,
        context: TeacherContext,
        options: SelfDistillationOptions,
        group: int = 1,
        signal: Signal | None = None,
    ) -> Checkpoint:
        """On-policy self-distillation from `start`, `group` rollouts per question and epoch.

        signal:
            What tokens are trained with; None: the divergence of the options, on every token alike.
        """

        def build(**parts: Any) -> Trainer:
            from sdzero_bench.training.self_distillation import self_distillation_trainer

            # In 16 bits where the student computes in them. A moving average would lose its small steps to rounding.
            narrow = self.precision[0] and options.teacher.weights != "ema"
            teacher = load_model(start.path, self.config.model, "bfloat16" if narrow else None)
            reference = load_model(start.path, self.config.model) if signal is not None and signal.reference else None
            return self_distillation_trainer(
                options,
                context,
                teacher,
                self.sampling.max_new_tokens,
                signal=signal,
                reference=reference,
                group=group,
                **parts,
            )

        schedule = RolloutSchedule(options.epochs, group)
        return self.train_on_rollouts(name, start, questions, schedule, build, options.learning_rate)

    def policy_gradient(
        self,
        name: str,
        start: Checkpoint,
        questions: QuestionSet,
        objective: Objective,
        options: PolicyGradientOptions,
    ) -> Checkpoint:
        """A policy gradient on groups of verified rollouts, from `start`."""

        def build(**parts: Any) -> Trainer:
            from sdzero_bench.training.policy_gradient import policy_gradient_trainer

            return policy_gradient_trainer(objective, options, self.sampling, **parts)

        # TRL's sampler repeats the rows for its groups.
        schedule = RolloutSchedule(
            options.epochs,
            options.group_size,
            objective.updates,
            repeated_by_trainer=True,
            may_teach_nothing=objective.may_teach_nothing,
        )
        return self.train_on_rollouts(name, start, questions, schedule, build, options.learning_rate)

    def keep(self, label: str, checkpoint: Checkpoint) -> None:
        """Have an intermediate policy measured too, under this label."""
        self.kept[label] = checkpoint

    # What the parts of a run share

    @property
    def precision(self) -> tuple[bool, bool]:
        """(train in bf16, train on the CPU)"""
        on = device(self.config.model)
        return on.startswith("cuda") or self.config.model.dtype == "bfloat16", on == "cpu"

    @property
    def accelerators(self) -> int:
        return 0 if device(self.config.model) == "cpu" else self.ranks.count

    def weights(self, checkpoint: Checkpoint) -> PreTrainedModel:
        """The checkpoint's weights, not to be changed; those of the last call stay in memory."""
        if self._loaded is None or self._loaded[0] != checkpoint.path:
            self._loaded = (checkpoint.path, self._fresh_model(checkpoint))
        return self._loaded[1]

    def save_ledger(self) -> None:
        self.folder.write(LEDGER, self.ledger.phases)
        self._booked_at = time.monotonic()

    def book(self) -> None:
        """Save the ledger, unless that was done just now: a session that is killed has booked what it used."""
        if time.monotonic() - self._booked_at >= BOOK_SECONDS:
            self.save_ledger()

    def close(self) -> None:
        self.save_ledger()
        self.journal.close()
        self.verifier.close()
        self.engines.close()

    # Inside

    def _trained(
        self, name: str, start: Checkpoint, learning_rate: float | None, train: Callable[[TrainingPhase], str]
    ) -> Checkpoint:
        """The checkpoint of that name, from the folder or else from `train`."""
        from sdzero_bench.training.phase import TrainingPhase

        self._require_charged(name)
        if done := self.folder.checkpoint(name):
            return Checkpoint(name, str(done))
        release_memory()  # of the phase before
        with memory_for(f"training {name}", TRAINING):
            return Checkpoint(name, train(TrainingPhase(self, name, self._fresh_model(start), learning_rate)))

    @staticmethod
    def _require_charged(phase: str) -> None:
        if phase == EVALUATION or measures(phase):
            raise ValueError(f"a method cannot draw samples for {phase!r}: that is not charged to its budget")

    def _require_own(self, questions: Iterable[Question]) -> None:
        """Raise `ValueError` for a question outside this run's question set: nothing else may be trained on."""
        own = set(self.questions)
        if strange := [q.id for q in questions if q not in own]:
            raise ValueError(f"{len(strange)} questions are not in the run's question set, such as {strange[0]!r}")

    def _fresh_model(self, checkpoint: Checkpoint) -> PreTrainedModel:
        self._loaded = None  # one policy in memory at a time, besides what a trainer holds
        release_memory()
        return load_model(checkpoint.path, self.config.model)
