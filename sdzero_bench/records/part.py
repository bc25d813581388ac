"""What every model of a recorded file is built from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from sdzero_bench.core.bench_version import PATTERN

Fingerprint = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, lt=2**53)]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
BenchVersion = Annotated[str, Field(pattern=PATTERN)]
"""`BENCH_VERSION` where the run began."""
FileName = Annotated[str, Field(pattern=r"^[^/\\\x00]{1,200}$")]
"""Of a file in a known folder, and of none elsewhere."""
Length = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""In tokens."""
Interval = Annotated[list[FiniteFloat], Field(min_length=2, max_length=2)]
"""The two ends of a 95 % interval."""


class Part(BaseModel):
    # Strict: "3" is not a number here, since no writer of ours would write it.
    model_config = ConfigDict(strict=True, validate_by_name=True)


def as_json(content: Part | Mapping[str, Part]) -> dict[str, Any]:
    """JSON data of a model, or of models by name."""
    if isinstance(content, Part):
        return content.model_dump(mode="json", by_alias=True)
    return {name: as_json(part) for name, part in content.items()}
