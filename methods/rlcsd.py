"""RLCSD: the gap between a teacher that reads a right response and one that reads a wrong one."""

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
from sdzero_bench.training.teacher_templates import SolutionTemplate, sibling_of


class RLCSDOptions(MethodOptions, GroupDistillationOptions):
    negatives: int = Field(4, gt=0)
    """K: wrong siblings that the contrasting teacher reads, at most; their probabilities are averaged."""
    temperature: float = Field(0.02, gt=0)
    """tau of the token reward."""
    strength: float = Field(0.5, gt=0)
    """lambda: largest token reward."""
    threshold: float = Field(0.02, ge=0)
    """delta: token rewards that are smaller are 0."""
    selected_weight: float = Field(1.0, ge=0)
    """eta: weight of the mean over tokens that have a token reward."""
    template: SolutionTemplate = "{prompt}\n\nA correct solution:\n\n{solution}\n\nNow solve the question correctly."
    """What the teacher reads with a sibling as the solution, a correct or an incorrect one."""
    teacher: TeacherOptions = TeacherOptions(weights="sync_every", every=10)


class RLCSD(Method):
    """A policy gradient with a token reward: what a right sibling says for a token, and wrong siblings do not.

    Paper: "RLCSD: Reinforcement Learning with Contrastive On-Policy Self-Distillation", 2026, arXiv 2606.11709, and its
    public code. Objective: with e_t = log teacher(y_t | right sibling) - log mean over k teacher(y_t | wrong sibling k) and
    R_t = lambda tanh(e_t / tau), the advantage of a token with |R_t| > delta is A + R_t, not beyond 0 on the other side of
    A, and 0 where A is 0; that of all others is A = (r - mean(r)) / (std(r) + 1e-4). The loss is the mean of -A_t log
    pi(y_t) over the others, plus eta times that over tokens with a token reward. Groups without both a correct and an
    incorrect response, and rollouts without both kinds of siblings, are left out.
    Departures: groups of 4 to fit the budget, where the paper has 8, so that more are left out; the right sibling is the first
    one, where the authors' code draws one; an incorrect sibling counts whether or not it states an answer; both means are over
    the tokens of a batch, where the code's are over those of a micro-batch; one update per batch, so that no ratio is clipped;
    the template has its own wording.
    """

    name = "rlcsd"
    summary = "GRPO with a token reward from teachers that read a right and a wrong sibling"
    paper = "arXiv 2606.11709"
    Options = RLCSDOptions
    search = space({"strength": between(0.1, 1.0), "temperature": between(0.01, 0.1, log=True)})
    options: RLCSDOptions

    def phases(self, questions: int) -> list[Phase]:
        contexts = 1 + min(self.options.negatives, self.options.group_size - 2)
        return [group_distillation(self.name, questions, self.options, self.options.template, "sibling", contexts)]

    def train(self, run: Run) -> Checkpoint:
        options = self.options

        def teacher_context(attempt: Attempt, ids: Sequence[int]) -> list[int] | None:
            right = sibling_of(attempt, right=True)
            return None if right is None else run.prompt_ids(attempt.question, options.template, solution=right.text)

        def contrast(attempt: Attempt) -> list[list[int]]:
            wrong = [s for s in attempt.siblings if s.verdict.reward == 0.0][: options.negatives]
            return [run.prompt_ids(attempt.question, options.template, solution=s.text) for s in wrong]

        signal = Signal(self.weigh, contrast=contrast)
        return run.self_distill(self.name, run.base, run.questions, teacher_context, options, options.group_size, signal)

    def weigh(self, known: Evidence) -> TokenWeights:
        """A_t of the objective, scaled so that one mean over all tokens is the sum of both."""
        options = self.options
        assert known.contrast is not None
        counted = (known.taught & known.contrasted).unsqueeze(1) & known.mask
        advantage = known.advantage.unsqueeze(1).expand_as(known.teacher)
        reward = options.strength * ((known.teacher - known.contrast) / options.temperature).tanh()
        chosen = (reward.abs() > options.threshold) & counted
        moved = (advantage + reward).clamp(min=0) * (advantage > 0) + (advantage + reward).clamp(max=0) * (advantage < 0)
        rest = counted & ~chosen
        tokens = [known.total(float(each.sum())) for each in (counted, rest, chosen)]
        scales = [tokens[0] / count if count else 0.0 for count in tokens[1:]]
        return TokenWeights(
            advantage * rest * scales[0] + options.selected_weight * moved * chosen * scales[1], counted=counted
        )
