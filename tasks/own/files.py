"""The rows of a question file, and how they are divided."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import Field

from sdzero_bench.core.errors import NoSuchSplit, UserError
from sdzero_bench.core.question import normalised
from sdzero_bench.core.task import Split, TaskOptions
from sdzero_bench.questions.question_files import SUFFIXES, FileRow, file_rows
from sdzero_bench.questions.yaml_task import digest

SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class Shares(TaskOptions):
    """Where neither a folder nor a field `split` says what is what. A question's place depends on its text alone."""

    validation: float = Field(0.1, ge=0, le=1)
    test: float = Field(0.2, ge=0, le=1)
    """Share of the questions that are for testing; 1 for a file to measure on alone."""


def short_name(path: str) -> str:
    """`file:STEM`, which names a run's folder."""
    stem = Path(path).name
    for suffix in SUFFIXES:
        stem = stem.removesuffix(suffix)
    return "file:" + (re.sub(r"[^\w.-]+", "-", stem).strip("-.") or "questions")


def files_of(path: str) -> dict[Split | None, Path]:
    """The files by split: None for one file with all. Raises `UserError` if there is none."""
    place = Path(path).expanduser()
    if place.is_file():
        return {None: place}
    if not place.is_dir():
        raise UserError(f"there is no question file {path!r}")
    found: dict[Split | None, Path] = {}
    for split in SPLITS:
        for file in (place / f"{split}{suffix}" for suffix in SUFFIXES):
            if file.is_file():
                found.setdefault(split, file)
    if not found:
        raise UserError(
            f"{path!r} is a folder without question files; it may hold train.jsonl, validation.jsonl and test.jsonl"
        )
    return found


def divided(path: str, key: str, options: Shares) -> dict[Split, list[FileRow]]:
    """The rows of each split. `key` is the field with the question, of which no two may be the same.

    Raises `UserError`, which names the line, for a file that cannot be read, a question that is there twice or a strange split.
    """
    files = files_of(path)
    rows = {split: file_rows(file) for split, file in files.items()}
    _refuse_repeats([row for those in rows.values() for row in those], key)
    splits: dict[Split, list[FileRow]] = {split: [] for split in SPLITS}
    if None not in rows:
        return {**splits, **rows}  # type: ignore[dict-item]
    whole = rows[None]
    if any(row.value("split") is not None for row in whole):
        for row in whole:
            splits[_split_of(row)].append(row)
        return splits
    if options.test + options.validation > 1:
        raise UserError(f"task.test={options.test} and task.validation={options.validation} are more than all; lower them")
    ordered = sorted(whole, key=lambda row: digest(row.text(key)))
    tests = round(options.test * len(whole))
    held = {id(row): "test" for row in ordered[:tests]}
    held |= {id(row): "validation" for row in ordered[tests : tests + round(options.validation * len(whole))]}
    for row in whole:
        splits[held.get(id(row), "train")].append(row)  # type: ignore[index]
    return splits


def chosen(path: str, key: str, options: Any, split: Split) -> list[FileRow]:
    """The rows of one split; `NoSuchSplit` if it has none."""
    splits = divided(path, key, options)
    if not splits[split]:
        has = ", ".join(f"{len(rows)} {name}" for name, rows in splits.items() if rows)
        advice = "set evaluation.split" if split != "train" else "give training questions, or measure with `sdzero-bench eval`"
        raise NoSuchSplit(f"{path!r} has no {split} questions, only {has}; {advice}")
    return splits[split]


def _split_of(row: FileRow) -> Split:
    value = row.value("split")
    if value not in SPLITS:
        raise UserError(f"{row.where}: the field 'split' has to be one of {', '.join(SPLITS)} (found: {value!r})")
    return value


def _refuse_repeats(rows: list[FileRow], key: str) -> None:
    seen: dict[str, FileRow] = {}
    for row in rows:
        text = normalised(row.text(key))
        if text in seen:
            raise UserError(f"{row.where}: the same question as in {seen[text].where}; leave one out")
        seen[text] = row
