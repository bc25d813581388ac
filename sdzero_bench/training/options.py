"""Options of on-policy training; apart from the code they control, so that listing methods does not import torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from sdzero_bench.core.settings import Options
from sdzero_bench.training.advantages import Advantage
from sdzero_bench.training.on_policy import Attempt


class DivergenceOptions(Options):
    """Which divergence between the student's and the teacher's next-token distributions is minimised."""

    kind: Literal["reverse", "forward", "mixed", "jsd"] = "reverse"
    """reverse: kl(student, teacher), the paper's equation. forward: kl(teacher, student). mixed: their weighted sum, the
    public code's default. jsd: the generalised Jensen-Shannon divergence, beta * kl(teacher, m) + (1 - beta) * kl(student, m)
    with m = beta * teacher + (1 - beta) * student (Agarwal et al. 2023, arXiv 2306.13649)."""
    forward_weight: float = Field(0.5, ge=0, le=1)
    """Weight of kl(teacher, student) in `mixed`; kl(student, teacher) has the rest."""
    beta: float = Field(0.5, gt=0, lt=1)
    """Weight of the teacher in `jsd`."""
    top_k: int | None = Field(None, gt=0)
    """Only the teacher's k most likely tokens, both distributions renormalised over them (the public code: 64); null is
    the exact sum over the vocabulary."""


class TeacherOptions(Options):
    """Weights of the teacher."""

    weights: Literal["frozen", "sync_every", "sync_on_plateau", "ema"] = "frozen"
    """frozen: the policy's weights as training begins; sync_every: copied each `every` steps; sync_on_plateau: when the
    mean reward no longer rises; ema: their moving average."""
    every: int = Field(50, gt=0)
    """`sync_every`: optimizer steps between two copies of the student into the teacher."""
    patience: int = Field(20, gt=0)
    """`sync_on_plateau`: copy when the mean reward of the last `patience` steps is no better than that of the `patience` steps
    before them."""
    minimum_gain: float = Field(0.0, ge=0)
    """`sync_on_plateau`: a gain in mean reward of at most this much does not count as better."""
    decay: float = Field(0.99, gt=0, lt=1)
    """`ema`: after each step, teacher = decay * teacher + (1 - decay) * student."""


class OwnOptimizer(Options):
    """Settings of this phase instead of those of the section `optimizer`; null: the same."""

    schedule: Literal["cosine", "linear", "constant_with_warmup"] | None = None
    """null: `optimizer.schedule`."""
    weight_decay: float | None = Field(None, ge=0)
    """null: `optimizer.weight_decay`."""
    beta1: float | None = Field(None, ge=0, lt=1)
    """null: `optimizer.beta1`."""
    beta2: float | None = Field(None, ge=0, lt=1)
    """null: `optimizer.beta2`."""

    def changes(self) -> dict[str, str | float]:
        return self.model_dump(exclude_none=True)


class SelfDistillationOptions(Options):
    """On-policy self-distillation: the student learns from the same policy in a context that contains more."""

    epochs: int = Field(1, gt=0)
    """Passes over the questions, each rollout by the policy of its step."""
    divergence: DivergenceOptions = DivergenceOptions()
    """What is minimised between student and teacher."""
    teacher: TeacherOptions = TeacherOptions()
    """Which weights the teacher has."""
    max_teacher_tokens: int = Field(32_768, gt=0)
    """Longest teacher input; a response that would make it longer is truncated for student and teacher alike."""
    learning_rate: float | None = Field(None, gt=0)
    """Instead of optimizer.learning_rate."""
    optimizer: OwnOptimizer = OwnOptimizer()
    """Settings of the optimizer for this phase alone."""


class GroupDistillationOptions(SelfDistillationOptions):
    """Self-distillation on groups of rollouts, whose rewards are compared."""

    group_size: int = Field(4, ge=2)
    """Rollouts per question."""


class PolicyGradientOptions(Options):
    """A policy gradient on groups of verified rollouts, whatever its objective."""

    group_size: int = Field(4, ge=2)
    """Rollouts per question, whose rewards are compared."""
    epochs: int = Field(1, gt=0)
    """Passes over the questions."""
    kl_weight: float = Field(0.0, ge=0)
    """Weight of kl(policy, base policy); 0 keeps no reference model."""
    learning_rate: float | None = Field(None, gt=0)
    """Instead of optimizer.learning_rate."""


class PreferenceOptions(Options):
    """Right samples preferred to wrong ones, against the policy that training starts from."""

    beta: float = Field(0.1, gt=0)
    """How closely the policy is held to the reference policy."""
    nll_weight: float = Field(0.0, ge=0)
    """Weight of the chosen samples' negative log-likelihood per token, on pairs."""
    epochs: float = Field(1, gt=0)
    """Passes over the pairs or judged samples."""
    learning_rate: float | None = Field(None, gt=0)
    """Instead of optimizer.learning_rate."""


def verified(attempt: Attempt) -> float | None:
    """The verifier's reward."""
    return attempt.sample.verdict.reward


@dataclass(frozen=True)
class Objective:
    """What a policy gradient maximises."""

    name: Literal["dapo", "grpo", "dr_grpo", "gspo", "cispo", "rloo"]
    """dapo, grpo, dr_grpo, gspo: GRPO under four normalisations (methods/grpo.py). cispo: its ratios are clipped, and not its
    losses (methods/cispo.py). rloo: REINFORCE with a leave-one-out baseline (methods/rloo.py)."""
    updates: int = 1
    """Optimizer steps per batch of rollouts; with 1 the policy is the one that sampled, and nothing is ever clipped."""
    clip: tuple[float, float] = (0.2, 0.2)
    """(low, high): the importance ratio is clipped to [1 - low, 1 + high]; cispo: to at most high."""
    advantage: Advantage | None = None
    """Instead of the advantage that belongs to the name (advantages.py). Not with rloo."""
    reward: Callable[[Attempt], float | None] = verified
    """What a rollout is rewarded with; None leaves it out. The verifier's reward, but for controls."""
    may_teach_nothing: bool = False
    """Whether rewards may be equal in all groups, so that no weight changes; otherwise that is an error."""
