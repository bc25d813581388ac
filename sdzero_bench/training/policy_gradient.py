"""Policy gradients on verified rollouts: TRL's GRPOTrainer and RLOOTrainer, the reward being the verifier's.

Losses, advantages, clipping and the KL penalty are TRL's; only where the rollouts come from is ours.
"""

from __future__ import annotations

from typing import Any

from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

from sdzero_bench.core.completion import SamplingParameters
from sdzero_bench.core.errors import UserError
from sdzero_bench.training.on_policy import JournaledRollouts, Rollout
from sdzero_bench.training.options import PolicyGradientOptions

GRPO_LOSSES: dict[str, dict[str, Any]] = {
    "dapo": {"loss_type": "dapo", "scale_rewards": "group"},
    "grpo": {"loss_type": "grpo", "scale_rewards": "group"},
    "dr_grpo": {"loss_type": "dr_grpo", "scale_rewards": "none"},
    "gspo": {"loss_type": "grpo", "scale_rewards": "group", "importance_sampling_level": "sequence"},
}
"""TRL's settings for each named objective; the options' docstring says what they are."""


class _Verified(JournaledRollouts):
    num_iterations: int

    def rewards_of_batch(self, **_: Any) -> list[float | None]:
        """The verifier's rewards of the batch; None, where it failed, leaves a rollout without an advantage."""
        return [attempt.sample.verdict.reward for attempt in self.attempts]

    def drawn_ids(self) -> list[list[int]]:
        return [list(attempt.sample.token_ids) for attempt in self.draw()]

    def log_tokens(self, output: dict[str, Any], forward_passes: int) -> None:
        tokens = self.total(float(output["prompt_mask"].sum() + output["completion_mask"].sum()))
        # Logged once for a batch of rollouts, which is trained on `num_iterations` times.
        self.log_step(backward_tokens=tokens * self.num_iterations, forward_tokens=tokens * forward_passes)


class VerifiedGRPOTrainer(_Verified, GRPOTrainer):
    """GRPOTrainer on journaled rollouts."""

    def __init__(self, *, rollout: Rollout, **kwargs: Any) -> None:
        self.rollout = rollout
        super().__init__(reward_funcs=[self.rewards_of_batch], **kwargs)

    def _generate_single_turn(self, *args: Any, **kwargs: Any) -> tuple[list[list[int]], None]:
        return self.drawn_ids(), None

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        output = super()._generate_and_score_completions(inputs)
        # Without a gradient: the old policy where a batch is used more than once, the reference where there is a KL.
        self.log_tokens(output, ("old_per_token_logps" in output) + ("ref_per_token_logps" in output))
        return output


class VerifiedRLOOTrainer(_Verified, RLOOTrainer):
    """RLOOTrainer on journaled rollouts."""

    def __init__(self, *, rollout: Rollout, **kwargs: Any) -> None:
        self.rollout = rollout
        super().__init__(reward_funcs=[self.rewards_of_batch], **kwargs)

    def _generate_single_turn(self, *args: Any, **kwargs: Any) -> list[list[int]]:
        return self.drawn_ids()

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        output = super()._generate_and_score_completions(inputs)
        self.log_tokens(output, 1 + (self.beta != 0))
        return output


def policy_gradient_trainer(
    options: PolicyGradientOptions, sampling: SamplingParameters, arguments: dict[str, Any], **parts: Any
) -> VerifiedGRPOTrainer | VerifiedRLOOTrainer:
    """The trainer of the named objective; `arguments` are those that every trainer shares, `parts` those of TRL's trainers.

    Raises `UserError` if rollouts are drawn from a truncated distribution: the gradient would be that of another policy.
    """
    if sampling.top_p < 1:
        raise UserError("a policy gradient needs rollouts from the whole distribution; set sampling.top_p=1")
    low, high = options.clip()
    shared = {
        **arguments,
        "num_generations": options.group_size,
        "num_iterations": options.updates,
        "epsilon": low,
        "epsilon_high": high,
        "beta": options.kl_weight,
        "max_completion_length": sampling.max_new_tokens,
        # The policy whose gradient is taken is the one that sampled.
        "temperature": sampling.temperature,
        "shuffle_dataset": False,
    }
    if options.objective == "rloo":
        return VerifiedRLOOTrainer(args=RLOOConfig(**shared), **parts)
    return VerifiedGRPOTrainer(args=GRPOConfig(**shared, **GRPO_LOSSES[options.objective]), **parts)
