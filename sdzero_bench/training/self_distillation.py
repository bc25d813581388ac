"""On-policy self-distillation: the teacher is the policy itself, in another context.

A thin layer on TRL's DistillationTrainer. It adds where the rollouts come from (ours are journaled and verified), what
the teacher reads before the completion (the teacher context), and which weights the teacher has. Generation on several
devices, gradient accumulation, FSDP, DeepSpeed, checkpoints and the chunked divergence are the parent's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from trl import DistillationTrainer
from trl.models.utils import unwrap_model_for_generation
from trl.trainer.utils import pad

from .divergence import TRL_BETA, top_k_divergence
from .options import DivergenceOptions, TeacherOptions
from .teacher_weights import TeacherWeights

Rollout = Callable[[Any, int, list[dict[str, Any]]], Sequence["OnPolicy"]]
"""(model as it is now, optimiser steps done, rows of the dataset) -> one rollout a row."""


class OnPolicy:
    """One rollout: the completion that the student is trained on, and what the teacher reads before the same tokens.

    `teacher_prefix` takes the completion's ids and returns the token ids of the teacher's whole context up to the
    completion; None leaves the rollout out of the loss (its verifier failed, so there is no reward to speak of).
    """

    def __init__(
        self,
        completion: Sequence[int],
        reward: float | None,
        teacher_prefix: Callable[[Sequence[int]], Sequence[int]] | None,
    ) -> None:
        self.completion = list(completion)
        self.reward = reward
        self.teacher_prefix = teacher_prefix


def cut_to_fit(rollout: OnPolicy, student_tokens: int, teacher_tokens: int) -> list[int]:
    """The longest start of the completion with which the teacher's input (prefix and completion) fits its limit.

    The prefix itself may contain the completion, as SD-Zero's does: it is built from what is left after the cut, so
    that student and teacher see the same tokens.
    """
    ids = rollout.completion[:student_tokens]
    if rollout.teacher_prefix is None:
        return ids
    while ids and (excess := len(rollout.teacher_prefix(ids)) + len(ids) - teacher_tokens) > 0:
        # At most two copies of the completion are in there: half the excess can be cut at once without overshooting.
        ids = ids[: len(ids) - -(-excess // 2)]
    return ids


class SelfDistillationTrainer(DistillationTrainer):
    """Minimises a divergence between the student at (x, y_<t) and the teacher at (teacher context, y_<t).

    The dataset has the column `prompt` (messages), and whatever `rollout` needs. Rewards of the steps so far are in `rewards`.
    """

    def __init__(
        self,
        *args: Any,
        rollout: Rollout,
        divergence: DivergenceOptions,
        teacher: TeacherOptions,
        max_teacher_tokens: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.args: Any
        self.rollout = rollout
        self.divergence = divergence
        self.max_teacher_tokens = max_teacher_tokens
        self.teacher_weights = TeacherWeights(teacher, self)
        self.add_callback(self.teacher_weights)
        self._pending: Sequence[OnPolicy] = ()
        self._rows: list[dict[str, Any]] = []
        self._batch: dict[str, torch.Tensor] | None = None
        self._hidden: dict[str, torch.Tensor] = {}

    @property
    def rewards(self) -> list[float]:
        """Mean reward of the rollouts of each optimiser step so far, restored with a checkpoint."""
        return [float(row["reward"]) for row in self.state.log_history if "reward" in row]

    def _generate_single_turn(self, prompt_ids, images, multimodal_fields, has_tool_images=False):
        with self._policy_for_generation() as model:
            self._pending = self.rollout(model, self.state.global_step, self._rows)
        kept = []
        for rollout in self._pending:
            ids = cut_to_fit(rollout, self.args.max_completion_length, self.max_teacher_tokens)
            # A teacher context that leaves no room keeps one token, masked below: TRL has no empty completions.
            kept.append(ids or rollout.completion[:1])
            rollout.teacher_prefix = rollout.teacher_prefix if ids else None
        self._log_rollouts(kept)
        return kept

    def _policy_for_generation(self) -> AbstractContextManager[Any]:
        return unwrap_model_for_generation(
            self.model_wrapped,
            self.accelerator,
            gather_deepspeed3_params=self.args.ds3_gather_for_generation,
            gradient_checkpointing_kwargs=self.args.gradient_checkpointing_kwargs,
        )

    def _log_rollouts(self, kept: list[list[int]]) -> None:
        metrics = self._metrics["train"]
        rewards = [r.reward for r in self._pending if r.reward is not None]
        metrics["reward"].append(sum(rewards) / len(rewards) if rewards else 0.0)
        metrics["rollouts"].append(len(kept))
        metrics["unverified"].append(len(kept) - len(rewards))
        metrics["cut"].append(sum(len(k) < len(r.completion) for k, r in zip(kept, self._pending, strict=True)))
        metrics["completion_tokens"].append(sum(map(len, kept)))

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        self._rows = inputs
        output = super()._generate_and_score_completions(inputs)
        completion_mask = output["completion_mask"]
        prefixes = []
        for row, rollout in enumerate(self._pending):
            if rollout.teacher_prefix is None:
                completion_mask[row] = 0
                prefixes.append(output["prompt_ids"][row][output["prompt_mask"][row] == 1].tolist())
            else:
                ids = output["completion_ids"][row][completion_mask[row] == 1].tolist()
                prefixes.append(list(rollout.teacher_prefix(ids)))
        output["num_items_in_batch"] = self.accelerator.gather(completion_mask.sum()).sum()
        tensors = [torch.tensor(p) for p in prefixes]
        device = completion_mask.device
        output["teacher_ids"] = pad(tensors, padding_value=self._tokenizer.pad_token_id, padding_side="left").to(device)
        output["teacher_mask"] = pad([torch.ones_like(t) for t in tensors], padding_value=0, padding_side="left").to(device)
        metrics = self._metrics["train"]
        metrics["student_tokens"].append(float(output["prompt_mask"].sum() + completion_mask.sum()))
        metrics["teacher_tokens"].append(float(output["teacher_mask"].sum() + completion_mask.sum()))
        return output

    def _get_last_hidden_state(self, unwrapped_model, input_ids, attention_mask, logits_to_keep, **multimodal):
        batch = self._batch
        assert batch is not None
        role = "teacher" if unwrapped_model is self.accelerator.unwrap_model(self.teacher_model) else "student"
        if role not in self._hidden:
            if role == "teacher":
                # The parent asks for the teacher's states at the student's context; here the other context enters.
                input_ids = torch.cat([batch["teacher_ids"], batch["completion_ids"]], dim=1)
                attention_mask = torch.cat([batch["teacher_mask"], batch["completion_mask"]], dim=1)
            self._hidden[role] = super()._get_last_hidden_state(
                unwrapped_model, input_ids, attention_mask, logits_to_keep, **multimodal
            )
        return self._hidden[role]

    def _compute_loss(self, unwrapped_student, inputs, num_items_in_batch):
        self._batch = inputs
        try:
            if self.divergence.top_k is not None:
                return self._top_k_loss(unwrapped_student, inputs, num_items_in_batch)
            total = entropy = count = None
            for direction, weight in self.divergence.weights().items():
                self.beta = TRL_BETA[direction]
                # The hidden states are computed once (see above): a second direction costs its projection alone.
                loss, entropy, count = super()._compute_loss(unwrapped_student, inputs, num_items_in_batch)
                total = weight * loss if total is None else total + weight * loss
            return total, entropy, count
        finally:
            self._batch, self._hidden = None, {}

    def _top_k_loss(self, unwrapped_student, inputs, num_items_in_batch):
        mask = inputs["completion_mask"].bool()
        arguments = (
            torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1),
            torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1),
            mask.shape[1],
        )
        student_hidden = self._get_last_hidden_state(unwrapped_student, *arguments)
        teacher = self.accelerator.unwrap_model(self.teacher_model)
        with torch.no_grad():
            teacher_hidden = self._forward_redirection(
                self.teacher_model, teacher, self._get_last_hidden_state, teacher, *arguments
            )
        student_head, teacher_head = unwrapped_student.get_output_embeddings(), teacher.get_output_embeddings()
        per_token = top_k_divergence(student_hidden[mask], student_head, teacher_hidden[mask], teacher_head, self.divergence)
        count = mask.sum()
        scale = num_items_in_batch if num_items_in_batch is not None else count.clamp(min=1)
        # The student's entropy over the whole vocabulary is not known here; 0 is what TRL's log will show.
        return per_token.sum() / scale, torch.zeros((), device=mask.device), count


LOGIT_CHANGES = (
    "logit_scale",
    "output_multiplier",
    "lm_head_multiplier",
    "logits_scaling",
    "final_logit_softcapping",
)


def top_k_supports(config: Any) -> bool:
    """Whether a model's logits are the plain output of its head, as the top-k divergence assumes."""
    return all(getattr(config.get_text_config(), name, None) is None for name in LOGIT_CHANGES)
