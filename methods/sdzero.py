"""Self-Distillation Zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.search_space import between, one_of, space
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


class DistillationOptions(SelfDistillationOptions):
    end_in_prefix: bool = False
    """Keep the end-of-turn token of y in the teacher's context before P_r (probably so in the public code)."""
    cut: Literal["wrong", "leave out"] = "wrong"
    """What becomes of a response that was cut at its limit: its teacher is told that it was wrong (public code), or it is left
    out of the loss."""


PUBLIC_CODE: dict[str, Any] = {
    "srt_share": 0.2,
    "srt": {
        "phrases": "code-qwen",
        "responses": 3,
        "tuples": "wrong_first",
        "objective": "two_stage",
        "revision_turn": "user",
        "prompts": {
            "collection": "Solve the problem step by step, and put the final answer in \\boxed{}.",
            "training": "You solve mathematical problems. The final answer is in \\boxed{}.",
        },
    },
    "distill": {
        "epochs": 2,
        "divergence": {"kind": "mixed", "top_k": 64},
        "end_in_prefix": True,
        "learning_rate": 5e-6,
        "optimizer": {"schedule": "constant_with_warmup", "weight_decay": 0.01, "beta1": 0.9, "beta2": 0.999},
    },
}
"""What princeton-pli/Self-Distillation-Zero does at its commit fdaeb0b where it differs from the paper. The system messages are
where the code has its own, in other words. Fewer questions are for SRT, so that 3 times 3 revisions of each fit the budget; the
epochs of distillation use the rest of it."""


class SDZeroOptions(MethodOptions):
    RECIPES: ClassVar[Mapping[str, dict[str, Any]]] = {"public-code": PUBLIC_CODE}

    recipe: Literal["paper", "public-code"] = "paper"
    """public-code sets the options below as the public code has them, but for those that are given besides."""
    srt: SRTOptions = SRTOptions()
    distill: DistillationOptions = DistillationOptions()
    srt_share: float = Field(0.4, gt=0, lt=1)
    """Share of the questions for SRT; distillation has the rest. The paper's best split is 6K : 9K."""
    phases: Literal["both", "distill"] = "both"
    """distill: without SRT, the base policy is its own reviser, on the same questions in phase 2 (the paper's Table 12)."""
    teacher_told: Literal["reward", "opposite", "right", "wrong"] = "reward"
    """Which P_r the teacher of phase 2 reads: that of the reward, that of the opposite reward, or always the same one. All but
    the first are controls: does the content of the phrase matter?"""

    @model_validator(mode="before")
    @classmethod
    def _recipe(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("recipe") == "public-code":
            return _merged(PUBLIC_CODE, given)
        return given

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
    search = space(
        {
            "srt.epochs": one_of(1, 2, 3, 4),
            "srt_share": between(0.2, 0.6),
            "distill.divergence.kind": one_of("reverse", "mixed", "jsd"),
        }
    )
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

        distill = self.options.distill

        def teacher_context(attempt: Attempt, ids: Sequence[int]) -> list[int] | None:
            """x, y, P_r: what the teacher reads before the second copy of y."""
            if distill.cut == "leave out" and attempt.sample.finish == "length":
                return None
            reward = self.options.told(attempt.sample.verdict.reward or 0.0)
            return run.reviser_context(attempt.question, ids, phrases.after(reward), keep_end=distill.end_in_prefix)

        return run.self_distill(DISTILLATION, reviser, for_distillation, teacher_context, self.options.distill)


def _merged(defaults: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The given options over the defaults, section by section."""
    result = {**defaults, **given}
    for key in defaults.keys() & given.keys():
        if isinstance(defaults[key], dict) and isinstance(given[key], dict):
            result[key] = _merged(defaults[key], given[key])
    return result
