"""A run that a method goes through again on the samples of its journal: nothing is drawn, nothing is trained.

What the method asks for is noted, so that it can be held against what the journal has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sdzero_bench.core.completion import SamplingParameters, sample_seed
from sdzero_bench.core.distributed import ALONE
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Task
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.policies.chat import PolicyContexts
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.journal import Sample
from sdzero_bench.records.ledger import EVALUATION
from sdzero_bench.records.rollouts import Prompt
from sdzero_bench.report.audit.at_hand import NotAtHand, end_tokens_of
from sdzero_bench.report.audit.audited_record import AuditedRecord
from sdzero_bench.report.audit.expected_use import Asked, Expected, Training
from sdzero_bench.training.on_policy import RolloutSchedule
from sdzero_bench.training.options import PreferenceOptions
from sdzero_bench.training.phrases import STANDARD
from sdzero_bench.training.preference_data import Judged, PreferencePair, order_of_preference
from sdzero_bench.training.run import Checkpoint, Run
from sdzero_bench.training.supervised import Example, order_of_training

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class MissingSamples(Exception):
    """The journal lacks samples that the method asks for, without which it cannot go on."""


class RecordedRun(Run):
    """A `Run` over the samples of a record. Only what follows from them can be asked of it; all else is an `AttributeError`."""

    def __init__(self, record: AuditedRecord, task: Task, tokenizer: Any, questions: QuestionSet, model: str) -> None:
        assert record.config is not None
        config = record.config
        self.config = config
        self.task = task
        self.questions = questions
        self.folder = RunFolder(record.folder, writes=False)
        self.display = ProgressDisplay(quiet=True)
        self.ranks = ALONE
        self.base = Checkpoint("base", model)
        self.tokenizer = tokenizer
        self.kept = {}
        self._asked = set()
        self.trained = False
        self.expected = Expected()
        self.read_gold = False
        """Whether the method has asked for a gold solution."""
        self.known: Mapping[str, Mapping[str, Sample]] = {p: {s.key: s for s in those} for p, those in record.samples.items()}
        self._verified = True
        self._chats: dict[Question, list[int]] = {}

    def demonstration(self, question: Question) -> str:
        self.read_gold = True
        return super().demonstration(question)

    @property
    def ends(self) -> set[int]:  # type: ignore[override]
        return end_tokens_of(self.base.path, self.tokenizer)

    def prompt_ids(
        self, question: Question, template: str | None = None, system: str | None = None, **fields: str
    ) -> list[int]:
        if template is not None or system is not None:
            return super().prompt_ids(question, template, system, **fields)
        if question not in self._chats:  # a chat template takes longer than all else here
            self._chats[question] = super().prompt_ids(question)
        return list(self._chats[question])

    def _sample(
        self,
        phase: str,
        policy: Checkpoint,
        prompts: Sequence[Prompt],
        parameters: SamplingParameters,
        seed: int,
        stream: str | None,
    ) -> Sequence[Sample]:
        self.ask_for(phase, policy.name, prompts, parameters, seed, stream)
        known = self.known.get(phase, {})
        if missing := [prompt.key for prompt in prompts if prompt.key not in known]:
            raise MissingSamples(phase, missing)
        return [known[prompt.key] for prompt in prompts]

    def ask_for(
        self,
        phase: str,
        policy: str,
        prompts: Sequence[Prompt],
        parameters: SamplingParameters,
        seed: int,
        stream: str | None,
    ) -> None:
        """Note what is asked for."""
        self.expected.parameters[phase] = parameters
        asked = self.expected.draws.setdefault(phase, {})
        for p in prompts:
            asked[p.key] = Asked(p, policy, sample_seed(seed, stream or phase, p.question.id, p.index))

    def verify(self, question: Question, text: str) -> Verdict:
        """Texts are not verified here: what is trained on afterwards does not follow."""
        self._verified = False
        return Verdict(1.0)

    def finetune(
        self,
        name: str,
        start: Checkpoint,
        examples: Sequence[Example],
        epochs: float,
        learning_rate: float | None = None,
    ) -> Checkpoint:
        if not examples:
            raise UserError(f"{name}: there is nothing to train on")
        optimizer = self.config.optimizer
        order = order_of_training([len(e) for e in examples], epochs, optimizer.batch_size, self.config.seed)
        tokens, steps = sum(len(examples[i]) for i in order), -(-len(order) // optimizer.batch_size)
        if self._verified:
            self.expected.training[name] = Training(steps, learning_rate or optimizer.learning_rate, tokens)
        return self._made(name)

    def preference(
        self, name: str, start: Checkpoint, pairs: Sequence[PreferencePair] | Sequence[Judged], options: PreferenceOptions
    ) -> Checkpoint:
        order = order_of_preference(name, pairs, options.epochs, self.config)
        return self._unfollowed(name, -(-len(order) // self.config.optimizer.batch_size), options.learning_rate)

    def train_with(
        self,
        name: str,
        start: Checkpoint,
        rows: object,
        steps: int,
        build: object,
        learning_rate: float | None = None,
        may_teach_nothing: bool = False,
    ) -> Checkpoint:
        return self._unfollowed(name, steps, learning_rate)

    def train_on_rollouts(
        self,
        name: str,
        start: Checkpoint,
        questions: QuestionSet,
        schedule: RolloutSchedule,
        build: object,
        learning_rate: float | None = None,
        own: object = None,
    ) -> Checkpoint:
        self._require_own(questions)
        plan, updates = schedule.plan(questions, self.config.optimizer.batch_size), schedule.updates
        by_id = {q.id: q for q in plan.questions}
        rows = [row for row in plan.rows(self.config.seed, lambda question: ()) for _ in range(schedule.group)]
        for step in range(plan.steps):
            batch = rows[step * plan.batch : (step + 1) * plan.batch]
            asked = [by_id[row["question_id"]] for row in batch]
            prompts = [Prompt(q, tuple(self.prompt_ids(q)), i) for q, i in zip(asked, plan.indices(batch), strict=True)]
            self.ask_for(name, f"{name}@{step * updates}", prompts, self.sampling, self.config.seed, None)
        return self._unfollowed(name, plan.steps * updates, learning_rate)

    def _unfollowed(self, name: str, steps: int, learning_rate: float | None) -> Checkpoint:
        """A phase whose tokens do not follow from the journal."""
        if self._verified:
            self.expected.training[name] = Training(steps, learning_rate or self.config.optimizer.learning_rate, None)
        return self._made(name)

    def weights(self, checkpoint: Checkpoint) -> PreTrainedModel:
        """Raises `NotAtHand`: a method that looks at weights cannot be followed by its samples."""
        raise NotAtHand("it reads the weights of its policies")

    def _made(self, name: str) -> Checkpoint:
        self._require_charged(name)
        return Checkpoint(name, str(self.folder.checkpoints / name))


def ask_to_measure(run: RecordedRun, label: str, policy: str, questions: QuestionSet) -> list[str]:
    """Have the measurement of a policy asked for, and its revisions; returns the phases."""
    settings = run.config.evaluation
    parameters = SamplingParameters(settings.temperature, settings.top_p, settings.max_new_tokens)
    phase = f"{EVALUATION}.{label}"
    run.ask_for(phase, policy, run.ask(questions, settings.samples), parameters, settings.seed, EVALUATION)
    if not settings.revise:
        return [phase]
    revision, by_id, known = f"{phase}.revision", {q.id: q for q in questions}, run.known.get(phase, {})
    first = [known[key] for key in run.expected.draws[phase] if key in known and known[key].verdict.reward is not None]
    prompts = [run.continue_after(by_id[s.question_id], s, STANDARD.after(float(s.right)), s.index) for s in first]
    longer = SamplingParameters(settings.temperature, settings.top_p, settings.of_revision)
    run.ask_for(revision, policy, prompts, longer, settings.seed, f"{EVALUATION}.revision")
    return [phase, revision]


def ask_to_measure_more(run: RecordedRun, phase: str, policy: str, questions: QuestionSet, each: int, task: Task) -> None:
    """Have the samples of a measurement on other questions asked for, `each` samples to a question."""
    settings = run.config.evaluation
    contexts = PolicyContexts(run.tokenizer, task, ends=())
    asked = [(question, tuple(contexts.prompt_ids(question))) for question in questions]
    prompts = [Prompt(question, ids, str(i)) for question, ids in asked for i in range(each)]
    parameters = SamplingParameters(settings.temperature, settings.top_p, settings.max_new_tokens)
    run.ask_for(phase, policy, prompts, parameters, settings.seed, EVALUATION)
