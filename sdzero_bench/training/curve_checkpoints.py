"""The checkpoints of the learning curve: the policy of an on-policy phase, kept while training goes on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sdzero_bench.core.distributed import Ranks
from sdzero_bench.policies.lora import has_adapters, weights_of
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.training.curve_steps import at_step
from sdzero_bench.training.sharding import whole_weights


def as_it_is(model: Any) -> tuple[Any, dict[str, Tensor] | None]:
    """A model in training and the weights to save it with, adapters added to them; None for those that it has. It is not
    changed. Every process must call this."""
    if (whole := whole_weights(model)) is not None:
        return model, whole
    return (model.get_base_model(), dict(weights_of(model))) if has_adapters(model) else (model, None)


class KeepPolicies(TrainerCallback):
    """Keeps the policy of a phase after each of some optimizer steps, before the trainer's own checkpoint of that step.

    save:
        Called as save(name, model, weights) in every process; `weights` as those of `as_it_is`.
    """

    def __init__(
        self,
        phase: str,
        steps: Sequence[int],
        folder: RunFolder,
        ranks: Ranks,
        model: Any,
        save: Callable[[str, Any, dict[str, Tensor] | None], None],
    ) -> None:
        self.phase, self.steps, self.folder, self.ranks, self.model, self.save = phase, steps, folder, ranks, model, save

    @property
    def resume_until(self) -> float:
        """The last step that training may resume from: the one before the first policy that is not there."""
        missing = (step - 1 for step in self.steps if self.folder.checkpoint(at_step(self.phase, step)) is None)
        return min(missing, default=math.inf)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object) -> None:
        name = at_step(self.phase, state.global_step)
        # A resumed run repeats a step to the same weights.
        if state.global_step in self.steps and not self.ranks.from_first(self.folder.checkpoint(name) is not None):
            self.save(name, *as_it_is(self.model))
            self.ranks.wait()
