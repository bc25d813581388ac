"""What a run draws: verified samples of its policies, journaled and charged."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sdzero_bench.core.completion import SamplingParameters
from sdzero_bench.core.distributed import ALONE, Ranks
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.out_of_memory import release_memory
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
from sdzero_bench.records.record_files import LEDGER
from sdzero_bench.records.rollouts import Prompt, Rollouts
from sdzero_bench.records.schema import Budget
from sdzero_bench.training.samples import NOTHING_RIGHT, nothing_right
from sdzero_bench.verifiers.pool import VerifierPool

if TYPE_CHECKING:
    from transformers import PreTrainedModel


BOOK_SECONDS = 1.0
"""How often the ledger is saved: a session that is killed loses no more of what it used."""


@dataclass(frozen=True)
class Checkpoint:
    """A policy on disk."""

    name: str
    path: str


FEWEST = 16
"""Samples of which a verifier does not fail on all by chance, such as on a machine that is busy for a while."""


class SamplingRun(Contexts):
    """Sampling and verifying, bound to one configuration, one question set and one run folder."""

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
        self._engines = make_engines(config, self.tokenizer, self.base.path, ranks)
        self.budget = Budget(
            question_set=questions.fingerprint,
            questions=len(questions),
            samples=config.budget.samples_per_question * len(questions),
            new_tokens_per_sample=config.sampling.max_new_tokens,
            training_tokens=config.budget.training_tokens,
        )
        with ranks.first_goes_first():  # it repairs what a crash left incomplete
            self.journal = Journal(folder.journal) if ranks.first else PrivateJournal(folder.journal)
        self.saved = folder.ledger
        """The ledger of the session before."""
        self.ledger = Ledger.recount(self.budget, self.journal.phases, self.saved)
        self._booked_at = -math.inf
        self.verifier = VerifierPool(task, config.verifying.workers, config.verifying.timeout_seconds)
        self.kept: dict[str, Checkpoint] = {}
        self._asked: set[tuple[str, str]] = set()
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
        question set, if a sample of the phase is asked for twice, or if the phase has the name of a measurement, which is not
        charged; `UserError` if the verifier has failed on each of `FEWEST` samples or more.
        """
        self._require_charged(phase)
        self._require_own(prompt.question for prompt in prompts)
        for prompt in prompts:
            if (phase, prompt.key) in self._asked:
                raise ValueError(
                    f"{phase}: the sample {prompt.key!r} is asked for twice; give each sample of a question its own index"
                )
            self._asked.add((phase, prompt.key))
        drawn = self._sample(phase, policy, prompts, self.sampling, self.config.seed, None)
        if len(drawn) >= FEWEST and all(sample.verdict.reward is None for sample in drawn):
            failed = drawn[0].verdict
            raise UserError(
                f"{phase}: the verifier has failed on every sample ({failed.status}: {failed.detail}), so there is nothing to "
                f"train on; fix the task and start a new run"
            )
        if policy == self.base and nothing_right(drawn):
            self.display.say(f"warning: {NOTHING_RIGHT}")
        return drawn

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
        engine = self._engines.of(self.weights(policy), policy.path)
        with self.display.phase(phase, len(prompts)) as bar:
            drawn = self.rollouts.draw(phase, policy.name, engine, prompts, parameters, seed, bar, stream)
        self._engines.rest()
        self.save_ledger()
        return drawn

    def ask(self, questions: QuestionSet, n: int) -> list[Prompt]:
        """Prompts for n samples of each question."""
        asked = [(q, tuple(self.prompt_ids(q))) for q in questions]
        return [Prompt(q, ids, str(i)) for q, ids in asked for i in range(n)]

    def continue_after(
        self, question: Question, sample: Sample, inserted: str, index: str, system: str | None = None
    ) -> Prompt:
        """The prompt that continues the assistant's turn: question, sample, inserted text. `system` replaces the task's system
        message."""
        ids = self.reviser_context(question, sample.token_ids, inserted, system=system)
        return Prompt(question, tuple(ids), index, prefix=sample.text + inserted)

    def verify(self, question: Question, text: str) -> Verdict:
        """Verify a text that is not a sample, such as a cleaned one. With several processes, the first verifies it for all."""
        return self.ranks.from_first(self.verifier.verify([(question, text)]) if self.ranks.first else [])[0]

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

    @contextmanager
    def handed_over(self) -> Iterator[None]:
        """Free what the run holds, for a process that works on in its folder; what that has drawn is known afterwards."""
        self.close()
        self._loaded = None
        release_memory()
        try:
            yield
        finally:
            self.journal = Journal(self.folder.journal) if self.ranks.first else PrivateJournal(self.folder.journal)
            self.ledger = Ledger.recount(self.budget, self.journal.phases, self.folder.ledger)

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
        self._engines.close()

    # Inside

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
