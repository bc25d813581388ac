"""The samples of runs by column, as the viewer's page holds them."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from sdzero_bench.core.errors import UserError, unknown
from sdzero_bench.core.verdict import ProgramReport
from sdzero_bench.records.journal import Sample
from sdzero_bench.records.question_sets import RecordedQuestions, read_questions
from sdzero_bench.records.record_files import read_manifest
from sdzero_bench.records.recorded_journal import RecordedJournal
from sdzero_bench.records.schema import Manifest
from sdzero_bench.report.verdict_text import explain, outcome
from sdzero_bench.report.viewer.first_attempts import first_attempts
from sdzero_bench.report.viewer.token_colours import ColouredTokens, coloured_tokens

MOST = 300_000
"""Samples on one page: browsers limit the height of a list, Firefox to 17.9 million pixels."""

OF_SAMPLE = ("finish", "policy", "engine", "phase", "index", "text")
OF_VERDICT = ("reward", "status", "answer", "detail")
CODED = (*OF_SAMPLE, *OF_VERDICT, "outcome", "said", "tests", "question", "before")
PLAIN = ("run", "tokens", "prompt_tokens", "first")


@dataclass
class Coded:
    """A column whose distinct values are stored once: `values[codes[i]]` is that of sample `i`."""

    values: list[Any] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    _known: dict[Hashable, int] = field(default_factory=dict)

    def add(self, value: Hashable) -> None:
        code = self._known.setdefault(value, len(self.values))
        if code == len(self.values):
            self.values.append(value)
        self.codes.append(code)


class SampleTable:
    """The samples of all runs that were added."""

    def __init__(self) -> None:
        self.runs: list[dict[str, Any]] = []
        self.coded = {name: Coded() for name in CODED}
        self.plain: dict[str, list[int]] = {name: [] for name in PLAIN}
        self.colours: dict[int, ColouredTokens] = {}

    def __len__(self) -> int:
        return len(self.plain["run"])

    def add(self, name: str, folder: Path, phases: Sequence[str]) -> None:
        """Add the samples of one run; `phases` are patterns such as `evaluation.*`, none of them for all phases.

        Raises `UserError` if it cannot be read, or has more samples than a page holds.
        """
        manifest, journal = read_manifest(folder), RecordedJournal(folder)
        chosen = [p for p in journal.phases if not phases or any(fnmatchcase(p, pattern) for pattern in phases)]
        questions = _questions(folder, manifest)
        samples: list[Sample] = []
        asked: dict[str, Mapping[str, Any]] = {}
        for phase in chosen:
            asked[phase] = questions.of(phase) if questions else {}
            samples += _in_order(list(journal.samples(phase)), list(asked[phase]))
            if len(self) + len(samples) > MOST:
                raise UserError(
                    f"more than {MOST:,} samples; choose fewer runs, or fewer phases, such as --phase evaluation.final"
                )
        start, first = len(self), first_attempts(samples)
        for position, sample in enumerate(samples):
            before = samples[first[position]] if position in first else None
            question = asked[sample.phase].get(sample.question_id)
            self._add(sample, start + first.get(position, -start - 1), before, question and (question.text, question.answer))
        note = ""
        try:
            colours = coloured_tokens(folder, manifest.config.model, samples)
            self.colours |= {start + position: tokens for position, tokens in colours.items()}
        except UserError as error:
            note = f"No token colours: {error}"
        self.runs.append(_described(name, manifest, note))

    def _add(self, sample: Sample, first: int, before: Sample | None, asked: tuple[str, str] | None) -> None:
        verdict = sample.verdict
        values: dict[str, Any] = {name: getattr(sample, name) for name in OF_SAMPLE}
        values |= {name: getattr(verdict, name) for name in OF_VERDICT}
        values |= {"outcome": outcome(verdict), "said": explain(verdict), "tests": _tests(verdict.tests)}
        values["question"] = (sample.question_id, *(asked or (None, None)))
        values["before"] = sample.prefix.removeprefix(before.text) if before else sample.prefix
        for name, column in self.coded.items():
            column.add(values[name])
        numbers = {
            "run": len(self.runs),
            "tokens": len(sample.token_ids),
            "prompt_tokens": sample.prompt_tokens,
            "first": first,
        }
        for name, number in numbers.items():
            self.plain[name].append(number)

    def as_dict(self) -> dict[str, Any]:
        """JSON data. Column `first`: position of the sample that this one revises, or -1; `question`: id, text, gold answer."""
        coded = {name: {"values": column.values, "codes": column.codes} for name, column in self.coded.items()}
        colours = {str(position): asdict(tokens) for position, tokens in self.colours.items()}
        return {"runs": self.runs, "columns": {**coded, **self.plain}, "colours": colours}


def read_samples(folders: Mapping[str, Path], phases: Sequence[str] = ()) -> SampleTable:
    """The samples of runs by name. Raises `UserError` if there are none, or as `SampleTable.add` does."""
    table = SampleTable()
    for name, folder in folders.items():
        table.add(name, folder, phases)
    if not len(table):
        known = sorted({phase for folder in folders.values() for phase in RecordedJournal(folder).phases})
        if phases and known:
            raise unknown("phase", phases[0], known)
        raise UserError("no samples to show: no run has drawn any yet")
    return table


def run_names(folders: Iterable[Path]) -> dict[str, Path]:
    """The folders by the shortest end of their paths that tells them apart."""
    paths = list(dict.fromkeys(folder.resolve() for folder in folders))
    names: dict[str, Path] = {}
    for path in paths:
        parts = next(n for n in range(1, len(path.parts) + 1) if sum(p.parts[-n:] == path.parts[-n:] for p in paths) == 1)
        names["/".join(path.parts[-parts:])] = path
    return names


def _questions(folder: Path, manifest: Manifest) -> RecordedQuestions | None:
    """None if the run has not written them yet."""
    try:
        return read_questions(folder, manifest)
    except UserError:
        if manifest.state == "finished":
            raise
        return None


def _in_order(samples: list[Sample], questions: Sequence[str]) -> list[Sample]:
    """In the order of the questions and, of one question, of the indices as numbers."""
    place = {question: number for number, question in enumerate(questions)}

    def key(sample: Sample) -> tuple[int, list[tuple[int, str]]]:
        numbered = [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", sample.index)]
        return place.get(sample.question_id, len(place)), numbered

    return sorted(samples, key=key)


def _described(name: str, manifest: Manifest, note: str) -> dict[str, Any]:
    config = manifest.config
    said = {"method": config.method["name"], "task": config.task["name"], "model": config.model.name, "preset": config.preset}
    return {"name": name, **said, "seed": str(config.seed), "state": manifest.state, "note": note}


def _tests(tests: ProgramReport | None) -> str | None:
    if tests is None:
        return None
    failed = "" if tests.first_failed is None else f"; test {tests.first_failed}: {tests.outcome}"
    return f"{tests.passed} of {tests.total} passed{failed}"
