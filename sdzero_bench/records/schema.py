"""What the files of a finished run must hold. Keys that are not named here are allowed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sdzero_bench.records.discrepancy import Discrepancy

Fingerprint = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Count = Annotated[int, Field(ge=0, lt=2**53)]
Share = Annotated[float, Field(ge=0, le=1)]
Interval = Annotated[list[float], Field(min_length=2, max_length=2)]


class Part(BaseModel):
    # Strict: "3" is no number here, for no writer of ours would write it.
    model_config = ConfigDict(strict=True)


class Decontamination(Part):
    rule: str
    side: Literal["train", "test", "off"]
    removed: list[dict[str, Any]]


class JournalOfPhase(Part):
    samples: Count
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(Part):
    """manifest.json"""

    run_id: str
    config: dict[str, Any]
    question_set: Fingerprint
    test_set: Fingerprint
    supervision: str
    decontamination: Decontamination
    tuning: dict[str, Any] | None
    versions: dict[str, Any]
    hardware: dict[str, Any]
    sessions: list[dict[str, Any]]
    journal: dict[str, JournalOfPhase]
    state: Literal["running", "finished"]


class Use(Part):
    """One phase of ledger.json."""

    samples: Count
    prompt_tokens: Count
    generated_tokens: Count
    verifier_calls: Count
    verifier_failures: Count
    forward_tokens: Count
    backward_tokens: Count
    cut_responses: Count
    wall_seconds: float
    accelerator_seconds: float


class OverBase(Part):
    difference: float
    interval: Interval
    questions: Count


class Figures(Part):
    """One measured policy, as result.json has it."""

    policy: str
    checkpoint: str
    questions: Count
    samples_per_question: Count
    k: Count
    avg_at_k: Share
    interval: Interval
    pass_at_k: Share
    pass_at_k_interval: Interval
    maj_at_k: Share | None
    maj_at_k_interval: Interval | None
    mean_tokens: float
    mean_tokens_interval: Interval
    truncated: Share
    truncated_interval: Interval
    unverified: Count
    revision: dict[str, Any] | None = None
    over_base: OverBase | None = None


class PerQuestion(Part):
    avg: dict[str, float]
    # `pass` is a word of Python's.
    passed: dict[str, float] = Field(alias="pass")
    maj: dict[str, float] | None
    tokens: dict[str, float]


class Entry(Figures):
    """One measured policy, as evaluation.json has it."""

    per_question: PerQuestion


class Budget(Part):
    question_set: Fingerprint
    questions: Count
    samples: Count
    new_tokens_per_sample: Count
    training_tokens: Count | None


class Result(Part):
    """result.json"""

    run_id: str
    method: str
    task: str
    preset: str
    seed: int
    model: str
    folder: str
    question_set: Fingerprint
    test_set: Fingerprint
    budget: Budget
    supervision: str
    tuning: dict[str, Any] | None
    ledger: dict[str, Use]
    evaluation: list[Figures]


class QuestionLine(Part):
    """One line of questions.jsonl."""

    split: Literal["train", "test"]
    id: str
    text: str
    answer: str


FILES: dict[str, TypeAdapter[Any]] = {
    "manifest.json": TypeAdapter(Manifest),
    "result.json": TypeAdapter(Result),
    "ledger.json": TypeAdapter(dict[str, Use]),
    "evaluation.json": TypeAdapter(list[Entry]),
}


def check_schema(file: str, content: Any, kind: TypeAdapter[Any] | None = None) -> Iterator[Discrepancy]:
    """A finding for each key of a file that is missing or is not of its type."""
    try:
        (kind or FILES[file]).validate_python(content)
    except ValidationError as error:
        for problem in error.errors():
            where = ".".join(map(str, problem["loc"])) or "the whole file"
            given = "" if problem["type"] == "missing" else f" (it is {str(problem['input'])[:60]!r})"
            message = problem["msg"][:1].lower() + problem["msg"][1:]
            yield Discrepancy(file, f"{where}: {message}{given}")
