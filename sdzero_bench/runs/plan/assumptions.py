"""What a plan assumes beyond the settings: lengths, the machine, the number of questions; from the preset or the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

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


class QuestionCounts(BaseModel):
    """How many questions are trained and measured on; none to train on where a run only measures."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    train: int = Field(ge=0)
    test: int = Field(gt=0)


def assumptions(
    config: RunConfig,
    assigned: Sequence[str] = (),
    device: str | None = None,
    version: str | None = None,
    counted: Mapping[str, int] | None = None,
) -> Assumptions:
    """Those of the run's preset and of the table of throughputs, changed by `assigned`, such as `machine.count=16`.

    `device` instead of the preset's, and the `version` of the engine, say which row of the table is meant; `counted` are
    questions that were loaded (`counted_here`). Raises `UserError` for what none of them states, and for unknown names.
    """
    preset, task = load_preset(config.preset), config.task["name"]
    questions = {split: getattr(config.questions, split) or config.task.get(split) for split in ("train", "test")}
    if config.questions.measure_only:
        questions["train"] = 0
    stated: dict[str, dict[str, Any]] = {
        "typical": dict(preset.get("typical", {}).get(task, {})),
        "machine": {**preset.get("machine", {}), **({"name": device} if device else {})},
        "questions": {split: count for split, count in (questions | dict(counted or {})).items() if count is not None},
    }
    for text in assigned:
        name, equals, value = text.partition("=")
        section, _, key = name.partition(".")
        if not equals or section not in stated or not key:
            raise UserError(f"--assume takes SECTION.KEY=VALUE, with a section of {', '.join(stated)}; given: {text!r}")
        stated[section][key] = read_yaml(value)
    name = str(stated["machine"].get("name"))
    stated["machine"] = known_of(name, config, version) | stated["machine"]
    counts = _checked(QuestionCounts, stated["questions"], "questions", "the settings leave it to the data")
    return Assumptions(
        _checked(Typical, stated["typical"], "typical", f"the preset {config.preset!r} does not know samples of {task!r}"),
        _checked(Machine, stated["machine"], "machine", f"no speed of {name!r} with {config.engine.name} is known"),
        counts.train,
        counts.test,
    )


def counted_here(config: RunConfig) -> dict[str, int]:
    """How many questions a run will use, by split, from loading them; empty if they may have to be downloaded.

    Raises `UserError` as the run would: for an unreadable file, or if there are too few questions.
    """
    task = make_task(config)
    if task.data == "download":
        return {}
    train, test, _ = questions_of(config, task)
    return {"train": len(train), "test": len(test)}


def _checked(model: type[M], values: dict[str, Any], section: str, why: str) -> M:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = error.errors()
        first = next((fault for fault in faults if fault["type"] != "missing"), None)
        if first is None:
            missing = [".".join(map(str, (section, *fault["loc"]))) for fault in faults]
            each = f"--assume {missing[0]}=VALUE" + (", and so on" if len(missing) > 1 else "")
            raise UserError(f"{', '.join(missing)}: {why}; add {each}") from error
        name = ".".join(map(str, (section, *first["loc"])))
        if first["type"] == "extra_forbidden":
            raise unknown("assumption", name, [f"{section}.{key}" for key in model.model_fields]) from error
        raise UserError(f"{name}: {first['msg'].lower()} (given: {first['input']!r})") from error
