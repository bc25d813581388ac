"""YAML 1.2 for settings, where `off` is a string and 1e-4 is a number. PyYAML implements version 1.1."""

from __future__ import annotations

import re
from typing import Any

import yaml


class _CoreLoader(yaml.SafeLoader):
    pass


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
    """The value of a YAML document. Raises `yaml.YAMLError` if it is malformed."""
    return yaml.load(text, Loader=_CoreLoader)
