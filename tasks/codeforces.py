"""Codeforces: contest problems, solved by programs that read standard input and write standard output."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Literal, NotRequired, TypedDict, cast

from pydantic import Field

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Messages, Split
from sdzero_bench.questions.programs.code_task import CodeOptions, CodeTask, digest
from sdzero_bench.questions.programs.hub import rows
from sdzero_bench.verifiers.sandbox import Limits

HUB_NAME = "open-r1/codeforces"
FIELDS = ("id", "title", "description")
LANGUAGE_NAMES = {"python": "Python 3", "cpp": "C++17"}


class IOExample(TypedDict):
    """A test or an example of a problem."""

    input: str
    output: str


class CodeforcesRow(TypedDict):
    """Fields of the data set."""

    id: str
    title: str
    description: str
    input_format: NotRequired[str | None]
    output_format: NotRequired[str | None]
    examples: NotRequired[list[IOExample] | None]
    note: NotRequired[str | None]
    time_limit: NotRequired[float | None]
    """Seconds."""
    memory_limit: NotRequired[float | None]
    """MB."""
    official_tests: NotRequired[list[IOExample] | None]
    official_tests_complete: NotRequired[bool | None]
    generated_checker: NotRequired[str | None]
    input_mode: NotRequired[str | None]
    interaction_format: NotRequired[str | None]


class OwnLimits(TypedDict):
    """The limits of a problem, in the details of its question."""

    cpu_seconds: float
    memory_mb: int


class CodeforcesOptions(CodeOptions):
    path: str | None = None
    """File (JSON Lines or Parquet) with the fields of the data set on the Hub; null: load from the Hub (2.8 GB)."""
    language: Literal["python", "cpp", "both"] = "python"
    """both: every second problem in C++, the others in Python, as in the paper's training set."""
    held_out: int = Field(500, gt=0)
    """Number of problems in the test split."""
    validation: int = Field(200, gt=0)
    """Validation questions."""
    time_factor: float = Field(1.0, gt=0)
    """Factor on the time limit of every problem. The limits were chosen for C++; for Python, a larger factor is common."""
    tests_mb: float = Field(2.0, gt=0)
    """Problems whose tests have more text than this are left out; the longest have hundreds of MB."""
    total_cpu_seconds: float = Field(300.0, gt=0)


class Codeforces(CodeTask):
    """Penedo et al. 2025, the data set open-r1/codeforces, configuration "verifiable", split "train".

    Only problems that use standard input and output, are not interactive and have complete official tests are kept. They are
    ordered by the SHA-256 of their id, independent of rating and date: the first `held_out` form the test split, the next
    `validation` the validation split, and the rest the training split.

    The prompt is the statement with limits, formats, examples and note, and asks for one fenced block. Each problem has its own
    time and memory limits. Output is compared token by token, or by the problem's `generated_checker` if it has one, which also
    runs in the sandbox.
    """

    name = "codeforces"
    summary = "contest problems, in Python or C++ (Codeforces)"
    source = f"hub: {HUB_NAME}, verifiable"
    license = "CC-BY-4.0 by the tag of its card, ODC-By by its text"
    Options = CodeforcesOptions
    options: CodeforcesOptions

    def load(self, split: Split) -> QuestionSet:
        every = (cast(CodeforcesRow, row) for row in rows(self.options.path, HUB_NAME, "verifiable", ["train"], FIELDS))
        found = [row for row in every if self._kept(row)]
        found.sort(key=lambda row: hashlib.sha256(row["id"].encode()).digest())
        first, second = self.options.held_out, self.options.held_out + self.options.validation
        if len(found) <= second:
            raise UserError(
                f"{len(found)} problems of {HUB_NAME} can be used, of which {second} are held out, so that none are left for "
                f"training; lower task.held_out={first} or task.validation={self.options.validation}"
            )
        parts = {"test": slice(first), "validation": slice(first, second), "train": slice(second, None)}
        questions = [self._question(row, i) for i, row in enumerate(found[parts[split]])]
        return self.checked(QuestionSet(f"{self.name}/{split}", tuple(questions)))

    def _kept(self, row: CodeforcesRow) -> bool:
        """Raises `UserError` for tests that are not pairs of input and output."""
        tests = row.get("official_tests") or []
        if not all(isinstance(t, dict) and isinstance(t.get("input"), str) and isinstance(t.get("output"), str) for t in tests):
            raise UserError(f"problem {row['id']}: official_tests is not a list of inputs and outputs")
        size = sum(len(test["input"]) + len(test["output"]) for test in tests)
        alone = row.get("input_mode") in ("stdio", None) and not row.get("interaction_format")
        return bool(tests) and bool(row.get("official_tests_complete")) and alone and size <= self.options.tests_mb * 1e6

    def _question(self, row: CodeforcesRow, index: int) -> Question:
        official = row.get("official_tests") or []
        tests = {
            "form": "stdio",
            "inputs": [test["input"] for test in official],
            "outputs": [test["output"] for test in official],
            "checker": row.get("generated_checker") or None,
        }
        language = {"both": ("python", "cpp")[index % 2]}.get(self.options.language, self.options.language)
        limits: OwnLimits = {
            "cpu_seconds": float(row.get("time_limit") or 2.0),
            "memory_mb": int(row.get("memory_limit") or 256),
        }
        details = {"tests": tests, "language": language, "limits": limits}
        return Question(row["id"], statement(row), f"tests {digest(tests)}", details)

    def limits(self, question: Question) -> Limits:
        own: OwnLimits = question.details["limits"]
        return replace(
            super().limits(question),
            cpu_seconds=own["cpu_seconds"] * self.options.time_factor,
            memory_mb=max(own["memory_mb"], self.options.memory_mb),
        )

    def prompt(self, question: Question) -> Messages:
        language = self.language_of(question)
        content = (
            f"Solve this programming problem in {LANGUAGE_NAMES[language]}. The program reads standard input and writes the "
            f"answer to standard output, and nothing else.\n\n{question.text}\n\n"
            f"Think about it, then put the whole program into one ```{language} block."
        )
        return [{"role": "user", "content": content}]


def statement(row: CodeforcesRow) -> str:
    """The problem as contestants read it."""
    parts = [f"# {row['title']}", row["description"]]
    if seconds := row.get("time_limit"):
        parts.insert(1, f"Time limit: {seconds:g} s. Memory limit: {row.get('memory_limit') or 256:g} MB.")
    for title, text in (("Input", row.get("input_format")), ("Output", row.get("output_format"))):
        if text:
            parts.append(f"## {title}\n{text}")
    for example in row.get("examples") or ():
        parts.append(
            f"## Example\nInput:\n```\n{example['input'].strip()}\n```\nOutput:\n```\n{example['output'].strip()}\n```"
        )
    if note := row.get("note"):
        parts.append(f"## Note\n{note}")
    return "\n\n".join(part.strip() for part in parts)
