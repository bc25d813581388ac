"""The runs that are killed: every method of the registry, and once each with adapters and with programs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from sdzero_bench.runs import registry
from sdzero_bench.training.method import Method
from sdzero_bench.training.recipe import Phase

QUESTIONS = 16


@dataclass(frozen=True)
class KillCase:
    """A method and the settings that it runs with."""

    name: str
    method: str
    settings: tuple[str, ...] = ()


def kill_cases(only: Collection[str] = ()) -> list[KillCase]:
    """A case for each method, `only` these if any are given, and the variants of the first method that each applies to."""
    chosen = {name: method for name, method in registry.methods().items() if not only or name in only}
    cases = [KillCase(name, name) for name in chosen]
    variants: list[tuple[str, tuple[str, ...], Callable[[Phase], bool]]] = [
        ("adapters", ("lora.rank=4",), lambda phase: phase.on_policy),
        ("programs", ("task.name=micro-code",), lambda phase: phase.kind == "sample"),
    ]
    for variant, settings, applies in variants:
        if (name := _first(chosen, applies)) is not None:
            cases.append(KillCase(f"{name}, {variant}", name, settings))
    return cases


def with_phase(applies: Callable[[Phase], bool]) -> str:
    """The first method with such a phase."""
    name = _first(registry.methods(), applies)
    assert name is not None
    return name


def _first(methods: dict[str, type[Method]], applies: Callable[[Phase], bool]) -> str | None:
    return next((name for name, method in methods.items() if any(map(applies, method().phases(QUESTIONS)))), None)
