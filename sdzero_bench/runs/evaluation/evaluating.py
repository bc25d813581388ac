"""All that a run measures once training is over, policy by policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sdzero_bench.core.completion import SamplingParameters
from sdzero_bench.core.question import QuestionSet
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.core.task import Task
from sdzero_bench.core.text import counted
from sdzero_bench.policies.architecture import architecture
from sdzero_bench.policies.chat import PolicyContexts
from sdzero_bench.questions.harness.harness_task import HarnessTask
from sdzero_bench.records.curve_record import CURVE_FILE, LearningCurveFile
from sdzero_bench.records.journal import Sample
from sdzero_bench.records.ledger import VALIDATION
from sdzero_bench.records.measured import HarnessFigures, PolicyEvaluation, RevisionFigures
from sdzero_bench.records.part import as_json
from sdzero_bench.records.question_sets import name_of
from sdzero_bench.records.schema import QuestionFiles
from sdzero_bench.runs.evaluation.curve_measuring import CurveQuestions, delete_checkpoints, measure_curve, samples_each
from sdzero_bench.runs.evaluation.curve_points import RunSoFar, reached
from sdzero_bench.runs.evaluation.kl_to_base import kl_figures, kl_to_base
from sdzero_bench.runs.evaluation.localising import LOCALISATION, localise
from sdzero_bench.runs.evaluation.measures import measure, measure_revision, paired_difference
from sdzero_bench.runs.evaluation.other_tasks import TaskAsked, load_other_tasks, measure_other_tasks
from sdzero_bench.training.needs import Need
from sdzero_bench.training.phrases import STANDARD

if TYPE_CHECKING:
    from sdzero_bench.runs.evaluation.trained import Trained
    from sdzero_bench.training.run import Checkpoint, Run


@dataclass(frozen=True)
class Evaluation:
    """What is measured, and on which questions: loaded before the first sample is drawn."""

    config: RunConfig
    task: Task
    test: QuestionSet
    curve: CurveQuestions | None
    other_tasks: Sequence[TaskAsked]
    trains: bool = True
    """Whether the method does."""

    @classmethod
    def of(cls, config: RunConfig, task: Task, test: QuestionSet, trains: bool) -> Evaluation:
        """Raises `UserError` for questions that cannot be loaded, of the curve or of another task."""
        curve = CurveQuestions.of(config, task, test) if trains else None
        return cls(config, task, test, curve, load_other_tasks(config), trains)

    @property
    def other_questions(self) -> dict[str, tuple[QuestionSet, bool]]:
        """Questions besides training and test, as records name them (`QuestionFiles.others`), and whether with details."""
        found = {asked.on: (asked.questions, asked.task is None or asked.task.record_details) for asked in self.other_tasks}
        if self.curve is not None and self.curve.validation is not None:
            found[VALIDATION] = self.curve.validation, self.task.record_details
        return found

    @property
    def besides(self) -> str:
        """In words, what is measured besides the test questions; may be empty."""
        said = []
        if self.curve is not None:
            validation = f" and {len(self.curve.validation)} validation" if self.curve.validation else ""
            said.append(f"a learning curve on {counted(len(self.curve.test), f'test{validation} question')}")
        said += [f"{counted(len(asked.questions), 'question')} of {asked.name}" for asked in self.other_tasks]
        if self.config.evaluation.of_kl and self.trains:
            said.append(f"kl(trained, base) at {counted(min(self.config.evaluation.of_kl, len(self.test)), 'response')}")
        return "; ".join(said)

    @property
    def phases(self) -> dict[str, set[str]]:
        """Endings of the phases in which a policy is measured, after its label, each with the ids of the questions asked."""
        test = {question.id for question in self.test}
        others = {f".{on}": {question.id for question in questions} for on, (questions, _) in self.other_questions.items()}
        return {"": test, ".revision": test, ".curve": test, **others}

    @property
    def more_samples(self) -> int:
        """Samples that the curve and other tasks take, at most."""
        settings = self.config.evaluation
        of_curve = [self.curve.test, self.curve.validation or ()] if self.curve else []
        curve = sum(map(len, of_curve)) * samples_each(settings) * (len(settings.curve_at) + 1)
        return curve + sum(2 * len(asked.questions) * asked.samples for asked in self.other_tasks)

    def needs(self, contexts: PolicyContexts) -> Iterator[Need]:
        """The longest sequences of the curve's validation questions and of other tasks."""
        if self.curve is not None and self.curve.validation is not None:
            longest = max(len(contexts.prompt_ids(question)) for question in self.curve.validation)
            tokens = longest + self.config.evaluation.max_new_tokens
            yield Need("a validation prompt with its response", tokens, "lower evaluation.max_new_tokens", sampled=True)
        for asked in self.other_tasks:
            if asked.task is not None:
                own = PolicyContexts(contexts.tokenizer, asked.task, ends=())
                longest = max(len(own.prompt_ids(question)) for question in asked.questions)
                what = f"a prompt of {asked.name} with its response (evaluation.forgetting)"
                yield Need(what, longest + asked.parameters.max_new_tokens, "leave the task out", sampled=True)

    @property
    def files(self) -> QuestionFiles:
        """Those that it writes; they are not in the folder while the method trains."""
        others = {use: name_of(*asked) for use, asked in self.other_questions.items()}
        return QuestionFiles(train=None, test=name_of(self.test, self.task.record_details), others=others)

    def policies(self, run: Run, trained: Trained) -> dict[str, Checkpoint]:
        """Those that are measured on all test questions, by label."""
        kept = trained.kept if self.config.evaluation.of_intermediate else {}
        found = {"base": run.base, **kept, "final": trained.final}
        if trained.final == run.base:
            del found["final"]
        elif not self.config.evaluation.base:
            del found["base"]
        return found

    def carry_out(self, run: Run, trained: Trained) -> tuple[list[PolicyEvaluation], LearningCurveFile | None]:
        """The measured policies, and the learning curve.

        Writes the questions, and localisation.json and curve.json where they are asked for.
        """
        for questions, details in ((self.test, self.task.record_details), *self.other_questions.values()):
            run.folder.write_question_set(questions, details)
        policies = self.policies(run, trained)
        entries = {label: self._measure(run, label, policy) for label, policy in policies.items()}
        if count := self.config.evaluation.localise:
            run.folder.write(LOCALISATION, localise(run, self.test, policies, trained, count), indent=None)
        curve = self._curve(run, policies, trained)
        if self.other_tasks:
            measured = {label: policy for label, policy in policies.items() if label in ("base", "final")}
            for label, found in measure_other_tasks(run, measured, self.other_tasks).items():
                entries[label].other_tasks = [figures for figures, _ in found.values()]
                entries[label].other_by_question = {name: values for name, (_, values) in found.items()}
        if "final" in policies and (count := self.config.evaluation.of_kl):
            kl = kl_to_base(run, "final", trained.final, self.test, count)
            entries["final"].kl_by_question, entries["final"].kl_to_base = kl, kl_figures(list(kl.values()))
        if "base" in entries:
            for label in entries.keys() - {"base"}:
                _over_base(entries["base"], entries[label])
        return list(entries.values()), curve

    def _measure(self, run: Run, label: str, policy: Checkpoint) -> PolicyEvaluation:
        settings = self.config.evaluation
        parameters = SamplingParameters(settings.temperature, settings.top_p, settings.max_new_tokens)
        # One stream for all policies: the same question gets the same random numbers from each.
        samples = run.measure(label, policy, run.ask(self.test, settings.samples), parameters, settings.seed, "")
        figures = dict(measure(samples, settings.pass_at))
        if isinstance(self.task, HarnessTask):
            figures["harness"] = HarnessFigures(**self.task.harness_figures(self.test, samples))
        if settings.revise:
            figures["revision"] = self._revise(run, label, policy, samples, parameters)
        return PolicyEvaluation(policy=label, checkpoint=policy.name, **figures)

    def _revise(
        self, run: Run, label: str, policy: Checkpoint, samples: Sequence[Sample], parameters: SamplingParameters
    ) -> RevisionFigures:
        by_id = {q.id: q for q in self.test}
        first = [s for s in samples if s.verdict.reward is not None]
        prompts = [run.continue_after(by_id[s.question_id], s, STANDARD.after(float(s.right)), s.index) for s in first]
        parameters = replace(parameters, max_new_tokens=self.config.evaluation.of_revision)
        revised = run.measure(f"{label}.revision", policy, prompts, parameters, self.config.evaluation.seed, ".revision")
        return measure_revision(first, revised)

    def _curve(self, run: Run, policies: Mapping[str, Checkpoint], trained: Trained) -> LearningCurveFile | None:
        from sdzero_bench.training.callbacks import read_steps

        if self.curve is None:
            return None
        so_far = RunSoFar(
            trained.phases,
            run.ledger.phases,
            lambda phase: list(run.journal.phases[phase].values()),
            lambda phase: read_steps(run.folder.training / f"{phase}.jsonl"),
        )
        points = reached(self.config.evaluation, so_far, trained.final.name)
        if not points:
            return None
        curve = measure_curve(run, points, policies, self.curve, architecture(self.config.model.name).multiplied)
        run.folder.write(CURVE_FILE, as_json(curve))
        delete_checkpoints(run, points)
        return curve


def _over_base(base: PolicyEvaluation, entry: PolicyEvaluation) -> None:
    """Set the differences to the base, on the test questions and on other tasks."""
    entry.over_base = paired_difference(base.per_question.avg, entry.per_question.avg)
    for other in entry.other_tasks or []:
        before, after = ((e.other_by_question or {})[other.task] for e in (base, entry))
        other.over_base = paired_difference(before, after)
