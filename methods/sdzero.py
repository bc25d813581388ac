"""Self-Distillation Zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from sdzero_bench.core.errors import UserError
from sdzero_bench.methods.srt import REVISER, SRTOptions, self_revision_training, srt_phases
from sdzero_bench.training.cost import Passes, Typical, TypicalSample, distilling
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.needs import Lengths, Need, taught
from sdzero_bench.training.on_policy import Attempt
from sdzero_bench.training.options import SelfDistillationOptions
from sdzero_bench.training.phrases import ControlPhrases
from sdzero_bench.training.recipe import Phase
from sdzero_bench.training.run import Checkpoint, Run

DISTILLATION = "distill"
SHORTENING = 0.15
"""For plans: how far the mean rollout of phase 2 is on the way from the base policy's length to the reviser's, with which it
starts; as in the runs of results/micro."""


class SDZeroOptions(MethodOptions):
    srt: SRTOptions = SRTOptions()
    distill: SelfDistillationOptions = SelfDistillationOptions()
    srt_share: float = Field(0.4, gt=0, lt=1)
    """Share of the questions for SRT; distillation has the rest. The paper's best split is 6K : 9K."""
    phases: Literal["both", "distill"] = "both"
    """distill: without SRT, the base policy is its own reviser, on the same questions in phase 2 (the paper's Table 12)."""
    teacher_told: Literal["reward", "opposite", "right", "wrong"] = "reward"
    """Which P_r the teacher of phase 2 reads: that of the reward, that of the opposite reward, or always the same one. All but
    the first are controls: does the content of the phrase matter?"""

    def told(self, reward: float) -> float:
        """The reward whose phrase the teacher reads."""
        return {"reward": reward, "opposite": 1.0 - reward, "right": 1.0, "wrong": 0.0}[self.teacher_told]


class SDZero(Method):
    """Learn to revise (SRT), then distil the reviser into answering without a revision.

    Paper: Self-Distillation Zero, arXiv 2604.12002. Objective of phase 2, for y ~ pi_theta(. | x) of the current policy:
    sum over t of kl(student at (x, y_<t), teacher at (x, y, P_r, y_<t)), the teacher being the SRT policy. P_r is chosen
    by the verifier.
    Departures: the loss is the mean over the tokens of a batch (TRL's), not a sum; the divergence is exact over the
    vocabulary by default, where the public code takes the top 64 and mixes both directions. No question serves both
    phases. Without SRT (an option) the questions of phase 1 are not used, so that phase 2 is the same.
    """

    name = "sdzero"
    summary = "self-revision training, then on-policy self-distillation from the reviser"
    paper = "arXiv 2604.12002"
    Options = SDZeroOptions
    options: SDZeroOptions

    @property
    def reviser(self) -> str | None:
        return REVISER if self.options.phases == "both" else None

    @property
    def phrases(self) -> ControlPhrases:
        return self.options.srt.phrases

    def phases(self, questions: int) -> list[Phase]:
        first = round(questions * self.options.srt_share)
        if not 0 < first < questions:
            raise UserError(f"{questions} training questions are too few for SD-Zero's two phases")
        rollouts = (questions - first) * self.options.distill.epochs

        after_srt = self.options.phases == "both"

        def drawn(typical: Typical) -> TypicalSample:
            new = typical.completion + SHORTENING * (typical.revised - typical.completion) * after_srt
            return TypicalSample(typical.prompt, new)

        def passes(typical: Typical) -> Passes:
            new = drawn(typical).new
            student = typical.prompt + new
            return distilling(rollouts, student, student + new + typical.phrase, self.options.distill, completions=2)

        def needs(lengths: Lengths) -> list[Need]:
            tokens = lengths.prompt + 2 * lengths.response + lengths.phrase(self.phrases)
            limit = self.options.distill.max_teacher_tokens
            return [taught("a teacher's prompt with a response twice", tokens, limit, "method.distill.max_teacher_tokens")]

        srt = srt_phases(self.options.srt, first, kept_as=REVISER) if after_srt else []
        distillation = Phase(
            DISTILLATION,
            "self_distill",
            rollouts,
            passes,
            needs=needs,
            drawn=drawn,
            revision=lambda typical: typical.completion if after_srt else typical.of_revision,
        )
        return [*srt, distillation]

    def train(self, run: Run) -> Checkpoint:
        phrases = self.phrases
        for_srt, for_distillation = run.questions.split(self.options.srt_share)
        reviser = run.base
        if self.options.phases == "both":
            reviser = self_revision_training(run, for_srt, self.options.srt)
            run.keep(REVISER, reviser)

        def teacher_context(attempt: Attempt, ids: Sequence[int]) -> list[int]:
            """x, y, P_r: what the teacher reads before the second copy of y."""
            reward = self.options.told(attempt.sample.verdict.reward or 0.0)
            return run.reviser_context(attempt.question, ids, phrases.after(reward))

        return run.self_distill(DISTILLATION, reviser, for_distillation, teacher_context, self.options.distill)
