"""On-policy self-distillation: the teacher is the policy itself, in another context.

A thin layer on TRL's DistillationTrainer. It adds where the rollouts come from (the run verifies and journals them), what the
teacher reads before the completion (the teacher context), the divergence, and which weights the teacher has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Unpack

import torch
from torch import Tensor
from trl import DistillationConfig

from sdzero_bench.training.arguments import TrainerArguments
from sdzero_bench.training.divergence import Head, PerToken, per_token
from sdzero_bench.training.journaled_rollouts import JournaledRollouts
from sdzero_bench.training.micro_batches import Batch
from sdzero_bench.training.on_policy import Attempt, TrainerParts
from sdzero_bench.training.options import DivergenceOptions, SelfDistillationOptions, TeacherOptions
from sdzero_bench.training.signal import Contrast, Evidence, Signal
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


def _same(context: Sequence[int], ids: Sequence[int]) -> Sequence[int]:
    """A context that does not depend on the completion."""
    return context


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
        signal: Signal | None,
        reference_model: PreTrainedModel | None,
        group: int,
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
        self.signal = signal
        self.group = group
        self.reference_model = None
        if reference_model is not None:
            self.reference_model = self.accelerator.prepare_model(reference_model.eval(), evaluation_mode=True)
        self.teacher_weights = TeacherWeights(teacher, self)
        self.add_callback(self.teacher_weights)
        self._prefixes: list[Prefix | None] = []

    @property
    def rewards(self) -> list[float]:
        """Mean reward of the rollouts of each optimizer step so far, restored with a checkpoint."""
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
                for context in self.signal.contrast(attempt) if self.signal and self.signal.contrast else ():
                    ids = truncated_to_fit(ids, partial(_same, context), len(ids), self.max_teacher_tokens)
                truncated += len(ids) < len(drawn)
            # A context that leaves no room is none. Without a signal one token is kept, and left out below: TRL has no empty
            # completions.
            kept.append(ids or (drawn[:1] if self.signal is None else drawn))
            self._prefixes.append(prefix if teaches and ids else None)
        self.log_step(cut=self.total(truncated), taught=self.total(sum(p is not None for p in self._prefixes)))
        return kept

    def generated(self, batch: Batch) -> Batch:
        """The batch with the teacher's contexts, and without the completions that teach nothing."""
        mask = batch["completion_mask"]
        prompts = [ids[own == 1].tolist() for ids, own in zip(batch["prompt_ids"], batch["prompt_mask"], strict=True)]
        contexts: list[list[int]] = []
        for row, prefix in enumerate(self._prefixes):
            if prefix is None:
                if self.signal is None or self.attempts[row].sample.verdict.reward is None:
                    mask[row] = 0
                contexts.append(prompts[row])
            else:
                contexts.append(list(prefix(batch["completion_ids"][row][mask[row] == 1].tolist()) or ()))
        batch = self.with_teacher(batch, contexts)
        read = float(batch["teacher_mask"].sum() + mask.sum())
        if self.signal is not None:
            batch, more = self.weighed(batch, self.signal, prompts)
            read = more + read * ("divergence_weights" in batch)
        self.log_step(
            backward_tokens=self.total(float(batch["prompt_mask"].sum() + mask.sum())), forward_tokens=self.total(read)
        )
        return batch

    def weighed(self, batch: Batch, signal: Signal, prompts: Sequence[Sequence[int]]) -> tuple[Batch, float]:
        """The batch with the weights of its tokens, and how many tokens were read to find them."""
        mask = batch["completion_mask"].bool()
        completions = float(mask.sum())
        read = float(batch["prompt_mask"].sum() + batch["teacher_mask"].sum()) + 2 * completions
        student, _ = self.read(self.model_wrapped, batch, "prompt")
        teacher, entropy = self.read(self.teacher_model, batch, "teacher")
        contrast, contrasted = None, torch.zeros(len(mask), dtype=torch.bool)
        if signal.contrast is not None:
            contrast, contrasted, more = self.contrast(batch, signal.contrast, prompts)
            read += more
        reference = None
        if self.reference_model is not None:
            reference, _ = self.read(self.reference_model, batch, "prompt")
            read += float(batch["prompt_mask"].sum()) + completions
        rewards = [attempt.sample.verdict.reward for attempt in self.attempts]
        place = partial(torch.tensor, device=mask.device)
        weights = signal.weigh(
            Evidence(
                mask=mask,
                student=student,
                teacher=teacher,
                teacher_entropy=entropy,
                contrast=contrast,
                reference=reference,
                taught=place([prefix is not None for prefix in self._prefixes]),
                contrasted=contrasted.to(mask.device),
                reward=place([reward or 0.0 for reward in rewards]),
                advantage=place(self.advantages(signal.advantage, rewards, self.group)),
                step=self.state.global_step,
                steps=self.args.max_steps,
                history=self.state.log_history,
                total=self.total,
            )
        )
        counted = mask if weights.counted is None else weights.counted & mask
        self.log_step(**weights.figures)
        batch = batch | {
            "likelihood_weights": weights.likelihood * mask,
            "num_items_in_batch": self.accelerator.gather(counted.sum()).sum().clamp(min=1),
        }
        if weights.divergence is not None:
            batch["divergence_weights"] = weights.divergence * mask
        return batch, read

    def contrast(self, batch: Batch, contexts: Contrast, prompts: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor, float]:
        """(`Evidence.contrast`, `Evidence.contrasted`, how many tokens were read for them)."""
        own = [
            contexts(attempt) if prefix is not None else ()
            for attempt, prefix in zip(self.attempts, self._prefixes, strict=True)
        ]
        counts, read = torch.tensor([len(each) for each in own]), 0.0
        result = torch.full(batch["completion_ids"].shape, -math.inf, device=batch["completion_ids"].device)
        for i in range(int(max(self.everyones([float(count) for count in counts])))):  # type: ignore[arg-type, type-var]
            # Every row is read, since processes have to read as many micro-batches, and counts where it has an i-th context.
            other = self.with_teacher(batch, [each[i] if i < len(each) else prompts[row] for row, each in enumerate(own)])
            found = self.read(self.teacher_model, other, "teacher")[0]
            result = torch.where((counts > i).to(found.device).unsqueeze(1), torch.logaddexp(result, found), result)
            read += float(other["teacher_mask"].sum() + batch["completion_mask"].sum())
        mean = result - counts.clamp(min=1).log().to(result).unsqueeze(1)
        return mean.where(mean.isfinite(), 0.0), counts > 0, read

    def compare(self, student_hidden: Tensor, student_head: Head, teacher_hidden: Tensor, teacher_head: Head) -> PerToken:
        """The divergence of the options."""
        return per_token(student_hidden, student_head, teacher_hidden, teacher_head, self.divergence)


def self_distillation_trainer(
    options: SelfDistillationOptions,
    context: TeacherContext,
    teacher: PreTrainedModel,
    max_new_tokens: int,
    arguments: TrainerArguments,
    signal: Signal | None = None,
    reference: PreTrainedModel | None = None,
    group: int = 1,
    **parts: Unpack[TrainerParts],
) -> SelfDistillationTrainer:
    """The trainer with these options, for groups of `group` rollouts. `teacher` and `reference` are copies of the policy."""
    config = DistillationConfig(
        **arguments,
        shuffle_dataset=False,
        max_completion_length=max_new_tokens,
        # Softmax temperature of the divergence; the rollouts' own is sampling.temperature.
        temperature=1.0,
    )
    return SelfDistillationTrainer(
        config,
        teacher,
        context,
        options.divergence,
        options.teacher,
        options.max_teacher_tokens,
        signal,
        reference,
        group,
        **parts,
    )
