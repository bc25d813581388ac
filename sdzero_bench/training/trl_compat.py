"""What is not public in TRL's on-policy trainers and is overridden or called by this package; trl_given_rows.py has the others.

TRL's trainers generate completions themselves and compare student and teacher on the same input. Each class here replaces these
parts by methods with public names, and changes nothing else: generation batches, gradient accumulation, distributed training,
checkpoints, advantages and policy-gradient losses remain TRL's. tests/test_trl_compat.py compares the signatures of everything
overridden and called here with those of the installed TRL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import torch
from accelerate.utils import gather_object
from torch import Tensor
from torch.distributed.tensor import DTensor
from trl import DistillationTrainer, GRPOTrainer, RLOOTrainer
from trl.models.utils import unwrap_model_for_generation
from trl.trainer.utils import pad

from sdzero_bench.training.divergence import Head, PerToken, TokenFigures, token_figures
from sdzero_bench.training.micro_batches import Batch, trimmed
from sdzero_bench.training.on_policy import RolloutRow
from sdzero_bench.training.sharding import is_sharded, whole_copy
from sdzero_bench.training.steps import SteppedTrainer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, TrainerState


class OpenTrainer(SteppedTrainer):
    """What the three on-policy trainers below have in common; mixed in before one of TRL's."""

    rows: Sequence[RolloutRow] = ()
    """Rows of the dataset that the current batch of rollouts answers, in order."""
    _copy: PreTrainedModel | None = None

    if TYPE_CHECKING:  # attributes of TRL's trainers
        model: Any
        model_wrapped: torch.nn.Module
        args: Any
        state: TrainerState
        _metrics: Any

    def completions(self) -> list[list[int]]:
        """Token ids of one completion per row. Called once for each batch of rollouts."""
        raise NotImplementedError

    def generated(self, batch: Batch) -> Batch:
        """The batch to train on, given the padded one. Called once for each batch of rollouts, after `completions`."""
        return batch

    @contextmanager
    def current_policy(self) -> Iterator[PreTrainedModel]:
        """The policy with the weights of this step, ready to generate."""
        if is_sharded(self.model):
            # Rollouts take a different number of decoding steps in each process, which sharded weights do not allow.
            self._copy = whole_copy(self.model, self._copy)
            yield self._copy
            return
        with unwrap_model_for_generation(
            self.model_wrapped,
            self.accelerator,
            gather_deepspeed3_params=self.args.ds3_gather_for_generation,
            gradient_checkpointing_kwargs=self.args.gradient_checkpointing_kwargs,
        ) as policy:
            yield policy

    @staticmethod
    def total(of_this_process: float) -> float:
        """Sum over all processes; called by each of them."""
        return float(sum(gather_object([of_this_process])))

    @staticmethod
    def everyones(of_this_process: list[float | None]) -> list[float | None]:
        """The values of all processes, in their order; called by each of them."""
        return list(gather_object(of_this_process))

    def log_step(self, **figures: float) -> None:
        """Log figures of the batch of rollouts, which must be the same in every process."""
        for name, value in figures.items():
            self._metrics["train"][name].append(value)

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> Batch:
        self.rows = cast("list[RolloutRow]", inputs)
        batch: Batch = super()._generate_and_score_completions(inputs)  # type: ignore[misc]
        return self.generated(batch)


class OpenPolicyGradientTrainer(OpenTrainer):
    """What GRPOTrainer and RLOOTrainer have in common."""

    def _get_per_token_logps_and_entropies(
        self,
        model: PreTrainedModel,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        **more: Any,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Log-probabilities [B, C] of the last C tokens. With a `batch_size`, as for the old policy and a reference policy, in
        micro-batches of our own; those of padding are then 0."""
        parent: Any = super()
        if batch_size is None:
            found: tuple[Tensor, Tensor | None, Tensor | None] = parent._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, **more
            )
            return found
        whole = {
            "prompt_ids": input_ids[:, :-logits_to_keep],
            "prompt_mask": attention_mask[:, :-logits_to_keep],
            "completion_ids": input_ids[:, -logits_to_keep:],
            "completion_mask": attention_mask[:, -logits_to_keep:],
        }
        result = torch.zeros(whole["completion_ids"].shape, device=input_ids.device)
        for rows in self.micro_batches(whole):
            part = trimmed(whole, rows)
            ids, mask, kept = _inputs(part, "prompt")
            result[rows, :kept] = parent._get_per_token_logps_and_entropies(model, ids, mask, kept, **more)[0].float()
        return result, None, None


class OpenGRPOTrainer(OpenPolicyGradientTrainer, GRPOTrainer):
    """GRPOTrainer on given completions."""

    def _generate_single_turn(
        self,
        prompt_ids: object,
        images: object,
        multimodal_fields: object,
        num_generations: object,
        has_tool_images: bool = False,
    ) -> tuple[list[list[int]], None]:
        return self.completions(), None


class OpenRLOOTrainer(OpenPolicyGradientTrainer, RLOOTrainer):
    """RLOOTrainer on given completions."""

    def _generate_single_turn(self, prompt_ids: object, images: object, multimodal_fields: object) -> list[list[int]]:
        return self.completions()


class OpenDistillationTrainer(OpenTrainer, DistillationTrainer):
    """DistillationTrainer on given completions, with a teacher that reads contexts of its own and a divergence of our own."""

    def compare(self, student_hidden: Tensor, student_head: Head, teacher_hidden: Tensor, teacher_head: Head) -> PerToken:
        """Divergence and entropy at each of N completion tokens, given the hidden states [N, H] before them."""
        raise NotImplementedError

    def with_teacher(self, batch: Batch, contexts: Sequence[Sequence[int]]) -> Batch:
        """The batch with the token ids that the teacher reads before each completion: `teacher_ids`, `teacher_mask` [B, T].

        Also counts the tokens of the loss again, over all processes, from the batch's `completion_mask`.
        """
        device, ids = batch["completion_ids"].device, [torch.tensor(context) for context in contexts]
        masks = [torch.ones_like(own) for own in ids]
        return batch | {
            "teacher_ids": pad(ids, padding_value=self._tokenizer.pad_token_id, padding_side="left").to(device),
            "teacher_mask": pad(masks, padding_value=0, padding_side="left").to(device),
            "num_items_in_batch": self.accelerator.gather(batch["completion_mask"].sum()).sum(),
        }

    def _generate_single_turn(
        self, prompt_ids: object, images: object, multimodal_fields: object, has_tool_images: bool = False
    ) -> list[list[int]]:
        return self.completions()

    @torch.no_grad()
    def read(self, model: torch.nn.Module, batch: Batch, context: str) -> tuple[Tensor, Tensor]:
        """Log-probabilities of the completions' tokens, and entropies before them, [B, C] each and 0 at padding.

        context:
            "prompt" or "teacher": what the model, wrapped as for training, reads before a completion.
        """
        unwrapped = self.accelerator.unwrap_model(model)
        log_probabilities, entropies = (
            torch.zeros(batch["completion_ids"].shape, device=batch["completion_ids"].device) for _ in "12"
        )
        for rows in self.micro_batches(batch):
            part = trimmed(batch, rows)
            mask = part["completion_mask"].bool()
            with self.accelerator.autocast():
                hidden = self._forward_redirection(
                    model, unwrapped, self._get_last_hidden_state, unwrapped, *_inputs(part, context)
                )
                found = token_figures(hidden[mask], head_of(unwrapped, hidden.dtype), part["completion_ids"][mask])
            for whole, own in ((log_probabilities, found.log_probability), (entropies, found.entropy)):
                placed = torch.zeros(mask.shape, device=whole.device)
                placed[mask] = own.float()
                whole[rows, : mask.shape[1]] = placed
        return log_probabilities, entropies

    def _compute_loss(
        self, unwrapped_student: PreTrainedModel, inputs: Batch, num_items_in_batch: Tensor | float | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(loss, sum of the student's entropies, tokens) of this process. The loss is the sum of the divergences, or that of
        signal.py if the batch has `likelihood_weights` [B, C], divided by `num_items_in_batch`."""
        mask = inputs["completion_mask"].bool()  # [B, C]
        weights, likelihood = inputs.get("divergence_weights"), inputs.get("likelihood_weights")
        losses: list[Tensor] = []
        # accelerate wraps `forward` with autocast, and TRL calls the backbone without it.
        with self.accelerator.autocast():
            student = self._get_last_hidden_state(unwrapped_student, *_inputs(inputs, "prompt"))[mask]  # [N, H]
            head = head_of(unwrapped_student, student.dtype)
            found: PerToken | TokenFigures
            if likelihood is None or weights is not None:
                found = self._compared(student, head, inputs)
                losses.append(found.divergence if weights is None else weights[mask] * found.divergence)
            if likelihood is not None:
                found = token_figures(student, head, inputs["completion_ids"][mask])
                losses.append(-likelihood[mask] * found.log_probability)
        count = mask.sum()
        divisor = count.clamp(min=1) if num_items_in_batch is None else num_items_in_batch
        return sum(losses, torch.zeros((), device=mask.device)).sum() / divisor, found.entropy.sum(), count

    def _compared(self, student: Tensor, head: Head, inputs: Batch) -> PerToken:
        """`compare`, with the teacher's hidden states of the same tokens."""
        teacher_model: PreTrainedModel = self.accelerator.unwrap_model(self.teacher_model.eval())
        with torch.no_grad():
            # Through the wrapper's forward, which gathers weights that are sharded.
            teacher = self._forward_redirection(
                self.teacher_model, teacher_model, self._get_last_hidden_state, teacher_model, *_inputs(inputs, "teacher")
            )[inputs["completion_mask"].bool()]
        return self.compare(student, head, teacher, head_of(teacher_model, teacher.dtype))


def _inputs(batch: Batch, context: str) -> tuple[Tensor, Tensor, int]:
    """Ids and mask [B, P + C] of a context and the completion, and how many of the last positions are of interest: C."""
    ids = torch.cat([batch[f"{context}_ids"], batch["completion_ids"]], dim=1)
    mask = torch.cat([batch[f"{context}_mask"], batch["completion_mask"]], dim=1)
    return ids, mask, batch["completion_ids"].shape[1]


def head_of(model: PreTrainedModel, dtype: torch.dtype) -> Head:
    """The model's output head, with the scale and the cap that its architecture applies to logits; whole if it is sharded.

    As TRL's DistillationTrainer reads them from the configuration. `dtype` is that of the hidden states.
    """
    module: Any = model.get_output_embeddings()
    weight, bias = module.weight, module.bias
    if isinstance(weight, DTensor):
        weight = weight.full_tensor().to(dtype)
        bias = None if bias is None else bias.full_tensor()
    config: Any = model.config.get_text_config()
    found = [getattr(config, name, None) for name in ("logit_scale", "output_multiplier", "lm_head_multiplier")]
    if (scaling := getattr(config, "logits_scaling", None)) is not None:
        found.append(scaling if config.model_type == "hyperclovax" else 1 / scaling)
    scale = next((value for value in found if value is not None), 1.0)
    return Head(weight, bias, scale, getattr(config, "final_logit_softcapping", None))
