"""Self-distillation fine-tuning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sdzero_bench.core.search_space import one_of, space
from sdzero_bench.training.cost import Passes, Typical, distilling
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.needs import Lengths, Need, taught
from sdzero_bench.training.on_policy import Attempt
from sdzero_bench.training.options import SelfDistillationOptions, TeacherOptions
from sdzero_bench.training.recipe import Phase
from sdzero_bench.training.run import Checkpoint, Run
from sdzero_bench.training.teacher_templates import SolutionTemplate, answer_alone


class SDFTOptions(MethodOptions, SelfDistillationOptions):
    epochs: int = 4
    teacher_sees: Literal["solution", "answer"] = "solution"
    """The gold solution, or only the final answer (SD-Zero's Table 8)."""
    template: SolutionTemplate = (
        "{prompt}\n\nThis is one way to answer it:\n\n{solution}\n\nNow answer in your own words, with your own reasoning."
    )
    teacher: TeacherOptions = TeacherOptions(weights="ema", decay=0.99)


class SDFT(Method):
    """On-policy distillation from the policy itself, which as the teacher also reads the gold solution.

    Paper: Shenfeld et al. 2026, "Self-Distillation Enables Continual Learning", arXiv 2601.19897; SD-Zero's baseline of the
    same name. Objective, for y ~ pi_theta(. | x): sum over t of kl(student at (x, y_<t), teacher at (x with y*, y_<t)), the
    teacher following the student as a moving average.
    Departures: the loss is the mean over the tokens of a batch; the divergence is exact over the vocabulary; the template has
    its own wording. SD-Zero does not say which teacher its baseline had: method.teacher.weights chooses.
    """

    name = "sdft"
    summary = "on-policy self-distillation, the teacher reads the gold solution"
    paper = "arXiv 2601.19897"
    Options = SDFTOptions
    search = space(
        {
            "divergence.kind": one_of("reverse", "forward", "jsd"),
            "teacher.decay": one_of(0.95, 0.99, 0.999),
        }
    )
    options: SDFTOptions

    @property
    def supervision(self) -> str:
        return "gold solutions" if self.options.teacher_sees == "solution" else "gold answers"

    def phases(self, questions: int) -> list[Phase]:
        rollouts = questions * self.options.epochs

        def passes(typical: Typical) -> Passes:
            student = typical.prompt + typical.completion
            reference = typical.solution if self.options.teacher_sees == "solution" else 0.0
            return distilling(rollouts, student, student + reference, self.options)

        def needs(lengths: Lengths) -> list[Need]:
            tokens = lengths.rewritten(self.options.template, self.options.teacher_sees) + lengths.response
            return [taught("a prompt with its gold reference and a response", tokens, self.options.max_teacher_tokens)]

        return [Phase(self.name, "self_distill", rollouts, passes, needs=needs)]

    def train(self, run: Run) -> Checkpoint:
        template, answer_only = self.options.template, self.options.teacher_sees == "answer"
        reference = {q.id: answer_alone(q) if answer_only else run.demonstration(q) for q in run.questions}
        contexts = {q.id: run.prompt_ids(q, template, solution=reference[q.id]) for q in run.questions}

        def teacher_context(attempt: Attempt, ids: Sequence[int]) -> list[int]:
            return contexts[attempt.question.id]

        return run.self_distill(self.name, run.base, run.questions, teacher_context, self.options)
