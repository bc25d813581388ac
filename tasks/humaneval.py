"""HumanEval: functions from their signature and docstring."""

from __future__ import annotations

import ast
from typing import TypedDict, cast

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Messages, Split
from sdzero_bench.questions.programs.code_task import CodeOptions, CodeTask, fenced
from sdzero_bench.questions.programs.hub import only_a_test_set, rows
from sdzero_bench.verifiers.code.extraction import after_prelude, python_statements
from sdzero_bench.verifiers.code.fences import lines_of

HUB_NAME = "openai/openai_humaneval"
FIELDS = ("task_id", "prompt", "canonical_solution", "test", "entry_point")


class HumanEvalRow(TypedDict):
    """Fields of the data set."""

    task_id: str
    prompt: str
    canonical_solution: str
    test: str
    entry_point: str


class HumanEvalOptions(CodeOptions):
    path: str | None = None
    """File (JSON Lines or Parquet) with the fields of the data set on the Hub, such as `HumanEval.jsonl.gz`; null: load from
    the Hub."""


class HumanEval(CodeTask):
    """Chen et al. 2021, arXiv 2107.03374: 164 problems, each with one test script, `check(candidate)`.

    The prompt asks for a program in a fenced block, in EvalPlus's words. The program extracted from the response
    (verifiers/code/extraction.py) runs after the imports and helper functions that precede the function in the problem, since
    models leave them out. A response without a block that is the indented body of the function, as base models write it, is
    accepted up to the first unindented line. The test script uses the problem's helper functions, not those of the response.
    """

    name = "humaneval"
    summary = "Python functions from their docstring (HumanEval)"
    source = f"hub: {HUB_NAME}"
    license = "MIT"
    Options = HumanEvalOptions
    options: HumanEvalOptions

    def load(self, split: Split) -> QuestionSet:
        only_a_test_set(self.name, split)
        found = rows(self.options.path, HUB_NAME, None, ["test"], FIELDS)
        questions = [self.question(cast(HumanEvalRow, row)) for row in found]
        return self.checked(QuestionSet(f"{self.name}/test", tuple(questions)))

    def question(self, row: HumanEvalRow) -> Question:
        name, helpers = row["entry_point"], helpers_of(row["prompt"], row["entry_point"], row["task_id"])
        script = f"{row['test']}\n\ncheck({name})"
        tests = {"form": "asserts", "setup": helpers, "tests": [script], "names": [name]}
        details = {"tests": tests, "helpers": helpers, "function": name}
        return Question(row["task_id"], row["prompt"], row["canonical_solution"], details)

    def prompt(self, question: Question) -> Messages:
        return [{"role": "user", "content": asking(question.text)}]

    def program(self, question: Question, response: str) -> str | None:
        program = super().program(question, response)
        if program is not None:
            return after_prelude(f"{question.details['helpers']}\n", program)
        body = indented_body(response)
        whole = f"{question.text.rstrip()}\n{body}"
        return whole if body and python_statements(whole) else None

    def demonstration(self, question: Question) -> str:
        return fenced(question.text + question.answer)


def asking(problem: str) -> str:
    """The prompt, in EvalPlus's words."""
    return (
        "Please provide a self-contained Python script that solves the following problem in a markdown code block:\n"
        f"{fenced(problem.strip())}"
    )


def helpers_of(prompt: str, function: str, question: str) -> str:
    """What a problem defines beside its function: imports, and helper functions that the tests may use."""
    statements = python_statements(prompt) or python_statements(f"{prompt}\n    pass")
    own = [s for s in statements or () if isinstance(s, ast.FunctionDef) and s.name == function]
    if not own or statements is None:
        raise UserError(f"{question}: the prompt does not define the function {function!r}")
    return "\n".join(ast.unparse(s) for s in statements if s not in own)


def indented_body(response: str) -> str | None:
    """The lines of a response up to the first unindented one; None if there are none, or if it contains a fenced block."""
    body: list[str] = []
    for line in lines_of(response):
        if line.strip() and not line.startswith((" ", "\t")):
            break
        body.append(line)
    text = "\n".join(body)
    return text if text.strip() and "```" not in response else None
