"""A task that is only data, as one YAML file: its keys, checked when the file is read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sdzero_bench.core.errors import UserError, unknown
from sdzero_bench.core.task import Split
from sdzero_bench.core.yaml_core import read_yaml
from sdzero_bench.verifiers.answer_kinds.answer_kind import AnswerKind
from sdzero_bench.verifiers.answer_kinds.kind_registry import KINDS, answer_kind


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Hub(_Section):
    """A data set on the Hugging Face Hub. A local copy has the same fields, and files named after the splits."""

    name: str
    config: str | None = None
    revision: str | None = None
    splits: dict[Split, str] = Field(min_length=1)
    """The data set's split for each of the task's splits. Benchmarks often call their test set `train`."""


class Fields(_Section):
    """Names of the fields in the data set."""

    question: str = "question"
    answer: str = "answer"
    id: str | None = None
    """None: questions are numbered."""
    solutions: tuple[str, ...] = ()
    """Worked solutions; `task.solutions` selects one of these fields, by default the first. A field may hold a list of them."""
    options: str | tuple[str, ...] = "options"
    """Of multiple-choice questions: a list, or an object with a list `text`; or several fields, such as [A, B, C, D]."""
    correct: str | None = None
    """For a list of solutions, a list that flags the correct ones; the first correct solution is used."""


class Gold(_Section):
    """How the gold answer is read from its field. Further keys are options of its kind (verifiers/answer_kinds)."""

    model_config = ConfigDict(extra="allow")

    kind: str = "math"
    """math, number, text, choice, set, json or regex."""
    after: str | None = None
    """The answer is what follows the last occurrence of this text; what precedes it is the worked solution, if `solutions`
    names the same field."""
    boxed: bool = False
    """The answer is the content of the last `\\boxed{...}`."""
    without: str = ""
    """Characters to remove, such as thousands separators."""

    @field_validator("kind")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in KINDS:
            raise ValueError(str(unknown("kind of answer", name, KINDS)))
        return name

    @model_validator(mode="after")
    def _with_options(self) -> Gold:
        try:
            answer_kind(self.of_kind)
        except UserError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def of_kind(self) -> dict[str, Any]:
        """The kind with its options."""
        return {"kind": self.kind, **(self.model_extra or {})}


class HeldOut(_Section):
    """Questions held out from training, counted from the end of the training rows; the test questions come last."""

    validation: int | None = Field(None, gt=0)
    test: int | None = Field(None, gt=0)
    train: int | None = Field(None, gt=0)
    """Maximum number of training questions; None: all that remain."""
    order: Literal["file", "hash"] = "file"
    """`hash`: rows are first sorted by the SHA-256 of their question, so that the held-out questions do not depend on the order
    of the file."""


class TaskFile(_Section):
    """A whole task. Every key except `name`, `summary`, `paper` and `hub` has a default."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    summary: str = Field(min_length=1)
    paper: str = Field(min_length=1)
    """Authors and source of the data."""
    license: str = "not stated"
    hub: Hub
    fields: Fields = Fields()
    answer: Gold = Gold()
    keep: dict[str, tuple[str | int | bool, ...]] = {}
    """Keeps only the rows whose field has one of these values."""
    duplicates: Literal["refuse", "drop"] = "refuse"
    """What to do if a question occurs twice, up to case and white space. A published test set should have no duplicates."""
    held_out: HeldOut = HeldOut()
    prompt: str = ""
    """The user turn; {question} is replaced by the question. Empty: the question, and what the kind of the answer asks for."""

    @model_validator(mode="after")
    def _consistent(self) -> TaskFile:
        held, splits = self.held_out, self.hub.splits
        if "{question}" not in self.user_turn:
            raise ValueError("prompt: it must contain {question}")
        if strange := [name for name in re.findall(r"\{(\w+)\}", self.user_turn) if name != "question"]:
            raise ValueError(f"prompt: unknown placeholder {{{strange[0]}}}; only {{question}} is replaced")
        if (held.validation or held.test or held.train) and "train" not in splits:
            raise ValueError("held_out: there is no training split to hold questions out of (hub.splits.train)")
        for split in ("validation", "test"):
            if getattr(held, split) and split in splits:
                raise ValueError(f"held_out.{split}: the data set has a {split} split of its own (hub.splits.{split})")
        if self.fields.correct and not self.fields.solutions:
            raise ValueError("fields.correct: there are no solutions to choose from (fields.solutions)")
        return self

    @property
    def kind(self) -> AnswerKind:
        """The kind of the gold answers."""
        return answer_kind(self.answer.of_kind)

    @property
    def user_turn(self) -> str:
        """The prompt, or what stands for an empty one."""
        return self.prompt or asking(self.kind)

    @property
    def splits(self) -> tuple[Split, ...]:
        """The splits that the task has."""
        held_out: dict[Split, int | None] = {"validation": self.held_out.validation, "test": self.held_out.test}
        order: tuple[Split, ...] = ("train", "validation", "test")
        return tuple(split for split in order if split in self.hub.splits or held_out.get(split))


def asking(kind: AnswerKind) -> str:
    """The prompt that asks for an answer of a kind."""
    return f"{{question}}\n\n{kind.ask()}"


def read_task_file(path: Path) -> TaskFile:
    """Read and check a task YAML file. Raises `UserError`, which names the file and the key, if it is not valid."""
    try:
        data = read_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read the task file {str(path)!r}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{str(path)!r} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise UserError(f"{str(path)!r} is not a task file: it must hold keys and values at its top level")
    try:
        return TaskFile(**data)
    except ValidationError as error:
        problems = error.errors()
        named = {".".join(map(str, problem["loc"])): problem["type"] for problem in problems}
        if misspelt := next((key for key, kind in named.items() if kind == "extra_forbidden"), None):
            raise UserError(f"{str(path)!r}: {unknown('key', misspelt, _keys(TaskFile))}") from error
        if missing := [key for key, kind in named.items() if kind == "missing"]:
            raise UserError(f"{str(path)!r}: missing: {', '.join(missing)}; docs/own_task.md has an example") from error
        key, message = next(iter(named)), problems[0]["msg"].removeprefix("Value error, ")
        raise UserError(f"{str(path)!r}: {key + ': ' if key else ''}{message[0].lower()}{message[1:]}") from error


def _keys(cls: type[BaseModel], prefix: str = "") -> list[str]:
    keys = []
    for name, field in cls.model_fields.items():
        nested = field.annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel):
            keys += _keys(nested, f"{prefix}{name}.")
        else:
            keys.append(prefix + name)
    return keys
