"""What a shell completes after Tab: names of methods, tasks and presets, and keys of settings."""

from __future__ import annotations

from collections.abc import Iterable


def method_names(incomplete: str) -> list[str]:
    from sdzero_bench.runs import registry

    return _in_a_list(incomplete, registry.methods())


def task_names(incomplete: str) -> list[str]:
    from sdzero_bench.runs import registry

    return _in_a_list(incomplete, [*registry.tasks(), *(f"{family}:" for family in registry.task_families())])


def names_of_presets(incomplete: str) -> list[str]:
    from sdzero_bench.runs.config import preset_names

    return _in_a_list(incomplete, preset_names())


def setting_keys(incomplete: str) -> list[str]:
    """Those of all methods and tasks: what else the line says is not looked at."""
    from sdzero_bench.core.checked import keys
    from sdzero_bench.core.settings import RunConfig
    from sdzero_bench.runs import registry

    found = {*keys(RunConfig)}
    for section, known in (("method", registry.methods()), ("task", registry.tasks())):
        found |= {key for cls in known.values() for key in keys(cls.Options, f"{section}.")}
    return [f"{key}=" for key in sorted(found) if key.startswith(incomplete)]


def _in_a_list(incomplete: str, names: Iterable[str]) -> list[str]:
    """After the last comma, where an option takes several names."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in sorted(names) if name.startswith(last)]
