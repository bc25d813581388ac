"""A run: what a method works with. Every part is shared by all methods, journaled and charged."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from sdzero_bench.core.out_of_memory import TRAINING, memory_for, release_memory
from sdzero_bench.core.question import QuestionSet
from sdzero_bench.policies.loading import load_model
from sdzero_bench.training.on_policy import RolloutSchedule
from sdzero_bench.training.options import (
    Objective,
    OwnOptimizer,
    PolicyGradientOptions,
    PreferenceOptions,
    SelfDistillationOptions,
)
from sdzero_bench.training.preference_data import Judged, PreferencePair, order_of_preference
from sdzero_bench.training.sampling_run import Checkpoint, SamplingRun
from sdzero_bench.training.signal import Signal
from sdzero_bench.training.supervised import Example

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import Trainer

    from sdzero_bench.training.foreign_trainers import BuildAnyTrainer
    from sdzero_bench.training.phase import BuildTrainer, TrainingPhase
    from sdzero_bench.training.self_distillation import TeacherContext

__all__ = ["Checkpoint", "Run"]


class Run(SamplingRun):
    """What methods share: sampling (sampling_run.py) and training. A finished checkpoint is not trained again."""

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
        """Train `start` for `steps` optimizer steps with any trainer of transformers or TRL that does not generate.

        rows:
            What the trainer reads, in the columns that it expects.
        build:
            Called as build(model=..., arguments=..., train_dataset=rows, processing_class=...), it returns the trainer.
            `arguments` are keyword arguments of its configuration: the run's settings of the optimizer, batches, precision and
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
        own: OwnOptimizer | None = None,
    ) -> Checkpoint:
        """Train `start` with the trainer that `build` makes, on verified rollouts of the policy of each step.

        build:
            Called as build(arguments=..., **parts) with the `TrainerParts`, it returns a trainer that asks `rollout` for its
            completions, such as a subclass of `JournaledRollouts`.
        own:
            Settings of the optimizer that differ from those of other phases.
        """
        self._require_own(questions)
        plan = schedule.plan(questions, self.config.optimizer.batch_size)
        repeats = 1 if schedule.repeated_by_trainer else schedule.group
        return self._trained(name, start, learning_rate, lambda phase: phase.on_policy(plan, build, repeats, schedule), own)

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
        return self.train_on_rollouts(name, start, questions, schedule, build, options.learning_rate, options.optimizer)

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

    def _trained(
        self,
        name: str,
        start: Checkpoint,
        learning_rate: float | None,
        train: Callable[[TrainingPhase], str],
        own: OwnOptimizer | None = None,
    ) -> Checkpoint:
        """The checkpoint of that name, from the folder or else from `train`."""
        from sdzero_bench.training.callbacks import states_of
        from sdzero_bench.training.phase import TrainingPhase

        self._require_charged(name)
        if done := self.folder.checkpoint(name):
            if self.ranks.first:  # of a process that was killed as it removed them
                shutil.rmtree(states_of(self.folder.checkpoints, name), ignore_errors=True)
            return Checkpoint(name, str(done))
        release_memory()  # of the phase before
        with memory_for(f"training {name}", TRAINING):
            return Checkpoint(name, train(TrainingPhase(self, name, self._fresh_model(start), learning_rate, own)))
