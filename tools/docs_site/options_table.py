"""A table of the options of a pydantic model: name, type, default, and the text below each field."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Set
from typing import Any

from pydantic import BaseModel

from sdzero_bench.core.text import markdown_table
from sdzero_bench.runs.settings_text import meaning

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
        row = [f"`{prefix}{name}`", _type(schema["properties"][name], schema.get("$defs", {})), shown, meaning(cls, name)]
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
