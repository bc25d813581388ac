"""HumanEval+ and MBPP+: their rows, and their tests with the results that the reference solutions give."""

from __future__ import annotations

from typing import Any, Literal

from sdzero_bench.core.errors import UserError
from sdzero_bench.questions.programs.hub import rows
from sdzero_bench.questions.programs.reference import Reference, expected_results
from sdzero_bench.verifiers.code.evalplus_rules import require_evalplus, shows_only_presence
from sdzero_bench.verifiers.code.literals import write_literal
from sdzero_bench.verifiers.sandbox import Sandbox, find_sandbox

FIELDS = ("task_id", "prompt", "entry_point", "canonical_solution")


def plus_rows(
    data_set: Literal["humaneval", "mbpp"], path: str | None, sandbox: Sandbox | None
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each row with its tests, which are of the form "calls", from a local file or from what the package evalplus fetches.

    The reference solutions run in the sandbox. Calls whose results do not fit its limits are left out and counted;
    `base_calls` of the row says how many of the tests are its base inputs. Raises `UserError` where evalplus is not installed,
    and for rows that lack a field or whose reference solution fails.
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
        ({**row, "base_calls": _made(values[: len(row["base_input"])])}, _tests(data_set, row["atol"], reference, values))
        for row, reference, values in zip(found, references, results, strict=True)
    ]


def _made(results: list[str | None]) -> int:
    return sum(result is not None for result in results)


def _tests(data_set: str, atol: float, reference: Reference, results: list[str | None]) -> dict[str, Any]:
    kept = [(call, result) for call, result in zip(reference.calls, results, strict=True) if result is not None]
    return {
        "form": "calls",
        "function": reference.function,
        "calls": [call for call, _ in kept],
        "expected": [result for _, result in kept],
        "rule": f"evalplus {data_set}",
        "atol": atol,
        # Named where there are some: the tests of other questions stay as they are in older records.
        **({"left_out": left_out} if (left_out := len(results) - _made(results)) else {}),
    }


def plus_id(row: dict[str, Any]) -> str:
    """Not the id of the task without the plus: the tests are others."""
    return row["task_id"].replace("/", "+/")


def _fetched(data_set: str) -> list[dict[str, Any]]:
    from evalplus.data import get_human_eval_plus, get_mbpp_plus

    try:
        return list((get_mbpp_plus() if data_set == "mbpp" else get_human_eval_plus()).values())
    except OSError as error:
        raise UserError(f"evalplus could not fetch its data ({error}); give a local copy with --set task.path=FILE") from error


def _local(data_set: str, path: str) -> list[dict[str, Any]]:
    """JSON has no tuples, sets and complex numbers: evalplus knows which inputs of MBPP+ were some."""
    from evalplus.data.mbpp import mbpp_deserialize_inputs

    found = list(rows(path, "", None, (), FIELDS))
    for row in found:
        for field in ("base_input", "plus_input"):
            calls = row.get(field) or []  # MBPP+ writes no inputs as {}
            if not isinstance(calls, list) or not all(isinstance(call, list) for call in calls):
                raise UserError(f"{path}: the {field} of {row['task_id']} is no list of lists")
            row[field] = mbpp_deserialize_inputs(row["task_id"], calls) if data_set == "mbpp" else calls
        if not isinstance(row.get("atol"), int | float):
            raise UserError(f"{path}: the atol of {row['task_id']} is no number")
    return found
