"""What a trainer does besides training: log its steps, advance the progress bar, save by time, keep two checkpoints."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from sdzero_bench.core.distributed import ALONE, Ranks
from sdzero_bench.core.errors import DamagedError, DivergedError
from sdzero_bench.core.progress import PhaseBar
from sdzero_bench.records.curve_record import SECONDS
from sdzero_bench.records.file_sums import damaged_file, sums_of
from sdzero_bench.records.folder import write_atomic
from sdzero_bench.records.line_sums import LineSums

COMPLETE = "COMPLETE"
"""File that marks a checkpoint as written to its end, with the sums of its files."""

SAVE_AFTER, SAVING_SHARE = 600.0, 0.02
"""Minimum seconds between time-based checkpoints, and the largest share of the time that saving may take."""

Step = dict[str, float]
"""The figures of one optimizer step, and its number under `step`."""


class StepLog(TrainerCallback):
    """Writes one JSON line per optimizer step, and passes all steps so far to `each`. Resuming drops repeated steps."""

    def __init__(
        self,
        path: Path,
        each: Callable[[Sequence[Step]], None] = lambda steps: None,
        writes: bool = True,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """`clock` gives the seconds that the phase has taken so far: `SECONDS` of a step's line."""
        self.path = path
        self.each = each
        self.writes = writes
        self.clock = clock
        self.steps: list[Step] = []
        self._sums = LineSums(path)

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object) -> None:
        kept = [row for row in read_steps(self.path) if row["step"] <= state.global_step]
        if self.writes:
            lines = [_line(row) for row in kept]
            write_atomic(self.path, b"".join(lines).decode())
            self._sums.write([LineSums.of(line) for line in lines])
        self.steps = kept
        if kept:
            self.each(kept)  # an interrupted run may not have booked the last of them

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **kwargs: object,
    ) -> None:
        if logs is not None and "loss" in logs:  # the other entry is the trainer's summary at its end
            # TRL logs None where a batch has no value, such as a mean reward if the verifier failed on all of it.
            row: Step = {"step": state.global_step, **{k: float(v) for k, v in logs.items() if v is not None}}
            if self.clock is not None:
                row[SECONDS] = round(self.clock(), 3)
            if self.writes:
                with self.path.open("ab") as file:
                    file.write(_line(row))
                self._sums.add(_line(row))  # last: there is never a sum without its line
                self._sums.flush()
            self.steps.append(row)
            self.each(self.steps)


class StopWhereNotFinite(TrainerCallback):
    """Ends training at a step whose loss or gradient is not finite, before the log and a checkpoint have it."""

    def __init__(self, phase: str, keep_in: Path, batch: Callable[[], Mapping[str, object]]) -> None:
        """`batch` gives the batch of the last step, which is kept in the folder `keep_in`."""
        self.phase = phase
        self.keep_in = keep_in
        self.batch = batch

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **kwargs: object,
    ) -> None:
        """Raises `DivergedError`."""
        figures = {
            name: float(value) for name, value in (logs or {}).items() if name in ("loss", "grad_norm") and value is not None
        }
        if not (strange := [f"{name} is {value}" for name, value in figures.items() if not math.isfinite(value)]):
            return
        path = self.keep_in / f"{self.phase}.step-{state.global_step}.json"
        rows = {name: values.tolist() for name, values in self.batch().items() if hasattr(values, "tolist")}
        write_atomic(path, json.dumps({"step": state.global_step, "not finite": strange, "batch": rows}) + "\n")
        raise DivergedError(
            f"{self.phase}, step {state.global_step}: {' and '.join(strange)}; its batch is in {str(path)!r}. Start a new run "
            f"with a lower optimizer.learning_rate or optimizer.max_grad_norm, if the model itself is sound"
        )


def _line(row: Step) -> bytes:
    return json.dumps(row).encode() + b"\n"


def read_steps(path: Path) -> list[Step]:
    """The logged steps; a line left incomplete by a crash is skipped.

    Raises `DamagedError`, which names file and line, for any other line that is not a step.
    """
    steps: list[Step] = []
    sums = LineSums(path)
    known = sums.read()
    if path.exists():
        for number, line in enumerate(path.read_bytes().rpartition(b"\n")[0].splitlines(), start=1):
            try:
                row = json.loads(line.decode("utf-8"))
                steps.append({key: float(value) for key, value in row.items()} | {"step": int(row["step"])})
                if number <= len(known) and LineSums.of(line + b"\n") != known[number - 1]:
                    raise ValueError(f"it is not as it was written, or {sums.path.name} is not")
            except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
                raise DamagedError(
                    f"{str(path)!r}, line {number}: not a step of training ({error}); the log is damaged: get it back from a "
                    f"copy, or delete it with the folder checkpoints/.{path.stem}.trainer, and the policy is trained again"
                ) from error
    return steps


class BarCallback(TrainerCallback):
    """Advances the phase's bar by one per step, and shows the loss, or the mean reward of the rollouts if there are any."""

    def __init__(self, bar: PhaseBar) -> None:
        self.bar = bar
        self.done = 0

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **kwargs: object,
    ) -> None:
        if logs is not None and "loss" in logs:
            loss, reward = float(logs["loss"]), logs.get("reward")
            note = f"loss {loss:.3f}" if reward is None else f"{float(reward):.0%} right"
            figures = {"loss": loss, **({} if reward is None else {"right": float(reward)})}
            self.bar.advance(state.global_step - self.done, note=note, figures=figures)
            self.done = state.global_step


class SaveByTime(TrainerCallback):
    """Also saves when the last checkpoint is `SAVE_AFTER` seconds old.

    Less often if saving would take more than `SAVING_SHARE` of the time; how long the first save takes is not known before.
    Comes after the callbacks that work on a checkpoint, whose time is part of saving.

    updates:
        Optimizer steps per batch of rollouts; it saves only at the end of a batch.
    """

    def __init__(self, updates: int = 1, ranks: Ranks = ALONE, clock: Callable[[], float] = time.monotonic) -> None:
        self.updates, self.ranks, self.clock = updates, ranks, clock
        self.saved = self.began = clock()
        self.took = 0.0

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object) -> None:
        self.saved = self.clock()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object) -> None:
        age = self.clock() - self.saved
        due = self.ranks.from_first(age >= max(SAVE_AFTER, self.took / SAVING_SHARE))
        if due and state.global_step % self.updates == 0:
            control.should_save = True
        self.began = self.clock()

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object) -> None:
        self.saved = self.clock()
        self.took = self.saved - self.began


class KeepLastTwo(TrainerCallback):
    """Marks a checkpoint as complete once it is written to its end, and deletes all but this one and the one before.

    The trainer itself deletes by the folders' times, which are wrong on some network file systems and after a clock was set
    back. It also keeps later steps of a training that has been resumed before them.
    """

    def __init__(self, ranks: Ranks = ALONE) -> None:
        self.ranks = ranks

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object) -> None:
        self.ranks.wait()  # each process writes a part of it
        if not self.ranks.first:
            return
        folder = checkpoint_folder(args, state)
        (folder / COMPLETE).unlink(missing_ok=True)  # of an earlier save of this step: it would be among the sums
        write_atomic(folder / COMPLETE, sums_of(folder))
        before = [step for step in _complete_steps(folder.parent) if step < state.global_step]
        kept = {state.global_step, *sorted(before)[-1:]}
        for step, path in _checkpoints(folder.parent).items():
            if step not in kept:
                shutil.rmtree(path, ignore_errors=True)


def checkpoint_folder(args: TrainingArguments, state: TrainerState) -> Path:
    """Where the trainer saves its current step."""
    return Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"


def states_of(checkpoints: Path, phase: str) -> Path:
    """The folder in which the trainer of a phase keeps its states until the phase is done."""
    return checkpoints / f".{phase}.trainer"


def last_complete_checkpoint(folder: Path, until: float = math.inf) -> str | None:
    """The newest checkpoint of a trainer that was written to its end, is as it was written, and is of step `until` at most."""
    for step in sorted((step for step in _complete_steps(folder) if step <= until), reverse=True):
        path = folder / f"checkpoint-{step}"
        if damaged_file(path, path / COMPLETE) is None:
            return str(path)
    return None


def _complete_steps(folder: Path) -> list[int]:
    return [step for step, path in _checkpoints(folder).items() if (path / COMPLETE).exists()]


def _checkpoints(folder: Path) -> dict[int, Path]:
    """By step. Folders that somebody else put there, such as `checkpoint-final` or `checkpoint-007`, are not among them."""
    named = ((path.name.removeprefix("checkpoint-"), path) for path in folder.glob("checkpoint-*"))
    return {int(step): path for step, path in named if step.isdecimal() and step == str(int(step))}


def quieten(trainer: Trainer, *callbacks: TrainerCallback) -> None:
    """Replace the trainer's own printing by these callbacks."""
    trainer.remove_callback(PrinterCallback)
    for callback in callbacks:
        trainer.add_callback(callback)
