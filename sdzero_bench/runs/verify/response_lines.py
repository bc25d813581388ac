"""The lines of a file of responses, each with what it is verified against.

    {"answer": "1/2", "response": "... \\boxed{0.5}"}
    {"kind": "choice", "options": ["Rome", "Paris"], "answer": "B", "response": "Answer: Paris"}
    {"tests": {"form": "asserts", "tests": ["assert add(2, 3) == 5"]}, "response": "```python ..."}
    {"question_id": "test-17", "response": "..."}

The third form may have `language` and `limits`, and every line `id` and `metadata`, which are passed on.
"""

from __future__ import annotations

import gzip
import json
import math
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from pydantic import ValidationError

from sdzero_bench.core.errors import UserError, unknown
from sdzero_bench.core.question import Question
from sdzero_bench.questions.programs.code_task import CodeOptions
from sdzero_bench.verifiers.answer_kinds.kind_registry import answer_kind
from sdzero_bench.verifiers.code.test_forms import StdioTests, parse_tests
from sdzero_bench.verifiers.sandbox.languages import LANGUAGES

FORMS = {"answer": ("kind", "options"), "tests": ("language", "limits"), "question_id": ()}
"""The key that says what a response is verified against, and the other keys of such a line."""
PASSED_ON = ("id", "metadata")


@dataclass(frozen=True)
class GivenResponse:
    """One line. `where` is its place, as FILE:LINE."""

    where: str
    question: Question
    response: str
    passed_on: dict[str, object]


@contextmanager
def opened(file: str) -> Iterator[IO[bytes]]:
    """The file, which can be read several times. Standard input (`-`) and pipes are copied to a temporary file first."""
    path = Path(file).expanduser()
    if file != "-" and (path.is_dir() or not path.exists()):
        raise UserError(f"there is no file {file!r}")
    with ExitStack() as stack:
        source: IO[bytes] = sys.stdin.buffer
        if path.suffix == ".gz":
            source = cast("IO[bytes]", stack.enter_context(gzip.open(path)))
        elif file != "-":
            source = stack.enter_context(path.open("rb"))
        if file == "-" or not source.seekable():
            copy = stack.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(source, copy)
            source = copy
        yield source


def responses(source: IO[bytes], file: str, question_of: Callable[[str, str], Question] | None) -> Iterator[GivenResponse]:
    """The responses of all lines that are not blank, from the start of the file.

    question_of:
        The question for an id and the place to name in an error; None: no task was given.

    Raises `UserError`, which names file and line, for a line that cannot be read.
    """
    source.seek(0)
    try:
        for number, line in enumerate(source, start=1):
            if line.strip():
                where = f"{'standard input' if file == '-' else file}:{number}"
                yield _response(where, _row(where, line), question_of)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{file!r} cannot be decompressed ({error})") from error


def _row(where: str, line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line.decode("utf-8-sig"), object_pairs_hook=_once, parse_constant=_number, parse_float=_number)
    except RecursionError as error:
        raise UserError(f"{where}: not JSON (nested too deeply)") from error
    except ValueError as error:
        raise UserError(f"{where}: not JSON ({error})") from error
    if not isinstance(row, dict):
        raise UserError(f"{where}: not a JSON object")
    return row


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} is there twice")
    return row


def _number(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text} is no number of JSON")
    return value


def _response(where: str, row: dict[str, Any], question_of: Callable[[str, str], Question] | None) -> GivenResponse:
    known = ["response", *PASSED_ON, *FORMS, *(key for keys in FORMS.values() for key in keys)]
    for key in row:
        if key not in known:
            raise UserError(f"{where}: {unknown('key', key, known)} (other values go into `metadata`)")
    forms = [key for key in FORMS if key in row]
    if len(forms) != 1:
        found = " and ".join(forms) or "none of them"
        raise UserError(f"{where}: a line has one of the keys {', '.join(FORMS)} (found: {found})")
    (form,) = forms
    for key in row:
        if key not in ("response", *PASSED_ON, form, *FORMS[form]):
            raise UserError(f"{where}: the key {key!r} does not go with {form!r}")
    if not isinstance(row.get("response"), str):
        raise UserError(f"{where}: the key 'response' is missing or not a string")
    if (question_of is None) == (form == "question_id"):
        needed = "needs --task NAME" if question_of is None else "is verified without a task; give question_id, or no --task"
        raise UserError(f"{where}: a line with {form!r} {needed}")
    if question_of is not None:
        question = question_of(_text(where, row, form), where)
    elif form == "answer":
        question = _answer_question(where, row)
    else:
        question = _program_question(where, row)
    return GivenResponse(where, question, row["response"], {key: row[key] for key in PASSED_ON if key in row})


def _text(where: str, row: dict[str, Any], key: str) -> str:
    """A value as text; a number becomes its digits."""
    value = row[key]
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{where}: the value of {key!r} is empty or not text")
    return value.strip()


def _answer_question(where: str, row: dict[str, Any]) -> Question:
    if "kind" not in row:
        if "options" in row:
            raise UserError(f"{where}: the key 'options' needs a \"kind\", such as choice")
        return Question(where, "", _text(where, row, "answer"))
    try:
        kind = answer_kind(row["kind"])
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    options = row.get("options", [])
    if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
        raise UserError(f"{where}: the value of 'options' is not a list of texts")
    structured = kind.structured and isinstance(row["answer"], bool | list | dict)
    if not structured:
        _text(where, row, "answer")
    return Question(where, "", kind.gold_text(row["answer"]), {"kind": row["kind"], "options": options})


def _program_question(where: str, row: dict[str, Any]) -> Question:
    tests, language = row["tests"], row.get("language", "python")
    if isinstance(tests, list):  # as in question files
        tests = {"form": "asserts", "tests": tests}
    if language not in LANGUAGES:
        raise UserError(f"{where}: {unknown('language', str(language), LANGUAGES)}")
    try:
        form = parse_tests(tests, where)
        limits = CodeOptions.model_validate(row.get("limits") or {})
    except UserError as error:
        raise UserError(str(error) if where in str(error) else f"{where}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, ("limits", *first["loc"])))
        raise UserError(f"{where}: {place}: {first['msg']} ({', '.join(CodeOptions.model_fields)})") from error
    if language != "python" and not isinstance(form, StdioTests):
        raise UserError(f"{where}: tests of the form {form.form!r} are for Python; use stdio for {language}")
    return Question(where, "", "", {"tests": tests, "language": language, "limits": limits.model_dump()})
