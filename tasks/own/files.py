"""The rows of a user's question files, and how they are divided into splits."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from pydantic import Field

from sdzero_bench.core.errors import NoSuchSplit, UserError
from sdzero_bench.core.question import normalised
from sdzero_bench.core.task import Split, Task, TaskOptions
from sdzero_bench.questions.dynamic_task import DynamicTask
from sdzero_bench.questions.question_files import SUFFIXES, FileRow, file_rows
from sdzero_bench.questions.yaml_task import digest

SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class Shares(TaskOptions):
    """Sizes of the splits, if neither a folder nor a field `split` defines them. The texts alone decide a question's split."""

    validation: float = Field(0.1, ge=0, le=1)
    """Fraction of the questions in the validation split."""
    test: float = Field(0.2, ge=0, le=1)
    """Fraction of the questions in the test split; 1 for a file that is only evaluated on."""


def short_name(path: str) -> str:
    """`file:STEM`, which becomes part of the run folder's name."""
    stem = Path(path).name
    for suffix in SUFFIXES:
        stem = stem.removesuffix(suffix)
    return "file:" + (re.sub(r"[^\w.-]+", "-", stem).strip("-.") or "questions")


def files_of(path: str) -> dict[Split | None, Path]:
    """The files by split; the key is None for a single file with all questions. Raises `UserError` if there is no file."""
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
        raise UserError(f"{path!r} is a folder without question files; name them train.jsonl, validation.jsonl or test.jsonl")
    return found


def divided(path: str, text: Callable[[FileRow], str], name: str, options: Shares) -> dict[Split, list[FileRow]]:
    """The rows of each split. `text` gives the question of a row, and `name` is the field with its id.

    No question may occur twice, and no id twice in a file.

    Raises `UserError`, which names the line, for a file that cannot be read, a repeated question or id, ids in some rows
    only, or an unknown split.
    """
    files = files_of(path)
    rows = {split: file_rows(file) for split, file in files.items()}
    every = [row for those in rows.values() for row in those]
    _refuse_repeats(every, lambda row: normalised(text(row)), "question")
    if named := [row for row in every if row.value(name) is not None]:
        if nameless := next((row for row in every if row.value(name) is None), None):
            raise UserError(f"{nameless.where}: there is no {name!r}, which {named[0].where} has; give all rows an id, or none")
        for those in rows.values():  # each file of a folder may count from 0
            _refuse_repeats(those, lambda row: row.text(name).strip(), name)
    splits: dict[Split, list[FileRow]] = {split: rows.get(split, []) for split in SPLITS}
    if None not in rows:
        return splits
    whole = rows[None]
    if any(row.value("split") is not None for row in whole):
        for row in whole:
            splits[_split_of(row)].append(row)
        return splits
    if options.test + options.validation > 1:
        raise UserError(f"task.test={options.test} and task.validation={options.validation} add up to more than 1; lower them")
    ordered = sorted(whole, key=lambda row: digest(text(row)))
    tests = round(options.test * len(whole))
    held: dict[int, Split] = {id(row): "test" for row in ordered[:tests]}
    held |= {id(row): "validation" for row in ordered[tests : tests + round(options.validation * len(whole))]}
    for row in whole:
        splits[held.get(id(row), "train")].append(row)
    return splits


def chosen(path: str, text: Callable[[FileRow], str], name: str, options: Shares, split: Split) -> list[FileRow]:
    """The rows of one split. Raises `NoSuchSplit` if there are none, and `UserError` as `divided` does."""
    splits = divided(path, text, name, options)
    if not splits[split]:
        sizes = {name: len(rows) for name, rows in splits.items() if rows}
        has = ", ".join(f"{count} {name}" for name, count in sizes.items())
        raise NoSuchSplit(
            f"{path!r} has no {split} questions, only {has}; {_advice(path, options, split, sum(sizes.values()))}"
        )
    return splits[split]


def _advice(path: str, options: Shares, split: Split, count: int) -> str:
    """What to do about a split without questions."""
    if split == "train":
        return "add training questions, or evaluate with `sdzero-bench eval`"
    if None not in files_of(path):
        return f"add a file {split}.jsonl to the folder"
    share = f"task.{split}={getattr(options, split):g}"
    return f'{share} of {count} is none: add questions, raise it, or mark some with "split": "{split}"'


def file_task(base: type[DynamicTask], factory: Callable[[str], type[Task]], path: str) -> type[Task]:
    """The subclass of `base` for the file or folder at `path`; `factory` is the function that worker processes call again."""
    return type(
        base.__name__,
        (base,),
        {
            "name": short_name(path),
            "path": path,
            "factory": staticmethod(factory),
            "made_from": path,
            "summary": f"the questions in {path}",
            "__doc__": base.__doc__,
            "__module__": base.__module__,
        },
    )


def _split_of(row: FileRow) -> Split:
    value = row.value("split")
    for split in SPLITS:
        if value == split:
            return split
    raise UserError(f"{row.where}: the field 'split' must be one of {', '.join(SPLITS)} (found: {value!r})")


def _refuse_repeats(rows: list[FileRow], key: Callable[[FileRow], str], what: str) -> None:
    seen: dict[str, FileRow] = {}
    for row in rows:
        text = key(row)
        if text in seen:
            raise UserError(f"{row.where}: the same {what} as in {seen[text].where}; leave one out")
        seen[text] = row
