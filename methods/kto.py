"""Kahneman-Tversky optimization on verified samples."""

from __future__ import annotations

from pydantic import Field

from sdzero_bench.core.search_space import between, one_of, space
from sdzero_bench.training.cost import Passes, Typical
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.options import PreferenceOptions
from sdzero_bench.training.preference_data import Judged
from sdzero_bench.training.recipe import Phase
from sdzero_bench.training.run import Checkpoint, Run
from sdzero_bench.training.samples import by_question

SAMPLES = "kto.sample"


class KTOOptions(MethodOptions, PreferenceOptions):
    samples: int = Field(4, gt=0)
    """Samples per question."""


class KTO(Method):
    """Make right samples more likely and wrong ones less, without pairs.

    Paper: Ethayarajh et al. 2024, "KTO: Model Alignment as Prospect Theoretic Optimization", arXiv 2402.01306, equation 8.
    Objective, with R = log pi(y | x) / base(y | x): lambda_D (1 - sigmoid(beta (R - z))) for correct samples of the base policy
    and lambda_U (1 - sigmoid(beta (z - R))) for incorrect ones, where z estimates kl(policy, base policy): the mean of R over
    the rows of a micro-batch, each with the completion of the row before, and at least 0. The smaller kind weighs more, so
    that lambda_D times the number of correct samples is lambda_U times that of incorrect ones, which is within equation 9.
    The loss is TRL's KTOTrainer.
    Departures: the samples are the base policy's own, and the verifier judges them, where the paper has given responses with
    labels of people; a row's completion for z may answer the same question.
    """

    name = "kto"
    summary = "KTO on the base policy's own right and wrong samples, unpaired"
    paper = "arXiv 2402.01306"
    Options = KTOOptions
    search = space({"beta": between(0.03, 0.3, log=True), "epochs": one_of(1, 2, 3)})
    options: KTOOptions

    def phases(self, questions: int) -> list[Phase]:
        samples = questions * self.options.samples

        def passes(typical: Typical) -> Passes:
            tokens = typical.prompt + typical.completion
            trained = samples * tokens * self.options.epochs
            # Without a gradient: the KL's completions by the policy, and both kinds by the reference policy.
            return Passes(trained, 3 * trained, tokens, tokens)

        return [Phase(SAMPLES, "sample", samples), Phase(self.name, "preference", passes=passes)]

    def train(self, run: Run) -> Checkpoint:
        samples = run.sample(SAMPLES, run.base, run.ask(run.questions, self.options.samples))
        judged = [
            Judged(tuple(run.prompt_ids(question)), sample.token_ids, sample.right)
            for question, own in by_question(run.questions, samples)
            for sample in own
            if sample.verdict.reward is not None
        ]
        return run.preference(self.name, run.base, judged, self.options)
