"""What the tests share: the embedded model."""

from __future__ import annotations

import gc
import importlib
import os
from typing import Any

# Two threads in each of two processes on two cores slow each other down, and tests run in several processes.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

from sdzero_bench.policies.loading import model_path

pytest_plugins = ["left_out"]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Of many tests: what runs import is imported now and exempt from garbage collection, or small runs spend a third of
    their time on looking through modules."""
    if len(session.items) > 100:
        for module in ("trl_compat", "trl_given_rows"):
            importlib.import_module(f"sdzero_bench.training.{module}")
        gc.collect()
        gc.freeze()


@pytest.fixture(scope="session")
def micro_path() -> str:
    return model_path("package:sdzero_bench.tasks/micro_world/slips")


@pytest.fixture(scope="session")
def tokenizer(micro_path: str) -> Any:
    from sdzero_bench.policies.loading import load_tokenizer

    return load_tokenizer(micro_path)


@pytest.fixture
def micro(micro_path: str) -> Any:
    """A fresh copy of the embedded model, which a test may train."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(micro_path, dtype=torch.float32)
