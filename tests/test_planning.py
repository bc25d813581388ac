"""Plans: what is computed from settings alone, beside what the committed runs used, and beside figures worked out by hand."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import torch
from small_runs import command, finished
from transformers import Qwen3Config, Qwen3ForCausalLM

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.yaml_core import read_yaml
from sdzero_bench.policies.architecture import KNOWN, Architecture, architecture
from sdzero_bench.records.packing import run_folders
from sdzero_bench.records.record_files import read_result
from sdzero_bench.runs.config import preset_names, resolve
from sdzero_bench.runs.plan.assumptions import assumptions, counted_here
from sdzero_bench.runs.plan.estimate import Plan, estimate
from sdzero_bench.runs.plan.machine import known_of
from sdzero_bench.runs.plan.plan_check import compared, plan_of
from sdzero_bench.training.method import Method
from sdzero_bench.training.recipe import Phase

MICRO = Path(__file__).parent.parent / "results" / "micro"


def planned(method: str, preset: str, settings: list[str] | None = None, assumed: list[str] | None = None) -> Plan:
    config = resolve(method, preset, assignments=settings)
    found = assumptions(config, assumed or [])
    return estimate(config, found.typical, found.machine, found.questions, found.test_questions)


@cache
def committed() -> dict[tuple[str, str], list[Path]]:
    """The runs of each method on each micro task, on all questions: one per seed."""
    found: dict[tuple[str, str], list[Path]] = {}
    for folder in run_folders(MICRO):
        result = read_result(folder)
        if result.budget.questions == 1000:
            found.setdefault((result.method, result.task), []).append(folder)
    return found


def test_runs_of_many_methods_are_committed() -> None:
    assert len(committed()) >= 18


QUIET = {"base", "sft", "rft", "rest_em", "grpo", "rloo", "sdft", "srt", "sdzero"}
"""The methods whose runs had the machine to themselves; the seconds of the others say nothing."""

BY_AGREEMENT = {"dpo", "inverted_reward", "rlcsd", "rlsd", "rltf_sd", "sdpg", "srpo", "star"}
"""What these draw or train on depends on how often the samples of a question agree. A plan takes samples as independent, and
those of the embedded model are not."""


@pytest.mark.parametrize(("method", "task"), sorted(committed()))
def test_a_plan_is_near_what_runs_used(method: str, task: str) -> None:
    """Samples to one batch, tokens to 15 %, in each run; hours and memory to 30 %, in the median run."""
    shares: dict[str, list[float]] = {}
    for folder in committed()[method, task]:
        rows = compared(*plan_of(folder))
        for row in rows:
            if row.phase == "all" and row.used:
                shares.setdefault(row.what, []).append(row.planned / row.used)
        if method not in BY_AGREEMENT:
            assert {row.phase for row in rows if row.planned} == {row.phase for row in rows if row.used}
    samples, tokens = (0.25, 4.0) if method in BY_AGREEMENT else (0.01, 0.15)
    assert shares["samples"] == pytest.approx([1.0] * len(shares["samples"]), rel=samples)
    for what in shares.keys() & {"generated tokens", "tokens backward", "tokens forward"}:
        assert shares[what] == pytest.approx([1.0] * len(shares[what]), rel=tokens), what
    assert median(shares["bytes of memory at the peak"]) == pytest.approx(1.0, rel=0.3)
    if method in QUIET:
        assert median(shares["seconds"]) == pytest.approx(1.0, rel=0.3)


def test_policies_that_are_not_measured_are_not_planned_for() -> None:
    every = {p.name for p in planned("sdzero", "micro").phases}
    assert every - {p.name for p in planned("sdzero", "micro", ["evaluation.intermediate=false"]).phases} == {
        "evaluation.srt",
        "evaluation.srt.revision",
    }


def test_the_papers_budgets_come_out_of_its_preset() -> None:
    """Its section on budgets: 60K samples for RFT; for SD-Zero 6K questions once and revised, 9K in distillation."""
    assert planned("rft", "paper-qwen3-4b").samples == 60_000
    plan = planned("sdzero", "paper-qwen3-4b", ["method.distill.epochs=1"])
    samples = {phase.name: phase.samples for phase in plan.phases}
    assert (samples["srt.initial"], samples["srt.revision"], samples["distill"]) == (6_000, 18_000, 9_000)
    assert plan.samples <= plan.allowed == 60_000
    assert planned("sdzero", "paper-qwen3-4b").samples == 60_000  # by default, four epochs of distillation


@pytest.mark.parametrize(
    ("name", "billions"),
    [("Qwen/Qwen3-4B", 4.02), ("allenai/Olmo-3-7B", 7.30), ("HuggingFaceTB/SmolLM2", 0.1345), ("Qwen/Qwen2.5-Coder", 0.494)],
)
def test_sizes_are_those_that_the_models_authors_state(name: str, billions: float) -> None:
    (full,) = [known for known in KNOWN if known.startswith(name)]
    assert architecture(full).parameters / 1e9 == pytest.approx(billions, rel=0.002)


def test_the_embedded_model_is_counted_from_its_directory(micro_path: str) -> None:
    shape = architecture(micro_path)
    assert (shape.parameters, shape.layers, shape.hidden, shape.context) == (918_912, 4, 128, 1024)


@pytest.mark.parametrize("head_dim", [32, 50])
def test_a_layer_keeps_for_its_backward_pass_about_what_is_planned(head_dim: int) -> None:
    """Counted in the tensors that autograd saves, with heads that are together as wide as the hidden state, or wider."""

    def saved(layers: int, tokens: int = 128) -> float:
        config = Qwen3Config(num_hidden_layers=layers, head_dim=head_dim, **shape, vocab_size=128)
        model, sizes = Qwen3ForCausalLM(config), {}
        weights = {parameter.data_ptr() for parameter in model.parameters()}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in weights:
                sizes[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            kept = model.model(torch.zeros((1, tokens), dtype=torch.long), use_cache=False)
            assert kept.last_hidden_state.requires_grad
        return sum(sizes.values()) / tokens / 4

    shape = {"hidden_size": 256, "intermediate_size": 972, "num_attention_heads": 8, "num_key_value_heads": 2}
    planned = Architecture(0, 0, 0, 1, 256, 8 * head_dim, 2 * 2 * head_dim, 972, 128, None).kept()
    assert planned == pytest.approx((saved(3) - saved(1)) / 2, rel=0.15)


def test_a_window_limits_what_its_layers_attend_to_and_cache() -> None:
    """Olmo-3: a quarter of its 32 layers attend to everything, the others to the last 4,096 tokens."""
    shape = architecture("allenai/Olmo-3-7B-Instruct")
    assert shape.cached(65_536) == 2 * 32 * 128 * (8 * 65_536 + 24 * 4_096)
    attended = 8 * sum(range(10_000)) / 10_000 + 24 * sum(min(i, 4_096) for i in range(10_000)) / 10_000
    assert shape.flops(10_000, backward=False) == pytest.approx(2 * shape.multiplied + 4 * 4_096 * attended, rel=1e-3)


def memory_of(phase: str, method: str, settings: list[str] | None = None, assumed: list[str] | None = None) -> dict[str, float]:
    return next(p.memory for p in planned(method, "paper-qwen3-4b", settings, assumed).phases if p.name == phase)


def test_memory_is_the_sum_of_what_is_held_at_once() -> None:
    weights = 4 * 4_022_468_096
    assert "teacher" not in memory_of("grpo", "grpo")
    assert memory_of("grpo", "grpo", ["method.kl_weight=0.1"])["reference policy"] == weights
    # A teacher that is a moving average keeps 32 bits, another one has 16.
    assert (memory_of("sdft", "sdft")["teacher"], memory_of("opsd", "opsd")["teacher"]) == (weights, weights / 2)
    assert memory_of("rft.sample", "rft").keys() == {"policy", "vLLM, with its cache"}
    assert memory_of("rft", "rft", ["model.dtype=bfloat16"])["optimizer"] == weights
    assert memory_of("rft", "rft", ["optimizer.name=adamw_8bit"])["optimizer"] == weights / 2
    # vLLM that sleeps leaves its share to training; between two steps it is awake, and the activations are gone.
    asleep = memory_of("grpo", "grpo", ["engine.sleep=true"])
    assert asleep == {k: v for k, v in memory_of("grpo", "grpo").items() if k != "activations"}
    assert "vLLM, with its cache" not in memory_of("rft", "rft", ["engine.sleep=true"])
    # 36 layers keep 2,048 numbers of 2 bytes for each of 256 sequences of 8,392 tokens, the longest of which may be truncated.
    sampled = memory_of("rft.sample", "rft", ["engine.name=transformers"])
    assert sampled["cache while sampling"] == pytest.approx(2 * 36 * 2048 * 256 * (200 + 2.2 * 3700))


def test_several_devices_share_the_weights_or_copy_them() -> None:
    one, copied, sharded = (
        memory_of("distill", "sdzero", ["engine.name=vllm-server"], [f"machine.count={n}", f"machine.sharded={s}"])
        for n, s in ((1, False), (4, False), (4, True))
    )
    assert copied == {**one, "gradients in buckets (DDP)": one["gradients"]}
    split = ("policy", "gradients", "optimizer", "teacher", "weights in 16 bits (autocast)")
    assert {name: sharded[name] for name in split} == {name: one[name] / 4 for name in split}
    assert sharded["whole copy to sample from"] == one["policy"]


def test_time_follows_throughput_and_devices() -> None:
    one, eight = (planned("rft", "paper-qwen3-4b", assumed=[f"machine.count={n}"]) for n in (1, 8))
    assert one.hours == pytest.approx(8 * eight.hours)
    fast = planned("rft", "paper-qwen3-4b", assumed=["machine.tokens_per_second=8000"])
    assert one.hours - fast.hours == pytest.approx(sum(p.generated for p in one.phases) * (1 / 4000 - 1 / 8000) / 3600)


def test_an_unknown_model_is_planned_with_the_throughput_of_the_nearest_size() -> None:
    config = resolve("rft", "paper-qwen3-4b", assignments=["model.name=HuggingFaceTB/SmolLM2-135M-Instruct"])
    machine = known_of("H200", config)
    assert machine["tokens_per_second"] == pytest.approx(4000 * 4_022_468_096 / 134_515_008)
    assert "scaled by 30 from Qwen/Qwen3-4B-Instruct-2507" in machine["sources"][1]


def test_every_number_of_the_table_has_its_source() -> None:
    table = read_yaml(resources.files("sdzero_bench.runs.plan").joinpath("throughput.yaml").read_text())
    assert all(row["source"] for row in [*table["devices"].values(), *table["rates"]])
    assert {row["device"] for row in table["rates"]} == set(table["devices"])
    for preset in preset_names():
        planned("rft", preset)


def test_what_does_not_fit_is_said_with_what_would_help(tmp_path: Path) -> None:
    asked = command(
        "plan", "--preset", "paper-qwen3-4b", "--assume", "machine.memory_gb=80", "--set", "engine.name=transformers"
    )
    done = finished(asked)
    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert "DOES NOT FIT" in said
    assert "a small lora.rank; on GPUs, also set optimizer.name=adamw_8bit" in said
    assert "model.dtype=bfloat16" not in said  # it would lose updates
    assert "differs from the paper: domain: math" in said


ON_80_GB = ["optimizer.name=adamw_8bit", "engine.sleep=true", "engine.gpu_memory=0.25"]


@pytest.mark.parametrize(("settings", "fits"), [([], False), (["lora.rank=32"], True), (ON_80_GB, True)])
def test_the_paper_s_run_fits_one_card_of_80_gb_where_settings_save_memory(settings: list[str], fits: bool) -> None:
    given = [part for setting in settings for part in ("--set", setting)]
    done = finished(command("plan", "--preset", "paper-qwen3-4b", "--assume", "machine.memory_gb=80", *given))
    assert done.returncode == (0 if fits else 1), done.stdout


def test_a_plan_is_one_json_document_where_asked() -> None:
    done = finished(command("plan", "--method", "grpo", "--json"))
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert document["samples"] == document["samples_allowed"] == 4000
    assert document["memory_bytes"]["all"] == sum(v for k, v in document["memory_bytes"].items() if k != "all")


@pytest.mark.parametrize(
    ("settings", "assumed", "said"),
    [
        (["task.name=gsm8k"], [], "questions.test: the settings leave it to the data; add --assume questions.test=VALUE"),
        (
            ["task.name=gsm8k"],
            ["questions.test=100", "typical.prompt=90"],
            "typical.phrase, typical.right, typical.revised_right: the preset 'micro' does not know samples of 'gsm8k'; add "
            "--assume typical.completion=VALUE, and so on",
        ),
        ([], ["questions.foo=3"], "unknown assumption 'questions.foo'"),
        ([], ["questions.train=-5"], "questions.train: input should be greater than or equal to 0 (given: -5)"),
        ([], ["questions.train=true"], "questions.train: input should be a valid integer (given: True)"),
        ([], ["machine.count=0"], "machine.count: input should be greater than 0 (given: 0)"),
        (["budget.samples_per_question=1"], [], "rft needs 4000 samples (rft.sample 4000), but the budget allows 1000"),
        ([], ["machine.memory=3"], "unknown assumption 'machine.memory'; did you mean 'machine.memory_gb'"),
        ([], ["typical.right=2"], "typical.right: input should be less than or equal to 1"),
        ([], ["size=2"], "--assume takes SECTION.KEY=VALUE"),
        (["sampling.max_new_tokens=1000"], [], "a prompt with its response may take 1047 tokens, but the model reads 1024"),
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


def test_no_planned_response_is_longer_than_sampling_allows() -> None:
    limits = ["sampling.max_new_tokens=12", "evaluation.max_new_tokens=15", "evaluation.revision_tokens=20"]
    others = ["evaluation.forgetting=[micro-code]", "evaluation.revise=true", "evaluation.curve_questions=10"]
    plan = planned("sdzero", "micro", [*limits, *others])
    lengths = {p.name: p.generated / p.samples for p in plan.phases if p.samples}
    evaluated = {name: length for name, length in lengths.items() if name.startswith("evaluation")}
    assert any("micro-code" in name for name in evaluated)
    assert max(length for name, length in evaluated.items() if name.endswith("revision")) == 20
    assert {length for name, length in evaluated.items() if not name.endswith("revision")} == {15}
    assert {length for name, length in lengths.items() if name not in evaluated} == {12}


def gsm8k_files(folder: Path) -> None:
    """Four training questions and two test questions."""
    for split, count in (("train", 4), ("test", 2)):
        rows = (
            {"question": f"{split} {i}: how many apples are {i} + 5 apples?", "answer": f"#### {i + 5}"} for i in range(count)
        )
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        (["questions.train=2", "questions.test=1"], {"train": 2, "test": 1}),
        (["questions.train=null", "questions.test=null"], {"train": 3, "test": 2}),  # one is held out for validation
        (["questions.measure_only=true", "questions.test=null"], {"train": 0, "test": 2}),
    ],
)
def test_questions_in_a_file_are_counted(tmp_path: Path, settings: list[str], found: dict[str, int]) -> None:
    gsm8k_files(tmp_path)
    given = [f"task.path={tmp_path}", "task.validation=1", *settings]
    assert counted_here(resolve("base", "micro", task="gsm8k", assignments=given)) == found


@pytest.mark.parametrize(
    ("task", "settings", "said"),
    [
        ("gsm8k", ["task.path={folder}", "task.validation=1", "questions.train=4"], "from 'gsm8k/train', which has 3"),
        ("gsm8k", ["task.path={folder}/gone"], "gone"),
        ("mbpp", ["task.path={folder}"], "is a folder; a question file is needed"),
        ("micro-arith", ["questions.train=5000"], "5,000 questions requested from 'micro-arith/train', which has 1,956"),
    ],
)
def test_a_plan_needs_the_questions_that_a_run_needs(tmp_path: Path, task: str, settings: list[str], said: str) -> None:
    gsm8k_files(tmp_path)
    given = [setting.format(folder=tmp_path) for setting in settings]
    with pytest.raises(UserError, match=re.escape(said)):
        counted_here(resolve("rft", "micro", task=task, assignments=given))


def test_questions_that_may_have_to_be_downloaded_are_not_counted() -> None:
    assert counted_here(resolve("rft", "micro", task="gsm8k")) == {}


def test_a_base_that_is_only_measured_needs_no_training_questions() -> None:
    only = ["questions.measure_only=true", "questions.train=null"]
    assert planned("base", "micro", only).questions == 0
    with pytest.raises(UserError, match="rft needs training questions"):
        planned("rft", "micro", only)
