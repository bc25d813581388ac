"""The GPU that a run of one process takes, where several are visible.

transformers' trainers spread a batch over every GPU that they see (`DataParallel`), which TRL refuses. So the process hides the
others from itself, before CUDA is initialised. Several processes have a GPU each, which accelerate gives them.
"""

from __future__ import annotations

import os
import re

from sdzero_bench.core.distributed import Ranks
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import ModelConfig

VISIBLE = "CUDA_VISIBLE_DEVICES"

_taken: tuple[int, int] | None = None
"""Index of the GPU that this process took, and the number that it took it from. As CUDA's own list of devices, it is a fact
about the whole process."""


def visible_gpus() -> list[str]:
    """The GPUs that this process sees, as CUDA_VISIBLE_DEVICES names them. Does not initialise CUDA."""
    listed = os.environ.get(VISIBLE)
    if listed is not None:
        names = [name.strip() for name in listed.split(",")]
        # CUDA ignores what follows an invalid name; -1 is the customary one.
        return names[: next((i for i, name in enumerate(names) if name in ("", "-1")), len(names))]
    import torch

    return [str(index) for index in range(torch.cuda.device_count())]


def take_one_gpu(config: ModelConfig, ranks: Ranks) -> None:
    """Hide all GPUs from this process but the one that `model.device` names, or the first; not with several ranks.

    To be called before anything asks torch for more than the number of GPUs. Raises `UserError` if there is no such GPU, or
    no such device.
    """
    global _taken
    named = re.fullmatch(r"cuda(?::(\d+))?", config.device)
    if not named and config.device != "auto":
        _require(config.device)
    if ranks.count > 1 or not (named or config.device == "auto"):
        return
    gpus = visible_gpus()
    index = int(named[1] or 0) if named else 0
    if named and index >= len(gpus):
        raise UserError(
            f"there is no model.device={config.device} here: the number of visible GPUs is {len(gpus)}, counted from cuda:0; "
            f"name one of them, or leave it out"
        )
    if len(gpus) > 1:
        os.environ[VISIBLE] = gpus[index]
        _taken = index, len(gpus)


def _require(device: str) -> None:
    import torch

    try:
        torch.empty(1, device=device).tolist()  # those of the device "meta" cannot be read
    except Exception as error:  # each kind of device has its own
        why = str(error).splitlines()[0].partition(". ")[0]
        raise UserError(f"model.device={device!r} cannot be used here ({why}); name another, or leave it out") from error


def in_this_process(device: str) -> str:
    """The name that a configured torch device has once the others are hidden."""
    return "cuda:0" if _taken and device.startswith("cuda:") else device


def described(device: str) -> str:
    """A torch device of this process, and out of how many GPUs it was taken."""
    if _taken is None or not device.startswith("cuda"):
        return device
    index, count = _taken
    return f"cuda:{index} (1 of {count} GPUs; `sdzero-bench launch` uses all)"
