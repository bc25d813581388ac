"""The forms of a program's tests, and how they are read from a question's details.

    {"form": "stdio", "inputs": ["2 3\\n"], "outputs": ["5\\n"]}
    {"form": "calls", "function": "add", "calls": ["(2, 3)"], "expected": ["5"]}
    {"form": "asserts", "tests": ["assert add(2, 3) == 5"]}

Arguments and results of calls are Python literals as strings (literals.py), since JSON has no tuples or sets.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from sdzero_bench.core.errors import UserError, unknown
from sdzero_bench.verifiers.code.literals import Digest, read_literal
from sdzero_bench.verifiers.sandbox.free_names import free_names
from sdzero_bench.verifiers.sandbox.result import TestUnsupportedError

DIGEST = "sha256:"


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StdioTests(_Form):
    """The output that the program has to write, for each standard input."""

    form: Literal["stdio"] = "stdio"
    inputs: tuple[str, ...] = Field(min_length=1)
    outputs: tuple[str, ...]
    compare: Literal["tokens", "floats", "lines", "exact"] = "tokens"
    """tokens: split at white space. floats: the same, but an expected token with a decimal point or an exponent may differ by
    `tolerance`, absolute or relative. lines: like floats, line by line, and numbers are compared by value. exact: character by
    character."""
    tolerance: float = Field(1e-6, gt=0)
    checker: str | None = None
    """A Python program that decides instead. Called with three files, the input, the expected output and the program's output,
    it prints 1 or 0."""

    @model_validator(mode="after")
    def _as_many(self) -> StdioTests:
        if len(self.inputs) != len(self.outputs):
            raise ValueError(f"{len(self.inputs)} inputs, but {len(self.outputs)} outputs")
        return self

    def __len__(self) -> int:
        return len(self.inputs)


class CallTests(_Form):
    """The value that a function has to return, for each list of arguments."""

    form: Literal["calls"] = "calls"
    function: str = Field(pattern=r"^[^\W\d]\w*(\.[^\W\d]\w*)?$")
    """A name, or `Class.method`, which is called on a new instance each time."""
    calls: tuple[str, ...] = Field(min_length=1)
    """The arguments of each call, as a list or tuple."""
    expected: tuple[str, ...]
    """The result of each call; `sha256:` and a digest if the literal would be very long."""
    rule: str = "equal"
    """How results are compared: a name in `comparing.RULES`."""
    atol: float = Field(0.0, ge=0)
    """Absolute tolerance for floats, in addition to a relative one of 1e-7; 0: exact."""
    left_out: int = Field(0, ge=0)
    """Number of calls in the data set that are left out, since their results exceed the limits."""

    @model_validator(mode="after")
    def _readable(self) -> CallTests:
        from sdzero_bench.verifiers.code.comparing import RULES

        if self.rule not in RULES:
            raise ValueError(str(unknown("rule", self.rule, RULES)))
        if len(self.calls) != len(self.expected):
            raise ValueError(f"{len(self.calls)} calls, but {len(self.expected)} expected results")
        self.arguments()
        self.results()
        return self

    def arguments(self) -> list[list[object]]:
        """The arguments of each call. Raises `ValueError` for anything but a list or tuple of plain values."""
        calls = [read_literal(call) for call in self.calls]
        for text, call in zip(self.calls, calls, strict=True):
            if not isinstance(call, list | tuple):
                raise ValueError(f"the arguments {text[:80]!r} are not a list or tuple; write a single argument as (1,)")
        return [list(call) for call in calls]

    def results(self) -> list[object]:
        """The expected results, or their digests. Raises `ValueError` for anything but plain values."""
        return [Digest(text[len(DIGEST) :]) if text.startswith(DIGEST) else read_literal(text) for text in self.expected]

    def __len__(self) -> int:
        return len(self.calls)


class AssertTests(_Form):
    """Python statements that raise no exception if the program is right. They run in a process of their own."""

    form: Literal["asserts"] = "asserts"
    setup: str = ""
    """Runs before the tests: imports and helpers."""
    tests: tuple[str, ...] = Field(min_length=1)
    names: tuple[str, ...] = ()
    """Names from the program that the tests use, in addition to those that neither they, the setup nor Python define."""

    @model_validator(mode="after")
    def _use_the_program(self) -> AssertTests:
        if not {*self.names, *free_names([self.setup, *self.tests])}:
            raise ValueError("the tests use nothing that the program defines")
        return self

    def __len__(self) -> int:
        return len(self.tests)


Tests = StdioTests | CallTests | AssertTests
_FORMS = {form.model_fields["form"].default: form for form in get_args(Tests)}
_ADAPTER: TypeAdapter[Tests] = TypeAdapter(Annotated[Tests, Field(discriminator="form")])


def parse_tests(data: object, question: str) -> Tests:
    """The tests in a question's details. Raises `UserError`, which names the question, if they are malformed."""
    if not isinstance(data, dict):
        raise UserError(f"question {question!r} has no tests; add tests of the form {', '.join(_FORMS)}")
    if data.get("form") not in _FORMS:
        raise UserError(f"question {question!r}: {unknown('form of tests', str(data.get('form')), _FORMS)}")
    try:
        return _ADAPTER.validate_python(data)
    except TestUnsupportedError as error:  # not a ValueError, so pydantic does not catch it
        raise UserError(f"the tests of question {question!r} are malformed: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        message = first["msg"].removeprefix("Value error, ")
        raise UserError(
            f"the tests of question {question!r} are malformed: {place + ': ' if place else ''}{message}"
        ) from error
