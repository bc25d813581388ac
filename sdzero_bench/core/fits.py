"""Whether a value is of an annotated type: asked of plug-ins, which no type checker may have seen."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError


def fits(value: Any, kind: Any) -> bool:
    """Nothing is converted: 1 is no `bool`. Only mappings may be of any class, such as those that nobody can change."""
    try:
        _adapter(kind).validate_python(dict(value) if isinstance(value, Mapping) else value, strict=True)
    except ValidationError:
        return False
    return True


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
