"""Code tasks from the hub: the same questions as from a local file of the same rows, through datasets' own loading.

A folder laid out as a data set of the hub stands for it; `datasets` reads both by the same code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pytest
from code_tasks import code_task, rows_of

from sdzero_bench.core.errors import UserError
from sdzero_bench.questions.programs.code_task import CodeTask
from sdzero_bench.runs import registry
from sdzero_bench.tasks import codeforces, humaneval, mbpp

LAYOUTS: dict[str, tuple[Any, str | None, list[str], dict[str, Any]]] = {
    "humaneval": (humaneval, None, ["test"], {}),
    "mbpp": (mbpp, "full", ["prompt", "test", "validation", "train"], {}),
    "codeforces": (codeforces, "verifiable", ["train"], {"held_out": 3, "validation": 2}),
}


def published(folder: Path, rows: list[dict[str, object]], config: str | None, splits: list[str]) -> Path:
    """Parquet files, the rows dealt to the splits in their order, and the card that names them."""
    files, size = [], -(-len(rows) // len(splits))
    for i, split in enumerate(splits):
        dealt = rows[i * size : (i + 1) * size] or rows[:0]
        datasets.Dataset.from_list(dealt).to_parquet(str(folder / f"{split}.parquet"))
        files.append({"split": split, "path": f"{split}.parquet"})
    card = json.dumps({"configs": [{"config_name": config or "default", "data_files": files}]})
    (folder / "README.md").write_text(f"---\n{card}\n---\n")
    return folder


def from_hub(name: str, **options: Any) -> CodeTask:
    cls = registry.task(name)
    task = cls(cls.Options(**options))
    assert isinstance(task, CodeTask)
    return task


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_code_task_from_the_hub_has_the_questions_of_its_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, config, splits, options = LAYOUTS[name]
    monkeypatch.setattr(module, "HUB_NAME", str(published(tmp_path, rows_of(name), config, splits)))
    loaded, local = from_hub(name, **options), code_task(name, **options)
    for question, same in zip(loaded.load("test"), local.load("test"), strict=True):
        assert (question.id, question.text, question.details) == (same.id, same.text, same.details)


def test_a_hub_that_cannot_be_reached_is_said_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(humaneval, "HUB_NAME", "nobody/has-this-data-set")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="nobody/has-this-data-set could not be loaded from the hub; give a local copy"):
        from_hub("humaneval").load("test")
