"""sdzero-bench: post-training methods compared under one question set and one sample budget.

`import sdzero_bench as sdz` offers what `__all__` lists; each name is imported when it is first used.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sdzero_bench.api.collection import Records, load
    from sdzero_bench.api.execution import evaluate, plan, run
    from sdzero_bench.api.named import methods, tasks
    from sdzero_bench.api.paired import PairedComparison
    from sdzero_bench.api.record import Record
    from sdzero_bench.api.standings import Leaderboard
    from sdzero_bench.core.errors import UserError

__version__ = "0.1.0"
__all__ = [
    "Leaderboard",
    "PairedComparison",
    "Record",
    "Records",
    "UserError",
    "evaluate",
    "load",
    "methods",
    "plan",
    "run",
    "tasks",
]

_HOMES = {
    "Leaderboard": "api.standings",
    "PairedComparison": "api.paired",
    "Record": "api.record",
    "Records": "api.collection",
    "UserError": "core.errors",
    "evaluate": "api.execution",
    "load": "api.collection",
    "plan": "api.execution",
    "run": "api.execution",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _mapping(name: str) -> property:
    def get(package: types.ModuleType) -> Any:
        return getattr(importlib.import_module(f"{__name__}.api.named"), name)

    def set_by_the_import_system(package: types.ModuleType, subpackage: types.ModuleType) -> None:
        return

    return property(get, set_by_the_import_system)


class _Package(types.ModuleType):
    """`methods` and `tasks` are packages too. Looked at from here they are mappings, whatever was imported first."""

    methods = _mapping("methods")
    tasks = _mapping("tasks")


sys.modules[__name__].__class__ = _Package
