"""One run from start to end: prepare and check, train, measure, write up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .config import make_method, make_task, validate
from .decontamination import decontaminate
from .environment import hardware, versions
from .errors import BudgetError, UserError
from .evaluating.evaluation import measure, measure_revision, paired_difference
from .method import Method
from .models import device, model_path
from .packing import journal_manifest
from .phrases import NAMED
from .progress import ProgressDisplay
from .records import RunFolder
from .run import Checkpoint, Run
from .sampling.completion import SamplingParameters
from .settings import RunConfig
from .task import Task


class Session:
    """A configured run whose questions are loaded and whose plan fits its budget; nothing is written before that."""

    def __init__(self, config: RunConfig, display: ProgressDisplay) -> None:
        self.config = config
        self.display = display
        self.task: Task = make_task(config)
        self.method: Method = make_method(config)
        model_path(config.model.name)
        self.tuning: dict[str, Any] | None = None
        """How settings were chosen, where they were; for the record."""
        train, test, self.decontamination = decontaminate(
            self.task.load("train"),
            self.task.load(config.evaluation.split).head(config.questions.test),
            config.questions.decontaminate,
        )
        self.train_questions, self.test_questions = train.head(config.questions.train), test
        self.plan = self.method.plan(len(self.train_questions))
        allowed = config.budget.samples_per_question * len(self.train_questions)
        if (needed := sum(self.plan.values())) > allowed:
            phases = ", ".join(f"{name} {count}" for name, count in self.plan.items())
            raise BudgetError(
                f"{self.method.name} needs {needed} samples ({phases}), but the budget allows {allowed}, "
                f"{config.budget.samples_per_question} a question; raise budget.samples_per_question or let the method "
                f"draw fewer"
            )

    def describe(self, folder: RunFolder) -> str:
        """A few lines that say what the run will do."""
        config = self.config
        plan = ", ".join(f"{name} {count}" for name, count in self.plan.items()) or "none"
        allowed = config.budget.samples_per_question * len(self.train_questions)
        lines = {
            "method": f"{self.method.name}: {self.method.summary} ({self.method.paper})",
            "model": f"{config.model.name} on {device(config.model)}, seed {config.seed}",
            "task": f"{self.task.name}, {len(self.train_questions)} training questions "
            f"({self.train_questions.fingerprint}), {len(self.test_questions)} {config.evaluation.split} questions",
            "shown": self.method.supervision,
            "budget": f"{allowed} training samples of at most {config.sampling.max_new_tokens} tokens; planned: {plan}",
            "sampler": f"transformers, temperature {config.sampling.temperature:g}, top-p {config.sampling.top_p:g}",
            "verifier": f"{self.task.verifier}, in processes killed after {config.verifying.timeout_seconds:g} s",
            "folder": str(folder.path),
        }
        return "\n".join(f"{name:>9}  {text}" for name, text in lines.items())

    def new_folder(self, parent: Path) -> RunFolder:
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        folder = RunFolder.create(parent, f"{self.method.name}-{self.task.name.replace(':', '-')}-s{self.config.seed}-{stamp}")
        folder.lock()
        return folder

    def execute(self, folder: RunFolder) -> dict[str, Any]:
        """Train, measure, write everything; the result is the document of `--json`. Repeatable on its own folder."""
        folder.require_space(self._disk_needed())
        folder.write_lines("questions.jsonl", self._questions())
        folder.start_session(
            {
                "run_id": folder.run_id,
                "config": self.config.model_dump(mode="json"),
                "question_set": self.train_questions.fingerprint,
                "test_set": self.test_questions.fingerprint,
                "supervision": self.method.supervision,
                "decontamination": self.decontamination.as_dict(),
                "tuning": self.tuning,
                "versions": versions(),
                "hardware": hardware(),
            }
        )
        run = Run(self.config, self.task, self.train_questions, folder, self.display)
        try:
            run.require_context(
                run.longest_prompt(self.test_questions) + self.config.evaluation.max_new_tokens,
                "a test prompt with its response",
            )
            final = self.method.train(run)
            run.trained = True
            policies = {"base": run.base, **run.kept, "final": final}
            if final == run.base:
                del policies["final"]
            elif not self.config.evaluation.base:
                del policies["base"]
            evaluation = [self._evaluate(run, label, policy) for label, policy in policies.items()]
        finally:
            run.close()
        return self._write_up(run, folder, evaluation)

    def _questions(self) -> Iterator[dict[str, str]]:
        """What was asked, for the record: training questions first, then those that were measured on."""
        for split, questions in (("train", self.train_questions), ("test", self.test_questions)):
            for question in questions:
                yield {"split": split, "id": question.id, "text": question.text, "answer": question.answer}

    def _disk_needed(self) -> int:
        """Bytes, generously: two policies, a trainer's two checkpoints with AdamW's moments, and 4 KB a sample."""
        weights = sum(file.stat().st_size for file in Path(model_path(self.config.model.name)).glob("*.safetensors"))
        evaluated = len(self.test_questions) * self.config.evaluation.samples * 6
        return 10 * weights + 4_000 * (sum(self.plan.values()) + evaluated)

    def _evaluate(self, run: Run, label: str, policy: Checkpoint) -> dict[str, Any]:
        settings = self.config.evaluation
        parameters = SamplingParameters(settings.temperature, settings.top_p, settings.max_new_tokens)
        prompts = run.ask(self.test_questions, settings.samples)
        # One stream for all policies: the same question gets the same random numbers from each.
        samples = run.measure(label, policy, prompts, parameters, settings.seed, "")
        result = {"policy": label, "checkpoint": policy.name, **measure(samples, settings.pass_at)}
        if settings.revise:
            result["revision"] = self._revise(run, label, policy, samples, parameters)
        return result

    def _revise(self, run: Run, label: str, policy: Checkpoint, samples: Any, parameters: Any) -> dict[str, Any]:
        by_id = {q.id: q for q in self.test_questions}
        first = [s for s in samples if s.verdict.reward is not None]
        prompts = [run.continue_after(by_id[s.question_id], s, NAMED["paper"].after(s.verdict.reward), s.index) for s in first]
        revised = run.measure(f"{label}.revision", policy, prompts, parameters, self.config.evaluation.seed, ".revision")
        return measure_revision(first, revised)

    def _write_up(self, run: Run, folder: RunFolder, evaluation: list[dict[str, Any]]) -> dict[str, Any]:
        from .reporting.learning_curve import draw_learning_curve
        from .reporting.summary import markdown_summary

        if evaluation[0]["policy"] == "base":
            base = evaluation[0]["per_question"]["avg"]
            for entry in evaluation[1:]:
                entry["over_base"] = paired_difference(base, entry["per_question"]["avg"])
        folder.write("evaluation.json", evaluation)
        result = {
            "run_id": folder.run_id,
            "method": self.method.name,
            "task": self.task.name,
            "preset": self.config.preset,
            "seed": self.config.seed,
            "model": self.config.model.name,
            "folder": str(folder.path),
            "question_set": self.train_questions.fingerprint,
            "test_set": self.test_questions.fingerprint,
            "supervision": self.method.supervision,
            "tuning": self.tuning,
            "budget": run.budget.as_dict(),
            "ledger": run.ledger.as_dict(),
            "evaluation": [{k: v for k, v in entry.items() if k != "per_question"} for entry in evaluation],
        }
        folder.write("result.json", result)
        markdown_summary(folder, result)
        draw_learning_curve(folder, run.journal.phases, result)
        folder.finish(journal_manifest(folder.path))
        return result


def resume_session(path: Path, display: ProgressDisplay) -> tuple[Session, RunFolder]:
    """The session of an existing run folder, which it locks. Raises `UserError` as `session_in` and `RunFolder.lock` do.

    A packed record is refused: it has no policies to go on with.
    """
    if any((path / "journal").glob("*.xz")):
        raise UserError(f"{str(path)!r} is a packed record, and finished; only a run's own folder can be resumed")
    folder = RunFolder.open(path)
    folder.lock()
    return session_in(folder, display), folder


def session_in(folder: RunFolder, display: ProgressDisplay) -> Session:
    """The session of a run that has begun. Raises `UserError` if its questions are no longer what they were."""
    manifest = folder.read("manifest.json")
    session = Session(validate(manifest["config"]), display)
    for name, questions in (("question_set", session.train_questions), ("test_set", session.test_questions)):
        if manifest[name] != questions.fingerprint:
            raise UserError(f"the {name} of {str(folder.path)!r} has changed since the run began; start a new run")
    session.tuning = manifest["tuning"]
    return session
