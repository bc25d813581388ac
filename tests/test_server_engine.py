"""What a run says of servers that it cannot use. Real ones are held to the other engines in test_engines.py."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from stub_rollouts import rollouts
from tiny import tiny_model
from vllm_stub import Stub, serving

from sdzero_bench.cli.commands.serve import serve
from sdzero_bench.core.completion import Completion, Request, SamplingParameters
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question
from sdzero_bench.policies.engines import server_engine, vllm_setup
from sdzero_bench.policies.engines.factory import make_engines
from sdzero_bench.policies.engines.server_engine import ServerEngines
from sdzero_bench.records import rollouts as rollouts_module
from sdzero_bench.records.rollouts import Prompt
from sdzero_bench.runs.config import resolve


@pytest.fixture
def servers() -> Iterator[list[Stub]]:
    with serving() as one, serving() as other:
        yield [one, other]


def engines(tokenizer: Any, *urls: str, more: tuple[str, ...] = ()) -> ServerEngines:
    config = resolve("sft", assignments=["engine.name=vllm-server", f"engine.urls=[{','.join(urls)}]", *more])
    made = make_engines(config, tokenizer, "unused")
    assert isinstance(made, ServerEngines)
    return made


PARAMETERS = SamplingParameters(0.7, 0.9, 8)


def test_requests_are_shared_out_and_answers_come_back_in_order(servers: list[Stub], tokenizer: Any) -> None:
    engine = engines(tokenizer, *(server.url for server in servers)).of(tiny_model(tokenizer, 0), "base")
    drawn = engine.generate([Request((5, token), seed=token) for token in range(10, 20)], PARAMETERS)
    assert drawn == [Completion((token, token), "length") for token in range(10, 20)]
    assert [len(server.asked) for server in servers] == [5, 5]
    body = next(body for body in servers[0].asked if body["seed"] == 10)
    assert {key: body[key] for key in ("temperature", "top_p", "max_tokens", "prompt")} == {
        "temperature": 0.7,
        "top_p": 0.9,
        "max_tokens": 8,
        "prompt": [5, 10],
    }
    assert tokenizer.eos_token_id in body["stop_token_ids"]


@pytest.mark.parametrize(
    ("path", "answer", "said"),
    [
        ("/version", {"version": "0.9.1"}, r"runs vLLM 0\.9\.1, but the supported versions are 0\.32 to below 0\.33"),
        ("/version", 500, r"refused /version \(500\): .*out of\\nmemory"),
        ("/collective_rpc", 404, r"cannot load the weights of a policy; start it with `sdzero-bench serve`"),
        (
            "/collective_rpc",
            {"results": [{"policy": "", "dtype": "bfloat16"}]},
            r"start the server with --dtype float32, .*=bfloat16",
        ),
        ("/version", "<html>", r"responds, but not like vLLM; start a server with `sdzero-bench serve`"),
        ("/v1/models", {"data": [{"id": "m", "max_model_len": 8}]}, r"may take 10 tokens, .* larger --max-model-len"),
    ],
)
def test_a_server_that_cannot_be_used_is_named(servers: list[Stub], tokenizer: Any, path: str, answer: Any, said: str) -> None:
    servers[0].answers[path] = answer
    with pytest.raises(UserError, match=said) as raised:
        engines(tokenizer, servers[0].url).of(tiny_model(tokenizer, 0), "base").generate([Request((5, 6), 0)], PARAMETERS)
    assert servers[0].url in str(raised.value)


def test_weights_that_another_run_has_set_are_found_out(servers: list[Stub], tokenizer: Any) -> None:
    model = tiny_model(tokenizer, 0)
    mine = engines(tokenizer, servers[0].url).of(model, "base")
    engines(tokenizer, servers[0].url).of(model, "base")
    with pytest.raises(UserError, match="holds the weights of another run"):
        mine.generate([Request((5, 6), 0)], PARAMETERS)


def test_a_server_that_is_not_there_or_dies_is_said_with_what_to_do(servers: list[Stub], tokenizer: Any) -> None:
    with pytest.raises(UserError, match=r"http://127\.0\.0\.1:9 does not answer .*`sdzero-bench serve`, or fix engine\.urls"):
        engines(tokenizer, "http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"set engine\.urls="):
        engines(tokenizer)
    engine = engines(tokenizer, servers[0].url).of(tiny_model(tokenizer, 0), "base")
    servers[0].shutdown()
    servers[0].server_close()
    with pytest.raises(UserError, match="does not answer"):
        engine.generate([Request((5, 6), 0)], PARAMETERS)


def test_weights_travel_through_the_folder_of_engine_exchange(servers: list[Stub], tokenizer: Any, tmp_path: Path) -> None:
    policy = tiny_model(tokenizer, 0)
    urls = [server.url for server in servers]
    engines(tokenizer, *urls, more=(f"engine.exchange={tmp_path}",)).of(policy, "base")
    expected = dict(policy.named_parameters())  # a weight of two names once
    for server in servers:
        assert server.folder.parent == tmp_path
        assert server.weights.keys() == expected.keys()
        assert all(torch.equal(weight, expected[name]) for name, weight in server.weights.items())
    assert list(tmp_path.iterdir()) == []  # what has arrived is removed


def test_weights_travel_in_the_data_type_of_the_sampler(servers: list[Stub], tokenizer: Any) -> None:
    policy, (server, _) = tiny_model(tokenizer, 0), servers
    server.dtype = "bfloat16"
    engines(tokenizer, server.url, more=("engine.dtype=bfloat16",)).of(policy, "base")
    expected = {name: weight.to(torch.bfloat16) for name, weight in policy.named_parameters()}
    assert server.weights.keys() == expected.keys()
    assert all(torch.equal(weight, expected[name]) for name, weight in server.weights.items())
    assert policy.dtype == torch.float32


def test_a_server_gets_as_many_requests_at_a_time_as_it_batches(servers: list[Stub], tokenizer: Any) -> None:
    for server, sequences in zip(servers, (2, 5), strict=True):
        server.sequences = sequences
        server.before = lambda body: time.sleep(0.02)
    engine = engines(tokenizer, *(server.url for server in servers)).of(tiny_model(tokenizer, 0), "base")
    drawn = engine.generate([Request((5, token), seed=token) for token in range(40)], PARAMETERS)
    assert [completion.token_ids for completion in drawn] == [(token, token) for token in range(40)]
    assert [server.at_once["most"] for server in servers] == [2, 5]


def test_a_long_completion_holds_no_other_one_up(servers: list[Stub], tokenizer: Any) -> None:
    """The first request is answered when all others have been."""
    others_done = threading.Event()

    def before(body: dict[str, Any]) -> None:
        if body["prompt"][-1] == 0:
            assert others_done.wait(20)

    for server in servers:
        server.sequences, server.before = 2, before
    engine = engines(tokenizer, *(server.url for server in servers)).of(tiny_model(tokenizer, 0), "base")
    order: list[int] = []
    for finished in engine.generate_as_finished([Request((5, token), seed=token) for token in range(24)], PARAMETERS):
        order += [position for position, _ in finished]
        if len(order) == 23:
            others_done.set()
    assert sorted(order) == list(range(24))
    assert order[-1] == 0


def test_a_server_that_fails_in_the_middle_costs_nothing_that_had_finished(
    servers: list[Stub], tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollouts_module, "ROUND_SECONDS", 0.0)
    monkeypatch.setattr(server_engine, "CHECK_SECONDS", 0.05)
    (server, another), policy = servers, tiny_model(tokenizer, 0)
    server.sequences = 2
    prompts = [Prompt(Question(f"q{i}", "text", "1"), (5, i), "0") for i in range(12)]

    def before(body: dict[str, Any]) -> None:
        if len(server.asked) > 8:
            deadline = time.monotonic() + 20  # until the others are in the journal
            while len(drawer.journal.phases.get("p", ())) < 7 and time.monotonic() < deadline:
                time.sleep(0.01)
            server.answers["/v1/completions"] = 500

    server.before = before
    drawer = rollouts(tmp_path, 12)
    with pytest.raises(UserError, match=r"refused /v1/completions \(500\)"):
        drawer.draw("p", "base", engines(tokenizer, server.url).of(policy, "base"), prompts, PARAMETERS, 0)
    drawer.journal.close()
    resumed = rollouts(tmp_path, 12)
    journaled = set(resumed.journal.phases["p"])
    assert len(journaled) >= 7
    samples = resumed.draw("p", "base", engines(tokenizer, another.url).of(policy, "base"), prompts, PARAMETERS, 0)
    assert [sample.token_ids for sample in samples] == [(i, i) for i in range(12)]
    assert {f"q{body['prompt'][-1]}/0" for body in another.asked} == {p.key for p in prompts} - journaled
    assert resumed.ledger.training_samples == 12


def test_log_probabilities_are_asked_for_where_they_are_wanted(servers: list[Stub], tokenizer: Any) -> None:
    engine = engines(tokenizer, servers[0].url).of(tiny_model(tokenizer, 0), "base")
    plain, told = engine.generate([Request((5, 6), 0), Request((5, 7), 1, logprobs=True)], PARAMETERS)
    assert (plain.logprobs, told.logprobs) == (None, (-0.5, -0.25))


def test_an_exchange_that_is_not_there_is_said_before_anything_is_loaded(servers: list[Stub], tokenizer: Any) -> None:
    with pytest.raises(UserError, match=r"engine\.exchange: there is no directory '/no/such/folder'; create one"):
        engines(tokenizer, servers[0].url, more=("engine.exchange=/no/such/folder",))


def served(monkeypatch: pytest.MonkeyPatch, gpus: int, **options: Any) -> dict[str, str]:
    """The options, by name, of the server that `serve` becomes on a machine with so many GPUs."""
    started: list[list[str]] = []
    monkeypatch.setattr(vllm_setup, "installed_version", lambda: "0.32.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(os, "execv", lambda program, command: started.append(command))
    monkeypatch.setattr(os, "environ", dict(os.environ))
    serve("package:sdzero_bench.tasks/micro_world/slips", **options)
    (command,) = started
    assert command[:3] == [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    assert os.environ["VLLM_SERVER_DEV_MODE"] == "1"
    return {name: value for name, value in pairwise(command) if name.startswith("--")}


def test_serve_shares_a_model_out_over_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    options = served(monkeypatch, 4, host="10.0.0.7", port=8001, dtype="bfloat16", gpu_memory=0.8, tensor_parallel=4)
    assert options["--tensor-parallel-size"] == "4"
    assert options["--gpu-memory-utilization"] == "0.8"
    assert options["--worker-extension-cls"] == "sdzero_bench.policies.engines.vllm_worker.PolicyWorker"
    assert (options["--dtype"], options["--host"], options["--port"]) == ("bfloat16", "10.0.0.7", "8001")
    assert Path(options["--model"], "config.json").is_file()
    assert served(monkeypatch, 1)["--dtype"] == "bfloat16"  # as engine.dtype=auto


def test_serve_on_cpus_reads_whole_prompts_and_shares_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    options = served(monkeypatch, 0, max_model_len=4096)
    assert options["--dtype"] == "float32"
    assert (options["--max-model-len"], options["--max-num-batched-tokens"]) == ("4096", "4096")
    assert {"--enforce-eager", "--no-enable-chunked-prefill"} <= options.keys()
    assert not {"--tensor-parallel-size", "--gpu-memory-utilization"} & options.keys()
    with pytest.raises(UserError, match="--tensor-parallel 2 needs 2 GPUs, and 0 are available"):
        served(monkeypatch, 0, tensor_parallel=2)
