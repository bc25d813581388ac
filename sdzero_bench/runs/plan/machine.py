"""The machine that a plan is for, and how fast it is: from a table of what was measured, or is assumed."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from sdzero_bench.core.settings import RunConfig
from sdzero_bench.core.yaml_core import read_yaml
from sdzero_bench.policies.architecture import architecture


class Machine(BaseModel):
    """Devices of one kind. A preset names one under `machine`; throughput.yaml has the rest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    count: int = Field(1, gt=0)
    sharded: bool = False
    """Whether weights, gradients and moments are split over the devices (FSDP) instead of copied."""
    memory_gb: float = Field(gt=0)
    """Memory of one device, or of the machine for CPUs, in 1e9 bytes."""
    process_gb: float = Field(0.0, ge=0)
    """What the process itself takes of it: on CPUs, Python and the libraries that sample."""
    trainer_gb: float = Field(0.0, ge=0)
    """What the libraries that train add to it, in a run that trains."""
    tflops: float = Field(gt=0)
    """Peak of one device in the training dtype, in TFLOP/s."""
    utilisation: float = Field(0.4, gt=0, le=1)
    """The share of the peak that training reaches."""
    tokens_per_second: float = Field(gt=0)
    """Sampling throughput of one device in large batches."""
    step_seconds: float = Field(0.0, ge=0)
    """What a decoding step takes besides, whatever its batch."""
    sustained: dict[str, float] = Field(default_factory=dict)
    """FLOP/s of one device by kind of training phase, where they were measured, instead of `tflops` times `utilisation`."""
    computes_in_weights: bool = False
    """Whether activations have the weights' dtype, as on CPUs; otherwise 16 bits, under autocast."""
    sources: tuple[str, ...] = ()
    """Where these numbers come from."""


@cache
def _table() -> Any:
    return read_yaml(resources.files("sdzero_bench.runs.plan").joinpath("throughput.yaml").read_text())


def known_of(name: str, config: RunConfig, version: str | None = None) -> dict[str, Any]:
    """What the table says of a device under these settings; nothing, if it does not know it.

    `version` is that of the engine, as samples record it: its rows are preferred, and otherwise the newest.
    """
    found = dict(_table()["devices"].get(name, {}))
    sources = [f"{name}: {found.pop('source')}"] if found else []
    engine = config.engine.name.removesuffix("-server")
    rows = [row for row in _table()["rates"] if row["device"] == name and row["engine"] == engine]
    rows = [row for row in rows if row.get("version") == version] or rows
    if rows:
        size = architecture(config.model.name).parameters

        def distance(row: dict[str, Any]) -> float:
            theirs = architecture(row["model"]).parameters
            return max(size / theirs, theirs / size)

        nearest = min(reversed(rows), key=distance)
        scale = architecture(nearest["model"]).parameters / size
        scaled = "" if scale == 1 else f", scaled by {scale:.2g} from {nearest['model']}"
        sources.append(f"{nearest['tokens_per_second'] * scale:,.0f} sampled tokens per second: {nearest['source']}{scaled}")
        found |= {k: v for k, v in nearest.items() if k not in ("device", "engine", "version", "model", "source")}
        found["tokens_per_second"] *= scale
        found["step_seconds"] = found.get("step_seconds", 0.0) / scale
    return {**found, "sources": tuple(sources)}
