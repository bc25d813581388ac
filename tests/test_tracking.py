"""Experiment trackers: the curves that the run's own log has, at the same steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_runs import finished, run_json, small_run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sdzero_bench.core.errors import UserError
from sdzero_bench.training.tracking import require_trackers


def test_tensorboard_has_the_losses_of_every_phase(tmp_path: Path) -> None:
    result = run_json([*small_run("sdzero", tmp_path, "evaluation.revise=false"), "--report-to", "tensorboard"])
    folder = Path(result["folder"])
    assert {path.name for path in (folder / "tensorboard").iterdir()} == {"srt", "distill"}
    for phase in ("srt", "distill"):
        logged = [json.loads(line) for line in (folder / "training" / f"{phase}.jsonl").read_text().splitlines()]
        events = EventAccumulator(str(folder / "tensorboard" / phase))
        events.Reload()
        shown = {event.step: event.value for event in events.Scalars("train/loss")}
        assert shown == pytest.approx({row["step"]: row["loss"] for row in logged})


def test_an_unknown_tracker_and_a_missing_one_are_said_before_the_first_sample(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no tracker 'tensorbord'; transformers knows .*tensorboard"):
        require_trackers(["tensorbord"])
    done = finished([*small_run("rft", tmp_path), "--report-to", "clearml"])
    assert done.returncode == 2
    assert "clearml is not installed (pip install clearml)" in done.stderr
    assert not list(tmp_path.iterdir())
