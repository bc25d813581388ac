"""What the tests share: the embedded model."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from sdzero_bench.models import model_path

# Two torch processes on two cores slow each other down; the tests have work for one.
torch.set_num_threads(2)


@pytest.fixture(scope="session")
def micro_path() -> str:
    return model_path("package:sdzero_bench.tasks/micro_world/sums_and_programs")


@pytest.fixture(scope="session")
def tokenizer(micro_path: str) -> Any:
    from sdzero_bench.models import load_tokenizer

    return load_tokenizer(micro_path)


@pytest.fixture
def micro(micro_path: str) -> Any:
    """The embedded model, loaded anew: a test may train it."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(micro_path, dtype=torch.float32)
