"""One run from start to end: prepare and check, train, measure, write up."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .budget import EVALUATION
from .config import make_method, make_task, validate
from .environment import hardware, versions
from .errors import BudgetError, UserError
from .evaluating.evaluation import measure, measure_revision, paired_difference
from .method import Method
from .models import device, model_path
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
        self.train_questions = self.task.load("train").head(config.questions.train)
        self.test_questions = self.task.load("test").head(config.questions.test)
        if overlap := self.train_questions.overlap(self.test_questions):
            raise UserError(f"{len(overlap)} training questions are test questions too, such as {overlap[0].id!r}; remove them")
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
            f"({self.train_questions.fingerprint}), {len(self.test_questions)} test questions",
            "budget": f"{allowed} training samples of at most {config.sampling.max_new_tokens} tokens; planned: {plan}",
            "sampler": f"transformers, temperature {config.sampling.temperature:g}, top-p {config.sampling.top_p:g}",
            "verifier": f"{self.task.verifier}, in processes killed after {config.verifying.timeout_seconds:g} s",
            "folder": str(folder.path),
        }
        return "\n".join(f"{name:>9}  {text}" for name, text in lines.items())

    def new_folder(self, parent: Path) -> RunFolder:
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        return RunFolder.create(parent, f"{self.method.name}-{self.task.name.replace(':', '-')}-s{self.config.seed}-{stamp}")

    def execute(self, folder: RunFolder) -> dict[str, Any]:
        """Train, measure, write everything; the result is the document of `--json`. Repeatable on its own folder."""
        folder.require_space(self._disk_needed())
        folder.start_session(
            {
                "run_id": folder.run_id,
                "config": self.config.model_dump(mode="json"),
                "question_set": self.train_questions.fingerprint,
                "test_set": self.test_questions.fingerprint,
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
            policies = {"base": run.base, **run.kept, "final": final}
            if final == run.base:
                del policies["final"]
            evaluation = [self._evaluate(run, label, policy) for label, policy in policies.items()]
        finally:
            run.close()
        return self._write_up(run, folder, evaluation)

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
        samples = run.sample(f"{EVALUATION}.{label}", policy, prompts, parameters, settings.seed, EVALUATION)
        result = {"policy": label, "checkpoint": policy.name, **measure(samples, settings.pass_at)}
        if settings.revise:
            result["revision"] = self._revise(run, label, policy, samples, parameters)
        return result

    def _revise(self, run: Run, label: str, policy: Checkpoint, samples: Any, parameters: Any) -> dict[str, Any]:
        by_id = {q.id: q for q in self.test_questions}
        first = [s for s in samples if s.verdict.reward is not None]
        prompts = [run.continue_after(by_id[s.question_id], s, NAMED["paper"].after(s.verdict.reward), s.index) for s in first]
        seed, stream = self.config.evaluation.seed, f"{EVALUATION}.revision"
        revised = run.sample(f"{EVALUATION}.{label}.revision", policy, prompts, parameters, seed, stream)
        return measure_revision(first, revised)

    def _write_up(self, run: Run, folder: RunFolder, evaluation: list[dict[str, Any]]) -> dict[str, Any]:
        from .reporting.learning_curve import draw_learning_curve
        from .reporting.summary import markdown_summary

        base = evaluation[0]["per_question"]
        for entry in evaluation[1:]:
            entry["over_base"] = paired_difference(base, entry["per_question"])
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
            "budget": run.budget.as_dict(),
            "ledger": run.ledger.as_dict(),
            "evaluation": [{k: v for k, v in entry.items() if k != "per_question"} for entry in evaluation],
        }
        folder.write("result.json", result)
        markdown_summary(folder, result)
        draw_learning_curve(folder, run.journal.phases, result)
        folder.set_state("finished")
        return result


def resume_session(path: Path, display: ProgressDisplay) -> tuple[Session, RunFolder]:
    """The session of an existing run folder. Raises `UserError` if its questions are no longer what they were."""
    folder = RunFolder.open(path)
    manifest = folder.read("manifest.json")
    session = Session(validate(manifest["config"]), display)
    for name, questions in (("question_set", session.train_questions), ("test_set", session.test_questions)):
        if manifest[name] != questions.fingerprint:
            raise UserError(f"the {name} of {str(path)!r} has changed since the run began; start a new run")
    return session, folder
