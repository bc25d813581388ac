"""LiveCodeBench: contest problems by the date of their contest."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Literal, NotRequired, TypedDict, cast

from pydantic import Field

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Messages, Split
from sdzero_bench.questions.programs.code_task import CodeOptions, CodeTask, digest
from sdzero_bench.questions.programs.hub import only_a_test_set
from sdzero_bench.questions.question_files import read_rows
from sdzero_bench.verifiers.code.packed_tests import as_forms, unpack
from sdzero_bench.verifiers.code.test_forms import Tests, parse_tests

HUB_NAME = "livecodebench/code_generation_lite"
FIELDS = ("question_id", "question_content", "contest_date", "public_test_cases", "private_test_cases")
FILES = ["test.jsonl", *(f"test{number}.jsonl" for number in range(2, 7))]
"""Files of the data set on the Hub; release_vN consists of the first N of them."""

_MODULES = "string re datetime collections heapq bisect copy math random statistics itertools functools operator io sys json"
_STARRED = [f"from {module} import *" for module in f"{_MODULES} builtins typing".split()]
"""`builtins` comes after `math` and `operator`, whose `pow` takes two arguments only."""
_IMPORTED = [f"import {module}" for module in _MODULES.split()]
IMPORTS = "\n".join([*_STARRED, *_IMPORTED, "sys.setrecursionlimit(50000)", ""])
"""Prepended to every program, as the benchmark's own runner does (lcb_runner/evaluation/testing_util.py)."""


class LiveCodeBenchRow(TypedDict):
    """Fields of the data set. Test cases are JSON text, or a compressed pickle of it."""

    question_id: str
    question_content: str
    contest_date: str
    public_test_cases: str
    private_test_cases: str
    starter_code: NotRequired[str | None]
    metadata: NotRequired[str | None]
    """JSON; its `func_name` is the method to call, if any."""


Details = TypedDict("Details", {"public": str, "private": str, "function": str | None, "class": str | None})
"""Details of a question: packed tests, and the class and method to call, None for programs that read standard input."""


class LiveCodeBenchOptions(CodeOptions):
    path: str | None = None
    """File with the fields of the data set on the Hub, or a folder with its files test.jsonl, test2.jsonl, ...; null: load from
    the Hub."""
    version_tag: Literal["release_v1", "release_v2", "release_v3", "release_v4", "release_v5", "release_v6"] = "release_v6"
    """Release to use; ignored if `path` is a single file."""
    start_date: date | None = None
    """First contest date to keep, such as 2024-10-01."""
    end_date: date | None = None
    """Last contest date to keep."""
    cpu_seconds: float = Field(6.0, gt=0)
    memory_mb: int = Field(1024, gt=0)


class LiveCodeBench(CodeTask):
    """Jain et al. 2024, arXiv 2403.07974: the problems of a release whose contests lie in a window of dates, in Python.

    Programs read standard input, or complete the starter code, whose method is called. Both public and private tests count. The
    prompt is our own wording of the benchmark's. Differences from its checker: all tests are run, even after the first failure;
    a program that ends with an exit code other than 0 fails; numbers are compared by value, as there, but where a decimal
    fraction is expected, it may differ by 1e-6, also in a result that is returned; and the limit of 6 s per test is CPU time.

    Private tests are compressed pickles of JSON text; they are read by an unpickler that accepts only text.
    """

    name = "livecodebench"
    summary = "contest problems of a release and a window of dates (LiveCodeBench)"
    source = f"hub: {HUB_NAME}"
    Options = LiveCodeBenchOptions
    options: LiveCodeBenchOptions

    def load(self, split: Split) -> QuestionSet:
        only_a_test_set(self.name, split)
        found = [row for row in self._rows() if self._inside(row)]
        if not found:
            window = f"{self.options.start_date or 'the first'} and {self.options.end_date or 'the last'}"
            raise UserError(f"no problem of {self.options.version_tag} has a contest between {window}")
        return self.checked(QuestionSet(f"{self.name}/test", tuple(map(self._question, found))))

    def _rows(self) -> list[LiveCodeBenchRow]:
        files = FILES[: int(self.options.version_tag[-1])]
        if self.options.path is None:
            paths = [_downloaded(file) for file in files]
        else:
            path = Path(self.options.path).expanduser()
            paths = [path / file for file in files] if path.is_dir() else [path]
        return [cast(LiveCodeBenchRow, row) for path in paths for row in read_rows(path, FIELDS)]

    def _inside(self, row: LiveCodeBenchRow) -> bool:
        try:
            day = date.fromisoformat(row["contest_date"][:10])
        except ValueError as error:
            raise UserError(f"problem {row['question_id']}: contest_date {row['contest_date']!r} is not a date") from error
        return (self.options.start_date or day) <= day <= (self.options.end_date or day)

    def _question(self, row: LiveCodeBenchRow) -> Question:
        try:
            function = json.loads(row.get("metadata") or "{}").get("func_name")
        except (ValueError, AttributeError) as error:
            raise UserError(f"problem {row['question_id']}: its metadata is not a JSON object") from error
        starter = (row.get("starter_code") or "").strip()
        if function is not None and not starter:
            raise UserError(
                f"problem {row['question_id']}: the function {function!r} is to be called, but there is no starter_code"
            )
        text = row["question_content"].strip()
        if starter:
            text += f"\n\nComplete this starter code:\n```python\n{starter}\n```"
        details: Details = {
            "public": row["public_test_cases"],
            "private": row["private_test_cases"],
            "function": function,
            "class": "Solution" if "class Solution" in starter else None,
        }
        return Question(row["question_id"], text, f"tests {digest(details)}", dict(details))

    def tests(self, question: Question) -> Tests:
        return _tests(question.id, cast(Details, question.details))

    def program(self, question: Question, response: str) -> str | None:
        program = super().program(question, response)
        return program and f"{IMPORTS}\n{program}"

    def prompt(self, question: Question) -> Messages:
        if question.details["function"] is None:
            how = "The program reads standard input and writes the answer to standard output, and nothing else."
        else:
            how = "Keep the names of the starter code; its method is called, and what it returns is compared."
        content = (
            f"Solve this programming problem in Python. {how}\n\n{question.text}\n\n"
            "Think about it, then put the whole program into one ```python block."
        )
        return [{"role": "user", "content": content}]


def _tests(question: str, details: Details) -> Tests:
    """Unpacks the tests. They stay packed until they are needed, since those of a whole release take several GB."""
    function = details["function"]
    if function is not None and details["class"]:
        function = f"{details['class']}.{function}"
    try:
        data = as_forms([*unpack(details["public"]), *unpack(details["private"])], function)
    except ValueError as error:
        raise UserError(f"the tests of problem {question!r} are malformed: {error}") from error
    return parse_tests(data, question)


def _downloaded(file: str) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(HUB_NAME, file, repo_type="dataset"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{file} of {HUB_NAME} could not be loaded from the hub; give a local copy with --set task.path=FILE"
        ) from error
