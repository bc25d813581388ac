"""What a run asks of vLLM on a GPU, of a vLLM that only notes it. The real one is in test_engines.py, on CPUs."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from tiny import tiny_model

from sdzero_bench.core.distributed import Ranks
from sdzero_bench.policies.engines import vllm_setup
from sdzero_bench.policies.engines.factory import Engines, make_engines
from sdzero_bench.runs.config import resolve


class NotingLLM:
    """Stands in for `vllm.LLM` and its worker."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.calls: list[str] = []
        self.weights: dict[str, torch.Tensor] = {}
        runner = SimpleNamespace(get_model=lambda: None)
        worker = SimpleNamespace(device=torch.device("cuda"), model_runner=runner, reload_weights=self.reload_weights)
        self.llm_engine = SimpleNamespace(model_executor=SimpleNamespace(driver_worker=SimpleNamespace(worker=worker)))

    def reload_weights(self, weights_iterator: Any) -> None:
        self.calls.append("reload_weights")
        self.weights = dict(weights_iterator)

    def reset_prefix_cache(self) -> None:
        self.calls.append("reset_prefix_cache")

    def sleep(self, level: int) -> None:
        self.calls.append(f"sleep {level}")

    def wake_up(self) -> None:
        self.calls.append("wake_up")


@pytest.fixture
def on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("vllm")
    module.LLM = NotingLLM
    monkeypatch.setitem(sys.modules, "vllm", module)
    monkeypatch.setattr(vllm_setup, "version", lambda package: "0.32.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")


def engines_of(tokenizer: Any, *settings: str, ranks: Ranks | None = None) -> Engines:
    config = resolve("sft", assignments=["engine.name=vllm", *settings])
    return make_engines(config, tokenizer, "base", ranks or Ranks())


@pytest.mark.usefixtures("on_a_gpu")
@pytest.mark.parametrize(("settings", "dtype"), [([], torch.bfloat16), (["engine.dtype=float32"], torch.float32)])
def test_float32_weights_are_handed_over_in_the_data_type_of_the_sampler(
    tokenizer: Any, settings: list[str], dtype: torch.dtype
) -> None:
    policy = tiny_model(tokenizer, 0)
    llm: Any = engines_of(tokenizer, *settings).of(policy, "base").llm
    assert llm.options["dtype"] == str(dtype).removeprefix("torch.")
    expected = {name: weight.to(dtype) for name, weight in policy.state_dict().items()}
    assert llm.weights.keys() == expected.keys()
    for name, weight in llm.weights.items():
        torch.testing.assert_close(weight, expected[name], rtol=0, atol=0)
    assert policy.dtype == torch.float32


@pytest.mark.usefixtures("on_a_gpu")
def test_vllm_sleeps_between_draws_and_is_awake_before_it_is_given_weights(tokenizer: Any) -> None:
    policy, engines = tiny_model(tokenizer, 0), engines_of(tokenizer, "engine.sleep=true")
    engines.rest()  # there is no engine yet
    llm: Any = engines.of(policy, "step 0").llm
    assert llm.options["enable_sleep_mode"] is True
    engines.rest()
    engines.rest()
    engines.of(policy, "step 1")
    engines.rest()
    engines.of(policy, "step 1")  # the weights are still there
    follow = ["reload_weights", "reset_prefix_cache"]
    assert llm.calls == [*follow, "sleep 1", "wake_up", *follow, "sleep 1", "wake_up"]


@pytest.mark.usefixtures("on_a_gpu")
def test_vllm_stays_awake_unless_set_otherwise(tokenizer: Any) -> None:
    engines = engines_of(tokenizer)
    llm: Any = engines.of(tiny_model(tokenizer, 0), "base").llm
    engines.rest()
    assert llm.options["enable_sleep_mode"] is False
    assert not any("sleep" in call for call in llm.calls)


@pytest.mark.usefixtures("on_a_gpu")
def test_each_rank_has_an_engine_in_the_launchers_process_group(tokenizer: Any) -> None:
    alone: Any = engines_of(tokenizer).of(tiny_model(tokenizer, 0), "base").llm
    several: Any = engines_of(tokenizer, ranks=Ranks(1, 2)).of(tiny_model(tokenizer, 0), "base").llm
    assert "distributed_executor_backend" not in alone.options
    assert several.options["distributed_executor_backend"] == "external_launcher"
