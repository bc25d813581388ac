"""A run: what a method is given to work with. Every part is shared, journaled and charged."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .budget import Budget, Ledger
from .errors import UserError
from .models import device, load_model, load_tokenizer, model_path
from .progress import ProgressDisplay
from .questions import Question, QuestionSet
from .records import RunFolder
from .rollouts import Prompt, Rollouts
from .sampling.completion import SamplingParameters
from .sampling.journal import Journal, Sample
from .settings import RunConfig
from .task import Task
from .training.supervised import Example
from .verifying.pool import VerifierPool

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from .training.options import DivergenceOptions, TeacherOptions


@dataclass(frozen=True)
class Checkpoint:
    """A policy on disk."""

    name: str
    path: str


TeacherContext = Callable[[Question, Sample, Sequence[int]], Sequence[int]]
"""(question, verified rollout, its token ids as trained on) -> token ids that the teacher reads before the same ids."""


class Run:
    """The shared parts, bound to one configuration, one question set and one run folder."""

    def __init__(
        self, config: RunConfig, task: Task, questions: QuestionSet, folder: RunFolder, display: ProgressDisplay
    ) -> None:
        self.config = config
        self.task = task
        self.questions = questions
        self.folder = folder
        self.display = display
        self.base = Checkpoint("base", model_path(config.model.name))
        self.tokenizer: Any = load_tokenizer(self.base.path)
        self.budget = Budget(
            question_set=questions.fingerprint,
            questions=len(questions),
            samples=config.budget.samples_per_question * len(questions),
            new_tokens_per_sample=config.sampling.max_new_tokens,
        )
        self.journal = Journal(folder.journal)
        self.ledger = Ledger.recount(self.budget, self.journal.phases, folder.read("ledger.json") or {})
        self.verifier = VerifierPool(task, config.verifying.workers, config.verifying.timeout_seconds)
        self.kept: dict[str, Checkpoint] = {}
        self._loaded: tuple[str, PreTrainedModel] | None = None
        self._rollouts = Rollouts(self.journal, self.ledger, self.verifier, self.decode, self._accelerators())

    # Text and tokens

    def encode(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def decode(self, ids: Sequence[int]) -> str:
        return self.tokenizer.decode(list(ids), skip_special_tokens=True)

    def prompt_ids(self, question: Question) -> list[int]:
        """Token ids of the chat up to the assistant's turn, through the model's own template."""
        return self.tokenizer.apply_chat_template(
            self.task.prompt(question), add_generation_prompt=True, tokenize=True, return_dict=False
        )

    def body(self, ids: Sequence[int]) -> list[int]:
        """A completion without the token that ends it, to be continued within the same turn."""
        from .sampling.transformers_engine import end_tokens

        ends = end_tokens(self._model(self.base), self.tokenizer)
        return list(ids[:-1]) if ids and ids[-1] in ends else list(ids)

    # Sampling

    @property
    def sampling(self) -> SamplingParameters:
        settings = self.config.sampling
        return SamplingParameters(settings.temperature, settings.top_p, settings.max_new_tokens)

    def require_context(self, tokens: int, what: str) -> None:
        """Raise `UserError` if a sequence of so many tokens does not fit the model: said before the first sample."""
        limit = getattr(self._model(self.base).config.get_text_config(), "max_position_embeddings", None)
        if limit is not None and tokens > limit:
            raise UserError(f"{what} may take {tokens} tokens, but the model reads {limit}; lower sampling.max_new_tokens")

    def longest_prompt(self, questions: QuestionSet | None = None) -> int:
        return max(len(self.prompt_ids(q)) for q in questions or self.questions)

    def sample(
        self,
        phase: str,
        policy: Checkpoint,
        prompts: Sequence[Prompt],
        parameters: SamplingParameters | None = None,
        seed: int | None = None,
        stream: str | None = None,
    ) -> list[Sample]:
        """One verified sample a prompt, in order. Phases of one `stream` share their random numbers.

        Raises `BudgetError`, before drawing, if the budget does not allow it.
        """
        from .sampling.transformers_engine import TransformersEngine

        engine = TransformersEngine(self._model(policy), self.tokenizer, self.config.sampling.batch_size)
        with self.display.phase(phase, len(prompts)) as bar:
            drawn = self._rollouts.draw(
                phase,
                policy.name,
                engine,
                prompts,
                parameters or self.sampling,
                self.config.seed if seed is None else seed,
                bar,
                stream,
            )
        self._save_ledger()
        return drawn

    def ask(self, questions: QuestionSet, n: int) -> list[Prompt]:
        """Prompts for n samples of each question."""
        return [Prompt(q, tuple(self.prompt_ids(q)), str(i)) for q in questions for i in range(n)]

    def continue_after(self, question: Question, sample: Sample, inserted: str, index: str) -> Prompt:
        """The prompt in which the assistant's turn goes on: question, sample, inserted text."""
        ids = (*self.prompt_ids(question), *self.body(sample.token_ids), *self.encode(inserted))
        return Prompt(question, ids, index, prefix=sample.text + inserted)

    # Training

    def finetune(
        self,
        name: str,
        start: Checkpoint,
        examples: Sequence[Example],
        epochs: float,
        learning_rate: float | None = None,
    ) -> Checkpoint:
        """Fine-tune `start` on the examples' targets. A finished one is not trained again."""
        from .training.arguments import trainer_arguments
        from .training.callbacks import last_complete_checkpoint
        from .training.supervised import supervised_trainer

        if not examples:
            raise UserError(
                f"{name}: there is nothing to train on, since no sample was right; take easier questions, more samples, "
                f"or a stronger model"
            )
        if done := self.folder.checkpoint(name):
            return Checkpoint(name, str(done))
        model = self._fresh_model(start)
        work = self.folder.checkpoints / f".{name}.trainer"
        arguments = trainer_arguments(
            self.config.optimizer, work, self.config.seed, *self._precision(), learning_rate=learning_rate
        )
        trainer = supervised_trainer(model, self.tokenizer, examples, epochs, arguments)
        self._train(name, trainer, last_complete_checkpoint(work))
        use = self.ledger.phase(name)
        use.backward_tokens = round(sum(map(len, examples)) * epochs)
        return self._finish(name, model, work)

    def self_distill(
        self,
        name: str,
        start: Checkpoint,
        questions: QuestionSet,
        context: TeacherContext,
        epochs: int,
        divergence: DivergenceOptions,
        teacher: TeacherOptions,
        max_teacher_tokens: int,
        learning_rate: float | None = None,
    ) -> Checkpoint:
        """On-policy self-distillation from `start`, one rollout a question and epoch. A finished one is not trained again."""
        from datasets import Dataset
        from trl import DistillationConfig

        from .sampling.transformers_engine import TransformersEngine
        from .training.arguments import trainer_arguments
        from .training.callbacks import last_complete_checkpoint, read_steps
        from .training.self_distillation import OnPolicy, SelfDistillationTrainer, top_k_supports

        if done := self.folder.checkpoint(name):
            return Checkpoint(name, str(done))
        model = self._fresh_model(start)
        if divergence.top_k is not None and not top_k_supports(model.config):
            raise UserError("the top-k divergence does not support models that scale or cap their logits; unset top_k")
        by_id = {q.id: q for q in questions}
        optimizer = self.config.optimizer

        def rollout(policy: Any, step: int, rows: list[dict[str, Any]]) -> list[OnPolicy]:
            engine = TransformersEngine(policy, self.tokenizer, self.config.sampling.batch_size)
            prompts = [
                Prompt(by_id[row["question_id"]], tuple(self.prompt_ids(by_id[row["question_id"]])), row["index"])
                for row in rows
            ]
            samples = self._rollouts.draw(name, f"{name}@{step}", engine, prompts, self.sampling, self.config.seed)
            self._save_ledger()
            return [
                OnPolicy(
                    s.token_ids,
                    s.verdict.reward,
                    None if s.verdict.reward is None else partial(context, by_id[s.question_id], s),
                )
                for s in samples
            ]

        # The order is laid out here, for all epochs: TRL's sampler shuffles anew from its seed when a run is resumed,
        # and the rest of an epoch would then be other questions than those that are still due.
        order = random.Random(self.config.seed)
        rows = [
            {"prompt": self.task.prompt(q), "question_id": q.id, "index": f"epoch{epoch}"}
            for epoch in range(epochs)
            for q in order.sample(list(questions), len(questions))
        ]
        batch = min(optimizer.batch_size, len(rows))
        shared = optimizer.model_copy(update={"batch_size": batch})
        work = self.folder.checkpoints / f".{name}.trainer"
        bf16, cpu = self._precision()
        arguments = trainer_arguments(shared, work, self.config.seed, bf16, cpu, learning_rate=learning_rate)
        trainer = SelfDistillationTrainer(
            model=model,
            teacher_model=load_model(start.path, self.config.model),
            args=DistillationConfig(
                **arguments,
                max_steps=len(rows) // batch,
                shuffle_dataset=False,
                max_completion_length=self.config.sampling.max_new_tokens,
                # Softmax temperature of the divergence; the rollouts' own is sampling.temperature.
                temperature=1.0,
            ),
            train_dataset=Dataset.from_list(rows),
            processing_class=self.tokenizer,
            rollout=rollout,
            divergence=divergence,
            teacher=teacher,
            max_teacher_tokens=max_teacher_tokens,
        )
        self._train(name, trainer, last_complete_checkpoint(work))
        log = read_steps(self.folder.training / f"{name}.jsonl")
        use = self.ledger.phase(name)
        use.backward_tokens = round(sum(row["student_tokens"] for row in log))
        use.forward_tokens = round(sum(row["teacher_tokens"] for row in log))
        use.cut_responses = round(sum(row["cut"] for row in log))
        return self._finish(name, model, work)

    def keep(self, label: str, checkpoint: Checkpoint) -> None:
        """Name an intermediate policy that is to be measured too."""
        self.kept[label] = checkpoint

    # Inside

    def _train(self, name: str, trainer: Any, resume: str | None) -> None:
        from .training.callbacks import BarCallback, MarkComplete, StepLog, quieten

        started = time.perf_counter()
        rollouts_before = self.ledger.phase(name).wall_seconds
        total = trainer.args.max_steps
        if total < 1:
            per_epoch = -(-len(trainer.train_dataset) // self.config.optimizer.batch_size)
            total = round(per_epoch * trainer.args.num_train_epochs)
        with self.display.phase(name, total, unit="steps") as bar:
            quieten(trainer, StepLog(self.folder.training / f"{name}.jsonl"), MarkComplete(), BarCallback(bar))
            trainer.train(resume_from_checkpoint=resume)
        use = self.ledger.phase(name)
        use.wall_seconds = rollouts_before + time.perf_counter() - started
        use.accelerator_seconds = use.wall_seconds * self._accelerators()

    def _finish(self, name: str, model: PreTrainedModel, work: Path) -> Checkpoint:
        partial = self.folder.begin_checkpoint(name)
        model.save_pretrained(partial)
        self.tokenizer.save_pretrained(partial)
        self._save_ledger()
        path = self.folder.finish_checkpoint(name)
        shutil.rmtree(work, ignore_errors=True)
        return Checkpoint(name, str(path))

    def _model(self, checkpoint: Checkpoint) -> PreTrainedModel:
        """The checkpoint's weights, for sampling; the last one asked for stays in memory."""
        if self._loaded is None or self._loaded[0] != checkpoint.path:
            self._loaded = (checkpoint.path, self._fresh_model(checkpoint))
        return self._loaded[1]

    def _fresh_model(self, checkpoint: Checkpoint) -> PreTrainedModel:
        self._loaded = None  # one policy in memory at a time, beside what a trainer holds
        return load_model(checkpoint.path, self.config.model)

    def _precision(self) -> tuple[bool, bool]:
        """(train in bf16, train on the CPU)"""
        on = device(self.config.model)
        return on.startswith("cuda") or self.config.model.dtype == "bfloat16", on == "cpu"

    def _accelerators(self) -> int:
        return 0 if device(self.config.model) == "cpu" else 1

    def _save_ledger(self) -> None:
        self.folder.write("ledger.json", self.ledger.as_dict())

    def close(self) -> None:
        self._save_ledger()
        self.journal.close()
        self.verifier.close()
