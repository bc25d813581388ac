"""The journal of samples: each sample is written before it is used, and read instead of drawn again."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, overload

from sdzero_bench.core.completion import FinishReason
from sdzero_bench.core.errors import DamagedError
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.records.line_sums import LineSums


@dataclass(frozen=True)
class Sample:
    """One verified completion, with all that is needed to audit or recompute it."""

    phase: str
    question_id: str
    index: str
    """Which of the samples of this question in this phase."""
    seed: int
    policy: str
    """Name of the checkpoint, or `NAME@STEP` for a policy in training, that drew it."""
    prompt_sha256: str
    """Of the prompt's token ids, 16 hex digits."""
    prompt_tokens: int
    token_ids: tuple[int, ...]
    """The completion as drawn, with its end-of-sequence token if it has one."""
    text: str
    finish: FinishReason
    verdict: Verdict
    engine: str
    prefix: str = ""
    """What stood in the assistant's turn before the completion: for a revision, the first attempt and the phrase."""

    @property
    def key(self) -> str:
        return f"{self.question_id}/{self.index}"

    @property
    def right(self) -> bool:
        return self.verdict.reward == 1.0

    @property
    def truncated(self) -> bool:
        return self.finish == "length"

    def to_json(self) -> str:
        # Not `asdict`, which would copy every token id.
        return json.dumps({**vars(self), "verdict": self.verdict.as_dict()}, ensure_ascii=False)

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> Sample:
        return cls(**{**row, "token_ids": tuple(row["token_ids"]), "verdict": Verdict.from_dict(row["verdict"])})

    @classmethod
    def from_line(cls, line: bytes) -> Sample:
        """Raises `ValueError`, which says what is wrong, for a line that `to_json` has not written."""
        try:
            row = json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"not JSON ({error})") from error
        if not isinstance(row, dict):
            raise ValueError("not a JSON object")
        return cls.from_row(row)

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Sample:
        """As `from_dict`, checked. Raises `ValueError`, which says what is wrong, for what is not a sample."""
        try:
            sample = cls.from_dict(row)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"not a sample ({type(error).__name__}: {error})") from error
        if wrong := next((name for name in _TEXTS if not isinstance(row[name], str)), None):
            raise ValueError(f"{wrong} is not text")
        if not all(isinstance(text, str) for text in (sample.prefix, sample.verdict.detail, sample.verdict.answer or "")):
            raise ValueError("prefix, or the verdict's detail or answer, is not text")
        counts = (sample.seed, sample.prompt_tokens, *sample.token_ids)
        if not all(type(number) is int and number >= 0 for number in counts):
            raise ValueError("seed, prompt_tokens and token_ids are not all numbers from 0")
        if sample.prompt_tokens >= 2**53:
            raise ValueError(f"prompt_tokens is {sample.prompt_tokens}, more than any prompt has")
        if sample.finish not in ("stop", "length"):
            raise ValueError(f"finish is {sample.finish!r}")
        if sample.verdict.status not in _REWARDS:
            raise ValueError(f"the verdict's status is {sample.verdict.status!r}")
        if sample.verdict.reward not in _REWARDS[sample.verdict.status]:
            raise ValueError(f"the reward is {sample.verdict.reward!r} where the status is {sample.verdict.status!r}")
        return sample


_REWARDS: dict[str, tuple[float | None, ...]] = {"ok": (0.0, 1.0), "refused": (0.0,), "timeout": (None,), "error": (None,)}
"""Those that a verdict of each status may have."""
_TEXTS = ("phase", "question_id", "index", "policy", "prompt_sha256", "text", "engine")


class PhaseSamples(Mapping[str, Sample]):
    """Samples of one phase by key, in the order in which they were drawn. Each is read from its file when accessed; memory
    holds its offset.
    """

    def __init__(self, path: Path) -> None:
        """Truncates a line torn by a crash, so that the next append starts on a new line.

        Raises `DamagedError`, which names file and line, for any other line that is not as it was written.
        """
        self.path = path
        self._starts: dict[str, int] = {}
        self._reader: IO[bytes] | None = None
        self._writer: IO[bytes] | None = None
        self._sums = LineSums(path)
        if path.exists():
            self._index()

    def _index(self) -> None:
        end, known = 0, self._sums.read()
        sums: list[str] = []
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    break
                try:
                    sample = Sample.from_line(line)
                    if sample.phase != self.path.stem:
                        raise ValueError(f"it is a sample of the phase {sample.phase!r}")
                    if sample.key in self._starts:
                        raise ValueError(f"sample {sample.key} is there twice")
                    if number <= len(known) and LineSums.of(line) != known[number - 1]:
                        raise ValueError(f"it is not as it was written, or {self._sums.path.name} is not")
                except ValueError as error:
                    raise damaged_line(self.path, number, str(error)) from error
                self._starts[sample.key] = end
                end += len(line)
                sums.append(LineSums.of(line))
        if self.path.stat().st_size > end:
            with self.path.open("r+b") as file:
                file.truncate(end)
        if sums != known:
            self._sums.write(sums)

    def line_of(self, key: str) -> int:
        """The line of a sample, counted from 1."""
        return list(self._starts).index(key) + 1

    def __getitem__(self, key: str) -> Sample:
        start = self._starts[key]
        if self._reader is None:
            self._reader = self.path.open("rb")
        self._reader.seek(start)
        return Sample.from_dict(json.loads(self._reader.readline()))

    def __iter__(self) -> Iterator[str]:
        return iter(self._starts)

    def __len__(self) -> int:
        return len(self._starts)

    def __contains__(self, key: object) -> bool:
        return key in self._starts

    def append(self, sample: Sample) -> None:
        """Raises `ValueError` for a sample that exists already. Call `sync` before reading."""
        if sample.key in self._starts:
            raise ValueError(f"sample {sample.key} of phase {sample.phase} is already in the journal")
        if self._writer is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self.path.open("ab")
        self._starts[sample.key] = self._writer.tell()
        line = sample.to_json().encode() + b"\n"
        self._writer.write(line)
        self._sums.add(line)

    def sync(self) -> None:
        if self._writer is not None:
            self._writer.flush()
            os.fsync(self._writer.fileno())
            self._sums.flush()  # last: there is never a sum without its line

    def close(self) -> None:
        for file in (self._reader, self._writer):
            if file is not None:
                file.close()
        self._reader = self._writer = None
        self._sums.close()


def damaged_line(path: Path, number: int, why: str) -> DamagedError:
    return DamagedError(
        f"{str(path)!r}, line {number}: {why}; the journal is damaged or was edited: get the file back from a copy, or start a "
        f"new run"
    )


class Drawn(Sequence[Sample]):
    """Samples of a phase in the order of their prompts, each read from the journal when accessed."""

    def __init__(self, samples: Mapping[str, Sample], keys: Sequence[str]) -> None:
        self._samples = samples
        self._keys = keys

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        if isinstance(index, slice):
            return [self._samples[key] for key in self._keys[index]]
        return self._samples[self._keys[index]]

    def __len__(self) -> int:
        return len(self._keys)


class Journal:
    """Append-only JSON lines, one file per phase, each sample once. A line torn by a crash is dropped."""

    def __init__(self, folder: Path) -> None:
        """Raises `DamagedError` as `PhaseSamples` does."""
        self.folder = folder
        self._phases = {path.stem: PhaseSamples(path) for path in sorted(folder.glob("*.jsonl"))}

    @property
    def phases(self) -> Mapping[str, Mapping[str, Sample]]:
        """Samples by phase and key, in the order in which they were drawn."""
        return self._phases

    def damaged(self, phase: str, key: str, why: str) -> DamagedError:
        """The error for a sample that is not this run's."""
        samples = self._phases[phase]
        return damaged_line(samples.path, samples.line_of(key), f"sample {key} {why}")

    def has(self, phase: str, key: str) -> bool:
        return key in self._phases.get(phase, ())

    def append(self, samples: Iterable[Sample]) -> None:
        """Write and sync. Raises `ValueError` for a sample that is in the journal already."""
        touched = set()
        for sample in samples:
            if sample.phase not in self._phases:
                self._phases[sample.phase] = PhaseSamples(self.folder / f"{sample.phase}.jsonl")
            self._phases[sample.phase].append(sample)
            touched.add(sample.phase)
        for phase in touched:
            self._phases[phase].sync()

    def close(self) -> None:
        for samples in self._phases.values():
            samples.close()


class PrivateJournal(Journal):
    """A copy of a journal for one of several processes of a run: all of them hold what was drawn, and one writes the record."""

    def __init__(self, folder: Path) -> None:
        self._copy = tempfile.TemporaryDirectory(prefix="sdzero-bench-journal-")
        for path in folder.glob("*.jsonl"):
            shutil.copy(path, self._copy.name)
        super().__init__(Path(self._copy.name))

    def close(self) -> None:
        super().close()
        self._copy.cleanup()
