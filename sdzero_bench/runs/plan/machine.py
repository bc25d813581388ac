"""The machine that a plan is for: its memory and its assumed throughput."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Machine(BaseModel):
    """Accelerators of one kind, and the throughput to expect of them. A preset states them under `machine`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    count: int = Field(1, gt=0)
    memory_gb: float = Field(gt=0)
    """Memory of one accelerator, or of the machine for CPUs, in 1e9 bytes."""
    tflops: float = Field(gt=0)
    """Peak of one accelerator in the training dtype, in TFLOP/s."""
    utilisation: float = Field(0.4, gt=0, le=1)
    """Model FLOPs utilisation: the share of the peak that training reaches."""
    tokens_per_second: float = Field(gt=0)
    """Sampling throughput of one accelerator, over all concurrent requests."""
    computes_in_weights: bool = False
    """Whether activations have the weights' dtype, as on CPUs; otherwise 16 bits, under autocast."""
