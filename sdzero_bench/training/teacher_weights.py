"""The weights of the teacher while the student learns: its initial ones, or ones that follow the student.

SD-Zero freezes the teacher, and synchronises it with the student once the student has reached a plateau ("iterative
self-evolution").
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

import torch
from accelerate import Accelerator
from accelerate.utils import is_peft_model
from safetensors.torch import load_model, save_model
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from trl.trainer.callbacks import SyncRefModelCallback

from sdzero_bench.policies.lora import weights_of
from sdzero_bench.training.callbacks import checkpoint_folder
from sdzero_bench.training.options import TeacherOptions
from sdzero_bench.training.sharding import is_sharded, whole_weights_one_by_one

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TEACHER_FILE = "teacher.safetensors"
STEPS_FILE = "teacher.json"
"""The steps at which the student was copied; a plateau is looked for after the last of them."""


class _Trainer(Protocol):
    accelerator: Accelerator
    model: PreTrainedModel
    teacher_model: PreTrainedModel

    @property
    def rewards(self) -> list[float]:
        """Mean reward of each optimizer step so far."""


class TeacherWeights(TrainerCallback):
    """Updates the teacher's weights after each optimizer step, and saves them with every checkpoint.

    `synchronised` lists the steps at which the student was copied.
    """

    def __init__(self, options: TeacherOptions, trainer: _Trainer) -> None:
        self.options = options
        self.trainer = trainer
        self.synchronised: list[int] = []

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object) -> None:
        saved = checkpoint_folder(args, state) / TEACHER_FILE
        if state.global_step > 0 and saved.is_file():
            load_model(self._teacher(), str(saved))
            self.synchronised = json.loads(saved.with_name(STEPS_FILE).read_text())

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object) -> None:
        if self.options.weights != "frozen" and state.is_world_process_zero:
            save_model(self._teacher(), str(checkpoint_folder(args, state) / TEACHER_FILE))
            (checkpoint_folder(args, state) / STEPS_FILE).write_text(json.dumps(self.synchronised))

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object) -> None:
        step = state.global_step
        match self.options.weights:
            case "ema":
                self._move(1 - self.options.decay)
            case "sync_every" if step % self.options.every == 0:
                self._synchronise(step)
            case "sync_on_plateau" if self._on_plateau(step):
                self._synchronise(step)

    def _on_plateau(self, step: int) -> bool:
        window = self.options.patience
        since = self.trainer.rewards[max(self.synchronised, default=0) :]
        if len(since) < 2 * window:
            return False
        before, last = since[-2 * window : -window], since[-window:]
        return sum(last) / window <= sum(before) / window + self.options.minimum_gain

    def _synchronise(self, step: int) -> None:
        self._move(1.0)
        self.synchronised.append(step)

    def _move(self, share: float) -> None:
        student, teacher = self._student(), self._teacher()
        if not is_peft_model(student) and not is_sharded(student):
            SyncRefModelCallback.sync_target_model(student, teacher, share)
            return
        # The teacher is whole in every process and has no adapters: it moves to the student's whole, merged weights.
        weights = weights_of(student) if is_peft_model(student) else whole_weights_one_by_one(student)
        own = dict(teacher.named_parameters())  # tied weights once: they would move twice
        with torch.no_grad():
            for name, weight in weights:
                if name in own:
                    own[name].lerp_(weight.to(own[name].dtype), share)

    def _teacher(self) -> PreTrainedModel:
        teacher: PreTrainedModel = self.trainer.accelerator.unwrap_model(self.trainer.teacher_model)
        return teacher

    def _student(self) -> PreTrainedModel:
        student: PreTrainedModel = self.trainer.accelerator.unwrap_model(self.trainer.model)
        return student
