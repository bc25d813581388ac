"""Plans: what is computed from settings alone, beside what the committed runs used, and beside figures worked out by hand."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from small_runs import command, finished

from sdzero_bench.core.errors import UserError
from sdzero_bench.policies.architecture import KNOWN, architecture
from sdzero_bench.records.packing import run_folders
from sdzero_bench.runs.config import resolve
from sdzero_bench.runs.plan.assumptions import assumptions
from sdzero_bench.runs.plan.estimate import Plan, estimate
from sdzero_bench.runs.plan.plan_check import compared, plan_of
from sdzero_bench.runs.registry import methods
from sdzero_bench.training.method import Method
from sdzero_bench.training.recipe import Phase

MICRO = Path(__file__).parent.parent / "results" / "micro"


def planned(method: str, preset: str, settings: list[str] | None = None, assumed: list[str] | None = None) -> Plan:
    config = resolve(method, preset, assignments=settings)
    found = assumptions(config, assumed or [])
    return estimate(config, found.typical, found.machine, found.questions, found.test_questions)


@cache
def committed() -> dict[tuple[str, str], Path]:
    """One run of each method on each micro task, on all questions."""
    found = {}
    for folder in run_folders(MICRO):
        result = json.loads((folder / "result.json").read_text())
        if result["budget"]["questions"] == 1000 and result["seed"] == 0:
            found[result["method"], result["task"]] = folder
    return found


@pytest.mark.parametrize("task", ["micro-arith", "micro-code"])
@pytest.mark.parametrize("method", methods())
def test_a_plan_is_near_what_the_run_used(method: str, task: str) -> None:
    """Samples to one batch; tokens to a quarter, since how often policies are right changes while they train."""
    rows = compared(*plan_of(committed()[method, task]))
    total = {row.what: row for row in rows if row.phase == "all"}
    assert total["samples"].planned == pytest.approx(total["samples"].used, rel=0.01)
    for what in ("generated tokens", "tokens backward", "tokens forward"):
        if what in total:
            assert total[what].planned == pytest.approx(total[what].used, rel=0.25), what
    assert {row.phase for row in rows if row.planned} == {row.phase for row in rows if row.used}


def test_policies_that_are_not_measured_are_not_planned_for() -> None:
    every = {p.name for p in planned("sdzero", "micro").phases}
    assert every - {p.name for p in planned("sdzero", "micro", ["evaluation.intermediate=false"]).phases} == {
        "evaluation.srt",
        "evaluation.srt.revision",
    }


def test_the_papers_budgets_come_out_of_its_preset() -> None:
    """Its section on budgets: 60K samples for RFT; for SD-Zero 6K questions once and revised, 9K in distillation."""
    assert planned("rft", "paper-qwen3-4b").samples == 60_000
    plan = planned("sdzero", "paper-qwen3-4b")
    samples = {phase.name: phase.samples for phase in plan.phases}
    assert (samples["srt.initial"], samples["srt.revision"], samples["distill"]) == (6_000, 18_000, 9_000)
    assert plan.samples <= plan.allowed == 60_000


@pytest.mark.parametrize(
    ("name", "billions"), [("Qwen/Qwen3-4B", 4.02), ("allenai/Olmo-3-7B", 7.30), ("HuggingFaceTB/SmolLM2", 0.1345)]
)
def test_sizes_are_those_that_the_models_authors_state(name: str, billions: float) -> None:
    (full,) = [known for known in KNOWN if known.startswith(name)]
    assert architecture(full).parameters / 1e9 == pytest.approx(billions, rel=0.002)


def test_the_embedded_model_is_counted_from_its_directory(micro_path: str) -> None:
    shape = architecture(micro_path)
    assert (shape.parameters, shape.layers, shape.hidden, shape.context) == (918_912, 4, 128, 1024)


def test_memory_is_the_sum_of_what_is_held_at_once() -> None:
    """Of 4.02e9 weights in 32 bits: themselves, their gradients, two moments, and a teacher."""
    memory = planned("sdzero", "paper-qwen3-4b", ["engine.name=transformers"]).memory
    weights = 4 * 4_022_468_096
    assert (memory["policy"], memory["gradients"], memory["optimiser"], memory["teacher"]) == (
        weights,
        weights,
        2 * weights,
        weights,
    )
    assert "teacher" not in planned("grpo", "paper-qwen3-4b").memory
    halved = planned("sdzero", "paper-qwen3-4b", ["model.dtype=bfloat16"]).memory
    assert halved["policy"] * 2 == weights
    # 36 layers keep 2,048 numbers of 4 bytes for each of 256 sequences of 8,392 tokens.
    assert memory["cache while sampling"] == 4 * 36 * 2048 * 256 * (200 + 8192)


def test_time_follows_throughput_and_devices() -> None:
    one, eight = (planned("rft", "paper-qwen3-4b", assumed=[f"machine.count={n}"]) for n in (1, 8))
    assert one.hours == pytest.approx(8 * eight.hours)
    sampling = one.phases[0]
    assert sampling.hours * 3600 == pytest.approx(60_000 * 3700 / one.machine.tokens_per_second)
    # 6 operations a weight and token, and attention's.
    (training,) = [phase for phase in one.phases if phase.name == "rft"]
    operations = training.hours * 3600 * one.machine.tflops * 1e12 * one.machine.utilisation
    assert operations / (6 * 4_022_468_096 * training.backward) == pytest.approx(1.0, abs=0.15)


def test_what_does_not_fit_is_said_with_what_would_help(tmp_path: Path) -> None:
    asked = command(
        "plan", "--preset", "paper-qwen3-4b", "--assume", "machine.memory_gb=80", "--set", "engine.name=transformers"
    )
    done = finished(asked)
    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert "DOES NOT FIT" in said
    assert "optimizer.micro_batch_size=1" in said
    assert "differs from the paper: domain: math" in said


def test_a_plan_is_one_json_document_where_asked() -> None:
    done = finished(command("plan", "--method", "grpo", "--json"))
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert document["samples"] == document["samples_allowed"] == 4000
    assert document["memory_bytes"]["all"] == sum(v for k, v in document["memory_bytes"].items() if k != "all")


@pytest.mark.parametrize(
    ("settings", "assumed", "said"),
    [
        (["task.name=gsm8k"], [], "how many test questions"),
        (["task.name=gsm8k"], ["questions.test=100"], "does not know samples of 'gsm8k'; add --assume typical.prompt=VALUE"),
        ([], ["machine.memory=3"], "machine.memory: extra inputs are not permitted"),
        ([], ["typical.right=2"], "typical.right: input should be less than or equal to 1"),
        ([], ["size=2"], "--assume takes SECTION.KEY=VALUE"),
        (["sampling.max_new_tokens=1000"], [], "does not fit the model, which reads 1024"),
    ],
)
def test_what_cannot_be_planned_is_said(settings: list[str], assumed: list[str], said: str) -> None:
    with pytest.raises(UserError) as error:
        planned("rft", "micro", settings, assumed)
    assert said in str(error.value)


def test_a_method_that_does_not_declare_what_it_trains_on_cannot_be_planned() -> None:
    class Silent(Method):
        name, summary, paper = "silent", "", ""

        def phases(self, questions: int) -> list[Phase]:
            return [Phase("silent", "finetune")]

        def train(self, run: Any) -> Any:
            raise NotImplementedError

    with pytest.raises(UserError, match="silent cannot be planned: its phase 'silent' does not declare its passes"):
        Silent().expected(1, assumptions(resolve("rft")).typical)
