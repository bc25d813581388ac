"""The machine that a plan is for: what it holds, and how fast it is said to be."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Machine(BaseModel):
    """Accelerators of one kind, and the throughput that is counted on. A preset states one under `machine`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    count: int = Field(1, gt=0)
    memory_gb: float = Field(gt=0)
    """Of one accelerator, or of the machine where it computes on CPUs; in 1e9 bytes."""
    tflops: float = Field(gt=0)
    """Peak of one, in the number format that is trained in, in 1e12 operations a second."""
    utilisation: float = Field(0.4, gt=0, le=1)
    """Share of the peak that training reaches."""
    tokens_per_second: float = Field(gt=0)
    """Tokens that one samples in a second, all requests together."""
    computes_in_weights: bool = False
    """Activations have the weights' number format, as on CPUs; else 16 bits, under autocast."""
