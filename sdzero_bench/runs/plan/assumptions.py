"""What a plan assumes beyond the settings: lengths, the machine, the number of questions; from the preset or the user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from sdzero_bench.core.errors import UserError, unknown
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.core.yaml_core import read_yaml
from sdzero_bench.runs.config import load_preset, make_task
from sdzero_bench.runs.plan.machine import Machine, known_of
from sdzero_bench.runs.splitting import questions_of
from sdzero_bench.training.cost import Typical

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Assumptions:
    typical: Typical
    machine: Machine
    questions: int
    test_questions: int


def assumptions(
    config: RunConfig, assigned: Sequence[str] = (), device: str | None = None, version: str | None = None
) -> Assumptions:
    """Those of the run's preset and of the table of throughputs, changed by `assigned`, such as `machine.count=16`.

    `device` instead of the preset's, and the `version` of the engine, say which row of the table is meant. Raises `UserError`
    for what none of them states, and for unknown names.
    """
    preset, task = load_preset(config.preset), config.task["name"]
    stated: dict[str, dict[str, Any]] = {
        "typical": dict(preset.get("typical", {}).get(task, {})),
        "machine": {**preset.get("machine", {}), **({"name": device} if device else {})},
        "questions": {
            "train": config.questions.train or config.task.get("train"),
            "test": config.questions.test or config.task.get("test"),
        },
    }
    for text in assigned:
        name, equals, value = text.partition("=")
        section, _, key = name.partition(".")
        if not equals or section not in stated or not key:
            raise UserError(f"--assume takes SECTION.KEY=VALUE, with a section of {', '.join(stated)}; given: {text!r}")
        stated[section][key] = read_yaml(value)
    name = str(stated["machine"].get("name"))
    stated["machine"] = known_of(name, config, version) | stated["machine"]
    counts = stated["questions"]
    for split in ("train", "test"):
        if not isinstance(counts[split], int) or counts[split] < 1:
            raise UserError(f"how many {split} questions? the settings leave it to the data; add --assume questions.{split}=N")
    return Assumptions(
        _checked(Typical, stated["typical"], "typical", f"the preset {config.preset!r} does not know samples of {task!r}"),
        _checked(Machine, stated["machine"], "machine", f"throughput.yaml does not know {name!r} with {config.engine.name}"),
        counts["train"],
        counts["test"],
    )


def counted_in_file(config: RunConfig) -> list[str]:
    """How many questions a run will use, as assignments for `assumptions`; empty if they are not in a local file.

    Raises `UserError` as the run would: for an unreadable file, or if it has too few questions.
    """
    task = make_task(config)
    if task.data != "file":
        return []
    train, test, _ = questions_of(config, task)
    return [f"questions.{split}={len(found)}" for split, found in (("train", train), ("test", test)) if len(found)]


def _checked(model: type[M], values: dict[str, Any], section: str, why: str) -> M:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, (section, *first["loc"])))
        if first["type"] == "extra_forbidden":
            raise unknown("assumption", name, [f"{section}.{key}" for key in model.model_fields]) from error
        said = why if first["type"] == "missing" else first["msg"].lower()
        raise UserError(f"{name}: {said}; add --assume {name}=VALUE") from error
