"""On-policy self-distillation: the teacher is the policy itself, in another context.

A thin layer on TRL's DistillationTrainer. It adds where the rollouts come from (the run verifies and journals them), what the
teacher reads before the completion (the teacher context), the divergence, and which weights the teacher has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Unpack

from torch import Tensor
from trl import DistillationConfig

from sdzero_bench.training.arguments import TrainerArguments
from sdzero_bench.training.divergence import Head, PerToken, per_token
from sdzero_bench.training.journaled_rollouts import JournaledRollouts
from sdzero_bench.training.micro_batches import Batch
from sdzero_bench.training.on_policy import Attempt, TrainerParts
from sdzero_bench.training.options import DivergenceOptions, SelfDistillationOptions, TeacherOptions
from sdzero_bench.training.teacher_weights import TeacherWeights
from sdzero_bench.training.trl_compat import OpenDistillationTrainer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TeacherContext = Callable[[Attempt, Sequence[int]], Sequence[int] | None]
"""(attempt, its token ids as trained on) -> token ids that the teacher reads before the same ids.

None, whatever the ids are, leaves the attempt out of the loss: the teacher would know nothing that the student does not.
"""

Prefix = Callable[[Sequence[int]], Sequence[int] | None]
"""The teacher context of one attempt."""


def truncated_to_fit(completion: Sequence[int], prefix: Prefix, student_tokens: int, teacher_tokens: int) -> list[int]:
    """The longest start of the completion with which the teacher's input (prefix and completion) fits its limit.

    The prefix may itself contain the completion, as SD-Zero's does: it is built from the truncated one, so that student and
    teacher see the same tokens.
    """
    ids = list(completion[:student_tokens])
    while ids and (excess := len(prefix(ids) or ()) + len(ids) - teacher_tokens) > 0:
        # The input contains at most two copies of the completion: dropping half the excess never drops too much.
        ids = ids[: len(ids) - -(-excess // 2)]
    return ids


class SelfDistillationTrainer(JournaledRollouts, OpenDistillationTrainer):
    """Minimises a divergence between the student at (x, y_<t) and the teacher at (teacher context, y_<t).

    The loss is the mean over the completion tokens of a batch. The dataset has the column `prompt` (messages) and the columns
    that `rollout` needs. An attempt whose verifier failed has no reward and is left out of the loss.
    """

    def __init__(
        self,
        config: DistillationConfig,
        teacher_model: PreTrainedModel,
        context: TeacherContext,
        divergence: DivergenceOptions,
        teacher: TeacherOptions,
        max_teacher_tokens: int,
        **parts: Unpack[TrainerParts],
    ) -> None:
        super().__init__(
            model=parts["model"],
            teacher_model=teacher_model,
            args=config,
            train_dataset=parts["train_dataset"],
            processing_class=parts["processing_class"],
        )
        self.rollout = parts["rollout"]
        self.context = context
        self.divergence = divergence
        self.max_teacher_tokens = max_teacher_tokens
        self.teacher_weights = TeacherWeights(teacher, self)
        self.add_callback(self.teacher_weights)
        self._prefixes: list[Prefix | None] = []

    @property
    def rewards(self) -> list[float]:
        """Mean reward of the rollouts of each optimiser step so far, restored with a checkpoint."""
        return [float(row["reward"]) for row in self.state.log_history if row.get("reward") is not None]

    def completions(self) -> list[list[int]]:
        """One rollout per row, truncated to what the teacher can read."""
        kept, truncated = [], 0
        self._prefixes = []
        for attempt in self.draw():
            drawn = list(attempt.sample.token_ids)
            prefix: Prefix = partial(self.context, attempt)
            teaches = attempt.sample.verdict.reward is not None and prefix(drawn) is not None
            ids = drawn
            if teaches:
                ids = truncated_to_fit(drawn, prefix, self.args.max_completion_length, self.max_teacher_tokens)
                truncated += len(ids) < len(drawn)
            # A teacher context that leaves no room keeps one token, masked below: TRL has no empty completions.
            kept.append(ids or drawn[:1])
            self._prefixes.append(prefix if teaches and ids else None)
        self.log_step(cut=self.total(truncated), taught=self.total(sum(p is not None for p in self._prefixes)))
        return kept

    def generated(self, batch: Batch) -> Batch:
        """The batch with the teacher's contexts, and without the completions that teach nothing."""
        mask = batch["completion_mask"]
        contexts: list[list[int]] = []
        for row, prefix in enumerate(self._prefixes):
            if prefix is None:
                mask[row] = 0
                contexts.append(batch["prompt_ids"][row][batch["prompt_mask"][row] == 1].tolist())
            else:
                contexts.append(list(prefix(batch["completion_ids"][row][mask[row] == 1].tolist()) or ()))
        batch = self.with_teacher(batch, contexts)
        self.log_step(
            backward_tokens=self.total(float(batch["prompt_mask"].sum() + mask.sum())),
            forward_tokens=self.total(float(batch["teacher_mask"].sum() + mask.sum())),
        )
        return batch

    def compare(self, student_hidden: Tensor, student_head: Head, teacher_hidden: Tensor, teacher_head: Head) -> PerToken:
        """The divergence of the options."""
        return per_token(student_hidden, student_head, teacher_hidden, teacher_head, self.divergence)


def self_distillation_trainer(
    options: SelfDistillationOptions,
    context: TeacherContext,
    teacher: PreTrainedModel,
    max_new_tokens: int,
    arguments: TrainerArguments,
    **parts: Unpack[TrainerParts],
) -> SelfDistillationTrainer:
    """The trainer with these options; `teacher` is a second copy of the policy."""
    config = DistillationConfig(
        **arguments,
        shuffle_dataset=False,
        max_completion_length=max_new_tokens,
        # Softmax temperature of the divergence; the rollouts' own is sampling.temperature.
        temperature=1.0,
    )
    return SelfDistillationTrainer(
        config, teacher, context, options.divergence, options.teacher, options.max_teacher_tokens, **parts
    )
