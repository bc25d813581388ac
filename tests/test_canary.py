"""The stack canary: what it compares, what it calls a difference, and that the committed record is that of this code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_runs import command, finished

from sdzero_bench.core.errors import UserError
from sdzero_bench.policies.loading import model_path
from sdzero_bench.runs.canary.canary_differences import TOLERANCE, differences, first_difference, largest_difference, moved
from sdzero_bench.runs.canary.canary_record import CanaryRecord, committed, read_canary, weights_digest
from sdzero_bench.runs.config import resolve


def edited(record: CanaryRecord, part: str, row: int, **fields: Any) -> CanaryRecord:
    """A copy with other fields in one row."""
    rows = [own.model_copy(update=fields) if i == row else own for i, own in enumerate(getattr(record, part))]
    return record.model_copy(update={part: rows})


def shifted(record: CanaryRecord, token: int, by: float) -> CanaryRecord:
    """A copy in which the log-probability of one token of completion 2 is another."""
    logprobs = list(record.scored[2].logprobs)
    logprobs[token] += by
    return edited(record, "scored", 2, logprobs=logprobs)


def test_this_stack_computes_what_was_recorded() -> None:
    done = finished(command("doctor", "--canary"), check=True)
    assert done.stdout.startswith("Stack canary: as recorded.")
    assert len(done.stdout.splitlines()) == 1


def test_the_record_is_of_the_embedded_model() -> None:
    embedded = Path(model_path(resolve("base", "micro").model.name))
    assert committed().weights == weights_digest(embedded), "rebuild the record: make canary"


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    committed().write(tmp_path / "canary.json")
    assert read_canary(tmp_path / "canary.json") == committed()


def test_rounding_is_no_difference_and_more_than_that_is() -> None:
    record = committed()
    assert differences(record, shifted(record, 3, 0.5 * TOLERANCE)) == []
    assert largest_difference(record, shifted(record, 3, -0.5 * TOLERANCE)) == pytest.approx(0.5 * TOLERANCE)
    (found,) = differences(record, shifted(record, 3, -2 * TOLERANCE))
    assert "completion 2: log-probability of token 3" in found.figure
    assert found.decisive


def test_other_tokens_of_a_prompt_are_decisive_and_of_a_sample_are_information() -> None:
    record = committed()
    prompt = edited(record, "scored", 0, prompt_ids=[*record.scored[0].prompt_ids[:-1], 511])
    assert [found.decisive for found in differences(record, prompt)] == [True]
    sample = edited(record, "sampled", 1, token_ids=record.sampled[1].token_ids[:4])
    (found,) = differences(record, sample)
    assert (found.decisive, found.here) == (False, "end")


def test_a_verdict_that_turned_is_decisive_and_a_verifier_that_is_missing_is_not() -> None:
    record = committed()
    (turned,) = differences(record, edited(record, "judged", 0, reward=0.0))
    assert (turned.decisive, turned.recorded, turned.here) == (True, "1", "0")
    assert differences(record, edited(record, "judged", 0, math_verify=None)) == []


def test_versions_that_moved_are_named_with_those_that_are_gone() -> None:
    record = committed()
    stack = {**record.stack, "torch": "9.9", "math-verify": None}
    other = record.model_copy(update={"stack": stack})
    assert moved(record, other) == [
        ("torch", record.stack["torch"], "9.9"),
        ("math-verify", record.stack["math-verify"], "-"),
    ]
    assert differences(record, other) == []


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [([1, 2], [1, 2], None), ([1, 2], [1, 3], (1, "2", "3")), ([1], [1, 4], (1, "end", "4")), ([], [], None)],
)
def test_the_first_difference_of_two_samples(one: list[int], other: list[int], found: tuple[int, str, str] | None) -> None:
    assert first_difference(one, other) == found


def test_what_differs_is_shown_beside_what_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    record = committed()
    old = shifted(record, 0, 0.5).model_copy(update={"stack": {**record.stack, "torch": "1.0"}})
    monkeypatch.setattr("sdzero_bench.runs.canary.canary_record.committed", lambda: old)
    done = finished(command("doctor", "--canary"))
    assert done.returncode == 1
    assert "not as recorded, in 1 of its figures; 12 of 12 samples equal" in done.stdout
    assert "log-probability of token 0" in " ".join(done.stdout.split())
    assert "torch" in done.stdout


def test_a_damaged_record_says_how_to_write_it_anew(tmp_path: Path) -> None:
    (tmp_path / "canary.json").write_text('{"weights": "0"}')
    with pytest.raises(UserError, match=r"--canary --write"):
        read_canary(tmp_path / "canary.json")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--canary", "--sandbox"], "cannot be combined"), (["--write", "x.json"], "add --canary")],
)
def test_errors_of_use(arguments: list[str], said: str) -> None:
    done = finished(command("doctor", *arguments))
    assert (done.returncode, said in done.stderr) == (2, True)
