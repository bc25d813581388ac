"""The digest of a method's source, by which a record says what its method was."""

from __future__ import annotations

import hashlib
import importlib
import inspect
from types import ModuleType

from sdzero_bench.training.method import Method


def source_digest(method: type[Method]) -> str | None:
    """SHA-256, in hex, of the modules of the method's package that it is made of: its own and those it imports from.

    None where there is no source, such as for a class that was made at run time.
    """
    found: dict[str, str] = {}
    try:
        _collect(importlib.import_module(method.__module__), found)
    except (OSError, TypeError, ImportError):
        return None
    return hashlib.sha256("".join(source for _, source in sorted(found.items())).encode()).hexdigest()


def _collect(module: ModuleType, found: dict[str, str]) -> None:
    """Add the source of a module, and of the modules beside it that its names come from."""
    name = module.__name__
    if name in found:
        return
    found[name] = inspect.getsource(module)
    package = name.rpartition(".")[0]
    for value in vars(module).values():
        origin = value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", None)
        if package and isinstance(origin, str) and origin.rpartition(".")[0] == package:
            _collect(importlib.import_module(origin), found)
