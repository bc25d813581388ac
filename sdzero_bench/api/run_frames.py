"""Data frames of finished runs, each read when it is first looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sdzero_bench.api.frame_columns import BY_QUESTION, EVALUATION, LEDGER, RUN, SAMPLES, TRAINING, frame
from sdzero_bench.core.errors import UserError
from sdzero_bench.records.journal import Sample
from sdzero_bench.records.ledger import measures
from sdzero_bench.records.measured import PolicyEvaluation
from sdzero_bench.records.packed_folder import LINES
from sdzero_bench.records.packed_lines import phases_in, read_lines
from sdzero_bench.records.question_sets import read_questions
from sdzero_bench.records.reader import RunRecord
from sdzero_bench.records.recorded_journal import RecordedJournal
from sdzero_bench.records.schema import QuestionLine

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]


class RunFrames:
    """What finished runs have recorded, as pandas data frames; `frame_columns.py` documents the columns."""

    def __init__(self, records: Sequence[RunRecord]) -> None:
        self._records = tuple(records)

    @cached_property
    def evaluation(self) -> pd.DataFrame:
        """One row per measured policy."""
        return frame((_run(run) | _evaluation(run, entry) for run in self._finished for entry in run.evaluation), EVALUATION)

    @cached_property
    def by_question(self) -> pd.DataFrame:
        """One row per measured policy and test question."""
        return frame((row for run in self._finished for entry in run.evaluation for row in _questions(run, entry)), BY_QUESTION)

    @cached_property
    def ledger(self) -> pd.DataFrame:
        """One row per phase: what it used."""
        rows = (
            _run(run) | {"phase": phase, "charged": not measures(phase), **dict(use)}
            for run in self._finished
            for phase, use in run.result.ledger.items()
        )
        return frame(rows, LEDGER)

    @cached_property
    def training(self) -> pd.DataFrame:
        """One row per optimizer step, with everything that the trainers have logged."""
        rows = [row for run in self._finished for row in _steps(run)]
        logged = dict.fromkeys(key for row in rows for key, value in row.items() if isinstance(value, int | float))
        return frame(rows, TRAINING | {name: ("float64", "as TRL logs it") for name in logged if name not in TRAINING})

    @property
    def samples(self) -> pd.DataFrame:
        """One row per sample, training and evaluation. Read at each access; `read_samples` reads some phases only."""
        return self.read_samples()

    def read_samples(self, phase: str = "*") -> pd.DataFrame:
        """One row per sample of the phases that match, such as `evaluation.final` or `*.revision`.

        Raises `UserError` if no phase matches, or if texts of packed records need a tokenizer that is not available.
        """
        journals = [(run, RecordedJournal(run.folder)) for run in self._finished]
        known = {name for _, journal in journals for name in journal.phases}
        if known and not any(fnmatchcase(name, phase) for name in known):
            raise UserError(f"no phase matches {phase!r}; there are: {', '.join(sorted(known))}")
        return frame((row for run, journal in journals for row in _samples(run, journal, phase)), SAMPLES)

    @property
    def _finished(self) -> list[RunRecord]:
        return [run for run in self._records if run.finished]


def _run(run: RunRecord) -> Row:
    return {name: getattr(run, name) for name in RUN} | {"method": method_of(run)}


def method_of(run: RunRecord) -> str:
    """Its method; `eval` for a policy that was measured by itself, so that it is taken for no base."""
    return "eval" if run.measured_alone else run.method


def policy_of(run: RunRecord, policy: str) -> str:
    """A policy's name; of one that was measured by itself, the name that it has in the run that it comes from."""
    return run.manifest.origin.checkpoint if run.measured_alone and run.manifest.origin else policy


def _evaluation(run: RunRecord, entry: PolicyEvaluation) -> Row:
    intervals = {"avg_at_k": entry.interval, **{n: getattr(entry, f"{n}_interval") for n in ("pass_at_k", "maj_at_k")}}
    intervals |= {name: getattr(entry, f"{name}_interval") for name in ("mean_tokens", "truncated")}
    over, revision, kl = entry.over_base, entry.revision, entry.kl_to_base
    intervals["over_base"] = over and over.interval
    ends = {f"{name}_{end}": both and both[i] for name, both in intervals.items() for i, end in enumerate(("low", "high"))}
    return {
        **{name: getattr(entry, name, None) for name in EVALUATION if name not in RUN},
        "policy": policy_of(run, entry.policy),
        **ends,
        "over_base": over and over.difference,
        "accuracy_revised": revision and revision.accuracy_revised,
        "correction_rate": revision and revision.correction_rate,
        "kept_rate": revision and revision.kept_rate,
        "kl_to_base": kl and kl.per_token,
    }


def _questions(run: RunRecord, entry: PolicyEvaluation) -> Iterator[Row]:
    measured, alike = entry.per_question, _run(run) | {"policy": policy_of(run, entry.policy)}
    for question, avg in measured.avg.items():
        yield alike | {
            "question_id": question,
            "avg_at_k": avg,
            "pass_at_k": measured.passed.get(question),
            "maj_at_k": measured.maj.get(question) if measured.maj else None,
            "mean_tokens": measured.tokens.get(question),
        }


def _steps(run: RunRecord) -> Iterator[Row]:
    folder = run.folder / "training"
    for phase in phases_in(folder):
        for row in read_lines(folder / f"{phase}{LINES}"):
            yield _run(run) | {"phase": phase, **row}


def _samples(run: RunRecord, journal: RecordedJournal, pattern: str) -> Iterator[Row]:
    phases = [name for name in journal.phases if fnmatchcase(name, pattern)]
    questions = read_questions(run.folder, run.manifest) if phases else None
    for phase in phases:
        asked = questions.of(phase) if questions else {}
        for sample in journal.samples(phase):
            yield _run(run) | _sample(sample, asked.get(sample.question_id))


def _sample(sample: Sample, question: QuestionLine | None) -> Row:
    return {
        "phase": sample.phase,
        "policy": sample.policy,
        "question_id": sample.question_id,
        "index": sample.index,
        "question": question and question.text,
        "gold_answer": question and question.answer,
        "prefix": sample.prefix,
        "completion": sample.text,
        "reward": sample.verdict.reward,
        "status": sample.verdict.status,
        "answer": sample.verdict.answer,
        "prompt_tokens": sample.prompt_tokens,
        "completion_tokens": len(sample.token_ids),
        "truncated": sample.truncated,
    }
