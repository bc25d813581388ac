"""Checks of `sdzero-bench doctor`: attention kernels and optimizers, tried on the embedded model."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, get_args

import torch

from sdzero_bench.core.settings import ModelConfig, OptimizerConfig
from sdzero_bench.policies.loading import load_model, model_path
from sdzero_bench.training.arguments import require_optimizer

MICRO = "package:sdzero_bench.tasks/micro_world/habits"

TOLERANCE = 0.02
"""Largest difference of a gradient from that of the kernel `eager`, relative to the largest gradient: kernels add up in another
order, and some compute in 16 bits."""


def attention_kernels() -> str:
    """Loss and gradient of every value of `model.attention` on a padded batch, compared with `eager`.

    Raises `RuntimeError` if `sdpa`, the default, fails or differs.
    """
    names = [name for name in get_args(ModelConfig.model_fields["attention"].annotation) if name not in ("auto", "eager")]
    expected = gradient("eager")
    works, fails = ["eager"], []
    for name in names:
        try:
            difference = float((gradient(name) - expected).abs().max() / expected.abs().max())
        except Exception as error:  # whatever a kernel raises, it does not work here
            fails.append(f"{name} ({' '.join(str(error).split())[:90]})")
            continue
        if difference <= TOLERANCE:
            works.append(name)
        else:
            fails.append(f"{name} (gradients differ by {difference:.1%})")
    if "sdpa" not in works:
        raise RuntimeError(f"model.attention=sdpa does not work: {', '.join(fails)}")
    return f"model.attention: {', '.join(works)} agree" + (f"; not here: {'; '.join(fails)}" if fails else "")


def gradient(attention: str) -> torch.Tensor:
    """Gradient of the first layer's query projection, for two rows of unequal length."""
    model: Any = load_model(model_path(MICRO), ModelConfig.model_validate({"name": MICRO, "attention": attention}))
    device = model.device
    ids = torch.arange(5, 29, device=device).reshape(2, 12)
    mask = torch.ones_like(ids)
    mask[0, :4] = 0
    labels = ids.clone()
    labels[0, :5] = -100  # the first token is predicted from padding, about which kernels may differ
    with torch.autocast(device.type, torch.bfloat16, enabled=attention == "flash_attention_2"):
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
    loss.backward()
    found: torch.Tensor = model.base_model.layers[0].self_attn.q_proj.weight.grad
    return found.float()


def eight_bit_optimizer() -> str:
    """A step of `optimizer.name=adamw_8bit`, which has to be as long as AdamW's. Raises `UserError` without bitsandbytes."""
    require_optimizer(OptimizerConfig(name="adamw_8bit"))
    from bitsandbytes.optim import AdamW8bit

    weight = torch.nn.Parameter(torch.ones(4096, device="cuda" if torch.cuda.is_available() else "cpu"))
    optimizer = AdamW8bit([weight], lr=1e-3, weight_decay=0.0)
    weight.sum().backward()
    optimizer.step()
    moved = float((1 - weight.detach()).mean())
    if abs(moved - 1e-3) > 1e-4:
        raise RuntimeError(f"a step of AdamW with 8-bit moments is {moved:.2g} long instead of 0.001")
    return f"bitsandbytes {version('bitsandbytes')}: optimizer.name=adamw_8bit takes a step like AdamW's"
