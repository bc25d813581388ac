"""The parts of TRL that are not public are still what this package takes them for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import trl
from trl import DistillationTrainer
from trl.models.utils import unwrap_model_for_generation
from trl.trainer.callbacks import SyncRefModelCallback
from trl.trainer.utils import pad

from sdzero_bench.training import trl_compat

MOVED = f"TRL {trl.__version__} has changed {{}}: adapt sdzero_bench/training/trl_compat.py"


def overridden() -> list[tuple[type, type, str]]:
    """(our class, TRL's, method) for every private method of TRL that trl_compat overrides."""
    found = []
    for own in (trl_compat.OpenGRPOTrainer, trl_compat.OpenRLOOTrainer, trl_compat.OpenDistillationTrainer):
        (theirs,) = (base for base in own.__bases__ if base.__module__.startswith("trl."))
        names = {n for cls in (own, trl_compat.OpenTrainer) for n in vars(cls) if n.startswith("_") and n[1] != "_"}
        found += [(own, theirs, name) for name in sorted(names) if callable(getattr(own, name))]
    return found


def parameters(function: Callable[..., Any]) -> list[tuple[str, Any]]:
    return [(p.name, p.kind) for p in inspect.signature(function).parameters.values()]


def test_the_seams_are_those_that_this_file_is_about() -> None:
    assert {name for _, _, name in overridden()} == {
        "_compute_loss",
        "_generate_and_score_completions",
        "_generate_single_turn",
    }


@pytest.mark.parametrize(("own", "theirs", "name"), overridden(), ids=lambda x: getattr(x, "__name__", x))
def test_what_is_overridden_has_the_same_parameters_in_trl(own: type, theirs: type, name: str) -> None:
    assert hasattr(theirs, name), MOVED.format(f"{theirs.__name__}: it has no {name}")
    assert parameters(getattr(theirs, name)) == parameters(getattr(own, name)), MOVED.format(f"{theirs.__name__}.{name}")


@pytest.mark.parametrize(
    ("called", "arguments", "named"),
    [
        (DistillationTrainer._get_last_hidden_state, ("self", "model", "ids", "mask", 3), {}),
        (pad, (["tensor"],), {"padding_value": 0, "padding_side": "left"}),
        (
            unwrap_model_for_generation,
            ("model", "accelerator"),
            {"gather_deepspeed3_params": True, "gradient_checkpointing_kwargs": None},
        ),
        (SyncRefModelCallback.sync_target_model, ("student", "teacher", 0.5), {}),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_what_is_called_takes_the_same_arguments(called: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
    try:
        inspect.signature(called).bind(*arguments, **named)
    except TypeError as error:
        pytest.fail(MOVED.format(f"{called.__qualname__} ({error})"))


def test_attributes_of_the_trainers_are_set_where_they_are_used() -> None:
    """Those that trl_compat reads and TRL does not document."""
    source = inspect.getsource(DistillationTrainer.__init__)
    for name in ("_forward_redirection", "_tokenizer", "_metrics", "teacher_model"):
        assert f"self.{name} " in source or f"self.{name}:" in source, MOVED.format(f"DistillationTrainer.{name}")
