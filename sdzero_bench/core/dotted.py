"""Nested settings by dotted key, such as `evaluation.samples`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def flatten(content: Mapping[str, Any], prefix: str = "", keep_empty: bool = False) -> dict[str, Any]:
    """Values by dotted key. An empty mapping is left out, or with `keep_empty` a value: an option that holds a mapping."""
    flat: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, Mapping) and (value or not keep_empty):
            flat |= flatten(value, f"{prefix}{name}.", keep_empty)
        else:
            flat[f"{prefix}{name}"] = value
    return flat
