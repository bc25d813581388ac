"""The plan that docs/plan.md works out by hand is the plan that `sdzero-bench plan` makes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from sdzero_bench.runs.config import resolve
from sdzero_bench.runs.plan.assumptions import assumptions
from sdzero_bench.runs.plan.estimate import JOURNAL_BYTES, Plan, estimate

PAGE = Path(__file__).parent.parent / "docs" / "plan.md"


def planned(method: str, *settings: str) -> Plan:
    config = resolve(method, "paper-qwen3-4b", assignments=list(settings))
    found = assumptions(config)
    return estimate(config, found.typical, found.machine, found.questions, found.test_questions)


@pytest.fixture(scope="module")
def by_hand() -> dict[str, Any]:
    """What the page's lines compute; they use none of the package."""
    lines = "".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL))
    assert "import" not in lines
    names: dict[str, Any] = {}
    exec(lines, names)  # the page's own arithmetic
    return names


def test_tokens_and_hours_are_those_of_the_page(by_hand: dict[str, Any]) -> None:
    phases = {phase.name: phase for phase in planned("sdzero").phases}
    assert phases["srt.revision"].generated == pytest.approx(by_hand["revised"])
    assert phases["srt"].backward == pytest.approx(by_hand["srt_backward"])
    assert phases["distill"].backward == pytest.approx(by_hand["distill_backward"])
    assert phases["distill"].forward == pytest.approx(by_hand["distill_forward"])
    for name, key in (("srt.revision", "revision_hours"), ("srt", "srt_hours"), ("distill", "distill_hours")):
        assert phases[name].hours == pytest.approx(by_hand[key]), name
    assert phases["evaluation.srt"].generated == 4_000 * by_hand["after_srt"]
    assert phases["evaluation.srt.revision"].generated == 4_000 * by_hand["revision_after_srt"]


def test_memory_is_that_of_the_page(by_hand: dict[str, Any]) -> None:
    plan = planned("sdzero")
    assert plan.architecture.parameters == by_hand["parameters"]
    assert plan.largest.name == "distill"
    assert plan.largest.memory == pytest.approx(
        {
            "policy": by_hand["policy"],
            "gradients": by_hand["gradients"],
            "optimizer": by_hand["moments"],
            "weights in 16 bits (autocast)": by_hand["autocast"],
            "teacher": by_hand["teacher_weights"],
            "vLLM, with its cache": by_hand["vllm"],
            "activations": by_hand["activations"],
        }
    )
    assert plan.peak == pytest.approx(by_hand["peak"])
    assert plan.fits


def test_the_engines_share_has_to_hold_what_the_page_says(by_hand: dict[str, Any]) -> None:
    config = resolve("sdzero", "paper-qwen3-4b", assignments=["engine.gpu_memory=0.1"])
    found = assumptions(config)
    lacking = by_hand["engine_needs"] - 0.1 * 141e9
    plan = estimate(config, found.typical, found.machine, found.questions, found.test_questions)
    assert plan.lacking_in_engine == pytest.approx(lacking)
    assert not plan.fits


def test_weights_travel_as_often_as_the_page_says(by_hand: dict[str, Any]) -> None:
    exchange = planned("grpo", "engine.name=vllm-server").exchange
    assert exchange is not None
    assert (exchange.times, exchange.times * exchange.size) == (by_hand["grpo_times"], by_hand["grpo_travels"])
    doubled = planned("grpo", "engine.name=vllm-server", "engine.dtype=float32").exchange
    assert doubled is not None
    assert doubled.size == 2 * exchange.size
    assert planned("grpo").exchange is None


def test_the_learning_curve_takes_what_the_page_says(by_hand: dict[str, Any]) -> None:
    with_curve, without = planned("grpo"), planned("grpo", "evaluation.curve_questions=0")
    more = [phase for phase in with_curve.phases if phase.name not in {other.name for other in without.phases}]
    assert sum(phase.samples for phase in more) == by_hand["curve_samples"]
    journal = JOURNAL_BYTES * sum(phase.generated for phase in more)
    assert with_curve.disk - without.disk == pytest.approx(by_hand["curve_disk"] + journal)


def test_the_page_states_the_figures_it_computes(by_hand: dict[str, Any]) -> None:
    stated = {
        "4.02e9": by_hand["parameters"] / 1e9,
        "91.8M": by_hand["revised"] / 1e6,
        "195M": by_hand["srt_backward"] / 1e6,
        "165M": by_hand["distill_backward"] / 1e6,
        "323M": by_hand["distill_forward"] / 1e6,
        "131 GB": by_hand["peak"] / 1e9,
        "18.3 of 42.3 GB": by_hand["engine_needs"] / 1e9,
        "473 times": by_hand["grpo_times"],
        "3.80 TB": by_hand["grpo_travels"] / 1e12,
        "48.3 GB": by_hand["curve_disk"] / 1e9,
    }
    for text, value in stated.items():
        assert text in PAGE.read_text()
        number = re.match(r"[\d.]+", text)
        assert number is not None
        assert float(number[0]) == pytest.approx(value, rel=0.005), text
