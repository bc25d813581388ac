"""Tasks whose answers are programs."""

from __future__ import annotations

import hashlib
import json
import platform
from typing import ClassVar

from pydantic import Field

from sdzero_bench import __version__
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Task, TaskOptions
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.verifiers.code.extraction import extract_program
from sdzero_bench.verifiers.code.program_check import CHECKER_LIMITS, check_program
from sdzero_bench.verifiers.code.test_forms import StdioTests, Tests, parse_tests
from sdzero_bench.verifiers.sandbox import Limits, Sandbox, find_sandbox, require_language


class CodeOptions(TaskOptions):
    """Limits are per test unless stated otherwise. Time limits are scaled up on machines slower than the reference machine."""

    cpu_seconds: float = Field(4.0, gt=0)
    """CPU time of a program on one test."""
    total_cpu_seconds: float = Field(60.0, gt=0)
    """For all tests of a program together; tests that are not reached count as failed."""
    memory_mb: int = Field(512, gt=0)
    """Memory of a program."""
    output_kb: int = Field(1024, gt=0)
    """What a program may print."""

    def limits(self) -> Limits:
        """For one test."""
        return Limits(
            self.cpu_seconds, total_cpu_seconds=self.total_cpu_seconds, memory_mb=self.memory_mb, output_kb=self.output_kb
        )


class CodeTask(Task):
    """Questions with tests in `details["tests"]`, in one of the forms of verifiers/code/test_forms.py. The program must be
    written in `details["language"]` if present, or else in `language`.

    A response is correct if the program extracted from it (verifiers/code/extraction.py) passes every test in the sandbox.
    """

    verifier = "tests, in the sandbox"
    needs_sandbox = True
    language: ClassVar[str] = "python"
    Options = CodeOptions
    options: CodeOptions
    sandbox: Sandbox | None

    def tests(self, question: Question) -> Tests:
        """Raises `UserError` for tests that are missing or malformed."""
        return parse_tests(question.details.get("tests"), question.id)

    def program(self, question: Question, response: str) -> str | None:
        """The part of the response that is run; None if there is none."""
        return extract_program(response, self.language_of(question))

    def language_of(self, question: Question) -> str:
        return str(question.details.get("language", self.language))

    def limits(self, question: Question) -> Limits:
        """For one test."""
        return self.options.limits()

    def checked(self, questions: QuestionSet) -> QuestionSet:
        """The questions, once it is certain that all of them can be verified; `load` must return this.

        Raises `UserError` for tests that are missing, malformed, or of functions in another language than Python, and for a
        language whose compiler or interpreter is not installed.
        """
        for question in questions:
            tests, language = self.tests(question), self.language_of(question)
            if language != "python" and not isinstance(tests, StdioTests):
                raise UserError(
                    f"question {question.id!r}: tests of the form {tests.form!r} are for Python; use stdio for {language}"
                )
        for language in sorted({self.language_of(question) for question in questions} - {"python"}):
            require_language(language, self.sandbox or find_sandbox())
        return questions

    def left_out(self, questions: QuestionSet) -> int:
        tests = [question.details.get("tests") for question in questions]
        return sum(those.get("left_out", 0) for those in tests if isinstance(those, dict))

    def verify(self, question: Question, response: str) -> Verdict:
        if self.sandbox is None:
            raise RuntimeError("no sandbox was set; verifiers.equip.equip finds one")
        program, language = self.program(question, response), self.language_of(question)
        return check_program(self.sandbox, program, language, self.tests(question), self.limits(question))

    def time_limit(self, question: Question) -> float | None:
        """Seconds that the sandbox allows for a program with all its tests, and for a checker after it."""
        if self.sandbox is None:
            return None
        return self.sandbox.deadline(self.limits(question), self.language_of(question)) + self.sandbox.deadline(CHECKER_LIMITS)

    def verdict_key(self, question: Question, response: str) -> str | None:
        program = self.program(question, response)
        if program is None:
            return None
        sandbox = self.sandbox.name if self.sandbox else ""
        rules = [__version__, platform.python_version(), sandbox, repr(self.limits(question))]
        decides = [*rules, self.language_of(question), digest(question.details), program]
        return hashlib.sha256(json.dumps(decides).encode()).hexdigest()


def digest(details: object) -> str:
    """SHA-256 of the details as JSON, 16 hex digits.

    If the data has no solution, the digest of the tests takes the place of the answer, so that question sets with different
    tests have different fingerprints.
    """
    return hashlib.sha256(json.dumps(details, sort_keys=True).encode()).hexdigest()[:16]


def fenced(program: str, language: str = "python") -> str:
    """The program in a fenced block, as in a response."""
    return f"```{language}\n{program.rstrip()}\n```"
