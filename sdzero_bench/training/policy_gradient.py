"""Policy gradients on verified rollouts: TRL's GRPOTrainer and RLOOTrainer with the verifier's reward.

Losses, advantages, clipping and the KL penalty are TRL's; only the rollouts and their rewards come from the run.
"""

from __future__ import annotations

from typing import Unpack

import torch
from trl import GRPOConfig, RLOOConfig

from sdzero_bench.core.completion import SamplingParameters
from sdzero_bench.core.errors import UserError
from sdzero_bench.training.arguments import TrainerArguments
from sdzero_bench.training.journaled_rollouts import JournaledRollouts
from sdzero_bench.training.micro_batches import Batch
from sdzero_bench.training.on_policy import TrainerParts
from sdzero_bench.training.options import Objective, PolicyGradientOptions
from sdzero_bench.training.trl_compat import OpenGRPOTrainer, OpenRLOOTrainer

GRPO_LOSSES: dict[str, TrainerArguments] = {
    "dapo": {"loss_type": "dapo", "scale_rewards": "group"},
    "grpo": {"loss_type": "grpo", "scale_rewards": "group"},
    "dr_grpo": {"loss_type": "dr_grpo", "scale_rewards": "none"},
    "gspo": {"loss_type": "grpo", "scale_rewards": "group", "importance_sampling_level": "sequence"},
    "cispo": {"loss_type": "cispo", "scale_rewards": "group"},
}
"""TRL's settings for each objective of GRPO; methods/grpo.py has the formulas."""

OVER_TOKENS = ("dapo", "cispo")
"""TRL's losses that are divided by the tokens of a step; the others are means over its rows."""


class _Verified(JournaledRollouts):
    policy_objective: Objective
    num_iterations: int
    num_generations: int | None

    def rewards_of_batch(self, **_: object) -> list[float | None]:
        """The rewards of the batch; None, such as where the verifier failed, leaves a rollout without an advantage."""
        return [self.policy_objective.reward(attempt) for attempt in self.attempts]

    def completions(self) -> list[list[int]]:
        return [list(attempt.sample.token_ids) for attempt in self.draw()]

    def generated(self, batch: Batch) -> Batch:
        if self.policy_objective.advantage is not None:
            own = self.advantages(self.policy_objective.advantage, self.rewards_of_batch(), self.num_generations or 1)
            batch["advantages"] = torch.tensor(own).to(batch["advantages"])
        tokens = self.total(float(batch["prompt_mask"].sum() + batch["completion_mask"].sum()))
        # Logged once for a batch of rollouts, which is trained on `num_iterations` times.
        passes = self.forward_passes(batch)
        self.log_step(backward_tokens=tokens * self.num_iterations, forward_tokens=tokens * passes)
        return batch

    def forward_passes(self, batch: Batch) -> int:
        """How often TRL sends the batch through a model without a gradient."""
        raise NotImplementedError


class VerifiedGRPOTrainer(_Verified, OpenGRPOTrainer):
    """GRPOTrainer on journaled rollouts."""

    def __init__(self, objective: Objective, config: GRPOConfig, **parts: Unpack[TrainerParts]) -> None:
        self.policy_objective = objective
        self.rollout = parts["rollout"]
        self.mean_over_rows = config.loss_type not in OVER_TOKENS
        super().__init__(
            model=parts["model"],
            reward_funcs=[self.rewards_of_batch],
            args=config,
            train_dataset=parts["train_dataset"],
            processing_class=parts["processing_class"],
        )

    def forward_passes(self, batch: Batch) -> int:
        """The old policy where a batch is used more than once, and the reference policy if there is a KL penalty."""
        return ("old_per_token_logps" in batch) + ("ref_per_token_logps" in batch)


class VerifiedRLOOTrainer(_Verified, OpenRLOOTrainer):
    """RLOOTrainer on journaled rollouts."""

    mean_over_rows = True

    def __init__(self, objective: Objective, config: RLOOConfig, **parts: Unpack[TrainerParts]) -> None:
        self.policy_objective = objective
        self.rollout = parts["rollout"]
        super().__init__(
            model=parts["model"],
            reward_funcs=[self.rewards_of_batch],
            args=config,
            train_dataset=parts["train_dataset"],
            processing_class=parts["processing_class"],
        )

    def forward_passes(self, batch: Batch) -> int:
        """Always the old policy, and the reference policy if there is a KL penalty."""
        return 1 + (self.beta != 0)


def policy_gradient_trainer(
    objective: Objective,
    options: PolicyGradientOptions,
    sampling: SamplingParameters,
    arguments: TrainerArguments,
    **parts: Unpack[TrainerParts],
) -> VerifiedGRPOTrainer | VerifiedRLOOTrainer:
    """The trainer of an objective; `arguments` are those that every trainer shares.

    Raises `UserError` if rollouts are drawn from a truncated distribution: the gradient would be that of another policy.
    """
    if sampling.top_p < 1:
        raise UserError("a policy gradient needs rollouts from the whole distribution; set sampling.top_p=1")
    low, high = objective.clip
    shared: TrainerArguments = {
        **arguments,
        "num_generations": options.group_size,
        "num_iterations": objective.updates,
        "epsilon": low,
        "epsilon_high": high,
        "beta": options.kl_weight,
        "max_completion_length": sampling.max_new_tokens,
        # The policy whose gradient is taken is the one that sampled.
        "temperature": sampling.temperature,
        "shuffle_dataset": False,
    }
    if objective.name == "rloo":
        return VerifiedRLOOTrainer(objective, RLOOConfig(**shared), **parts)
    return VerifiedGRPOTrainer(objective, GRPOConfig(**shared, **GRPO_LOSSES[objective.name]), **parts)
