"""HumanEval+ and MBPP+: their problems, and tests whose expected results come from the reference solutions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict, cast

from sdzero_bench.core.errors import UserError
from sdzero_bench.questions.programs.hub import rows
from sdzero_bench.questions.programs.reference import Reference, expected_results
from sdzero_bench.verifiers.code.evalplus_rules import require_evalplus, shows_only_presence
from sdzero_bench.verifiers.code.literals import write_literal
from sdzero_bench.verifiers.sandbox import Sandbox, find_sandbox

FIELDS = ("task_id", "prompt", "entry_point", "canonical_solution")


class _PlusRow(TypedDict):
    """Fields of EvalPlus's release."""

    task_id: str
    prompt: str
    canonical_solution: str
    entry_point: str
    base_input: Sequence[Sequence[object]]
    plus_input: Sequence[Sequence[object]]
    atol: float


@dataclass(frozen=True)
class PlusProblem:
    """A problem of HumanEval+ or MBPP+."""

    id: str
    """As in the data set without the plus, such as HumanEval/0."""
    prompt: str
    solution: str
    function: str
    tests: dict[str, object]
    """Of the form "calls"."""
    base_calls: int
    """How many of the tests, counted from the first, are base inputs."""

    @property
    def plus_id(self) -> str:
        """Differs from the id of the task without the plus, since the tests differ: HumanEval+/0."""
        return self.id.replace("/", "+/")


def plus_problems(data_set: Literal["humaneval", "mbpp"], path: str | None, sandbox: Sandbox | None) -> list[PlusProblem]:
    """The problems with their tests, from a local file or from the release that the package evalplus downloads.

    The reference solutions run in the sandbox. Calls whose results exceed its limits are left out and counted. Raises
    `UserError` if evalplus is not installed, and for rows that lack a field or whose reference solution fails.
    """
    require_evalplus()
    found = _fetched(data_set) if path is None else _local(data_set, path)
    arguments = [[list(call) for call in [*row["base_input"], *row["plus_input"]]] for row in found]
    references = [
        Reference(
            row["task_id"],
            row["prompt"] + row["canonical_solution"],
            row["entry_point"],
            tuple(map(write_literal, calls)),
            data_set == "mbpp" and shows_only_presence(row["entry_point"]),
        )
        for row, calls in zip(found, arguments, strict=True)
    ]
    results = expected_results(sandbox or find_sandbox(), references, arguments)
    return [
        PlusProblem(
            row["task_id"],
            row["prompt"],
            row["canonical_solution"],
            row["entry_point"],
            _tests(data_set, row["atol"], reference, values),
            _made(values[: len(row["base_input"])]),
        )
        for row, reference, values in zip(found, references, results, strict=True)
    ]


def _made(results: list[str | None]) -> int:
    return sum(result is not None for result in results)


def _tests(data_set: str, atol: float, reference: Reference, results: list[str | None]) -> dict[str, object]:
    kept = [(call, result) for call, result in zip(reference.calls, results, strict=True) if result is not None]
    return {
        "form": "calls",
        "function": reference.function,
        "calls": [call for call, _ in kept],
        "expected": [result for _, result in kept],
        "rule": f"evalplus {data_set}",
        "atol": atol,
        # Only if there are any, so that the tests of other questions stay as they are in older records.
        **({"left_out": left_out} if (left_out := len(results) - _made(results)) else {}),
    }


def _fetched(data_set: str) -> list[_PlusRow]:
    from evalplus.data import get_human_eval_plus, get_mbpp_plus

    try:
        return list((get_mbpp_plus() if data_set == "mbpp" else get_human_eval_plus()).values())
    except OSError as error:
        raise UserError(f"evalplus could not fetch its data ({error}); give a local copy with --set task.path=FILE") from error


def _local(data_set: str, path: str) -> list[_PlusRow]:
    """JSON has no tuples, sets or complex numbers; evalplus knows which inputs of MBPP+ have to be converted back."""
    from evalplus.data.mbpp import mbpp_deserialize_inputs

    found = []
    for row in rows(path, "", None, (), FIELDS):
        inputs = {}
        for field in ("base_input", "plus_input"):
            calls = row.get(field) or []  # MBPP+ writes {} if there are no inputs
            if not isinstance(calls, list) or not all(isinstance(call, list) for call in calls):
                raise UserError(f"{path}: the {field} of {row['task_id']} is not a list of lists")
            inputs[field] = mbpp_deserialize_inputs(row["task_id"], calls) if data_set == "mbpp" else calls
        if not isinstance(row.get("atol"), int | float):
            raise UserError(f"{path}: the atol of {row['task_id']} is not a number")
        found.append(cast(_PlusRow, {**row, **inputs}))
    return found
