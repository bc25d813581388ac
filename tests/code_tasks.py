"""Code tasks on local files, and rows of theirs to be changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from local_tasks import DATA, options, sandbox

from sdzero_bench.core.question import Question
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.questions.programs.code_task import CodeTask
from sdzero_bench.runs import registry
from sdzero_bench.verifiers.pool import VerifierPool


def code_task(name: str, path: Path | None = None, **more: Any) -> CodeTask:
    """Ready to load and to verify, on a file of its own fields: by default the few rows of tests/data."""
    cls = registry.task(name)
    local = options(name) if path is None else {"path": str(path)}
    task = cls(cls.Options(**{**local, **more}))
    task.sandbox = sandbox()
    assert isinstance(task, CodeTask)
    return task


def verify_all(task: CodeTask, pairs: list[tuple[Question, str]]) -> list[Verdict]:
    """As a run does: in worker processes, on all cores."""
    with VerifierPool(task) as pool:
        return pool.verify(pairs)


def rows_of(name: str) -> list[dict[str, Any]]:
    """The rows of tests/data, to be changed and written elsewhere."""
    return [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text().splitlines()]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
