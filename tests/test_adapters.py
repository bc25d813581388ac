"""Low-rank adapters: what is trained, what the policy's weights are meanwhile, and what is left of them in a checkpoint."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from small_runs import finished, run_json, small_run
from tiny import tiny_model

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import LoraConfig, ModelConfig
from sdzero_bench.policies.loading import load_model
from sdzero_bench.policies.lora import adapted, merged, require_peft, weights_of
from sdzero_bench.runs.config import resolve

RANK_3 = LoraConfig(rank=3, alpha=6)


def trained_a_little(model: Any) -> Any:
    """Adapters begin as 0; these do not."""
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    return model


def test_the_adapters_alone_are_trained_and_their_size_follows_from_the_layers(tokenizer: Any) -> None:
    model = tiny_model(tokenizer, 0)
    linear = [m for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and n != "lm_head"]
    expected = sum(3 * (layer.in_features + layer.out_features) for layer in linear)
    policy = adapted(model, RANK_3, seed=0)
    assert sum(p.numel() for p in policy.parameters() if p.requires_grad) == expected
    assert all("lora_" in name for name, p in policy.named_parameters() if p.requires_grad)


def test_without_a_rank_the_model_is_as_it_was(tokenizer: Any) -> None:
    model = tiny_model(tokenizer, 0)
    assert adapted(model, LoraConfig(), seed=0) is model
    assert merged(model) is model
    assert dict(weights_of(model)).keys() == model.state_dict().keys()


def test_the_weights_of_a_policy_are_those_of_the_plain_model_that_answers_alike(tokenizer: Any) -> None:
    policy = trained_a_little(adapted(tiny_model(tokenizer, 0), RANK_3, seed=0))
    before = {name: weight.clone() for name, weight in policy.state_dict().items()}
    ids = torch.tensor([[5, 6, 7, 8]])
    logits = policy(ids).logits
    plain = tiny_model(tokenizer, 0)
    assert not torch.allclose(plain(ids).logits, logits, atol=1e-2)
    plain.load_state_dict(dict(weights_of(policy)))
    torch.testing.assert_close(plain(ids).logits, logits, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(weight, before[name]) for name, weight in policy.state_dict().items())
    last = merged(policy).state_dict()
    assert last.keys() == plain.state_dict().keys()
    for name, weight in plain.state_dict().items():
        torch.testing.assert_close(last[name], weight, rtol=1e-6, atol=1e-7)


def test_adapters_begin_alike_where_the_seed_is_the_same(tokenizer: Any) -> None:
    first, again, other = (adapted(tiny_model(tokenizer, 0), RANK_3, seed).state_dict() for seed in (0, 0, 1))
    name = next(name for name in first if "lora_A" in name)
    assert torch.equal(first[name], again[name])
    assert not torch.equal(first[name], other[name])


def test_dropout_drops_inputs_of_the_adapters_while_training_alone(tokenizer: Any) -> None:
    options = LoraConfig(rank=3, alpha=6, dropout=0.5)
    policy, without = (trained_a_little(adapted(tiny_model(tokenizer, 0), o, seed=0)) for o in (options, RANK_3))
    ids = torch.tensor([[5, 6, 7, 8]])
    policy.train()
    assert not torch.equal(policy(ids).logits, policy(ids).logits)
    torch.testing.assert_close(policy.eval()(ids).logits, without.eval()(ids).logits)


def test_layers_that_the_model_has_not_are_refused_in_words(tokenizer: Any) -> None:
    with pytest.raises(UserError, match=r"lora\.target_modules: .*q_prooj"):
        adapted(tiny_model(tokenizer, 0), LoraConfig(rank=2, target_modules=("q_prooj",)), seed=0)


def test_a_missing_peft_is_said_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    require_peft(resolve("sft").lora)
    with pytest.raises(UserError, match=r"pip install 'sdzero-bench\[lora\]'"):
        require_peft(resolve("sft", assignments=["lora.rank=8"]).lora)


@pytest.mark.parametrize("layers", ["[q_prooj]", "(q_proj"])
def test_layers_that_the_model_has_not_are_said_before_anything_is_drawn(layers: str, tmp_path: Path) -> None:
    """By name, or by a regular expression, which has to be one."""
    arguments = small_run("rft", tmp_path / "runs", "lora.rank=4", f"lora.target_modules={layers}")
    done = finished(arguments)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("sdzero-bench: lora.target_modules: ")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("sdzero", ("method.srt.epochs=1", "method.distill.teacher.weights=sync_every", "method.distill.teacher.every=2")),
        # The reference is the policy without its adapters.
        pytest.param("grpo", ("method.kl_weight=0.1",), marks=pytest.mark.slow),
    ],
)
def test_a_checkpoint_is_a_plain_model_that_differs_in_the_adapted_layers_alone(
    method: str, more: tuple[str, ...], tmp_path: Path, micro_path: str
) -> None:
    settings = ("lora.rank=4", "optimizer.learning_rate=1e-3", "evaluation.revise=false", *more)
    result = run_json(small_run(method, tmp_path, *settings))
    checkpoint = next((tmp_path / result["run_id"] / "checkpoints").glob("distill*" if method == "sdzero" else "grpo*"))
    config = ModelConfig(name=micro_path)
    before, after = (dict(load_model(str(path), config).state_dict()) for path in (micro_path, checkpoint))
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if name.endswith("_proj.weight")}
    manifest = json.loads((tmp_path / result["run_id"] / "manifest.json").read_text())
    assert manifest["config"]["lora"]["rank"] == 4
