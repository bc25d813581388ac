"""Self-distilled policy gradient."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from sdzero_bench.core.search_space import between, one_of, space
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.on_policy import Attempt
from sdzero_bench.training.options import GroupDistillationOptions, TeacherOptions
from sdzero_bench.training.recipe import Phase, group_distillation
from sdzero_bench.training.run import Checkpoint, Run
from sdzero_bench.training.signal import Evidence, Signal, TokenWeights
from sdzero_bench.training.teacher_templates import SolutionTemplate, answer_alone


class SDPGOptions(MethodOptions, GroupDistillationOptions):
    distill_weight: float = Field(1e-3, ge=0)
    """beta: weight of the divergence on rollouts with a positive advantage."""
    warmup: float = Field(0.125, ge=0, le=1)
    """Share of the steps over which the weight of the divergence rises from 0 (the paper: 50 of 400)."""
    decay: float = Field(0.875, ge=0, le=1)
    """Share of the steps, the last ones, over which it falls to 0 (the paper: 350 of 400)."""
    kl_weight: float = Field(1e-3, ge=0)
    """alpha: weight of the divergence from the base policy; 0 keeps no reference model."""
    template: SolutionTemplate = (
        "{prompt}\n\nThis is one way to answer it:\n\n{solution}\n\nNow answer in your own words, with your own reasoning."
    )
    teacher: TeacherOptions = TeacherOptions(weights="sync_every", every=1)


class SDPG(Method):
    """A policy gradient, and on rollouts better than their group a divergence from the policy itself that reads the answer.

    Paper: Liu et al. 2026, "Self-Distilled Policy Gradient", arXiv 2606.04036. Objective: -A log pi(y_t) + beta(step) 1[A > 0]
    kl(student, teacher) + alpha / 2 (log pi(y_t) / base(y_t))^2, with A = (r - mean(r)) / (std(r) + 1e-4) within a group, the
    teacher being the current policy with the answer in its prompt, and beta rising to its value and falling to 0.
    Departures: the teacher reads the gold answer alone (the gold solution for tasks without answers), as in the public code,
    where the paper has text of another model; groups of 4 to fit the budget, where the paper has 8; one update per batch, so
    that no ratio is clipped; the template has its own wording. The gate on A and the schedule of beta are the paper's; the
    authors' script switches both off.
    """

    name = "sdpg"
    summary = "GRPO plus divergence from a self-teacher that reads the answer, and from the base"
    paper = "arXiv 2606.04036"
    supervision = "verifier rewards and gold answers"
    Options = SDPGOptions
    search = space({"distill_weight": between(0.0001, 0.1, log=True), "kl_weight": one_of(0.0, 0.001, 0.01)})
    options: SDPGOptions

    def phases(self, questions: int) -> list[Phase]:
        options = self.options
        return [
            group_distillation(
                self.name, questions, options, options.template, "answer", 1, options.kl_weight > 0, distils=True
            )
        ]

    def train(self, run: Run) -> Checkpoint:
        options = self.options
        shown = {q.id: answer_alone(q) if q.answer else run.demonstration(q) for q in run.questions}
        contexts = {q.id: run.prompt_ids(q, options.template, solution=shown[q.id]) for q in run.questions}

        def teacher_context(attempt: Attempt, ids: Sequence[int]) -> list[int]:
            return contexts[attempt.question.id]

        signal = Signal(self.weigh, reference=options.kl_weight > 0)
        return run.self_distill(self.name, run.base, run.questions, teacher_context, options, options.group_size, signal)

    def weigh(self, known: Evidence) -> TokenWeights:
        """The weights of the objective. The gradient of the last term is that of alpha sg(log pi / base) log pi."""
        advantage = known.advantage.unsqueeze(1).expand_as(known.student)
        likelihood = advantage
        if known.reference is not None:
            likelihood = likelihood - self.options.kl_weight * (known.student - known.reference)
        beta = self.options.distill_weight * self.schedule(known.step, known.steps)
        return TokenWeights(likelihood, beta * ((advantage > 0) & known.taught.unsqueeze(1)).float())

    def schedule(self, step: int, steps: int) -> float:
        """Factor of beta: it rises from 0 over the first steps, and falls to 0 over the last ones."""
        warmup, decay = self.options.warmup * steps, self.options.decay * steps
        return min(1.0, step / warmup if warmup else 1.0) * min(1.0, (steps - step) / decay if decay else 1.0)
