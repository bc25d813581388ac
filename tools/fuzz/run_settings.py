"""Settings of a run, as YAML files and as assignments: half of them nearly right."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from sdzero_bench.core.settings import RunConfig
from sdzero_bench.runs import registry
from sdzero_bench.runs.config import resolve
from tools.fuzz.bounded import YAML_BOUND, fault
from tools.fuzz.hunting import Target

SECTIONS = {name: field.annotation for name, field in RunConfig.model_fields.items()}
KEYS = [
    name if not hasattr(section, "model_fields") else f"{name}.{key}"
    for name, section in SECTIONS.items()
    for key in getattr(section, "model_fields", [""])
] + ["task.name", "method.name", "task.train", "method.epochs", "method.samples", "method.teacher.weights", "no.such.key"]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["null", "1e-4", ".inf", "-.nan", "off", "1_000", "0x1f", "1:30", "2020-13-45", "*a", "&a b", "!!python/name:os.system"]
    ),
    st.sampled_from([*registry.methods(), *registry.tasks(), "file:/nowhere", "rg:gcd", "x.yaml", "package:os/x"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6) | scalars, inner, max_size=3),
    max_leaves=5,
)
keys = (
    st.sampled_from(KEYS) | st.text(max_size=12) | st.sampled_from(["", ".", "..", "model.", ".model", "task.name.x", " seed "])
)


def _as_text(value: Any) -> str:
    try:
        return yaml.safe_dump(value, allow_unicode=True, default_flow_style=True).strip().removesuffix("\n...").strip()
    except (yaml.YAMLError, TypeError, ValueError):
        return str(value)


def _document(pairs: list[tuple[str, Any]]) -> str:
    tree: dict[Any, Any] = {}
    for key, value in pairs:
        *above, last = key.split(".")
        place = tree
        for part in above:
            place = place.setdefault(part, {}) if isinstance(place.get(part, {}), dict) else {}
        place[last] = value
    return yaml.dump(tree, Dumper=yaml.SafeDumper, allow_unicode=True)


assignments = st.builds(lambda key, value: f"{key}={value}", keys, values.map(_as_text) | st.text(max_size=20)) | st.text(
    max_size=20
)
PIECES = ["{", "}", "[", "]", ":", "- ", "a: ", "\n", "  ", "&x ", "*x", "<<: ", "? ", "|\n", "'", '"', "%", "!t "]
documents = st.one_of(
    st.lists(st.tuples(keys, values), max_size=5).map(_document),
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    st.builds(
        lambda piece, times: piece * times,
        st.sampled_from(["[", "{a: ", "- ", "a:\n ", "? ", "&a [*a, "]),
        st.integers(1, 1000),
    ),
    st.text(max_size=60),
    st.binary(max_size=40),
)


class ConfigFiles:
    """Writes each document into a file, and resolves the settings of a run with it and with assignments."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._file = Path(self._folder.name) / "config.yaml"

    def fault(self, case: tuple[str, str | bytes, list[str]]) -> str | None:
        method, document, assigned = case
        encoded = document if isinstance(document, bytes) else document.encode("utf-8", "surrogatepass")
        self._file.write_bytes(encoded)
        return fault(lambda: resolve(method, "micro", self._file if encoded else None, assigned), bound=YAML_BOUND)


def target() -> Target:
    inputs = st.tuples(st.sampled_from([*registry.methods(), "sdzerro"]), documents, st.lists(assignments, max_size=4))
    return Target("settings of runs", inputs, ConfigFiles().fault, 0.15)
