"""Tasks whose answers are programs."""

from __future__ import annotations

import hashlib
import json
import platform
from typing import Any, ClassVar

from pydantic import Field

from sdzero_bench import __version__
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Task, TaskOptions
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.verifiers.code.extraction import extract_program
from sdzero_bench.verifiers.code.program_check import CHECKER_LIMITS, check_program
from sdzero_bench.verifiers.code.test_forms import Tests, parse_tests
from sdzero_bench.verifiers.sandbox import Limits, Sandbox, find_sandbox, require_language


class CodeOptions(TaskOptions):
    """Limits hold for each test, if nothing else is said; those of time are stretched on a machine that is slower than the
    reference machine."""

    cpu_seconds: float = Field(4.0, gt=0)
    total_cpu_seconds: float = Field(60.0, gt=0)
    """For all tests of a program together; those that it does not come to are failed."""
    memory_mb: int = Field(512, gt=0)
    output_kb: int = Field(1024, gt=0)


class CodeTask(Task):
    """Questions with tests in `details["tests"]`, in a form of tests.py; `details["language"]`, if there is one, is what the
    program has to be written in, else it is `language`.

    A response is right if the program in it (extraction.py) passes every test in the sandbox.
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
        """What of the response is run."""
        return extract_program(response, self.language_of(question))

    def language_of(self, question: Question) -> str:
        return question.details.get("language", self.language)

    def limits(self, question: Question) -> Limits:
        """For one test."""
        o = self.options
        return Limits(o.cpu_seconds, total_cpu_seconds=o.total_cpu_seconds, memory_mb=o.memory_mb, output_kb=o.output_kb)

    def checked(self, questions: QuestionSet) -> QuestionSet:
        """The questions, all of which can be verified: what `load` has to return.

        Raises `UserError` for tests that are missing or malformed, and for a language whose compiler is not installed.
        """
        for language in sorted({self.language_of(question) for question in questions} - {"python"}):
            require_language(language, self.sandbox or find_sandbox())
        for question in questions:
            self.tests(question)
        return questions

    def left_out(self, questions: QuestionSet) -> int:
        tests = [question.details.get("tests") for question in questions]
        return sum(those.get("left_out", 0) for those in tests if isinstance(those, dict))

    def verify(self, question: Question, response: str) -> Verdict:
        if self.sandbox is None:
            raise RuntimeError("no sandbox was set; verifying.equipping.equip finds one")
        program, language = self.program(question, response), self.language_of(question)
        return check_program(self.sandbox, program, language, self.tests(question), self.limits(question))

    def time_limit(self, question: Question) -> float | None:
        """What the sandbox allows a program with all its tests, and a checker after it."""
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


def digest(details: Any) -> str:
    """SHA-256, 16 hex digits. Of its tests, it stands in for the answer of a question whose data has no solution: then
    question sets with other tests have other fingerprints.
    """
    return hashlib.sha256(json.dumps(details, sort_keys=True).encode()).hexdigest()[:16]


def fenced(program: str, language: str = "python") -> str:
    """A program as a response gives it."""
    return f"```{language}\n{program.rstrip()}\n```"
