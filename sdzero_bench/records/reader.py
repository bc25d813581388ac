"""Find the records of runs below a folder, and read what a comparison needs of them: no journals, no checkpoints."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.ledger import measures

FINAL, BASE = "final", "base"

MANIFEST_KEYS = ("run_id", "config", "question_set", "test_set", "state")
RESULT_KEYS = ("method", "task", "seed", "budget", "supervision", "ledger")
ENTRY_KEYS = ("policy", "questions", "samples_per_question", "k", "unverified", "per_question")
CONFIG_KEYS = ("model", "task", "method", "questions", "sampling", "evaluation", "budget", "optimizer", "seed")


@dataclass(frozen=True)
class RunRecord:
    """One run, plain or packed. An unfinished one has its manifest only."""

    folder: Path
    manifest: dict[str, Any] = field(repr=False)
    result: dict[str, Any] = field(repr=False)
    evaluation: list[dict[str, Any]] = field(repr=False)

    @property
    def run_id(self) -> str:
        return self.manifest["run_id"]

    @property
    def config(self) -> dict[str, Any]:
        return self.manifest["config"]

    @property
    def state(self) -> str:
        return self.manifest["state"]

    @property
    def finished(self) -> bool:
        return self.state == "finished"

    @property
    def method(self) -> str:
        return self.config["method"]["name"]

    @property
    def task(self) -> str:
        return self.config["task"]["name"]

    @property
    def seed(self) -> int:
        return self.config["seed"]

    @property
    def tuning(self) -> dict[str, Any] | None:
        return self.manifest.get("tuning")

    @property
    def is_base(self) -> bool:
        """Whether it only measures the base policy: nothing was drawn and nothing trained."""
        return [entry["policy"] for entry in self.evaluation] == [BASE]

    @property
    def measured_alone(self) -> bool:
        """Whether `sdzero-bench eval` made it: an existing policy was measured, without a budget."""
        return bool(self.config["questions"].get("measure_only"))

    @cached_property
    def training(self) -> dict[str, dict[str, Any]]:
        """What the phases used that are charged: phase to counts, in the order in which they ran."""
        return {name: use for name, use in self.result["ledger"].items() if not measures(name)}

    @property
    def training_samples(self) -> int:
        return sum(use["samples"] for use in self.training.values())

    def entry(self, policy: str) -> dict[str, Any] | None:
        """The measured policy of that name."""
        return next((entry for entry in self.evaluation if entry["policy"] == policy), None)


def load_runs(folder: Path) -> list[RunRecord]:
    """Every run at or below a folder, in the order of their paths, unfinished ones included.

    Raises `UserError` if there is none, and for a file that is missing, is not JSON or lacks a key; it names the file.
    """
    if not folder.is_dir():
        raise UserError(f"the folder {str(folder)!r} does not exist; give one that holds run folders, such as runs")
    found = sorted(path.parent for path in folder.rglob("manifest.json") if not _hidden(path.relative_to(folder)))
    if not found:
        raise UserError(f"no run below {str(folder)!r}: no folder there has a manifest.json")
    return [load_run(path) for path in found]


def load_run(folder: Path) -> RunRecord:
    """One run. Raises `UserError` as `load_runs` does."""
    if not (folder / "manifest.json").is_file():
        raise UserError(f"{str(folder)!r} is not a run folder: manifest.json is missing")
    manifest = _read(folder / "manifest.json", MANIFEST_KEYS)
    _require(manifest["config"], CONFIG_KEYS, folder / "manifest.json", "config has")
    if manifest["state"] != "finished":
        return RunRecord(folder, manifest, {}, [])
    result = _read(folder / "result.json", RESULT_KEYS)
    path = folder / "evaluation.json"
    evaluation = _json(path)
    if not isinstance(evaluation, list) or not evaluation:
        raise UserError(f"{str(path)!r} is not a list of measured policies")
    for entry in evaluation:
        _require(entry, ENTRY_KEYS, path, "an entry has")
        _require(entry["per_question"], ("avg", "pass", "maj", "tokens"), path, "per_question has")
    return RunRecord(folder, manifest, result, evaluation)


def by_question(entries: Iterable[Mapping[str, Any]], figure: str) -> list[list[float]] | None:
    """A figure of one policy, one row per seed, one column per question in the order of the first. None where one has none.

    Raises `UserError` if the questions differ: the fingerprints say that they must not.
    """
    rows = [entry["per_question"][figure] for entry in entries]
    if any(row is None for row in rows):
        return None
    order = list(rows[0])
    if any(row.keys() != rows[0].keys() for row in rows):
        raise UserError(f"per_question[{figure!r}] of runs with one test set lists different questions; validate the records")
    return [[row[question] for question in order] for row in rows]


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _read(path: Path, keys: Iterable[str]) -> dict[str, Any]:
    content = _json(path)
    _require(content, keys, path, "it has")
    return content


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{str(path)!r} is missing, though the run's manifest says that it finished") from error
    except OSError as error:
        raise UserError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"{str(path)!r} is not JSON: {error}") from error


def _require(content: Any, keys: Iterable[str], path: Path, where: str) -> None:
    missing = [key for key in keys if key not in content] if isinstance(content, dict) else list(keys)
    if missing:
        raise UserError(f"{str(path)!r}: {where} no {missing[0]!r}; the record is damaged, or of another version")
