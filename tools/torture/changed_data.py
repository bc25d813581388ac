"""A data set that changes while a run is interrupted, or while it runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from sdzero_bench.runs import registry
from sdzero_bench.testing.same_end import differences
from tools.torture import small_run
from tools.torture.ends import refusal, success
from tools.torture.outcome import Outcome
from tools.torture.small_settings import FEW

Rows = list[dict[str, Any]]

CHANGES: dict[str, Callable[[Rows], object]] = {
    "an answer": lambda rows: rows[0].update(answer="7"),
    "a text": lambda rows: rows[-1].update(question="1 + 1 = ?"),
    "a solution": lambda rows: rows[0].update(solution="By counting."),
    "a row less": lambda rows: rows.pop(),
    "a row more": lambda rows: rows.append({**rows[0], "question": "3 + 5 = ?"}),
    "the order": lambda rows: rows.reverse(),
    "no rows": lambda rows: rows.clear(),
    "a field renamed": lambda rows: [row.update(reply=row.pop("answer")) for row in rows],
}
SETTINGS = ("evaluation.revise=false", "evaluation.base=false", "method.epochs=2")


def changed_data(folder: Path, random: Random, share: float, outcome: Outcome) -> None:
    method = _without_samples()
    rows = [{"question": f"{i} + {i} = ?", "answer": str(2 * i), "solution": f"{i} twice is {2 * i}."} for i in range(10, 40)]
    data = folder / "data"
    data.mkdir()
    _write(data, rows)
    settings = (f"task.name=file:{data}", *SETTINGS)
    whole = _run(method, folder / "whole", data, settings, change=None)
    for number, (name, change) in enumerate(CHANGES.items()):
        if random.random() >= share:
            continue
        changed = [dict(row) for row in rows]
        change(changed)
        out = folder / str(number)
        run = _run(method, out, data, settings, change=None, kill=True)
        _write(data, changed)
        process = small_run.resume(run)
        process.wait()
        wrong = refusal(process)
        outcome.expect("data that changed while a run was interrupted", "refused", f"{name}: {wrong}" if wrong else None)
        _write(data, rows)
        process = small_run.resume(run)
        process.wait()
        wrong = success(process) or next(iter(differences(whole, run)), None)
        outcome.expect("data that is again as it was", "ended alike", f"{name}: {wrong}" if wrong else None)
    during = _run(method, folder / "during", data, settings, change=lambda: _write(data, rows[:12]))
    wrong = next(iter(differences(whole, during)), None)
    outcome.expect("data that changed while a run trained", "ended alike", wrong)


def _without_samples() -> str:
    """The first method that trains without sampling: a small policy has no right answers to questions of others."""
    every = {name: method().phases(len(CHANGES)) for name, method in registry.methods().items()}
    return next(name for name, phases in every.items() if phases and not any(phase.draws for phase in phases))


def _write(data: Path, rows: Rows) -> None:
    (data / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:-6]))
    (data / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[-6:]))


def _run(
    method: str, out: Path, data: Path, settings: tuple[str, ...], change: Callable[[], None] | None, kill: bool = False
) -> Path:
    """A run on the data; once it trains, it is killed, or the data is changed."""
    process = small_run.begin(method, out, *settings, shared=FEW)
    if kill or change is not None:
        process.wait_for(lambda: any(path.stat().st_size for path in out.glob("*/training/*.jsonl")))
        if kill:
            process.kill()
        elif change is not None:
            change()
    if not kill and process.wait():
        raise RuntimeError(f"the run on data of its own fails: {process.stderr[-2000:]}")
    return small_run.only_folder(out)
