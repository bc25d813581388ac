"""One run from start to end: prepare and check, train, measure, write up."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sdzero_bench.core.bench_version import BENCH_VERSION
from sdzero_bench.core.distributed import ALONE, Ranks, require_supported
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.fault_text import fault_text
from sdzero_bench.core.plugin_exits import no_exits
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.core.provenance import hardware, peak_memory, versions
from sdzero_bench.core.question import QuestionSet
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.core.task import Task
from sdzero_bench.core.text import counted
from sdzero_bench.policies.architecture import architecture, context_length
from sdzero_bench.policies.chat import PolicyContexts
from sdzero_bench.policies.devices import described
from sdzero_bench.policies.engines.factory import require_engine
from sdzero_bench.policies.engines.length_limit import configured_limit, server_limit
from sdzero_bench.policies.engines.sampling_dtype import sampling_dtype
from sdzero_bench.policies.gguf import is_gguf, quantisation
from sdzero_bench.policies.loading import LOST_UPDATES, device, load_tokenizer, model_path, require_model, switch_thinking
from sdzero_bench.policies.lora import require_peft
from sdzero_bench.records.curve_record import LearningCurve
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.measured import PolicyFigures
from sdzero_bench.records.record_files import EVALUATION_FILE, RESULT
from sdzero_bench.records.recorded_journal import journal_manifest
from sdzero_bench.records.schema import (
    FORMAT_VERSION,
    ChangedSetting,
    Decontamination,
    Hardware,
    Manifest,
    Origin,
    QuestionFiles,
    RunResult,
    SandboxInForce,
    TuningRecord,
)
from sdzero_bench.runs import registry
from sdzero_bench.runs.budget_checks import affordable_plan, require_training_tokens
from sdzero_bench.runs.config import make_method, make_task
from sdzero_bench.runs.evaluation.evaluating import Evaluation
from sdzero_bench.runs.evaluation.own_process import EvaluationApart, EvaluationResult
from sdzero_bench.runs.evaluation.trained import train
from sdzero_bench.runs.journal_check import require_own
from sdzero_bench.runs.length_checks import MeasuredLengths, needs_of_evaluation, needs_of_training, require_fitting
from sdzero_bench.runs.method_source import source_digest
from sdzero_bench.runs.run_digests import run_digests
from sdzero_bench.runs.splitting import questions_of, require_questions_to_train_on
from sdzero_bench.training.arguments import require_optimizer
from sdzero_bench.training.method import Method
from sdzero_bench.training.needs import Need
from sdzero_bench.training.run import Run
from sdzero_bench.training.tracking import require_trackers
from sdzero_bench.verifiers.equip import equip, require_readable


class Session:
    """A configured run whose questions are loaded and whose plan fits its budget; nothing is written before that."""

    @no_exits()
    def __init__(self, config: RunConfig, display: ProgressDisplay, ranks: Ranks = ALONE) -> None:
        require_supported(config, ranks)
        self.ranks = ranks
        self.config = config
        self.display = display
        self.sampling_dtype = sampling_dtype(config)
        self.task: Task = equip(make_task(config), config.verifying)
        self.method: Method = make_method(config)
        self.method_source = source_digest(type(self.method))
        require_model(config.model.name)
        require_trackers(config.tracking.report_to)
        require_peft(config.lora)
        require_optimizer(config.optimizer)
        if config.lora.rank is not None:
            architecture(config.model.name, config.lora)  # whether it has the layers, said before anything is drawn
        # For the record: how settings were chosen, which run is measured, the version it began under, what was changed since.
        self.tuning: TuningRecord | None = None
        self.origin: Origin | None = None
        self.bench_version = BENCH_VERSION
        self.changed: list[ChangedSetting] = []
        self.train_questions, self.test_questions, self.decontamination = self._load()
        require_readable(self.task, self.train_questions, self.test_questions)
        self.evaluation = Evaluation.of(config, self.task, self.test_questions, self.method.trains)
        self.plan = affordable_plan(config, self.method, len(self.train_questions))
        self.needs = self._needs()
        require_fitting(self.needs, context_length(config.model.name), configured_limit(config))

    def _load(self) -> tuple[QuestionSet, QuestionSet, Decontamination]:
        """Training questions, and those that are measured on, apart from each other."""
        require_questions_to_train_on(self.config, self.method)
        return questions_of(self.config, self.task)

    def _needs(self) -> list[Need]:
        """Every sequence that the run will ask for, by the longest of its questions."""
        config, method = self.config, self.method
        path = model_path(config.model.name)
        contexts = PolicyContexts(switch_thinking(load_tokenizer(path), config.model.thinking), self.task, ends=())
        alike = (path, config.model.thinking, json.dumps(config.task, sort_keys=True))
        found = needs_of_evaluation(config, method, MeasuredLengths(contexts, self.test_questions, 0, alike))
        found += self.evaluation.needs(contexts)
        if len(self.train_questions):
            lengths = MeasuredLengths(contexts, self.train_questions, config.sampling.max_new_tokens, alike)
            found += needs_of_training(method, len(self.train_questions), lengths)
            require_training_tokens(config, method, self.train_questions, contexts)
        return found

    def describe(self, folder: RunFolder) -> str:
        """A few lines that say what the run will do."""
        config = self.config
        plan = ", ".join(f"{name} {count}" for name, count in self.plan.items()) or "none"
        allowed = config.budget.samples_per_question * len(self.train_questions)
        trains = not config.questions.measure_only
        trained_on = (
            f"{counted(len(self.train_questions), 'training question')} ({self.train_questions.fingerprint}), "
            if trains
            else ""
        )
        drawn = config.sampling if trains else config.evaluation
        sampler = f"{config.engine.name} in {self.sampling_dtype}"
        lines = {
            "method": f"{self.method.name}: {self.method.summary} ({self.method.paper})",
            "model": f"{config.model.name} on {self._device()}, seed {config.seed}{self._quantised()}",
            "task": f"{self.task.name}, {trained_on}{counted(len(self.test_questions), f'{config.evaluation.split} question')}",
            "learns from": self.method.supervision,
            "budget": f"{counted(allowed, 'training sample')} of at most {config.sampling.max_new_tokens} tokens; "
            f"planned: {plan}",
            "besides": self.evaluation.besides,
            "sampler": f"{sampler}, temperature {drawn.temperature:g}, top-p {drawn.top_p:g}",
            "verifier": f"{self.task.verifier}; {self._kept_in()}{self._less_tests()}",
            "folder": str(folder.path),
        }
        if config.model.dtype == "bfloat16" and config.lora.rank is None and self.method.trains:
            lines["warning"] = LOST_UPDATES
        if not lines["besides"]:
            del lines["besides"]
        if not trains:
            del lines["method"], lines["learns from"], lines["budget"]
        return "\n".join(f"{name:>9}  {text}" for name, text in lines.items())

    def _device(self) -> str:
        processes = f", {self.ranks.count} processes" if self.ranks.count > 1 else ""
        return described(device(self.config.model)) + processes

    def _quantised(self) -> str:
        if not is_gguf(name := self.config.model.name):
            return ""
        return f"; its weights were quantised ({quantisation(Path(name).expanduser())}) and are not those of the original model"

    def _left_out(self) -> int:
        return self.task.left_out(self.train_questions) + self.task.left_out(self.test_questions)

    def _less_tests(self) -> str:
        count = self._left_out()
        return f"; without {counted(count, 'test')} of the data, whose results do not fit the limits" if count else ""

    def _kept_in(self) -> str:
        if self.task.sandbox is not None:
            return f"programs run in {self.task.sandbox.name}"
        limit = self.task.time_limit(self.test_questions[0]) or self.config.verifying.timeout_seconds
        return f"in processes killed after {limit:g} s"

    def new_folder(self, parent: Path) -> RunFolder:
        """Raises `UserError` if it cannot be written, or if the engine is not there."""
        require_engine(self.config)
        kind = "eval" if self.config.questions.measure_only else self.method.name
        name = f"{kind}-{self.task.name.replace(':', '-')}-s{self.config.seed}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        folder = RunFolder.create(parent, name) if self.ranks.first else None
        if folder is not None:
            folder.lock()
        path = self.ranks.from_first(folder.path if folder else parent)
        return folder or RunFolder(path, writes=False)

    def execute(self, folder: RunFolder) -> RunResult:
        """Train, measure, write everything; the result is the document of `--json`. Repeatable on its own folder."""
        folder.require_space(self._disk_needed())
        files = self.evaluation.files
        if len(self.train_questions):
            files.train = folder.write_question_set(self.train_questions, self.task.record_details)
        folder.write_config(self.config)
        folder.start_session(self.manifest(folder, files), self.changed)
        shown, folder.path = folder.path, folder.path.absolute()  # a method may change the working directory
        apart = None if registry.is_built_in(type(self.method)) else EvaluationApart(self.evaluation, self.plan)
        run = Run(self.config, self.task, self.train_questions, folder, self.display, self.ranks)
        run.ledger.plan = self.plan
        try:
            with no_exits():
                require_own(run, self.method, self.evaluation)
                require_fitting(self.needs, None, server_limit(self.config))
                trained = train(self.method, run)
            if apart is None:
                run.trained = True
                measured = EvaluationResult(*self.evaluation.carry_out(run, trained), peak_memory())
            else:
                with run.handed_over():
                    measured = apart.carry_out(trained, folder, self.display, self.ranks)
        except Exception as error:
            folder.fail(str(error) if isinstance(error, UserError) else self.fault(error))
            raise
        finally:
            run.close()
            folder.path = shown
        return self._write_up(run, folder, measured)

    def fault(self, error: Exception) -> str:
        """The error in a line that names the line of the method's file, if it comes from there."""
        return fault_text(error, sys.modules[type(self.method).__module__].__file__ or self.method.name)

    def manifest(self, folder: RunFolder, files: QuestionFiles) -> Manifest:
        sandbox = self.task.sandbox
        return Manifest(
            format_version=FORMAT_VERSION,
            run_id=folder.run_id,
            config=self.config,
            question_files=files,
            decontamination=self.decontamination,
            versions=versions(),
            hardware=Hardware(**hardware(), processes=self.ranks.count),
            sampling_dtype=self.sampling_dtype,
            sandbox=SandboxInForce.model_validate(sandbox.as_dict()) if sandbox else None,
            sessions=[],
            journal=None,
            state="running",
            **self._in_both(),
        )

    def _in_both(self) -> dict[str, Any]:
        """What manifest and result both say."""
        return {
            "bench_version": self.bench_version,
            "question_set": self.train_questions.fingerprint,
            "test_set": self.test_questions.fingerprint,
            "supervision": self.method.supervision,
            "control": self.method.control,
            "tuning": self.tuning,
            "origin": self.origin,
            "harness": self.task.harness,
            "left_out_tests": self._left_out(),
        }

    def _disk_needed(self) -> int:
        """Bytes, generously: two policies, three states of a trainer with AdamW's moments (one is being written), those of the
        learning curve, and 4 KB per sample."""
        weights = sum(file.stat().st_size for file in Path(model_path(self.config.model.name)).glob("*.safetensors"))
        evaluated = len(self.test_questions) * self.config.evaluation.samples * 6 + self.evaluation.more_samples
        policies = 2 + 3 * 3 + (len(self.config.evaluation.curve_at) if self.evaluation.curve else 0)
        return int(policies * weights + 4_000 * (sum(self.plan.values()) + evaluated))

    def _write_up(self, run: Run, folder: RunFolder, measured: EvaluationResult) -> RunResult:
        from sdzero_bench.runs.write_up.learning_curve import draw_learning_curve
        from sdzero_bench.runs.write_up.summary import markdown_summary

        folder.write(EVALUATION_FILE, measured.evaluation)
        result = RunResult(
            run_id=folder.run_id,
            method=self.method.name,
            task=self.task.name,
            preset=self.config.preset,
            seed=self.config.seed,
            model=self.config.model.name,
            folder=str(folder.path),
            sandbox=self.task.sandbox.name if self.task.sandbox else None,
            budget=run.budget,
            ledger=run.ledger.phases,
            evaluation=[PolicyFigures(**dict(entry)) for entry in measured.evaluation],
            curve=LearningCurve(**dict(measured.curve)) if measured.curve else None,
            peak_memory=max(peak_memory(), measured.peak_memory),
            **self._in_both(),
        )
        if not self.ranks.first:
            return result
        folder.write(RESULT, result)
        markdown_summary(folder, result)
        draw_learning_curve(folder, run.journal.phases, result)
        digests = run_digests(folder, self.config.model.name, self.method_source)
        folder.finish(journal_manifest(folder.path), digests)
        return result
