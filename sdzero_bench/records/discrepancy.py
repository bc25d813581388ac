"""What a check has found, in words and as data."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

TOLERANCE = 1e-9
"""Absolute and relative: what a figure may differ by from its recomputation, since another numpy may add in another order."""

_NOTHING = "nothing"


@dataclass(frozen=True)
class Discrepancy:
    """One thing that does not hold. `recorded` and `recomputed` are set where two values were compared."""

    file: str
    what: str
    recorded: Any = _NOTHING
    recomputed: Any = _NOTHING
    source: str = "recomputed"
    """Where the second value comes from, as words that go before it."""

    @property
    def compared(self) -> bool:
        return not self.recorded == self.recomputed == _NOTHING

    def __str__(self) -> str:
        if not self.compared:
            return f"{self.file}: {self.what}"
        return f"{self.file}: {self.what}: recorded {_short(self.recorded)}, {self.source} {_short(self.recomputed)}"

    def as_dict(self) -> dict[str, Any]:
        values = {"recorded": self.recorded, "recomputed": self.recomputed, "source": self.source} if self.compared else {}
        return {"file": self.file, "what": self.what, **values}


def compare(file: str, what: str, recorded: Any, recomputed: Any, source: str = "recomputed") -> Iterator[Discrepancy]:
    """A finding for each value in which two JSON values differ, floats beyond `TOLERANCE`.

    Where more than three values of one mapping differ, such as per-question figures, one finding counts and shows them.
    """
    recorded, recomputed = _by_place(recorded), _by_place(recomputed)
    if not (isinstance(recorded, Mapping) and isinstance(recomputed, Mapping)):
        if not same(recorded, recomputed):
            yield Discrepancy(file, what, recorded, recomputed, source)
        return
    found: list[Discrepancy] = []
    for key in [*recomputed, *(key for key in recorded if key not in recomputed)]:
        found += compare(file, f"{what}.{key}", recorded.get(key, _NOTHING), recomputed.get(key, _NOTHING), source)
    if len(found) > 3:
        first = found[0]
        what = f"{len(found)} values of {what} differ, such as {first.what}"
        yield Discrepancy(file, what, first.recorded, first.recomputed, source)
    else:
        yield from found


def same(one: Any, other: Any) -> bool:
    """Equality of JSON values: numbers within `TOLERANCE`, true and 1 being different, lists element by element."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


def _by_place(content: Any) -> Any:
    """A list of mappings as a mapping from their places, so that a finding names one of them and not the list."""
    if isinstance(content, list) and content and all(isinstance(item, Mapping) for item in content):
        return dict(enumerate(content))
    return content


def _short(value: Any) -> str:
    if value == _NOTHING:
        return _NOTHING
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 100 else text[:97] + "..."
