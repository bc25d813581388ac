"""RLSD: the reward gives the sign of each token's step, the self-teacher its size."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from sdzero_bench.core.search_space import between, space
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.on_policy import Attempt
from sdzero_bench.training.options import GroupDistillationOptions, TeacherOptions
from sdzero_bench.training.recipe import Phase, group_distillation
from sdzero_bench.training.run import Checkpoint, Run
from sdzero_bench.training.signal import Evidence, Signal, TokenWeights
from sdzero_bench.training.teacher_templates import SolutionTemplate, answer_alone


class RLSDOptions(MethodOptions, GroupDistillationOptions):
    strength: float = Field(0.5, ge=0, le=1)
    """How much of the advantage the teacher modulates at first; it falls linearly to 0."""
    decay_steps: int = Field(50, gt=0)
    """Optimizer steps until it is 0, and the method GRPO."""
    clip: float = Field(0.2, gt=0)
    """The teacher's factor is clipped to [1 - clip, 1 + clip]."""
    template: SolutionTemplate = (
        "{prompt}\n\nThis is one way to answer it:\n\n{solution}\n\nNow answer in your own words, with your own reasoning."
    )
    teacher: TeacherOptions = TeacherOptions(weights="sync_every", every=1)


class RLSD(Method):
    """A policy gradient whose advantage is spread over the tokens by what a teacher that knows the answer says of each.

    Paper: Yang et al. 2026, "Self-Distilled RLVR", arXiv 2604.03128. Objective: A_t log pi(y_t) with A_t = A ((1 - s) + s
    clip(exp(sign(A) u_t), 1 - clip, 1 + clip)), where A = (r - mean(r)) / (std(r) + 1e-4) within a group, u_t = log
    teacher(y_t) - log pi(y_t), and s falls from `strength` to 0.
    Departures: the teacher reads the gold answer (the gold solution for tasks without answers), where the paper also has
    verified reasoning traces; the mean is over the tokens of a batch, where the paper's is over each response first; one
    update per batch, so that no ratio is clipped. The authors' code is not public: `strength`, `decay_steps`, `clip` and the
    current policy as the teacher are those of later papers that compare with it, whose groups are of 8, and here of 4 to fit
    the budget.
    """

    name = "rlsd"
    summary = "GRPO whose steps per token are sized by a self-teacher that reads the answer"
    paper = "arXiv 2604.03128"
    supervision = "verifier rewards and gold answers"
    Options = RLSDOptions
    search = space({"strength": between(0.1, 1.0), "clip": between(0.1, 0.5)})
    options: RLSDOptions

    def phases(self, questions: int) -> list[Phase]:
        return [group_distillation(self.name, questions, self.options, self.options.template, "answer")]

    def train(self, run: Run) -> Checkpoint:
        shown = {q.id: answer_alone(q) if q.answer else run.demonstration(q) for q in run.questions}
        contexts = {q.id: run.prompt_ids(q, self.options.template, solution=shown[q.id]) for q in run.questions}

        def teacher_context(attempt: Attempt, ids: Sequence[int]) -> list[int]:
            return contexts[attempt.question.id]

        return run.self_distill(
            self.name, run.base, run.questions, teacher_context, self.options, self.options.group_size, Signal(self.weigh)
        )

    def weigh(self, known: Evidence) -> TokenWeights:
        """A_t of the objective."""
        strength = self.options.strength * max(0.0, 1 - known.step / self.options.decay_steps)
        advantage = known.advantage.unsqueeze(1)
        factor = (
            (advantage.sign() * known.evidence * known.taught.unsqueeze(1))
            .exp()
            .clamp(1 - self.options.clip, 1 + self.options.clip)
        )
        return TokenWeights(advantage * (1 - strength + strength * factor))
