"""Every method: killed in the middle and resumed, it ends as it would have, and its record passes `validate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from record_edits import says
from small_runs import SAVING, command, run_json, small_run
from test_command_line import forked_until, lines_in
from test_honest_records import checked

from sdzero_bench.runs.registry import methods

TRAINED = sorted(methods().keys() - {"base"})
FEW_EXAMPLES = {"dpo", "rltf_sd"}
"""Methods that find few examples among a handful of questions: batches of 2 make several steps of them."""


def some_quick(quick: set[str]) -> list[Any]:
    """All methods that train, those not named as slow tests."""
    return [pytest.param(name, marks=[] if name in quick else [pytest.mark.slow]) for name in TRAINED]


def settings_of(method: str) -> list[str]:
    return ["evaluation.revise=false", *(["optimizer.batch_size=2"] if method in FEW_EXAMPLES else [])]


def counts(result: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The ledger without its seconds."""
    return {
        phase: {name: count for name, count in use.items() if not name.endswith("seconds")}
        for phase, use in result["ledger"].items()
    }


def figures(folder: Path) -> dict[str, list[dict[str, float]]]:
    """What is logged of each step, by phase, without what depends on the clock."""
    return {
        path.stem: [
            {name: value for name, value in json.loads(line).items() if "time" not in name and "per_second" not in name}
            for line in path.read_text().splitlines()
        ]
        for path in folder.glob("training/*.jsonl")
    }


@pytest.mark.timeout(600)
@pytest.mark.parametrize("method", some_quick({"dpo"}))
def test_a_run_killed_in_the_middle_of_training_ends_as_it_would_have(method: str, tmp_path: Path) -> None:
    """The same weights, samples, figures of each step, tokens and accuracy, to the last bit; and an honest record."""
    settings = [SAVING, *settings_of(method)]
    whole = run_json(small_run(method, tmp_path / "whole", *settings))
    (one,) = (tmp_path / "whole").iterdir()
    middle = lines_in(tmp_path / "whole", "training/*.jsonl") // 2
    assert middle > 0
    cut = tmp_path / "cut"
    arguments = small_run(method, cut, *settings)
    forked_until(lambda: lines_in(cut, "training/*.jsonl") >= middle, arguments, tmp_path).kill()
    (other,) = cut.iterdir()
    assert lines_in(cut, "training/*.jsonl") < lines_in(tmp_path / "whole", "training/*.jsonl")
    resumed = run_json(command("run", "--resume", str(other), "--json"))

    names = [sorted(path.parent.name for path in folder.glob("checkpoints/*/model.safetensors")) for folder in (one, other)]
    assert names[0] == names[1] != []
    for name in names[0]:
        file = Path("checkpoints", name, "model.safetensors")
        assert (one / file).read_bytes() == (other / file).read_bytes(), name
    for path in sorted((one / "journal").iterdir()):
        mine, its = (sorted(file.read_text().splitlines()) for file in (path, other / "journal" / path.name))
        assert mine == its, path.name
    assert len(list((one / "journal").iterdir())) == len(list((other / "journal").iterdir()))
    assert figures(one) == figures(other)
    assert counts(resumed) == counts(whole)
    assert resumed["evaluation"] == whole["evaluation"]
    assert len(json.loads((other / "manifest.json").read_text())["sessions"]) == 2
    run, packed = checked(resumed, tmp_path)
    assert says(run) == says(packed) == ""


@pytest.mark.parametrize("method", some_quick({"star", "srpo"}))
def test_validate_finds_nothing_in_a_run_or_its_packed_record(method: str, tmp_path: Path) -> None:
    run, packed = checked(run_json(small_run(method, tmp_path / "runs", *settings_of(method))), tmp_path)
    assert says(run) == says(packed) == ""
    assert run.notes == packed.notes == []
