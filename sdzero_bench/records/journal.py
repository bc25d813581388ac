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
from sdzero_bench.core.verdict import Verdict


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


class PhaseSamples(Mapping[str, Sample]):
    """Samples of one phase by key, in the order in which they were drawn. Each is read from its file when accessed; memory
    holds its offset.
    """

    def __init__(self, path: Path) -> None:
        """Truncates a line torn by a crash, so that the next append starts on a new line."""
        self.path = path
        self._starts: dict[str, int] = {}
        self._reader: IO[bytes] | None = None
        self._writer: IO[bytes] | None = None
        if path.is_file():
            self._index()

    def _index(self) -> None:
        end = 0
        with self.path.open("r+b") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    file.truncate(end)
                    break
                self._starts[Sample.from_dict(json.loads(line)).key] = end
                end += len(line)

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
        self._writer.write(sample.to_json().encode() + b"\n")

    def sync(self) -> None:
        if self._writer is not None:
            self._writer.flush()
            os.fsync(self._writer.fileno())

    def close(self) -> None:
        for file in (self._reader, self._writer):
            if file is not None:
                file.close()
        self._reader = self._writer = None


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
        self.folder = folder
        self._phases = {path.stem: PhaseSamples(path) for path in sorted(folder.glob("*.jsonl"))}

    @property
    def phases(self) -> Mapping[str, Mapping[str, Sample]]:
        """Samples by phase and key, in the order in which they were drawn."""
        return self._phases

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
