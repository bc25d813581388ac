"""SRPO: right samples by policy gradient, wrong ones by self-distillation."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from sdzero_bench.core.search_space import between, one_of, space
from sdzero_bench.training.advantages import centred, each_group
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.on_policy import Attempt
from sdzero_bench.training.options import DivergenceOptions, GroupDistillationOptions, TeacherOptions
from sdzero_bench.training.recipe import Phase, group_distillation
from sdzero_bench.training.run import Checkpoint, Run
from sdzero_bench.training.signal import Evidence, Signal, TokenWeights
from sdzero_bench.training.teacher_templates import SolutionTemplate, sibling_of


class SRPOOptions(MethodOptions, GroupDistillationOptions):
    entropy_weight: float = Field(1.0, ge=0)
    """b: a token's divergence is weighted by exp(-b H), where H is the entropy of the teacher's distribution."""
    template: SolutionTemplate = "{prompt}\n\nA correct solution:\n\n{solution}\n\nNow solve the question correctly."
    """What the teacher reads with a correct sibling as the solution."""
    divergence: DivergenceOptions = DivergenceOptions(kind="jsd", beta=0.5)
    teacher: TeacherOptions = TeacherOptions(weights="ema", decay=0.95)


class SRPO(Method):
    """Sample routing: a wrong rollout learns from a right sibling by distillation, every other one by its advantage.

    Paper: Li et al. 2026, "Unifying Group-Relative and Self-Distillation Policy Optimization via Sample Routing", arXiv
    2604.02288. Objective: for incorrect rollouts with a correct sibling, w_t D_t, where D_t is the Jensen-Shannon
    divergence of student and teacher, which reads the sibling, and w_t is exp(-b H_t) scaled to a mean of 1 over these
    tokens; for all others, the policy gradient A log pi(y_t) with A = r - mean(r) within the group. One mean over all
    tokens of a batch.
    Departures: the divergence is exact over the vocabulary, where the paper takes the top 100 and the rest; groups of 4 to
    fit the budget, where the paper has 8; one update per batch, so that no ratio is clipped, and none weighs the divergence;
    the template has its own wording.
    """

    name = "srpo"
    summary = "GRPO on right rollouts, distillation from a right sibling on wrong ones"
    paper = "arXiv 2604.02288"
    Options = SRPOOptions
    search = space({"entropy_weight": between(0.0, 2.0), "teacher.decay": one_of(0.9, 0.95, 0.99)})
    options: SRPOOptions

    def phases(self, questions: int) -> list[Phase]:
        return [group_distillation(self.name, questions, self.options, self.options.template, "sibling", distils=True)]

    def train(self, run: Run) -> Checkpoint:
        options = self.options

        def teacher_context(attempt: Attempt, ids: Sequence[int]) -> list[int] | None:
            right = sibling_of(attempt, right=True)
            if attempt.sample.right or right is None:
                return None
            return run.prompt_ids(attempt.question, options.template, solution=right.text)

        signal = Signal(self.weigh, each_group(centred))
        return run.self_distill(self.name, run.base, run.questions, teacher_context, options, options.group_size, signal)

    def weigh(self, known: Evidence) -> TokenWeights:
        """A and w_t of the objective."""
        distilled = known.taught.unsqueeze(1) & known.mask
        weights = (-self.options.entropy_weight * known.teacher_entropy).exp() * distilled
        tokens, total = known.total(float(distilled.sum())), known.total(float(weights.sum()))
        likelihood = known.advantage.unsqueeze(1) * ~distilled
        return TokenWeights(likelihood, weights * (tokens / total if total else 0.0))
