"""A table of the options of a pydantic model: name, type, default, and the text below each field."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import textwrap
from collections.abc import Iterator, Set
from functools import cache
from typing import Any

from pydantic import BaseModel

from sdzero_bench.core.text import markdown_table

HEADINGS = ["option", "type", "default", "meaning"]
BOUNDS = {"exclusiveMinimum": "> {}", "minimum": "≥ {}", "exclusiveMaximum": "< {}", "maximum": "≤ {}"}
NAMES = {"integer": "integer", "number": "number", "string": "text", "boolean": "true or false", "null": "null"}


def options_table(cls: type[BaseModel], prefix: str = "", left_out: Set[str] = frozenset()) -> str:
    """Every field of the model but `left_out`, those of its sections included, as `prefix` + name; "" if there are none."""
    rows = list(_rows(cls, prefix, None, left_out))
    return markdown_table(HEADINGS, rows, left=len(HEADINGS)) if rows else ""


def _rows(
    cls: type[BaseModel], prefix: str, section: dict[str, Any] | None, left_out: Set[str] = frozenset()
) -> Iterator[list[str]]:
    """`section`: the defaults that the model above gives, such as another kind of divergence; None: the model's own."""
    schema = cls.model_json_schema()
    for name, field in cls.model_fields.items():
        if name in left_out:
            continue
        default = (section or {}).get(name, schema["properties"][name].get("default"))
        if inspect.isclass(field.annotation) and issubclass(field.annotation, BaseModel):
            yield from _rows(field.annotation, f"{prefix}{name}.", default)
            continue
        required = field.is_required() and name not in (section or {})
        shown = "required" if required else f"`{json.dumps(default, ensure_ascii=False)}`"
        row = [f"`{prefix}{name}`", _type(schema["properties"][name], schema.get("$defs", {})), shown, described(cls, name)]
        yield [cell.replace("|", "\\|") for cell in row]


def _type(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """What a JSON schema allows, in words."""
    if "$ref" in schema:
        return _type(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return " or ".join(_type(part, definitions) for part in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}), definitions)}"
    name = schema.get("format") or NAMES.get(schema.get("type", ""), "mapping")
    bounds = [text.format(schema[key]) for key, text in BOUNDS.items() if key in schema]
    return f"{name} {', '.join(bounds)}".strip()


def described(cls: type[BaseModel], name: str) -> str:
    """The docstring below the field in the nearest class that has one, on one line; "" if none has."""
    for owner in cls.__mro__:
        if owner.__module__ != "builtins" and name in (found := _docstrings(owner)):
            return found[name]
    return ""


@cache
def _docstrings(cls: type) -> dict[str, str]:
    """The text below each field of a class. Pydantic reads it only into fields of classes that ask for it."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError):  # made at run time, as the options of a YAML task
        return {}
    (definition,) = tree.body
    found = {}
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    for field, text in itertools.pairwise(body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                found[name] = " ".join(said.split())
    return found
