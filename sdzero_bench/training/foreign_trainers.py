"""Any trainer of transformers or TRL under the rules of a run: its tokens are counted, and it does not generate."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import torch
from accelerate.utils import gather_object
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sdzero_bench.core.errors import UserError

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer

    from sdzero_bench.training.arguments import TrainerArguments


class BuildAnyTrainer(Protocol):
    """Makes a trainer of transformers or TRL; `arguments` are keyword arguments of its configuration."""

    def __call__(
        self,
        *,
        model: PreTrainedModel,
        arguments: TrainerArguments,
        train_dataset: Dataset,
        processing_class: PreTrainedTokenizerBase,
    ) -> Trainer: ...


class CountTokens(TrainerCallback):
    """Adds to each logged step how many tokens the model has read since the step before, without padding: with a gradient
    (`backward_tokens`) and without one (`forward_tokens`), over all processes.

    What a trainer reads before its first step, such as for a reference policy, belongs to that step. A resumed run does not
    count it again.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._count = {"backward_tokens": 0, "forward_tokens": 0}
        model.register_forward_pre_hook(self._read, with_kwargs=True)

    def _read(self, model: torch.nn.Module, args: tuple[Any, ...], inputs: dict[str, Any]) -> None:
        mask, ids = inputs.get("attention_mask"), inputs.get("input_ids", args[0] if args else None)
        tokens = int(mask.sum()) if mask is not None and mask.dim() == 2 else 0 if ids is None else ids.numel()
        self._count["backward_tokens" if torch.is_grad_enabled() else "forward_tokens"] += tokens

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object) -> None:
        if state.global_step:
            self._count = dict.fromkeys(self._count, 0)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: MutableMapping[str, float] | None = None,
        **kwargs: object,
    ) -> None:
        if logs is not None and "loss" in logs:
            for name, count in self._count.items():
                logs[name] = float(sum(gather_object([count])))
            self._count = dict.fromkeys(self._count, 0)


@contextmanager
def without_generation(model: PreTrainedModel, phase: str) -> Iterator[None]:
    """While this lasts, `model.generate` raises `UserError`: the budget would not know of its samples."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise UserError(
            f"{phase}: the trainer generates text itself, which is charged to no budget; draw its samples with run.sample, or "
            f"train with run.train_on_rollouts"
        )

    own: Any = model
    own.generate = refuse
    try:
        yield
    finally:
        del own.generate
