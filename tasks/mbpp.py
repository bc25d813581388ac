"""MBPP: mostly basic Python problems."""

from __future__ import annotations

import ast
from typing import Any

from sdzero_bench.core.errors import NoSuchSplit, UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Messages, Split
from sdzero_bench.questions.programs.code_task import CodeOptions, CodeTask, fenced
from sdzero_bench.questions.programs.hub import rows
from sdzero_bench.verifiers.code.extraction import python_statements

HUB_NAME = "google-research-datasets/mbpp"
IDS = {"test": range(11, 511), "validation": range(511, 601), "train": range(601, 975)}
"""The paper's split by task_id; 1 to 10 are its few-shot examples, which nothing here uses."""


class MBPPOptions(CodeOptions):
    path: str | None = None
    """File (JSON Lines or Parquet) with the fields of the hub's data set, all ids in one file; null loads from the hub."""
    sanitized: bool = False
    """The 427 problems that its authors went over by hand, instead of all 974."""


class MBPP(CodeTask):
    """Austin et al. 2021, arXiv 2108.07732: one sentence and three asserts, which the prompt shows, as the paper's does.

    No examples are shown before the problem; the last sentence of the prompt, which asks for a fenced block, is of our own.
    The asserts run apart from the program, and so does the setup that two problems have. What they use of the program is what
    the reference solution defines, be it named as something of Python's own (problem 126 asks for a function `sum`); modules
    that they use, as problem 596 does, are not the program's to give.
    """

    name = "mbpp"
    summary = "small Python functions from one sentence and three asserts (MBPP)"
    source = f"hub: {HUB_NAME}"
    Options = MBPPOptions
    options: MBPPOptions

    def load(self, split: Split) -> QuestionSet:
        config, code = ("sanitized" if self.options.sanitized else "full"), ("code",)
        found = list(rows(self.options.path, HUB_NAME, config, ["prompt", "test", "validation", "train"], code))
        inside = [self.question(row) for row in found if task_id(row) in IDS[split]]
        if not inside:
            raise NoSuchSplit(
                f"the {len(found)} rows of mbpp have no {split} question, which are those with a task_id in {IDS[split]}"
            )
        return self.checked(QuestionSet(f"{self.name}/{split}", tuple(inside)))

    def question(self, row: dict[str, Any]) -> Question:
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


def task_id(row: dict[str, Any]) -> int:
    """Raises `UserError` if there is none: it decides the split."""
    if not isinstance(row.get("task_id"), int):
        raise UserError(f"a row of mbpp has no number in task_id (given: {row.get('task_id')!r})")
    return row["task_id"]


def used_of(code: str, tests: str) -> tuple[str, list[str]]:
    """What tests use of a reference solution: its imports, as statements, and the names of its functions and classes."""
    nodes = (node for statement in python_statements(tests) or () for node in ast.walk(statement))
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    imports, names = [], []
    for statement in python_statements(code) or ():
        if isinstance(statement, ast.FunctionDef | ast.ClassDef) and statement.name in used:
            names.append(statement.name)
        elif isinstance(statement, ast.Import | ast.ImportFrom) and used & {a.asname or a.name for a in statement.names}:
            imports.append(ast.unparse(statement))
    return "\n".join(imports), sorted(set(names))
