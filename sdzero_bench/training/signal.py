"""What on-policy self-distillation trains tokens with: a signed weight of each token's likelihood, and one of its divergence.

    loss = (sum over tokens of k_t * D(student, teacher)_t - A_t * log student(y_t)) / (number of counted tokens)

`SelfDistillationOptions.divergence` is D. A method gives the weights A_t and k_t as a function of what is known of a batch of
rollouts before it is trained on. Each batch is used for one update, so that importance ratios are 1 and nothing is clipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sdzero_bench.training.advantages import Advantage, each_group, standardised
from sdzero_bench.training.on_policy import Attempt

if TYPE_CHECKING:
    from torch import Tensor


Contrast = Callable[[Attempt], Sequence[Sequence[int]]]
"""attempt -> contrasting contexts as token ids: none, one or several."""

GROUP_STANDARDISED = each_group(standardised)


@dataclass(frozen=True)
class Evidence:
    """A batch of B rollouts of at most C tokens, without gradients. Log-probabilities and entropies in nats, 0 at padding."""

    mask: Tensor
    """[B, C], bool: the tokens of rollouts that have a reward."""
    student: Tensor
    """[B, C]: log student(y_t) at (x, y_<t)."""
    teacher: Tensor
    """[B, C]: log teacher(y_t) at (teacher context, y_<t); where there is no teacher context, at (x, y_<t)."""
    teacher_entropy: Tensor
    """[B, C]: entropy of the teacher's distribution before the token."""
    contrast: Tensor | None
    """[B, C]: log of the mean of teacher(y_t) over the rollout's contrasting contexts, 0 where it has none; None if the signal
    has none."""
    reference: Tensor | None
    """[B, C]: log pi(y_t) at (x, y_<t) of the policy that training started from, if the signal asks for it."""
    taught: Tensor
    """[B], bool: whether there is a teacher context."""
    contrasted: Tensor
    """[B], bool: whether there is a contrasting context; never without a teacher context."""
    reward: Tensor
    """[B]; 0 where there is none."""
    advantage: Tensor
    """[B]: of each rollout within its group."""
    step: int
    """Optimizer steps taken."""
    steps: int
    """Optimizer steps of the phase."""
    history: Sequence[Mapping[str, float]] = ()
    """The figures logged at each step so far, those of `TokenWeights` among them; restored with a checkpoint."""
    total: Callable[[float], float] = float
    """The sum of a number over all processes, which each of them has to ask for."""

    @property
    def evidence(self) -> Tensor:
        """[B, C]: log teacher(y_t) - log student(y_t), what the teacher context says for the token."""
        return self.teacher - self.student


@dataclass(frozen=True)
class TokenWeights:
    """How the tokens of a batch are trained, each [B, C]."""

    likelihood: Tensor
    """A_t: the token is made more likely where it is positive, and less where it is negative."""
    divergence: Tensor | None = None
    """k_t; None: no divergence at all, and the teacher does not read the batch a second time."""
    counted: Tensor | None = None
    """Bool: the tokens that the loss is divided by; None: all."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """Logged with the step, the same in every process."""


@dataclass(frozen=True)
class Signal:
    """A rule for the weights of tokens, and what it needs to know."""

    weigh: Callable[[Evidence], TokenWeights]
    advantage: Advantage = GROUP_STANDARDISED
    """What `Evidence.advantage` is."""
    contrast: Contrast | None = None
    """Contexts that the teacher also reads before a rollout with a teacher context."""
    reference: bool = False
    """Whether `Evidence.reference` is needed."""
