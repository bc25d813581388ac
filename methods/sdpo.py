"""Self-distillation policy optimization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from sdzero_bench.core.search_space import one_of, space
from sdzero_bench.training.cost import Passes, Typical, distilling
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.needs import Lengths, Need, taught
from sdzero_bench.training.on_policy import Attempt
from sdzero_bench.training.options import SelfDistillationOptions, TeacherOptions
from sdzero_bench.training.recipe import Phase
from sdzero_bench.training.run import Checkpoint, Run
from sdzero_bench.training.teacher_templates import FeedbackTemplate, SolutionTemplate


class SDPOOptions(MethodOptions, SelfDistillationOptions):
    group_size: int = Field(4, ge=2)
    """Rollouts per question."""
    teacher_sees: Literal["sibling", "feedback", "both"] = "sibling"
    """sibling: the first other rollout of the group that is correct. feedback: the rollout itself, if it is incorrect, with
    the verifier's message. both: the sibling if there is one, else the feedback. A rollout with neither is left out of the
    loss."""
    template: SolutionTemplate = "{prompt}\n\nA correct solution:\n\n{solution}\n\nNow solve the question correctly."
    """What the teacher reads with a correct sibling as the solution."""
    feedback_template: FeedbackTemplate = (
        "{prompt}\n\nAn earlier attempt:\n\n{attempt}\n\nIt was judged wrong. {feedback}\n\nNow solve the question correctly."
    )
    """What the teacher reads with the verifier's feedback."""
    teacher: TeacherOptions = TeacherOptions(weights="ema", decay=0.95)


class SDPO(Method):
    """On-policy distillation from the policy itself, which as the teacher also reads a correct response of its own.

    Paper: Hübotter et al. 2026, "Reinforcement Learning via Self-Distillation", arXiv 2601.20802. Objective, for rollouts
    y_1..y_G ~ pi_theta(. | x): sum over t of kl(student at (x, y_<t), teacher at (x with z, y_<t)), where z is another correct
    y_j or the verifier's feedback, and the teacher follows the student as a moving average.
    Departures: the loss is the mean over the tokens of a batch; groups of 4 to fit the budget, where the paper has 8; the
    divergence is exact over the vocabulary; no importance sampling, since every rollout is by the policy of its step; the
    templates have their own wording.
    """

    name = "sdpo"
    summary = "on-policy self-distillation, the teacher reads a right rollout of the same group"
    paper = "arXiv 2601.20802"
    Options = SDPOOptions
    search = space({"divergence.kind": one_of("reverse", "forward", "jsd"), "teacher.decay": one_of(0.9, 0.95, 0.99)})
    options: SDPOOptions

    def phases(self, questions: int) -> list[Phase]:
        rollouts = questions * self.options.group_size * self.options.epochs

        def passes(typical: Typical) -> Passes:
            # A rollout is trained on if another of its group is correct, as if samples were independent.
            taught = rollouts * (1 - (1 - typical.right) ** (self.options.group_size - 1))
            student = typical.prompt + typical.completion
            return distilling(taught, student, student + typical.completion, self.options, completions=2)

        def needs(lengths: Lengths) -> list[Need]:
            options = self.options
            template = options.template if options.teacher_sees == "sibling" else options.feedback_template
            tokens = lengths.rewritten(template) + 2 * lengths.response
            return [taught("a teacher's prompt with two responses", tokens, options.max_teacher_tokens)]

        return [Phase(self.name, "self_distill", rollouts, passes, needs=needs)]

    def train(self, run: Run) -> Checkpoint:
        options = self.options

        def teacher_context(attempt: Attempt, ids: Sequence[int]) -> list[int] | None:
            if options.teacher_sees != "feedback" and (right := next((s for s in attempt.siblings if s.right), None)):
                return run.prompt_ids(attempt.question, options.template, solution=right.text)
            if options.teacher_sees != "sibling" and attempt.sample.verdict.reward == 0.0:
                said = attempt.sample.verdict.detail
                return run.prompt_ids(attempt.question, options.feedback_template, attempt=attempt.sample.text, feedback=said)
            return None

        return run.self_distill(self.name, run.base, run.questions, teacher_context, options, group=options.group_size)
