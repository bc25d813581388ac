"""Every engine means the same by the same parameters. Those with vLLM run in an environment of their own: make test-vllm."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import torch
from scipy.stats import chisquare
from small_runs import command

from sdzero_bench.core.completion import Completion, Engine, Request, SamplingParameters
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.out_of_memory import SAMPLING, OutOfMemoryError, memory_for
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.core.settings import LoraConfig
from sdzero_bench.policies.engines.factory import Engines, make_engines
from sdzero_bench.policies.engines.sampling_dtype import sampling_dtype
from sdzero_bench.policies.lora import adapted
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.schema import QuestionFiles
from sdzero_bench.runs.config import resolve
from sdzero_bench.runs.resuming import session_in
from sdzero_bench.runs.session import Session

SAMPLED = SamplingParameters(temperature=1.0, top_p=1.0, max_new_tokens=48)
GREEDY = SamplingParameters(temperature=0.0, top_p=1.0, max_new_tokens=48)


@pytest.fixture(scope="module")
def server(micro_path: str) -> Iterator[str]:
    """The address of a vLLM server, in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(command("serve", "--model", micro_path, "--port", str(port)), start_new_session=True)
    address, until = f"http://127.0.0.1:{port}", time.monotonic() + 300
    while not answers(address):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.5)
    yield address
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/health", timeout=5).ok
    except requests.RequestException:
        return False


WITH_VLLM = [pytest.param(name, marks=pytest.mark.vllm) for name in ("vllm", "vllm-server")]


def settings_of(name: str, request: pytest.FixtureRequest) -> list[str]:
    settings = [f"engine.name={name}"]
    return [*settings, f"engine.urls=[{request.getfixturevalue('server')}]"] if name == "vllm-server" else settings


@pytest.fixture(scope="module", params=["transformers", *WITH_VLLM])
def engines(request: pytest.FixtureRequest, tokenizer: Any, micro_path: str) -> Iterator[Engines]:
    made = make_engines(resolve("sft", assignments=settings_of(request.param, request)), tokenizer, micro_path)
    yield made
    made.close()


@pytest.fixture
def engine(engines: Engines, micro: Any) -> Engine:
    return engines.of(micro, "base")


@pytest.fixture(scope="module")
def prompt(tokenizer: Any) -> tuple[int, ...]:
    chat = [{"role": "user", "content": "State the final answer to the following arithmetic problem: 47 + 15 - 3 ="}]
    return tuple(tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False))


def log_probabilities(model: Any, context: tuple[int, ...], ids: tuple[int, ...], temperature: float = 1.0) -> torch.Tensor:
    """Of each of `ids` after `context` and those before it, [len(ids), vocabulary]."""
    with torch.no_grad():
        logits = model(torch.tensor([[*context, *ids]])).logits[0, len(context) - 1 : -1]
    return (logits / temperature).log_softmax(-1)


def changed(model: Any, seed: int) -> Any:
    """The same model with other weights, as after a step of training."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return model


def test_a_completion_ends_with_the_end_token_or_at_the_limit(engine: Engine, prompt: tuple[int, ...], tokenizer: Any) -> None:
    (whole,) = engine.generate([Request(prompt, 3)], SamplingParameters(1.0, 1.0, 200))
    assert whole.finish == "stop"
    assert whole.token_ids[-1] == tokenizer.eos_token_id
    assert whole.token_ids.count(tokenizer.eos_token_id) == 1
    (cut,) = engine.generate([Request(prompt, 3)], SamplingParameters(1.0, 1.0, 3))
    assert (cut.finish, cut.token_ids) == ("length", whole.token_ids[:3])
    (just,) = engine.generate([Request(prompt, 3)], SamplingParameters(1.0, 1.0, len(whole.token_ids)))
    assert just == whole


def test_temperature_zero_takes_the_likeliest_token(engine: Engine, prompt: tuple[int, ...], micro: Any) -> None:
    drawn = engine.generate([Request(prompt, seed) for seed in range(4)], GREEDY)
    assert len(set(drawn)) == 1
    likeliest = log_probabilities(micro, prompt, drawn[0].token_ids).argmax(-1)
    assert tuple(likeliest.tolist()) == drawn[0].token_ids
    assert {c.token_ids for c in engine.generate([Request(prompt, 1)], SamplingParameters(1.0, 1e-6, 48))} == {
        drawn[0].token_ids
    }


def test_a_seed_decides_a_sample_and_its_neighbours_do_not(engine: Engine, prompt: tuple[int, ...]) -> None:
    requests = [Request(ids, seed) for seed in range(12) for ids in (prompt, prompt[:-3])]
    together = engine.generate(requests, SAMPLED)
    assert together == engine.generate(requests, SAMPLED)
    assert together == [engine.generate([request], SAMPLED)[0] for request in requests]
    assert len(set(together)) > 12


@pytest.mark.parametrize(
    ("temperature", "top_p"),
    [*(pytest.param(t, 1.0, marks=pytest.mark.slow) for t in (0.7, 1.0, 2.0)), (1.0, 0.9)],
)
def test_tokens_have_the_probabilities_of_the_policy(
    engine: Engine, prompt: tuple[int, ...], micro: Any, temperature: float, top_p: float
) -> None:
    """4,000 first tokens after a context where the policy is unsure, by a chi-squared test."""
    context = (*prompt, *micro_tokens(micro, prompt))
    p = log_probabilities(micro, context, (0,), temperature)[0].double().exp().numpy()
    if top_p < 1:  # the smallest set of the likeliest tokens that has so much of the probability
        order = np.argsort(-p)
        p[order[np.searchsorted(np.cumsum(p[order]), top_p) + 1 :]] = 0.0
        p /= p.sum()
    drawn = engine.generate([Request(context, seed) for seed in range(4000)], SamplingParameters(temperature, top_p, 1))
    counts = Counter(c.token_ids[0] for c in drawn)
    assert all(p[token] > 0 for token in counts)
    often = p * 4000 >= 5
    observed = [counts[int(token)] for token in np.flatnonzero(often)]
    expected = p[often] * 4000
    # What is rarer is one class of its own.
    observed, expected = [*observed, 4000 - sum(observed)], np.append(expected, 4000 - expected.sum() + 1e-9)
    assert chisquare(observed, expected * (4000 / expected.sum())).pvalue > 0.001


def micro_tokens(model: Any, prompt: tuple[int, ...]) -> tuple[int, ...]:
    """The greedy completion up to where the policy is least sure."""
    ids = tuple(model.generate(torch.tensor([prompt]), max_new_tokens=24, do_sample=False)[0, len(prompt) :].tolist())
    rows = log_probabilities(model, prompt, ids)
    entropy = -(rows.exp() * rows).sum(-1)
    return ids[: int(entropy.argmax())]


def test_weights_follow_the_policy_at_every_step(engines: Engines, prompt: tuple[int, ...], micro: Any) -> None:
    """Before an update, after it, and after several: what is likeliest is what the policy in memory says, each time."""
    seen = set()
    for step in range(4):
        policy = micro if step == 0 else changed(micro, step)
        (drawn,) = engines.of(policy, f"step {step}").generate([Request(prompt, 0)], GREEDY)
        assert tuple(log_probabilities(policy, prompt, drawn.token_ids).argmax(-1).tolist()) == drawn.token_ids
        seen.add(drawn.token_ids)
    assert len(seen) > 2


def test_weights_follow_a_policy_with_adapters(engines: Engines, prompt: tuple[int, ...], micro: Any) -> None:
    (before,) = engines.of(micro, "plain").generate([Request(prompt, 0)], GREEDY)
    policy = adapted(micro, LoraConfig(rank=4), seed=0)
    with torch.no_grad():
        for name, parameter in policy.named_parameters():
            if "lora_B" in name:
                parameter.copy_(0.1 * torch.randn_like(parameter))
    (drawn,) = engines.of(policy, "adapted").generate([Request(prompt, 0)], GREEDY)
    assert drawn != before
    assert tuple(log_probabilities(policy, prompt, drawn.token_ids).argmax(-1).tolist()) == drawn.token_ids


@pytest.mark.vllm
@pytest.mark.parametrize("name", ["vllm", "vllm-server"])
def test_vllm_gives_the_log_probabilities_of_transformers_after_every_update(
    name: str, request: pytest.FixtureRequest, tokenizer: Any, micro_path: str, prompt: tuple[int, ...], micro: Any
) -> None:
    """At temperature 1, whatever they are sampled at."""
    engines = make_engines(resolve("sft", assignments=settings_of(name, request)), tokenizer, micro_path)
    for step in range(4):
        policy = micro if step == 0 else changed(micro, step)
        asked = [Request(prompt, step, logprobs=True), Request(prompt, step + 9)]
        drawn, plain = engines.of(policy, f"step {step}").generate(asked, SamplingParameters(1.3, 0.9, 32))
        assert drawn.logprobs is not None
        assert plain.logprobs is None
        ours = log_probabilities(policy, prompt, drawn.token_ids).gather(-1, torch.tensor(drawn.token_ids)[:, None])[:, 0]
        torch.testing.assert_close(torch.tensor(drawn.logprobs), ours, atol=1e-3, rtol=0)
    engines.close()


@pytest.mark.vllm
def test_vllm_finishes_short_completions_first_and_drops_what_is_not_waited_for(
    engines_with_vllm: Engines, micro: Any, prompt: tuple[int, ...]
) -> None:
    engine: Any = engines_with_vllm.of(micro, "base")
    requests = [Request(prompt, seed) for seed in range(40)]
    order: list[int] = []
    drawn: dict[int, Completion] = {}
    for finished in engine.generate_as_finished(requests, SamplingParameters(1.0, 1.0, 200)):
        order += [position for position, _ in finished]
        drawn |= dict(finished)
    assert sorted(order) == list(range(40)) != order
    lengths = [len(drawn[position].token_ids) for position in order]
    assert lengths == sorted(lengths)  # all were begun together
    begun = engine.generate_as_finished(requests, SAMPLED)
    next(begun)
    begun.close()
    assert not engine.llm.llm_engine.has_unfinished_requests()
    assert engine.generate(requests[:1], SamplingParameters(1.0, 1.0, 200)) == [drawn[0]]


def test_bfloat16_samples_have_the_probabilities_of_the_policy_in_autocast(
    tokenizer: Any, micro_path: str, prompt: tuple[int, ...], micro: Any
) -> None:
    """Of float32 weights, which stay as they are; by the greedy completion, where near ties may go either way."""
    engines = make_engines(resolve("sft", assignments=["engine.dtype=bfloat16"]), tokenizer, micro_path)
    computed_in = set()
    hook = micro.model.layers[0].self_attn.q_proj.register_forward_hook(lambda *call: computed_in.add(call[2].dtype))
    (drawn,) = engines.of(micro, "base").generate([Request(prompt, 0)], GREEDY)
    hook.remove()
    assert computed_in == {torch.bfloat16}
    assert micro.dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        rows = log_probabilities(micro, prompt, drawn.token_ids).float()
    chosen = rows.gather(-1, torch.tensor(drawn.token_ids)[:, None])[:, 0]
    assert (rows.max(-1).values - chosen).max() < 0.02


def test_weights_are_cast_once_and_not_at_every_token(
    tokenizer: Any, micro_path: str, prompt: tuple[int, ...], micro: Any
) -> None:
    """Frozen ones too, such as those that adapters are added to."""
    micro.requires_grad_(False)
    engine = make_engines(resolve("sft", assignments=["engine.dtype=bfloat16"]), tokenizer, micro_path).of(micro, "base")
    shape = list(micro.model.layers[0].mlp.up_proj.weight.shape)
    with torch.profiler.profile(record_shapes=True) as profile:
        engine.generate([Request(prompt, 0)], SamplingParameters(1.0, 1.0, 8))
    casts = sum(e.count for e in profile.key_averages(True) if e.key == "aten::_to_copy" and e.input_shapes[0] == shape)
    weights = sum(list(parameter.shape) == shape for parameter in micro.parameters())
    assert casts == weights
    assert not any(parameter.requires_grad for parameter in micro.parameters())


def test_float32_samples_of_a_policy_in_training_are_drawn_in_float32(
    tokenizer: Any, micro_path: str, prompt: tuple[int, ...], micro: Any
) -> None:
    """Accelerate wraps the model that it trains in autocast, where it trains in bf16."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)  # other tests may have left a device that is not there
    trained = Accelerator(cpu=True, mixed_precision="bf16").prepare_model(micro)
    computed_in: set[torch.dtype] = set()
    trained.model.layers[0].self_attn.q_proj.register_forward_hook(lambda *call: computed_in.add(call[2].dtype))
    trained(torch.tensor([prompt]))
    assert computed_in == {torch.bfloat16}
    computed_in.clear()
    engines = make_engines(resolve("sft", assignments=["engine.dtype=float32"]), tokenizer, micro_path)
    engines.of(trained, "step 0").generate([Request(prompt, 0)], GREEDY)
    assert computed_in == {torch.float32}
    computed_in.clear()
    trained(torch.tensor([prompt]))
    assert computed_in == {torch.bfloat16}  # training goes on as before
    AcceleratorState._reset_state()


@pytest.mark.parametrize(
    ("gpu", "settings", "dtype"),
    [
        (False, [], "float32"),
        (True, [], "bfloat16"),
        (True, ["engine.dtype=float32"], "float32"),
        (False, ["engine.dtype=bfloat16"], "bfloat16"),
        (False, ["model.dtype=bfloat16"], "bfloat16"),
        (True, ["model.device=cpu"], "float32"),
    ],
)
def test_samples_are_drawn_in_bfloat16_on_gpus_unless_set_otherwise(
    gpu: bool, settings: list[str], dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    assert sampling_dtype(resolve("sft", assignments=settings)) == dtype


def test_float32_samples_of_bfloat16_weights_are_refused() -> None:
    with pytest.raises(UserError, match=r"leave engine\.dtype at auto"):
        sampling_dtype(resolve("sft", assignments=["engine.dtype=float32", "model.dtype=bfloat16"]))


def test_a_run_is_not_resumed_in_another_data_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session, folder = Session(resolve("base"), ProgressDisplay()), RunFolder(tmp_path)
    files = QuestionFiles(train=None, test=folder.write_question_set(session.test_questions, with_details=False))
    folder.start_session(session.manifest(folder, files))
    assert session_in(folder, ProgressDisplay()).sampling_dtype == "float32"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(UserError, match=r"draws its samples in float32, .* means bfloat16; .*with engine\.dtype=float32"):
        session_in(folder, ProgressDisplay())


@pytest.mark.vllm
def test_what_does_not_fit_vllms_length_is_said(tokenizer: Any, micro_path: str, prompt: tuple[int, ...], micro: Any) -> None:
    settings = ["engine.name=vllm", "engine.max_model_len=64"]
    engines = make_engines(resolve("sft", assignments=settings), tokenizer, micro_path)
    with pytest.raises(UserError, match=r"raise engine\.max_model_len"):
        engines.of(micro, "base").generate([Request(prompt, 0)], SamplingParameters(1.0, 1.0, 60))
    engines.close()


def test_a_missing_or_strange_vllm_is_said_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import PackageNotFoundError

    from sdzero_bench.policies.engines import vllm_setup

    config = resolve("sft", assignments=["engine.name=vllm"])

    def none(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(vllm_setup, "version", none)
    with pytest.raises(UserError, match="needs vLLM, which is not installed"):
        make_engines(config, None, "nowhere")
    monkeypatch.setattr(vllm_setup, "version", lambda package: "0.9.1")
    with pytest.raises(UserError, match=r"vllm is installed as 0\.9\.1, but the supported versions are 0\.32 to below 0\.33"):
        make_engines(config, None, "nowhere")


@pytest.mark.vllm
def test_a_vllm_that_fails_while_it_samples_is_said(engines_with_vllm: Engines, micro: Any, prompt: tuple[int, ...]) -> None:
    engine: Any = engines_with_vllm.of(micro, "base")

    error: Exception = RuntimeError("Traceback\nEngine core died")

    def step() -> None:
        raise error

    engine.llm.llm_engine.step = step
    with pytest.raises(UserError, match="failed while sampling: Engine core died"):
        engine.generate([Request(prompt, 0)], SAMPLED)
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    sampling = memory_for("sampling", SAMPLING)
    with pytest.raises(OutOfMemoryError, match=r"asked for 2\.00 GiB more: lower .*engine\.gpu_memory"), sampling:
        engine.generate([Request(prompt, 0)], SAMPLED)


@pytest.fixture
def engines_with_vllm(tokenizer: Any, micro_path: str) -> Iterator[Engines]:
    made = make_engines(resolve("sft", assignments=["engine.name=vllm"]), tokenizer, micro_path)
    yield made
    made.close()
