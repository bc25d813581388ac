"""What tuning tries: ranges of settings, and quasi-random points in them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue, model_validator

LEARNING_RATE = "optimizer.learning_rate"
MOST = 4
"""Settings of a search space, the learning rate included."""

DIGITS = 3
"""Significant digits of what is tried."""


class Range(BaseModel):
    """Numbers between `low` and `high`, uniformly, or uniformly in their logarithm."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["range"] = "range"
    low: FiniteFloat
    high: FiniteFloat
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError("a range needs low < high, and low above 0 with log")
        return self

    def at(self, share: float) -> float:
        """The number below which this share of the range lies; `share` is in [0, 1)."""
        if self.log:
            value = math.exp(math.log(self.low) + share * math.log(self.high / self.low))
        else:
            value = self.low + share * (self.high - self.low)
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)


class OneOf(BaseModel):
    """One of some values, each with the same probability."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["one of"] = "one of"
    values: tuple[JsonValue, ...] = Field(min_length=2)

    def at(self, share: float) -> JsonValue:
        """As `Range.at`."""
        return self.values[int(share * len(self.values))]


SearchSpace = Mapping[str, Range | OneOf]
"""By dotted key of a setting."""


def one_of(*values: JsonValue) -> OneOf:
    return OneOf(values=values)


def between(low: float, high: float, log: bool = False) -> Range:
    return Range(low=low, high=high, log=log)


def space(settings: dict[str, Range | OneOf]) -> SearchSpace:
    """A search space that nobody changes."""
    return MappingProxyType(settings)


def points(space: SearchSpace, trials: int) -> list[dict[str, JsonValue]]:
    """Quasi-random points of the space, in the order in which they are tried: a scrambled Sobol sequence (Owen 1998).

    The first setting of every space has the same shares, so that all methods try the same learning rates. Raises `ValueError`
    for more than `MOST` settings.
    """
    from scipy.stats import qmc

    if len(space) > MOST:
        raise ValueError(f"a search space has at most {MOST} settings")
    power = math.ceil(math.log2(trials)) if trials > 1 else 0  # balanced in powers of 2
    shares = qmc.Sobol(MOST, scramble=True, rng=0).random_base2(power)[:trials]
    return [{key: of.at(float(share)) for (key, of), share in zip(space.items(), row, strict=False)} for row in shares]
