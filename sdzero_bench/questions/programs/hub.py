"""Rows of a data set, from the Hugging Face Hub or from a local copy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from sdzero_bench.core.errors import NoSuchSplit, UserError
from sdzero_bench.core.reaching_the_hub import hub_is_reachable
from sdzero_bench.questions.question_files import Row, read_rows


def rows(path: str | None, hub_name: str, config: str | None, splits: Sequence[str], fields: Sequence[str]) -> Iterator[Row]:
    """The rows of these splits, or those of a local file with the same fields.

    Yields one row at a time, since a data set may be larger than memory.

    fields:
        Fields that must hold text; checked in local files.

    Raises `UserError` if the data set cannot be loaded, or as `read_rows` does.
    """
    if path is not None:
        yield from read_rows(Path(path).expanduser(), fields)
        return
    import datasets

    hub_is_reachable()
    try:
        for split in splits:
            yield from datasets.load_dataset(hub_name, config, split=split)
    except (OSError, ValueError) as error:
        raise UserError(f"{hub_name} could not be loaded from the hub; give a local copy with --set task.path=FILE") from error


def only_a_test_set(name: str, split: str) -> None:
    """Raises `NoSuchSplit` unless `split` is "test". For benchmarks that have only a test set."""
    if split != "test":
        raise NoSuchSplit(
            f"{name} is a test set and has no {split} questions; evaluate on it with `sdzero-bench eval --task {name}`"
        )
