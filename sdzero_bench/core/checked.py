"""Values that a user wrote, held against the model of what they must be: the first fault, in one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from sdzero_bench.core.dotted import flatten
from sdzero_bench.core.errors import UserError, unknown

Model = TypeVar("Model", bound=BaseModel)


SECTION_EXPECTED = ("model_type", "model_attributes_type", "dict_type", "mapping_type")
"""Pydantic's types of error for a value in the place of a section."""


def checked(cls: type[Model], values: Mapping[str, Any], prefix: str = "", more: Iterable[str] = ()) -> Model:
    """The model of these values. Raises `UserError` that names the key, with `prefix`, and what is wrong with it.

    For an unknown key the known ones are suggested: those of the model, and `more`.
    """
    try:
        return cls(**values)
    except ValidationError as error:
        first = error.errors()[0]
        path = prefix + ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            wrong = next(iter(flatten({path: first["input"]})), path)
            *above, _ = first["loc"]
            known = [*keys(cls, prefix), *more]
            if len(above) > 1 and (part := _at(cls, above)) is not None:
                known = list(keys(part, prefix + "".join(f"{name}." for name in above)))
            raise unknown("key", wrong, known) from error
        if first["type"] == "missing":
            raise UserError(f"{path} is missing") from error
        if first["type"] in SECTION_EXPECTED and path:
            part = _at(cls, first["loc"])
            example = next(iter(part.model_fields), "KEY") if part is not None else "KEY"
            raise UserError(
                f"{path}: this is a section, not a value (given: {first['input']!r}); set one of its keys, such as "
                f"{path}.{example}=..."
            ) from error
        message = first["msg"].removeprefix("Value error, ")
        given = f" (given: {first['input']!r})" if first["loc"] else ""
        or_null = ", or null" if _nullable(cls, first["loc"]) else ""
        raise UserError(f"{path + ': ' if path else ''}{message[:1].lower()}{message[1:]}{or_null}{given}") from error


def _at(annotation: Any, place: Sequence[int | str]) -> type[BaseModel] | None:
    """The model at a place inside another one, through mappings and sequences."""
    for part in place:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            annotation = annotation.model_fields[str(part)].annotation
        else:
            annotation = next((one for one in reversed(get_args(annotation)) if one is not Ellipsis), None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _nullable(cls: type[BaseModel], place: Sequence[int | str]) -> bool:
    above = _at(cls, place[:-1]) if place else None
    field = above.model_fields.get(str(place[-1])) if above is not None else None
    return field is not None and type(None) in get_args(field.annotation)


def keys(cls: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The dotted keys of a model, with those of the models in it."""
    for name, field in cls.model_fields.items():
        nested = field.annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel):
            yield from keys(nested, f"{prefix}{name}.")
        else:
            yield prefix + name
