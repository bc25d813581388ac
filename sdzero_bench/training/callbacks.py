"""What a trainer does beside training: logs a line a step, moves the bar, marks its checkpoints as whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from sdzero_bench.core.distributed import ALONE, Ranks
from sdzero_bench.core.progress import PhaseBar
from sdzero_bench.records.folder import write_atomic

COMPLETE = "COMPLETE"


class StepLog(TrainerCallback):
    """One JSON line an optimiser step, and word of all steps so far to `each`. Resuming drops those that will be done again."""

    def __init__(
        self, path: Path, each: Callable[[Sequence[dict[str, Any]]], None] = lambda steps: None, writes: bool = True
    ) -> None:
        self.path = path
        self.each = each
        self.writes = writes
        self.steps: list[dict[str, Any]] = []

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        kept = [row for row in read_steps(self.path) if row["step"] <= state.global_step]
        if self.writes:
            write_atomic(self.path, "".join(json.dumps(row) + "\n" for row in kept))
        self.steps = kept
        if kept:
            self.each(kept)  # a run that was cut off may not have booked the last of them

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **kwargs: Any
    ) -> None:
        if "loss" in logs:  # the other entry is the trainer's summary at its end
            row = {"step": state.global_step, **{k: float(v) for k, v in logs.items()}}
            if self.writes:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
            self.steps.append(row)
            self.each(self.steps)


def read_steps(path: Path) -> list[dict[str, Any]]:
    """The logged steps; a line torn by a crash is left out."""
    if not path.is_file():
        return []
    whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines()]


class BarCallback(TrainerCallback):
    """Moves the phase's bar by one a step, and shows the loss, or the share of right rollouts where there are any."""

    def __init__(self, bar: PhaseBar) -> None:
        self.bar = bar
        self.done = 0

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **kwargs: Any
    ) -> None:
        if "loss" in logs:
            note = f"{float(logs['reward']):.0%} right" if "reward" in logs else f"loss {float(logs['loss']):.3f}"
            self.bar.advance(state.global_step - self.done, note=note)
            self.done = state.global_step


class MarkComplete(TrainerCallback):
    """Writes a marker into a checkpoint once all of it is there: one without it was cut off while it was written."""

    def __init__(self, ranks: Ranks = ALONE) -> None:
        self.ranks = ranks

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.ranks.wait()  # each process has a part of its own in it
        if self.ranks.first:
            (checkpoint_folder(args, state) / COMPLETE).touch()


def checkpoint_folder(args: TrainingArguments, state: TrainerState) -> Path:
    """Where the trainer saves the step that it is at."""
    return Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"


def last_complete_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint of a trainer that was written to its end."""
    steps = [int(p.parent.name.rpartition("-")[2]) for p in folder.glob(f"checkpoint-*/{COMPLETE}")]
    return str(folder / f"checkpoint-{max(steps)}") if steps else None


def quieten(trainer: Any, *callbacks: TrainerCallback) -> None:
    """Our callbacks in the place of the trainer's own printing."""
    trainer.remove_callback(PrinterCallback)
    for callback in callbacks:
        trainer.add_callback(callback)
