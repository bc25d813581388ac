"""The parts of TRL that are not public are still what this package takes them for."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import trl
from trl import DistillationTrainer, DPOTrainer, GRPOTrainer, KTOTrainer, SFTTrainer
from trl.models.utils import unwrap_model_for_generation
from trl.trainer.callbacks import SyncRefModelCallback
from trl.trainer.utils import pad

from sdzero_bench.training import trl_compat, trl_given_rows

MOVED = f"TRL {trl.__version__} has changed {{}}: adapt sdzero_bench/training/trl_compat.py or trl_given_rows.py"


OUR_OWN = {"_compared"}
"""Private methods of trl_compat that TRL does not have."""


def overridden() -> list[tuple[type, type, str]]:
    """(our class, TRL's, method) for every private method of TRL that trl_compat overrides."""
    found = []
    for own in (
        trl_compat.OpenGRPOTrainer,
        trl_compat.OpenRLOOTrainer,
        trl_compat.OpenDistillationTrainer,
        trl_given_rows.OpenDPOTrainer,
        trl_given_rows.OpenKTOTrainer,
    ):
        (theirs,) = (base for base in own.__bases__ if base.__module__.startswith("trl."))
        ours = [cls for cls in own.__mro__ if cls.__module__ in (trl_compat.__name__, trl_given_rows.__name__)]
        names = {n for cls in ours for n in vars(cls) if n.startswith("_") and n[1] != "_"} - OUR_OWN
        found += [(own, theirs, name) for name in sorted(names) if callable(getattr(own, name))]
    return found


def parameters(function: Callable[..., Any]) -> list[tuple[str, Any]]:
    return [(p.name, p.kind) for p in inspect.signature(function).parameters.values()]


def test_the_seams_are_those_that_this_file_is_about() -> None:
    assert {name for _, _, name in overridden()} == {
        "_compute_loss",
        "_generate_and_score_completions",
        "_generate_single_turn",
        "_get_per_token_logps_and_entropies",
        "_precompute_ref_logps",
        "_prepare_dataset",
    }


@pytest.mark.parametrize(("own", "theirs", "name"), overridden(), ids=lambda x: getattr(x, "__name__", x))
def test_what_is_overridden_has_the_same_parameters_in_trl(own: type, theirs: type, name: str) -> None:
    assert hasattr(theirs, name), MOVED.format(f"{theirs.__name__}: it has no {name}")
    wanted, ours = parameters(getattr(theirs, name)), parameters(getattr(own, name))
    if ours[-1][1] is inspect.Parameter.VAR_KEYWORD:  # passed on to TRL's
        wanted, ours = wanted[: len(ours) - 1], ours[:-1]
    assert wanted == ours, MOVED.format(f"{theirs.__name__}.{name}")


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
        (
            GRPOTrainer._get_per_token_logps_and_entropies,
            ("self", "model", "ids", "mask", 3),
            {},
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


def columns(trainer: type) -> set[str]:
    """Those that a trainer reads from a dataset that is prepared already."""
    return set(re.findall(r'"(\w+_ids|label)"', inspect.getsource(trainer._set_signature_columns_if_needed))) - {"input_ids"}


def test_prepared_datasets_have_the_columns_that_trl_reads() -> None:
    from sdzero_bench.training.preference import preference_rows
    from sdzero_bench.training.preference_data import Judged, PreferencePair

    assert set(preference_rows([PreferencePair((1,), (2,), (3,))], [0]).column_names) == columns(DPOTrainer)
    given = preference_rows([Judged((1,), (2,), True)], [0])
    args: Any = SimpleNamespace(per_device_train_batch_size=2)
    prepared = trl_given_rows.OpenKTOTrainer._prepare_dataset(None, given, None, args, "train")  # type: ignore[arg-type]
    assert set(prepared.column_names) == columns(KTOTrainer)


def test_attributes_of_the_trainers_are_set_where_they_are_used() -> None:
    """Those that trl_compat reads and TRL does not document."""
    source = inspect.getsource(DistillationTrainer.__init__)
    for name in ("_forward_redirection", "_tokenizer", "_metrics", "teacher_model"):
        assert f"self.{name} " in source or f"self.{name}:" in source, MOVED.format(f"DistillationTrainer.{name}")
    for trainer in (SFTTrainer, DPOTrainer, KTOTrainer):
        assert "self._total_train_tokens +=" in inspect.getsource(trainer), MOVED.format(f"{trainer.__name__}'s num_tokens")
