"""The decode loop draws what `transformers.generate` draws, token for token, and computes less."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers
from tiny import prompt_ids, tiny_model

from sdzero_bench.core.completion import Request, SamplingParameters
from sdzero_bench.core.settings import LoraConfig
from sdzero_bench.policies.engines import transformers_engine
from sdzero_bench.policies.engines.decode_loop import FEWEST, supports
from sdzero_bench.policies.engines.transformers_engine import TransformersEngine
from sdzero_bench.policies.lora import adapted
from sdzero_bench.runs import registry

SAMPLED = SamplingParameters(temperature=1.0, top_p=1.0, max_new_tokens=60)
SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
    "initializer_range": 0.3,
}
WINDOW = {"sliding_window": 12}
ALTERNATING = {"layer_types": ["sliding_attention", "full_attention"] * 2}
ARCHITECTURES = {
    "Llama": {},
    "Qwen3": {},
    "Mistral": WINDOW,
    "Olmo3": WINDOW | ALTERNATING,
    "Gemma3Text": WINDOW | ALTERNATING,
}


def random_model(architecture: str, tokenizer: Any) -> Any:
    config = getattr(transformers, f"{architecture}Config")(
        vocab_size=len(tokenizer), eos_token_id=tokenizer.eos_token_id, pad_token_id=0, **SHAPE, **ARCHITECTURES[architecture]
    )
    torch.manual_seed(0)
    return transformers.AutoModelForCausalLM.from_config(config)


def asked(tokenizer: Any, texts: list[str], each: int) -> list[Request]:
    prompts = [tuple(prompt_ids(tokenizer, text)) for text in texts]
    return [Request(prompt, 100 * place + i) for place, prompt in enumerate(prompts) for i in range(each)]


def sums(tokenizer: Any, each: int = 3) -> list[Request]:
    """Prompts of 8 lengths, `each` of which is to be continued several times."""
    return asked(tokenizer, [f"{' '.join('1 +' for _ in range(n))} {n} =" for n in range(1, 9)], each)


def drawn_by_both(
    model: Any, tokenizer: Any, requests: list[Request], parameters: SamplingParameters, patch: pytest.MonkeyPatch
) -> tuple[Any, Any]:
    """Completions of the decode loop, and of `generate`."""
    engine = TransformersEngine(model, tokenizer)
    with patch.context() as forbidden:
        forbidden.delattr(TransformersEngine, "_by_generate")
        ours = engine.generate(requests, parameters)
    patch.setattr(transformers_engine, "supports", lambda model: False)
    return ours, engine.generate(requests, parameters)


@pytest.mark.parametrize("task_name", ["micro-arith", "micro-code"])
def test_the_embedded_model_answers_the_same(
    micro: Any, tokenizer: Any, task_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = registry.task(task_name)()
    questions = list(task.load("test").head(12))
    prompts = [tuple(tokenizer.apply_chat_template(task.prompt(q), add_generation_prompt=True)["input_ids"]) for q in questions]
    requests = [Request(prompt, 8 * place + i) for place, prompt in enumerate(prompts) for i in range(4)]
    ours, theirs = drawn_by_both(micro, tokenizer, requests, SamplingParameters(1.0, 1.0, 320), monkeypatch)
    assert ours == theirs
    assert {completion.finish for completion in ours} == {"stop"}


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param(SamplingParameters(0.0, 1.0, 60), id="greedy"),
        pytest.param(SamplingParameters(0.7, 1.0, 60), id="temperature"),
        pytest.param(SamplingParameters(1.0, 0.8, 60), id="top-p"),
        pytest.param(SamplingParameters(1.0, 1.0, 20), id="truncated"),
        pytest.param(SamplingParameters(1.0, 1.0, 1), id="one token"),
    ],
)
def test_under_every_setting_of_sampling(
    micro: Any, tokenizer: Any, parameters: SamplingParameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = drawn_by_both(micro, tokenizer, sums(tokenizer), parameters, monkeypatch)
    assert ours == theirs


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_models_with_full_attention_and_sliding_windows(
    architecture: str, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = random_model(architecture, tokenizer)
    assert supports(model)
    # These models hardly end a turn: more end tokens have rows end all along, past the window of 12 tokens.
    model.generation_config.eos_token_id = list(range(2, 22))
    requests = sums(tokenizer, each=6)
    ours, theirs = drawn_by_both(model, tokenizer, requests, SAMPLED, monkeypatch)
    assert ours == theirs
    assert len({len(completion.token_ids) for completion in ours}) > 10


@pytest.mark.parametrize("count", [1, 3, 16, 17])
def test_batches_of_any_size(micro: Any, tokenizer: Any, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = drawn_by_both(micro, tokenizer, sums(tokenizer)[:count], SAMPLED, monkeypatch)
    assert ours == theirs


def test_a_policy_with_adapters(micro: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = adapted(micro, LoraConfig(rank=4), seed=0)
    with torch.no_grad():
        for name, parameter in policy.named_parameters():
            if "lora_B" in name:
                parameter.copy_(0.1 * torch.randn_like(parameter))
    ours, theirs = drawn_by_both(policy, tokenizer, sums(tokenizer), SAMPLED, monkeypatch)
    assert ours == theirs


def test_half_precision(micro: Any, tokenizer: Any) -> None:
    """In bfloat16 a sample may depend on its batch, so only its form is known."""
    drawn = TransformersEngine(micro.bfloat16(), tokenizer).generate(sums(tokenizer), SAMPLED)
    assert all(c.token_ids[-1] == tokenizer.eos_token_id for c in drawn if c.finish == "stop")
    assert sum(c.finish == "stop" for c in drawn) > len(drawn) / 2


def test_finished_rows_are_dropped_and_a_prompt_is_read_once(
    micro: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sizes of the batches that the model sees, with 8 samples of each of 24 questions."""
    seen: list[tuple[int, int]] = []
    forward = micro.forward

    def counting(input_ids: torch.Tensor, **inputs: Any) -> Any:
        seen.append(tuple(input_ids.shape))
        return forward(input_ids, **inputs)

    requests = asked(tokenizer, [f"Calculate {a} + {a} - {b} =" for a in range(10, 18) for b in range(3)], 8)
    monkeypatch.setattr(transformers_engine, "supports", lambda model: True)  # its test reads the signature of `forward`
    monkeypatch.setattr(micro, "forward", counting)
    drawn = TransformersEngine(micro, tokenizer).generate(requests, SAMPLED)
    (first, *others) = [rows for rows, _ in seen]
    assert first == 24
    assert others[0] == len(requests)
    assert sorted(others, reverse=True) == others
    assert others[-1] == FEWEST
    needed = sum(len(completion.token_ids) for completion in drawn)
    assert sum(others) < 1.35 * needed  # `generate` computes the longest row for all


def test_models_that_generate_in_their_own_way_are_left_to_generate(tokenizer: Any) -> None:
    plain = tiny_model(tokenizer, 0)
    assert supports(plain)
    plain.generation_config.min_length = 10
    assert not supports(plain)
    mamba = transformers.MambaConfig(vocab_size=len(tokenizer), hidden_size=16, state_size=4, num_hidden_layers=2)
    assert not supports(transformers.MambaForCausalLM(mamba))
    bloom = transformers.BloomConfig(vocab_size=len(tokenizer), hidden_size=16, n_layer=2, n_head=2)
    model = transformers.BloomForCausalLM(bloom)
    assert not supports(model)  # takes no positions
    assert len(TransformersEngine(model, tokenizer).generate(sums(tokenizer), SAMPLED)) == len(sums(tokenizer))
