"""Rollouts of the current policy, verified and journaled by the run, as the completions of a trainer of TRL."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sdzero_bench.training.advantages import Advantage
from sdzero_bench.training.on_policy import Attempt, Rollout
from sdzero_bench.training.trl_compat import OpenTrainer


class JournaledRollouts(OpenTrainer):
    """Mixed into a trainer: asks `rollout` for the attempts at the rows of each batch."""

    rollout: Rollout
    attempts: Sequence[Attempt] = ()
    """Those of the current batch, one per row."""

    def draw(self) -> Sequence[Attempt]:
        """One attempt per row of the batch, by the policy of this step."""
        with self.current_policy() as policy:
            self.attempts = self.rollout(policy, self.state.global_step, self.rows)
        rewards = [a.sample.verdict.reward for a in self.attempts if a.sample.verdict.reward is not None]
        verified, drawn = self.total(len(rewards)), self.total(len(self.attempts))
        reward = self.total(sum(rewards)) / verified if verified else math.nan
        self.log_step(reward=reward, rollouts=drawn, unverified=drawn - verified)
        ratios = [a.sampler_ratio for a in self.attempts if a.sampler_ratio is not None]
        if measured := self.total(len(ratios)):
            self.log_step(sampler_ratio=self.total(sum(ratios)) / measured)
        return self.attempts

    def advantages(self, advantage: Advantage, own: list[float | None], group: int) -> list[float]:
        """The advantages of the rows of this process, within groups of `group` rollouts. `own`: their rewards."""
        rewards = self.everyones(own)
        groups = [rewards[i : i + group] for i in range(0, len(rewards), group)]
        first = self.accelerator.process_index * len(own)
        return [value for each in advantage(groups) for value in each][first : first + len(own)]
