"""Rows of a data set, from the hub or from a copy in a local file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sdzero_bench.core.errors import NoSuchSplit, UserError
from sdzero_bench.questions.question_files import read_rows


def rows(
    path: str | None, hub_name: str, config: str | None, splits: Sequence[str], fields: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """The rows of these splits, one after the other, or those of a local file of the same fields.

    One at a time: a whole data set may be larger than the memory.

    fields:
        Those that have to hold text.
    """
    if path is not None:
        yield from read_rows(Path(path).expanduser(), fields)
        return
    import datasets

    try:
        for split in splits:
            yield from datasets.load_dataset(hub_name, config, split=split)
    except (OSError, ValueError) as error:
        raise UserError(f"{hub_name} could not be loaded from the hub; give a local copy with --set task.path=FILE") from error


def only_a_test_set(name: str, split: str) -> None:
    """Raises `NoSuchSplit` unless `split` is "test": for benchmarks without training questions."""
    if split != "test":
        raise NoSuchSplit(
            f"{name} is a test set and has no {split} questions; measure on it with `sdzero-bench eval --task {name}`"
        )
