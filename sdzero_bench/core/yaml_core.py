"""YAML 1.2 for settings, where `off` is a string and 1e-4 is a number. PyYAML implements version 1.1."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml


class _CoreLoader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuses keys that are not text, and keys that occur twice, of which PyYAML would keep the last."""
        seen = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            name = self.construct_object(key, deep=True)
            if not isinstance(name, str):
                shown = "null" if name is None else repr(name)
                raise yaml.constructor.ConstructorError(None, None, f"the key {shown} is not text", key.start_mark)
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {name!r} is there twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


_CHANGED = {
    "tag:yaml.org,2002:bool": re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"),
    "tag:yaml.org,2002:float": re.compile(
        r"^(?:[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
}
_CoreLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _CHANGED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
# Added last, so that 12 stays an integer.
for tag, first in (("tag:yaml.org,2002:bool", "tTfF"), ("tag:yaml.org,2002:float", "-+.0123456789")):
    _CoreLoader.add_implicit_resolver(tag, _CHANGED[tag], list(first))


def read_yaml(text: str) -> Any:
    """The value of a YAML document. Raises `yaml.YAMLError` if it is malformed, or if a part of it contains itself."""
    try:
        value = yaml.load(text, Loader=_CoreLoader)
        json.dumps(value, default=str)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise yaml.YAMLError(where + ", ".join(filter(None, (error.context, error.problem)))) from error
    except (RecursionError, ValueError) as error:
        raise yaml.YAMLError(f"it is nested too deeply, contains itself or has an impossible value ({error})") from error
    return value
