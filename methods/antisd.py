"""Anti-self-distillation: ascent on the divergence from a teacher that reads a right response."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from pydantic import Field

from sdzero_bench.core.search_space import between, space
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.on_policy import Attempt
from sdzero_bench.training.options import GroupDistillationOptions, TeacherOptions
from sdzero_bench.training.recipe import Phase, group_distillation
from sdzero_bench.training.run import Checkpoint, Run
from sdzero_bench.training.signal import Evidence, Signal, TokenWeights
from sdzero_bench.training.teacher_templates import VerdictTemplate, sibling_of


class AntiSDOptions(MethodOptions, GroupDistillationOptions):
    strength: float = Field(0.5, gt=0)
    """lambda: weight of the token term while the gate is open."""
    warmup_steps: int = Field(5, gt=0)
    """Steps without the token term, over which the teacher's entropy is measured."""
    floor: float = Field(0.93, gt=0, le=1)
    """The gate closes where the teacher's entropy is below this share of the measured one, and opens at the measured one."""
    template: VerdictTemplate = (
        "{prompt}\n\nA correct solution:\n\n{solution}\n\nYour own answer was {verdict}. Now solve the question correctly."
    )
    teacher: TeacherOptions = TeacherOptions(weights="sync_every", every=1)


class AntiSD(Method):
    """A policy gradient that moves away from what a teacher with a right response would write, while entropy stays high.

    Paper: Shen et al. 2026, "Anti-Self-Distillation for Reasoning RL via Pointwise Mutual Information", arXiv 2605.11609,
    Algorithm 1. Objective: A_t log pi(y_t) with A_t = A - g lambda phi(u_t), phi(u) = (softplus(u) - log 2) / 2 and u_t =
    log teacher(y_t) - log pi(y_t), which ascends the Jensen-Shannon divergence of student and teacher; A = (r - mean(r)) /
    (std(r) + 1e-4) within a group. The gate g is 1 or 0 by the median over the batch of the teacher's entropy, compared
    with that of the first steps: their mean, and open after them unless it closes, neither of which the paper states.
    Departures: where no other rollout of the group is correct, there is no token term, and the entropy is that of the policy
    at the question alone, where the paper takes the gold solution; a program's verdict is correct or incorrect, where the
    paper says how many tests it passes; with several processes, the median is the mean of theirs; groups of 4 to fit the
    budget, where the paper has 8; the template has its own wording.
    """

    name = "antisd"
    summary = "GRPO that moves away from a self-teacher with a right sibling, behind an entropy gate"
    paper = "arXiv 2605.11609"
    Options = AntiSDOptions
    search = space({"strength": between(0.1, 1.0), "floor": between(0.8, 0.99)})
    options: AntiSDOptions

    def phases(self, questions: int) -> list[Phase]:
        return [group_distillation(self.name, questions, self.options, self.options.template, "sibling")]

    def train(self, run: Run) -> Checkpoint:
        options = self.options

        def teacher_context(attempt: Attempt, ids: Sequence[int]) -> list[int] | None:
            if (right := sibling_of(attempt, right=True)) is None:
                return None
            verdict = "correct" if attempt.sample.right else "incorrect"
            return run.prompt_ids(attempt.question, options.template, solution=right.text, verdict=verdict)

        return run.self_distill(
            self.name, run.base, run.questions, teacher_context, options, options.group_size, Signal(self.weigh)
        )

    def weigh(self, known: Evidence) -> TokenWeights:
        """A_t of the objective."""
        processes = known.total(1.0)
        entropies = known.teacher_entropy[known.mask]
        entropy = known.total(float(entropies.median()) if len(entropies) else 0.0) / processes
        gate = self.gate(entropy, known)
        u = known.evidence
        phi = (u.relu() + (-u.abs()).exp().log1p() - math.log(2)) / 2  # softplus without an overflow
        likelihood = known.advantage.unsqueeze(1) - gate * self.options.strength * phi * known.taught.unsqueeze(1)
        return TokenWeights(likelihood, figures={"teacher_entropy": entropy, "gate": gate})

    def gate(self, entropy: float, known: Evidence) -> float:
        """1 or 0: open or closed. Between the floor and the measured entropy it stays as it was."""
        measured = [row["teacher_entropy"] for row in known.history if "teacher_entropy" in row]
        if len(measured) < self.options.warmup_steps:
            return 0.0
        level = fmean(measured[: self.options.warmup_steps])
        if entropy >= level:
            return 1.0
        before = [row["gate"] for row in known.history if "gate" in row][self.options.warmup_steps :]
        return 0.0 if entropy < self.options.floor * level else (before[-1] if before else 1.0)
