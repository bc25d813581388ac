"""On-policy self-distillation: the teacher is the policy itself, in another context.

A thin layer on TRL's DistillationTrainer. It adds where the rollouts come from (ours are journaled and verified), what
the teacher reads before the completion (the teacher context), and which weights the teacher has. Generation on several
devices, gradient accumulation, FSDP, DeepSpeed, checkpoints and the chunked divergence are the parent's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from trl import DistillationConfig, DistillationTrainer
from trl.trainer.utils import pad

from sdzero_bench.core.errors import UserError
from sdzero_bench.training.divergence import top_k_divergence, trl_beta
from sdzero_bench.training.on_policy import Attempt, JournaledRollouts, Rollout
from sdzero_bench.training.options import DivergenceOptions, SelfDistillationOptions, TeacherOptions
from sdzero_bench.training.teacher_weights import TeacherWeights

TeacherContext = Callable[[Attempt, Sequence[int]], Sequence[int] | None]
"""(attempt, its token ids as trained on) -> token ids that the teacher reads before the same ids.

None, whatever the ids are, leaves the attempt out of the loss: the teacher would know nothing that the student does not.
"""


def cut_to_fit(
    completion: Sequence[int],
    prefix: Callable[[Sequence[int]], Sequence[int] | None],
    student_tokens: int,
    teacher_tokens: int,
) -> list[int]:
    """The longest start of the completion with which the teacher's input (prefix and completion) fits its limit.

    The prefix itself may contain the completion, as SD-Zero's does: it is built from what is left after the cut, so
    that student and teacher see the same tokens.
    """
    ids = list(completion[:student_tokens])
    while ids and (excess := len(prefix(ids) or ()) + len(ids) - teacher_tokens) > 0:
        # At most two copies of the completion are in there: half the excess can be cut at once without overshooting.
        ids = ids[: len(ids) - -(-excess // 2)]
    return ids


class SelfDistillationTrainer(JournaledRollouts, DistillationTrainer):
    """Minimises a divergence between the student at (x, y_<t) and the teacher at (teacher context, y_<t).

    The dataset has the column `prompt` (messages), and whatever `rollout` needs. Rewards of the steps so far are in `rewards`.
    An attempt whose verifier failed has no reward to speak of, and is left out of the loss.
    """

    def __init__(
        self,
        *args: Any,
        rollout: Rollout,
        context: TeacherContext,
        divergence: DivergenceOptions,
        teacher: TeacherOptions,
        max_teacher_tokens: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.rollout = rollout
        self.context = context
        self.divergence = divergence
        self.max_teacher_tokens = max_teacher_tokens
        self.teacher_weights = TeacherWeights(teacher, self)
        self.add_callback(self.teacher_weights)
        self._prefixes: list[Callable[[Sequence[int]], Sequence[int] | None] | None] = []
        self._batch: dict[str, torch.Tensor] | None = None
        self._hidden: dict[str, torch.Tensor] = {}

    @property
    def rewards(self) -> list[float]:
        """Mean reward of the rollouts of each optimiser step so far, restored with a checkpoint."""
        return [float(row["reward"]) for row in self.state.log_history if "reward" in row]

    def _generate_single_turn(self, prompt_ids, images, multimodal_fields, has_tool_images=False):
        kept, cut = [], 0
        self._prefixes = []
        for attempt in self.draw():
            drawn = list(attempt.sample.token_ids)
            prefix = partial(self.context, attempt)
            teaches = attempt.sample.verdict.reward is not None and prefix(drawn) is not None
            ids = drawn
            if teaches:
                ids = cut_to_fit(drawn, prefix, self.args.max_completion_length, self.max_teacher_tokens)
                cut += len(ids) < len(drawn)
            # A teacher context that leaves no room keeps one token, masked below: TRL has no empty completions.
            kept.append(ids or drawn[:1])
            self._prefixes.append(prefix if teaches and ids else None)
        self.log_step(cut=self.total(cut), taught=self.total(sum(p is not None for p in self._prefixes)))
        return kept

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        output = super()._generate_and_score_completions(inputs)
        completion_mask = output["completion_mask"]
        contexts = []
        for row, prefix in enumerate(self._prefixes):
            if prefix is None:
                completion_mask[row] = 0
                contexts.append(output["prompt_ids"][row][output["prompt_mask"][row] == 1].tolist())
            else:
                ids = output["completion_ids"][row][completion_mask[row] == 1].tolist()
                contexts.append(list(prefix(ids) or ()))
        output["num_items_in_batch"] = self.accelerator.gather(completion_mask.sum()).sum()
        tensors = [torch.tensor(c) for c in contexts]
        device = completion_mask.device
        output["teacher_ids"] = pad(tensors, padding_value=self._tokenizer.pad_token_id, padding_side="left").to(device)
        output["teacher_mask"] = pad([torch.ones_like(t) for t in tensors], padding_value=0, padding_side="left").to(device)
        self.log_step(
            backward_tokens=self.total(float(output["prompt_mask"].sum() + completion_mask.sum())),
            forward_tokens=self.total(float(output["teacher_mask"].sum() + completion_mask.sum())),
        )
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
                self.beta = trl_beta(direction, self.divergence)
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


def self_distillation_trainer(
    options: SelfDistillationOptions,
    context: TeacherContext,
    teacher: Any,
    max_new_tokens: int,
    arguments: dict[str, Any],
    **parts: Any,
) -> SelfDistillationTrainer:
    """The trainer with these options; `teacher` is a second copy of the policy, and `parts` are those of TRL's trainers.

    Raises `UserError` for a top-k divergence on a model whose logits it does not know how to compute.
    """
    if options.divergence.top_k is not None and not top_k_supports(teacher.config):
        raise UserError("the top-k divergence does not support models that scale or cap their logits; unset top_k")
    config = DistillationConfig(
        **arguments,
        shuffle_dataset=False,
        max_completion_length=max_new_tokens,
        # Softmax temperature of the divergence; the rollouts' own is sampling.temperature.
        temperature=1.0,
    )
    return SelfDistillationTrainer(
        args=config,
        teacher_model=teacher,
        context=context,
        divergence=options.divergence,
        teacher=options.teacher,
        max_teacher_tokens=options.max_teacher_tokens,
        **parts,
    )


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
