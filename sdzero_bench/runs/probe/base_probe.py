"""A probe of one model on one task: what it draws, in a folder with a journal, from which it goes on if it is interrupted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sdzero_bench.core.completion import SamplingParameters
from sdzero_bench.core.dotted import flatten
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.core.question import NO_QUESTIONS, QuestionSet
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.policies.architecture import context_length
from sdzero_bench.policies.loading import load_tokenizer, model_path
from sdzero_bench.questions.harness.harness_task import HarnessTask
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.journal import Sample
from sdzero_bench.records.rollouts import Prompt
from sdzero_bench.runs.config import make_task
from sdzero_bench.runs.evaluation.measures import PolicyMeasures, measure
from sdzero_bench.runs.probe.contamination import Contamination, contamination
from sdzero_bench.runs.probe.control_sets import ControlSet, control_set
from sdzero_bench.runs.probe.partial_prompts import Continuation, PartialPrompt, continuation, partial_prompt
from sdzero_bench.runs.probe.probed_task import ProbedTask, stopped_at, to_be_continued
from sdzero_bench.runs.probe.prompt_sensitivity import PromptSensitivity, PromptVariant, Sampling, prompt_sensitivity
from sdzero_bench.runs.probe.prompt_templates import (
    OWN,
    NotApplicableError,
    PromptTemplate,
    plain_ids,
    prompts_under,
    templates,
)
from sdzero_bench.runs.probe.vendor_sampling import VendorSampling, vendor_sampling
from sdzero_bench.training.sampling_run import SamplingRun
from sdzero_bench.verifiers.equip import equip, require_readable

SETTINGS = "settings.json"


class BaseProbe:
    """Questions are loaded, and the folder is this probe's; nothing is drawn before that."""

    def __init__(
        self,
        config: RunConfig,
        folder: Path,
        display: ProgressDisplay,
        control: str | None = None,
        *,
        complete: bool = True,
        ask: bool = True,
    ) -> None:
        """`complete`: whether partial questions will be completed, with a control as in `control_set`; `ask`: whether the base
        will be measured under several prompts.

        Raises `UserError` if the model, the questions or the control cannot be had, the task is a harness's, a prompt of the
        task does not fit the model's context, or the folder holds another probe.
        """
        self.config = config
        load_tokenizer(model_path(config.model.name))  # before questions are loaded: a model that does not exist says so
        self.task = equip(make_task(config), config.verifying)
        if isinstance(self.task, HarnessTask):
            raise UserError(f"{self.task.name} has the prompts of its harness; probe a task of ours on the same data set")
        self.questions = self.task.load(config.evaluation.split).head(config.questions.test)
        require_readable(self.task, self.questions)
        self.control = control_set(self.task, self.questions, control) if complete else None
        self.folder = RunFolder(folder)
        self.folder.lock()
        settings = self._own_settings()
        self.run = SamplingRun(config, ProbedTask(self.task), NO_QUESTIONS, self.folder, display)
        self.run.trained = True
        self.prompts, self.skipped = self._prompts() if ask else ({}, {})
        self.folder.write(SETTINGS, settings)

    def close(self) -> None:
        self.run.close()

    def _own_settings(self) -> dict[str, Any]:
        """Of this probe. Raises `UserError` if those in its folder are others."""
        asked: dict[str, Any] = {**self.config.model_dump(mode="json"), "test_set": self.questions.fingerprint}
        begun = self.folder.read(SETTINGS)
        if begun is None:
            return asked
        before, now = flatten(begun, keep_empty=True), flatten(asked, keep_empty=True)
        if changed := [key for key in {**before, **now} if before.get(key) != now.get(key)]:
            said = ", ".join(f"{key} ({before.get(key)!r} there, {now.get(key)!r} now)" for key in changed)
            raise UserError(f"{str(self.folder.path)!r} holds a probe with other settings: {said}; give another --output")
        return asked

    # The test set in the base

    def contamination(self) -> Contamination | None:
        """Complete partial questions of the test set and of its control, greedily; None if the probe was made without.

        Raises `UserError` if fewer than 2 questions of either set are long enough.
        """
        if (control := self.control) is None:
            return None
        test, fresh = _partial_prompts(self.questions, control)
        if min(len(test), len(fresh)) < 2:
            raise UserError(f"{len(test)} test and {len(fresh)} control questions are long enough to be cut; 2 are needed")
        written = self._continued("partial.test", test)
        compared = self._continued(f"partial.{control.questions.fingerprint}", fresh)
        return contamination(written, compared, control.source, control.paired, len(self.questions) - len(test))

    def _continued(self, label: str, partials: Sequence[PartialPrompt]) -> list[Continuation]:
        tokenizer = self.run.tokenizer
        longest = max(len(self.run.encode(partial.rest)) for partial in partials)
        parameters = SamplingParameters(0.0, 1.0, math.ceil(1.5 * longest) + 8)  # other words may take more tokens
        prompts = [Prompt(to_be_continued(partial), plain_ids(tokenizer, partial.shown), "0") for partial in partials]
        samples = self._measured(label, prompts, parameters)
        return [continuation(partial, sample.text) for partial, sample in zip(partials, samples, strict=True)]

    # The base under other prompts

    def prompt_sensitivity(self) -> PromptSensitivity | None:
        """Measure the base under each template that fits, and with the vendor's sampling; None if not asked for."""
        if not self.prompts:
            return None
        settings = self.config.evaluation
        ours = SamplingParameters(settings.temperature, settings.top_p, settings.max_new_tokens)
        prompts, skipped = self.prompts, self.skipped
        figures = {PromptVariant(name, "ours"): self._avg(name, "ours", own, ours) for name, own in prompts.items()}
        vendor = vendor_sampling(self.run.base.path, settings.max_new_tokens)
        if (why := self._no_vendor(vendor, ours)) is not None or vendor is None:
            return prompt_sensitivity(figures, skipped | {"vendor's sampling": str(why)})
        best = max(figures, key=lambda variant: figures[variant].avg_at_k).template
        for name in dict.fromkeys([OWN, best]):
            figures[PromptVariant(name, "vendor")] = self._avg(name, "vendor", prompts[name], vendor.parameters)
        return prompt_sensitivity(figures, skipped, str(vendor))

    def _no_vendor(self, vendor: VendorSampling | None, ours: SamplingParameters) -> str | None:
        if vendor is None:
            return "the model's files state no temperature and no top-p"
        if ours.temperature == 0:
            return "evaluation.temperature is 0: one greedy sample each is not compared with sampling"
        return "the same as ours" if vendor.parameters == ours else None

    def _prompts(self) -> tuple[dict[str, list[Prompt]], dict[str, str]]:
        """Prompts by name of the template, and the reason for each template that is left out.

        Raises `UserError` if a prompt of the task itself does not fit the model's context.
        """
        found: dict[str, list[tuple[int, ...]]] = {}
        skipped: dict[str, str] = {}
        prompts = {}
        for template in templates():
            try:
                ids = prompts_under(template, self.questions, self.run)
                self._require_fitting(ids)
            except NotApplicableError as error:
                if template.name == OWN:
                    raise UserError(f"the task's own prompt cannot be measured: {error}") from error
                skipped[template.name] = str(error)
                continue
            if same := next((name for name, other in found.items() if other == ids), None):
                skipped[template.name] = f"with this model it gives the same tokens as {same!r}"
                continue
            found[template.name] = ids
            prompts[template.name] = self._asked(template, ids)
        return prompts, skipped

    def _require_fitting(self, ids: Sequence[tuple[int, ...]]) -> None:
        needed = max(map(len, ids)) + self.config.evaluation.max_new_tokens
        context = context_length(self.config.model.name)
        if context is not None and needed > context:
            raise NotApplicableError(
                f"prompt and response may take {needed} tokens, but the model reads {context}; lower evaluation.max_new_tokens"
            )

    def _asked(self, template: PromptTemplate, ids: Sequence[tuple[int, ...]]) -> list[Prompt]:
        each = self.config.evaluation.samples
        asked = [stopped_at(question, template.stops) for question in self.questions]
        return [Prompt(q, own, str(i)) for q, own in zip(asked, ids, strict=True) for i in range(each)]

    def _avg(self, name: str, sampling: Sampling, prompts: Sequence[Prompt], parameters: SamplingParameters) -> PolicyMeasures:
        samples = self._measured(f"prompt.{name}.{sampling}", prompts, parameters)
        return measure(samples, self.config.evaluation.pass_at)

    def _measured(self, label: str, prompts: Sequence[Prompt], parameters: SamplingParameters) -> Sequence[Sample]:
        # One stream for all: a question has the same random numbers under each prompt, those of `eval`.
        return self.run.measure(label, self.run.base, prompts, parameters, self.config.evaluation.seed, "")


def _partial_prompts(test: QuestionSet, control: ControlSet) -> tuple[list[PartialPrompt], list[PartialPrompt]]:
    """Of both sets, without questions that cannot be cut; if the sets are paired, without those whose counterpart cannot."""
    ours, theirs = ({q.id: partial_prompt(q) for q in side} for side in (test, control.questions))
    kept = [id for id in ours if not control.paired or (ours[id] and theirs.get(id))]
    fresh = [theirs[id] for id in kept] if control.paired else list(theirs.values())
    return [own for id in kept if (own := ours[id])], [own for own in fresh if own]


def question_limit(config: RunConfig, most: int) -> int:
    """`most`, or all questions of the split if there are fewer."""
    questions: QuestionSet = make_task(config).load(config.evaluation.split)
    return min(most, len(questions))
