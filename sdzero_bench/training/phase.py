"""One training phase of a run, from its first step to its checkpoint: resumable, booked in the ledger, never repeated."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from types import MethodType
from typing import TYPE_CHECKING, Any, Protocol, TypedDict, Unpack

from datasets import Dataset

from sdzero_bench.core.completion import SamplingParameters
from sdzero_bench.core.distributed import Ranks
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.progress import PhaseBar, ProgressDisplay
from sdzero_bench.core.question import Question
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.core.task import Task
from sdzero_bench.core.text import counted
from sdzero_bench.policies.engines.factory import Engines, engines_of
from sdzero_bench.policies.lora import adapted, merged
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.ledger import Ledger
from sdzero_bench.records.rollouts import Prompt, Rollouts, show
from sdzero_bench.training.arguments import TrainerArguments, trainer_arguments
from sdzero_bench.training.callbacks import (
    BarCallback,
    KeepLastTwo,
    SaveByTime,
    Step,
    StepLog,
    StopWhereNotFinite,
    last_complete_checkpoint,
    quieten,
    read_steps,
    states_of,
)
from sdzero_bench.training.curve_checkpoints import KeepPolicies
from sdzero_bench.training.curve_steps import steps_to_keep
from sdzero_bench.training.foreign_trainers import BuildAnyTrainer, CountTokens, without_generation
from sdzero_bench.training.micro_batches import MicroBatchLimits
from sdzero_bench.training.on_policy import (
    Attempt,
    Rollout,
    RolloutKey,
    RolloutPlan,
    RolloutRow,
    RolloutSchedule,
    TrainerParts,
    attempts,
)
from sdzero_bench.training.options import OwnOptimizer
from sdzero_bench.training.sampler_ratio import WatchedEngine, watched
from sdzero_bench.training.sharding import fingerprint, whole_weights
from sdzero_bench.training.steps import SteppedTrainer
from sdzero_bench.training.supervised import Example, order_of_training, supervised_trainer
from sdzero_bench.training.tracking import tracker_arguments

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer, TrainerCallback


class BuildTrainer(Protocol):
    """Makes the trainer of an on-policy method."""

    def __call__(self, *, arguments: TrainerArguments, **parts: Unpack[TrainerParts]) -> Trainer: ...


class OptimizerChanges(TypedDict, total=False):
    """Settings of the optimizer that a phase sets itself."""

    batch_size: int
    save_every: int


class OnBehalfOf(Protocol):
    """What a phase uses of the run it belongs to."""

    config: RunConfig
    task: Task
    folder: RunFolder
    ledger: Ledger
    rollouts: Rollouts
    _engines: Engines
    display: ProgressDisplay
    tokenizer: PreTrainedTokenizerBase
    ranks: Ranks

    @property
    def sampling(self) -> SamplingParameters: ...
    @property
    def precision(self) -> tuple[bool, bool]: ...
    @property
    def accelerators(self) -> int: ...
    def prompt_ids(self, question: Question) -> list[int]: ...
    def save_ledger(self) -> None: ...
    def book(self) -> None: ...


class TrainingPhase:
    """The phase `name`, which trains `model` on behalf of a run; its checkpoint has the same name."""

    def __init__(
        self, run: OnBehalfOf, name: str, model: PreTrainedModel, learning_rate: float | None, own: OwnOptimizer | None = None
    ) -> None:
        self.run = run
        self.name = name
        self.model = adapted(model, run.config.lora, run.config.seed)
        self.learning_rate = learning_rate
        self.own = own.changes() if own is not None else {}
        self._start = fingerprint(self.model)
        self.work = states_of(run.folder.checkpoints, name)
        self.use = run.ledger.phase(name)
        self.bar: PhaseBar | None = None

    def supervised(self, examples: Sequence[Example], epochs: float) -> str:
        """Fine-tune on the examples' targets; returns the checkpoint's path."""
        if not examples:
            raise UserError(
                f"{self.name}: there is nothing to train on, since no sample was correct; use easier questions, more samples, "
                f"or a stronger model"
            )
        optimizer, seed = self.run.config.optimizer, self.run.config.seed
        order = order_of_training([len(e) for e in examples], epochs, optimizer.batch_size, seed)
        if not order:
            few = counted(len(examples), "example")
            raise UserError(f"{self.name}: {epochs:g} epochs over {few} are not one step; raise the epochs")
        tokens = sum(len(examples[i]) for i in order)
        self.run.ledger.require_tokens(self.name, tokens)
        trainer = supervised_trainer(self.model, self.run.tokenizer, examples, order, self._arguments(), self.run.ranks.count)
        self._train(trainer, -(-len(order) // optimizer.batch_size))
        self.use.backward_tokens = tokens
        return self._finish()

    def with_trainer(self, rows: Dataset, steps: int, build: BuildAnyTrainer, may_teach_nothing: bool = False) -> str:
        """Train with the trainer that `build` makes, for `steps` optimizer steps; returns the checkpoint's path.

        What its model reads is counted as tokens. Raises `UserError` if the trainer generates text, which no budget would know
        of.
        """
        optimizer, arguments = self.run.config.optimizer, self._arguments()
        # Trainers that do not split a batch themselves (training/steps.py) accumulate gradients.
        batch = arguments["per_device_train_batch_size"]
        micro = max(size for size in range(1, min(batch, optimizer.micro_batch_size) + 1) if batch % size == 0)
        counting = CountTokens(self.model)
        with without_generation(self.model, self.name):
            trainer = build(
                model=self.model,
                arguments={
                    **arguments,
                    "per_device_train_batch_size": micro,
                    "gradient_accumulation_steps": batch // micro,
                    "max_steps": steps,
                },
                train_dataset=rows,
                processing_class=self.run.tokenizer,
            )
            if not isinstance(trainer, SteppedTrainer):  # no step has the learning rate 0
                own: Any = trainer
                own.create_scheduler = MethodType(SteppedTrainer.create_scheduler, trainer)
            self._train(trainer, steps, before=[counting], may_teach_nothing=may_teach_nothing)
        return self._finish()

    def on_policy(self, plan: RolloutPlan, build: BuildTrainer, repeats: int, schedule: RolloutSchedule) -> str:
        """Train with the trainer that `build` makes, on rollouts of the policy of each step; returns the checkpoint's path.

        Each row of the plan is in the dataset `repeats` times.
        """
        updates = schedule.updates
        steps = plan.steps * updates
        asked = list(plan.rows(self.run.config.seed, self.run.task.prompt))
        rows = [row for row in asked for _ in range(repeats)]
        # A batch resumed between its updates would get other old log-probabilities: save between batches only.
        save_every = -(-self.run.config.optimizer.save_every // updates) * updates
        trainer = build(
            model=self.model,
            arguments={**self._arguments(batch_size=plan.batch, save_every=save_every), "max_steps": steps},
            train_dataset=Dataset.from_list([dict(row) for row in rows]),
            processing_class=self.run.tokenizer,
            rollout=self._rollout(plan),
        )
        # Not from a checkpoint that has trained on samples which the journal has lost.
        covered = plan.covered(asked, lambda key: self.run.rollouts.journal.has(self.name, key))
        run = self.run
        curve = steps_to_keep(run.config.evaluation, run.ledger, self.name, plan.batch, updates, steps)
        keep = KeepPolicies(self.name, curve, run.folder, run.ranks, self.model, self._save)
        self._train(trainer, steps, updates, min(covered * updates, keep.resume_until), [keep], schedule.may_teach_nothing)
        return self._finish()

    def _rollout(self, plan: RolloutPlan) -> Rollout:
        run, by_id = self.run, {q.id: q for q in plan.questions}

        def rollout(policy: PreTrainedModel, step: int, rows: Sequence[RolloutRow]) -> list[Attempt]:
            policy_name = f"{self.name}@{step}"
            engine = watched(engines_of(run).of(policy, f"{self.work}@{step}"))
            keys: list[RolloutKey] = [{"question_id": row["question_id"], "epoch": row["epoch"]} for row in rows]
            everyones = run.ranks.gather(keys)
            asked = [by_id[row["question_id"]] for row in everyones]
            prompts = [
                Prompt(question, tuple(run.prompt_ids(question)), index)
                for question, index in zip(asked, plan.indices(everyones), strict=True)
            ]
            samples = list(run.rollouts.draw(self.name, policy_name, engine, prompts, run.sampling, run.config.seed))
            if self.bar is not None:
                show(self.bar, samples)
            engines_of(run).rest()
            run.save_ledger()
            own = slice(run.ranks.index * len(rows), (run.ranks.index + 1) * len(rows))
            drawn = attempts(asked, samples, plan.group)[own]
            if not isinstance(engine, WatchedEngine):
                return drawn
            ratios = dict(run.ranks.gather(list(engine.ratios(policy, run.precision[0]).items())))
            return [replace(attempt, sampler_ratio=ratios.get(attempt.sample.seed)) for attempt in drawn]

        return rollout

    def _arguments(self, **optimizer: Unpack[OptimizerChanges]) -> TrainerArguments:
        config = self.run.config
        shared = config.optimizer.model_copy(update={**self.own, **optimizer})
        arguments = trainer_arguments(
            shared, self.run.ranks.count, self.work, config.seed, *self.run.precision, learning_rate=self.learning_rate
        )
        return {**arguments, **tracker_arguments(config.tracking.report_to, self.run.folder, self.name)}

    def _train(
        self,
        trainer: Any,
        steps: int,
        updates: int = 1,
        resume_until: float = math.inf,
        before: Sequence[TrainerCallback] = (),
        may_teach_nothing: bool = False,
    ) -> None:
        """Train from the trainer's last good checkpoint of step `resume_until` at most, `updates` steps per batch of rollouts.

        before:
            Callbacks that are called before our own.

        Raises `UserError` if no weight has changed, unless it `may_teach_nothing`.
        """
        optimizer, ranks = self.run.config.optimizer, self.run.ranks
        trainer.limits = MicroBatchLimits(optimizer.micro_batch_size, optimizer.micro_batch_tokens)
        started, booked = time.perf_counter(), self.use.wall_seconds

        def clock() -> float:
            return booked + time.perf_counter() - started

        def tick() -> None:
            # Rollouts booked their own seconds meanwhile; the phase includes them.
            self.use.wall_seconds = clock()
            self.use.accelerator_seconds = self.use.wall_seconds * self.run.accelerators

        def book(steps: Sequence[Step]) -> None:
            tick()
            self._book(steps)
            self.run.book()

        with self.run.display.phase(self.name, steps, unit="steps") as self.bar:
            log = StepLog(self.run.folder.training / f"{self.name}.jsonl", book, ranks.first, clock)
            stop = StopWhereNotFinite(self.name, self.run.folder.training, lambda: getattr(trainer, "batch", None) or {})
            quieten(trainer, *before, stop, log, KeepLastTwo(ranks), BarCallback(self.bar), SaveByTime(updates, ranks))
            # Nor from one whose steps the log has lost: what is booked of them is counted from it.
            logged = max((step["step"] for step in read_steps(log.path)), default=0)
            checkpoint = last_complete_checkpoint(self.work, min(resume_until, logged)) if ranks.first else None
            try:
                trainer.train(resume_from_checkpoint=ranks.from_first(checkpoint))
            finally:
                tick()
        if not may_teach_nothing and fingerprint(self.model) == self._start:
            raise UserError(
                f"{self.name}: training changed no weight; either no batch had a gradient (no verdicts, or equal rewards in "
                f"every group), or the learning rate is too small for weights in {self.run.config.model.dtype}"
            )

    def _book(self, steps: Sequence[Step]) -> None:
        """Book what an on-policy phase has used so far, after each step. Raises `BudgetError` beyond the limit."""
        for count in ("backward_tokens", "forward_tokens"):
            setattr(self.use, count, round(sum(step.get(count, 0) for step in steps)))
        self.use.cut_responses = round(sum(step.get("cut", 0) for step in steps))
        self.run.ledger.require_tokens(self.name, self.use.backward_tokens + self.use.forward_tokens)

    def _finish(self) -> str:
        weights = whole_weights(self.model)  # every process takes part
        self.run.save_ledger()
        self._save(self.name, merged(self.model) if weights is None else self.model, weights)
        if self.run.ranks.first:
            shutil.rmtree(self.work, ignore_errors=True)
        self.run.ranks.wait()
        return str(self.run.folder.checkpoints / self.name)

    def _save(self, name: str, model: Any, weights: dict[str, Tensor] | None) -> None:
        if self.run.ranks.first:
            partial = self.run.folder.begin_checkpoint(name)
            model.save_pretrained(partial, **({} if weights is None else {"state_dict": weights}))
            self.run.tokenizer.save_pretrained(partial)
            self.run.folder.finish_checkpoint(name)
