"""On-policy self-distillation conditioned on solutions."""

from __future__ import annotations

from collections.abc import Sequence

from sdzero_bench.core.search_space import between, space
from sdzero_bench.training.cost import Passes, Typical, distilling
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.needs import Lengths, Need, taught
from sdzero_bench.training.on_policy import Attempt
from sdzero_bench.training.options import DivergenceOptions, SelfDistillationOptions
from sdzero_bench.training.recipe import Phase
from sdzero_bench.training.run import Checkpoint, Run
from sdzero_bench.training.teacher_templates import SolutionTemplate


class OPSDOptions(MethodOptions, SelfDistillationOptions):
    epochs: int = 4
    template: SolutionTemplate = (
        "{prompt}\n\nA reference solution:\n\n{solution}\n\nNow solve the problem by your own approach."
    )
    divergence: DivergenceOptions = DivergenceOptions(kind="jsd", beta=0.5)


class OPSD(Method):
    """On-policy distillation from the base policy, which as the teacher also reads a reference solution.

    Paper: Zhao et al. 2026, "Self-Distilled Reasoner: On-Policy Self-Distillation for Large Language Models", arXiv
    2601.18734. Objective, for y ~ pi_theta(. | x): sum over t of the generalised Jensen-Shannon divergence between the
    student at (x, y_<t) and the frozen base policy at (x with y*, y_<t), over the whole vocabulary.
    It differs from `sdft` in its teacher, which remains the base policy, and in its divergence.
    Departures: the loss is the mean over the tokens of a batch; the divergence of a token is not clipped, which the public
    code added later; the teacher writes no rationalisation before it teaches; the template has its own wording.
    """

    name = "opsd"
    summary = "on-policy self-distillation from the frozen base policy, which reads the gold solution"
    paper = "arXiv 2601.18734"
    supervision = "gold solutions"
    Options = OPSDOptions
    search = space({"divergence.beta": between(0.1, 0.9)})
    options: OPSDOptions

    def phases(self, questions: int) -> list[Phase]:
        rollouts = questions * self.options.epochs

        def passes(typical: Typical) -> Passes:
            student = typical.prompt + typical.completion
            return distilling(rollouts, student, student + typical.solution, self.options)

        def needs(lengths: Lengths) -> list[Need]:
            tokens = lengths.rewritten(self.options.template, "solution") + lengths.response
            return [taught("a prompt with the gold solution and a response", tokens, self.options.max_teacher_tokens)]

        return [Phase(self.name, "self_distill", rollouts, passes, needs=needs)]

    def train(self, run: Run) -> Checkpoint:
        contexts = {q.id: run.prompt_ids(q, self.options.template, solution=run.demonstration(q)) for q in run.questions}

        def teacher_context(attempt: Attempt, ids: Sequence[int]) -> list[int]:
            return contexts[attempt.question.id]

        return run.self_distill(self.name, run.base, run.questions, teacher_context, self.options)
