"""Tab completion of names and keys, asked for as a shell asks."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from sdzero_bench.cli.app import app
from sdzero_bench.runs import registry
from sdzero_bench.runs.config import preset_names


def completed(line: str) -> list[str]:
    """What bash shows for a line, whose last word is incomplete."""
    words = line.split(" ")
    asked = {"_SDZERO_BENCH_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    return CliRunner().invoke(app, prog_name="sdzero-bench", env=asked).stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sdzero-bench run --method rest", ["rest_em"]),
        ("sdzero-bench run --task micro-", ["micro-arith", "micro-code"]),
        ("sdzero-bench eval runs/a --tasks math500,micro-a", ["math500,micro-arith"]),
        ("sdzero-bench sweep --methods rft,sdz", ["rft,sdzero"]),
        ("sdzero-bench plan --preset paper-q", ["paper-qwen3-4b"]),
        ("sdzero-bench run --set sampling.temp", ["sampling.temperature="]),
        ("sdzero-bench run --set method.distill.ep", ["method.distill.epochs="]),
        ("sdzero-bench run --task evalp", ["evalplus:"]),
        ("sdzero-bench run --method nothing-like-it", []),
    ],
)
def test_tab_completes_what_is_begun(line: str, expected: list[str]) -> None:
    assert completed(line) == expected


def test_tab_lists_all_names() -> None:
    assert set(completed("sdzero-bench run --method ")) == set(registry.methods())
    assert set(completed("sdzero-bench run --preset ")) == set(preset_names())
