"""The journal of samples: written before a sample is used, and read instead of sampling again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from ..verifying.verdict import Verdict
from .completion import FinishReason


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
        return json.dumps({**asdict(self), "verdict": self.verdict.as_dict()}, ensure_ascii=False)

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> Sample:
        return cls(**{**row, "token_ids": tuple(row["token_ids"]), "verdict": Verdict.from_dict(row["verdict"])})


class Journal:
    """Append-only JSON lines, one file a phase, each sample once. A line torn by a crash is dropped, to be drawn again."""

    def __init__(self, folder: Path, writes: bool = True) -> None:
        """Of several processes of a run, one alone `writes`; the others keep what they append in memory."""
        self.folder = folder
        self.writes = writes
        self._phases: dict[str, dict[str, Sample]] = {}
        self._files: dict[str, IO[str]] = {}
        for path in sorted(folder.glob("*.jsonl")):
            self._phases[path.stem] = _read(path)

    @property
    def phases(self) -> dict[str, dict[str, Sample]]:
        """Samples by phase and key, in the order in which they were drawn."""
        return self._phases

    def get(self, phase: str, key: str) -> Sample | None:
        return self._phases.get(phase, {}).get(key)

    def append(self, samples: Iterable[Sample]) -> None:
        """Write and sync. Raises `ValueError` for a sample that is in the journal already."""
        touched = set()
        for sample in samples:
            known = self._phases.setdefault(sample.phase, {})
            if sample.key in known:
                raise ValueError(f"sample {sample.key} of phase {sample.phase} is already in the journal")
            if self.writes:
                self._file(sample.phase).write(sample.to_json() + "\n")
                touched.add(sample.phase)
            known[sample.key] = sample
        for phase in touched:
            self._files[phase].flush()
            os.fsync(self._files[phase].fileno())

    def _file(self, phase: str) -> IO[str]:
        if phase not in self._files:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._files[phase] = (self.folder / f"{phase}.jsonl").open("a", encoding="utf-8")
        return self._files[phase]

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()


def _read(path: Path) -> dict[str, Sample]:
    """Samples of one file. A torn last line is cut off the file, so that the next append starts on a line of its own."""
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    if end < len(data):
        with path.open("r+b") as file:
            file.truncate(end)
    samples = (Sample.from_dict(json.loads(line)) for line in data[:end].splitlines())
    return {sample.key: sample for sample in samples}
