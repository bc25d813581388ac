"""Self-distillation policy optimisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from sdzero_bench.training.cost import Passes, Typical, distilling
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.on_policy import Attempt
from sdzero_bench.training.options import SelfDistillationOptions, TeacherOptions
from sdzero_bench.training.run import Checkpoint, Run
from sdzero_bench.training.teacher_templates import FeedbackTemplate, SolutionTemplate


class SDPOOptions(MethodOptions, SelfDistillationOptions):
    group_size: int = Field(4, ge=2)
    """Rollouts of a question, among which a right one is looked for."""
    teacher_sees: Literal["sibling", "feedback", "both"] = "sibling"
    """Of the first other rollout that is right; of a wrong rollout itself, with what the verifier said; or the first, and
    where there is none the second. A rollout for which there is neither teaches nothing."""
    template: SolutionTemplate = "{prompt}\n\nA correct solution:\n\n{solution}\n\nNow solve the question correctly."
    feedback_template: FeedbackTemplate = (
        "{prompt}\n\nAn earlier attempt:\n\n{attempt}\n\nIt was judged wrong. {feedback}\n\nNow solve the question correctly."
    )
    teacher: TeacherOptions = TeacherOptions(weights="ema", decay=0.95)


class SDPO(Method):
    """On-policy distillation from the policy itself, which as a teacher reads a right answer among its own.

    Paper: Hübotter et al. 2026, "Reinforcement Learning via Self-Distillation", arXiv 2601.20802. Objective, for rollouts
    y_1..y_G ~ pi_theta(. | x): sum over t of kl(student at (x, y_<t), teacher at (x with z, y_<t)), where z is another right
    y_j or the verifier's feedback, and the teacher follows the student as a moving average.
    Departures: the loss is the mean over the tokens of a batch; groups of 4 for the budget's sake, where the paper has 8;
    the divergence is exact over the vocabulary; no importance sampling, since every rollout is of the policy of its step;
    the templates are worded anew.
    """

    name = "sdpo"
    summary = "on-policy self-distillation, the teacher reads a right rollout of the same group"
    paper = "arXiv 2601.20802"
    holds_teacher = True
    Options = SDPOOptions
    options: SDPOOptions

    def plan(self, questions: int) -> dict[str, int]:
        return {"sdpo": questions * self.options.group_size * self.options.epochs}

    def expected(self, questions: int, typical: Typical) -> dict[str, Passes]:
        """A rollout teaches only where there is another, right one; of a group of independent samples that is nearly each."""
        rollouts = questions * self.options.group_size * self.options.epochs
        taught = rollouts * (1 - (1 - typical.right) ** (self.options.group_size - 1))
        student = typical.prompt + typical.completion
        return {"sdpo": distilling(taught, student, student + typical.completion)}

    def train(self, run: Run) -> Checkpoint:
        options = self.options
        empty = {"solution": ""} if options.teacher_sees == "sibling" else {"attempt": "", "feedback": ""}
        template = options.template if options.teacher_sees == "sibling" else options.feedback_template
        longest = max(len(run.prompt_ids(q, template, **empty)) for q in run.questions)
        run.require_context(longest + 2 * run.sampling.max_new_tokens, "a prompt with a right response and another one")

        def teacher_context(attempt: Attempt, ids: Sequence[int]) -> list[int] | None:
            if options.teacher_sees != "feedback" and (right := next((s for s in attempt.siblings if s.right), None)):
                return run.prompt_ids(attempt.question, options.template, solution=right.text)
            if options.teacher_sees != "sibling" and attempt.sample.verdict.reward == 0.0:
                said = attempt.sample.verdict.detail
                return run.prompt_ids(attempt.question, options.feedback_template, attempt=attempt.sample.text, feedback=said)
            return None

        return run.self_distill("sdpo", run.base, run.questions, teacher_context, options, group=options.group_size)
