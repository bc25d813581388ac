"""MBPP: mostly basic Python problems."""

from __future__ import annotations

import ast
from typing import TypedDict, cast

from sdzero_bench.core.errors import NoSuchSplit, UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Messages, Split
from sdzero_bench.questions.programs.code_task import CodeOptions, CodeTask, fenced
from sdzero_bench.questions.programs.hub import rows
from sdzero_bench.questions.question_files import Row
from sdzero_bench.verifiers.code.extraction import python_statements

HUB_NAME = "google-research-datasets/mbpp"
IDS = {"test": range(11, 511), "validation": range(511, 601), "train": range(601, 975)}
"""The paper's splits by task_id; 1 to 10 are its few-shot examples, which are not used here."""


class MBPPRow(TypedDict, total=False):
    """Fields of the data set; the sanitized version has `prompt` and `test_imports` instead of `text` and `test_setup_code`."""

    task_id: int
    text: str
    prompt: str
    code: str
    test_list: list[str]
    test_setup_code: str
    test_imports: list[str]


class MBPPOptions(CodeOptions):
    path: str | None = None
    """File (JSON Lines or Parquet) with the fields of the data set on the Hub and all its ids; null: load from the Hub."""
    sanitized: bool = False
    """Use the 427 problems that the authors checked by hand, instead of all 974."""


class MBPP(CodeTask):
    """Austin et al. 2021, arXiv 2108.07732: one sentence and three asserts, which the prompt shows, as the paper's does.

    The prompt has no few-shot examples; its last sentence, which asks for a fenced block, is our own. The asserts run apart
    from the program, and so does the setup code that two problems have. They get from the program the names that the reference
    solution defines, even if Python has a built-in of that name (problem 126 asks for a function `sum`). Modules that the
    asserts use, as in problem 596, are not taken from the program.
    """

    name = "mbpp"
    summary = "small Python functions from one sentence and three asserts (MBPP)"
    source = f"hub: {HUB_NAME}"
    license = "CC-BY-4.0"
    Options = MBPPOptions
    options: MBPPOptions

    def load(self, split: Split) -> QuestionSet:
        config, code = ("sanitized" if self.options.sanitized else "full"), ("code",)
        found = list(rows(self.options.path, HUB_NAME, config, ["prompt", "test", "validation", "train"], code))
        inside = [self.question(cast(MBPPRow, row)) for row in found if task_id(row) in IDS[split]]
        if not inside:
            raise NoSuchSplit(
                f"the {len(found)} rows of mbpp have no {split} questions, which are those with a task_id in {IDS[split]}"
            )
        return self.checked(QuestionSet(f"{self.name}/{split}", tuple(inside)))

    def question(self, row: MBPPRow) -> Question:
        text, tests = row.get("text") or row.get("prompt"), row.get("test_list")  # sanitized: prompt and test_imports
        if not text or not tests:
            raise UserError(f"mbpp {row['task_id']}: the text or the test_list is empty")
        setup = row.get("test_setup_code") or "\n".join(row.get("test_imports") or ())
        setup, code = setup.replace("\r\n", "\n"), row["code"].replace("\r\n", "\n")
        tests = [test.strip() for test in tests]
        imports, names = used_of(code, "\n".join((setup, *tests)))
        details = {"tests": {"form": "asserts", "setup": f"{imports}\n{setup}", "tests": tests, "names": names}}
        return Question(f"mbpp/{row['task_id']}", f"{text.strip()}\n\n" + "\n".join(tests), code, details)

    def prompt(self, question: Question) -> Messages:
        text, _, tests = question.text.partition("\n\n")
        content = (
            f"You are an expert Python programmer, and here is your task: {text} "
            f"Your code should pass these tests:\n\n{tests}\n\n"
            "Put the code into one ```python block."
        )
        return [{"role": "user", "content": content}]

    def demonstration(self, question: Question) -> str:
        return fenced(question.answer)


def task_id(row: Row) -> int:
    """The id, which determines the split. Raises `UserError` if there is none."""
    value = row.get("task_id")
    if not isinstance(value, int):
        raise UserError(f"a row of mbpp has no number in task_id (given: {value!r})")
    return value


def used_of(code: str, tests: str) -> tuple[str, list[str]]:
    """What tests use of a reference solution: its imports as statements, and the names of its functions and classes."""
    nodes = (node for statement in python_statements(tests) or () for node in ast.walk(statement))
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    imports, names = [], []
    for statement in python_statements(code) or ():
        if isinstance(statement, ast.FunctionDef | ast.ClassDef) and statement.name in used:
            names.append(statement.name)
        elif isinstance(statement, ast.Import | ast.ImportFrom) and used & {a.asname or a.name for a in statement.names}:
            imports.append(ast.unparse(statement))
    return "\n".join(imports), sorted(set(names))
