"""Codeforces: contest problems, solved by programs that read standard input and write standard output."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any, Literal

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


class CodeforcesOptions(CodeOptions):
    path: str | None = None
    """File (JSON Lines or Parquet) with the fields of the hub's data set; null loads from the hub (2.8 GB)."""
    language: Literal["python", "cpp", "both"] = "python"
    """both: every second problem in C++, the others in Python, as the paper trains on."""
    held_out: int = Field(500, gt=0)
    """Problems of the test split."""
    validation: int = Field(200, gt=0)
    time_factor: float = Field(1.0, gt=0)
    """Multiplies the time limit of every problem. Problems were made for C++; for Python a larger one is a usual choice."""
    tests_mb: float = Field(2.0, gt=0)
    """Problems with more text in their tests than this are left out: the longest have hundreds of MB."""
    total_cpu_seconds: float = Field(300.0, gt=0)


class Codeforces(CodeTask):
    """Penedo et al. 2025, the data set open-r1/codeforces, configuration "verifiable", split "train".

    Kept are problems that read and write standard streams, are not interactive, and whose official tests are complete as
    published. They are ordered by the SHA-256 of their id: the first `held_out` are the test split, the next `validation` the
    validation split, the rest the training split, so no problem changes sides when the data grows; no rating or date decides.

    The prompt is the statement with limits, formats, examples and note, and asks for one fenced block. Each problem has its own
    limits of time and memory. Output is compared token by token, or by the problem's `generated_checker` where it has one,
    which runs in a sandbox as well.
    """

    name = "codeforces"
    summary = "contest problems, in Python or C++ (Codeforces)"
    source = f"hub: {HUB_NAME}, verifiable"
    Options = CodeforcesOptions
    options: CodeforcesOptions

    def load(self, split: Split) -> QuestionSet:
        found = [row for row in rows(self.options.path, HUB_NAME, "verifiable", ["train"], FIELDS) if self._kept(row)]
        found.sort(key=lambda row: hashlib.sha256(row["id"].encode()).digest())
        first, second = self.options.held_out, self.options.held_out + self.options.validation
        if len(found) <= second:
            raise UserError(
                f"{len(found)} problems of {HUB_NAME} can be used, which leaves none to train on beside {second}; "
                f"lower task.held_out={first} or task.validation={self.options.validation}"
            )
        parts = {"test": slice(first), "validation": slice(first, second), "train": slice(second, None)}
        questions = [self._question(row, i) for i, row in enumerate(found[parts[split]])]
        return self.checked(QuestionSet(f"{self.name}/{split}", tuple(questions)))

    def _kept(self, row: dict[str, Any]) -> bool:
        """Raises `UserError` for tests that are not what the data set says they are."""
        tests = row.get("official_tests") or []
        if not all(isinstance(t, dict) and isinstance(t.get("input"), str) and isinstance(t.get("output"), str) for t in tests):
            raise UserError(f"problem {row['id']}: official_tests is no list of inputs and outputs")
        size = sum(len(test["input"]) + len(test["output"]) for test in tests)
        alone = row.get("input_mode") in ("stdio", None) and not row.get("interaction_format")
        return bool(tests) and bool(row.get("official_tests_complete")) and alone and size <= self.options.tests_mb * 1e6

    def _question(self, row: dict[str, Any], index: int) -> Question:
        tests = {
            "form": "stdio",
            "inputs": [test["input"] for test in row["official_tests"]],
            "outputs": [test["output"] for test in row["official_tests"]],
            "checker": row.get("generated_checker") or None,
        }
        language = {"both": ("python", "cpp")[index % 2]}.get(self.options.language, self.options.language)
        limits = {"cpu_seconds": float(row.get("time_limit") or 2.0), "memory_mb": int(row.get("memory_limit") or 256)}
        details = {"tests": tests, "language": language, "limits": limits}
        return Question(row["id"], statement(row), f"tests {digest(tests)}", details)

    def limits(self, question: Question) -> Limits:
        own = question.details["limits"]
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


def statement(row: dict[str, Any]) -> str:
    """A problem as its contestants read it."""
    parts = [f"# {row['title']}", row["description"]]
    if row.get("time_limit"):
        parts.insert(1, f"Time limit: {row['time_limit']:g} s. Memory limit: {row.get('memory_limit') or 256:g} MB.")
    for title, field in (("Input", "input_format"), ("Output", "output_format")):
        if row.get(field):
            parts.append(f"## {title}\n{row[field]}")
    for example in row.get("examples") or ():
        parts.append(
            f"## Example\nInput:\n```\n{example['input'].strip()}\n```\nOutput:\n```\n{example['output'].strip()}\n```"
        )
    if row.get("note"):
        parts.append(f"## Note\n{row['note']}")
    return "\n\n".join(part.strip() for part in parts)
