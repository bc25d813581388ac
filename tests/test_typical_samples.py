"""What a preset says that samples are like is what its committed runs have drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdzero_bench.records.reader import load_run
from sdzero_bench.runs.config import load_preset
from tools.typical_samples import typical

MICRO = Path(__file__).parent.parent / "results" / "micro"


@pytest.mark.parametrize("task", ["micro-arith", "micro-code"])
def test_the_default_preset_says_what_its_runs_have_drawn(task: str) -> None:
    folders = [next(MICRO.glob(f"{method}-{task}-s0-*")) for method in ("base", "rft", "srt")]
    stated = load_preset("micro")["typical"][task]
    found = typical([load_run(folder) for folder in folders])[task]
    assert {name: stated[name] for name in found} == pytest.approx(found, rel=0.1)
