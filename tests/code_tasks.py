"""Code tasks on local files, ready to verify."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from sdzero_bench import registry
from sdzero_bench.code.task import CodeTask
from sdzero_bench.questions import Question
from sdzero_bench.sandbox import Sandbox, find_sandbox
from sdzero_bench.verifying.pool import VerifierPool
from sdzero_bench.verifying.verdict import Verdict

DATA = Path(__file__).parent / "data"


@cache
def sandbox() -> Sandbox:
    """The best that this machine has."""
    return find_sandbox(allow_weaker=True)


def code_task(name: str, path: Path | None = None, **options: Any) -> CodeTask:
    """The task on a local file: by default the few rows of tests/data."""
    cls = registry.task(name)
    task = cls(cls.Options(path=str(path or DATA / f"{name}.jsonl"), **options))
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
