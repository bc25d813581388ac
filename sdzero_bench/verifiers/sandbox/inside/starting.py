"""What a program finds when Python starts it, and what the tester's Python, which starts faster, lacks."""

from __future__ import annotations

import _thread
import builtins
import ctypes
import resource
import sys

TYPE_CHECKING = False  # not from `typing`, whose import takes as long as starting Python
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

PACKAGES = "/lib-packages"
"""Where packages that programs may import are, such as NumPy (tiers.py)."""
_THREAD_STACK = 8 << 20
_M_ARENA_MAX = -8


def as_python_starts() -> None:
    """Define `exit` and its like, find packages, and keep threads small enough for the limit of memory."""
    import _sitebuiltins

    builtins.quit = _sitebuiltins.Quitter("quit", "Ctrl-D (i.e. EOF)")
    builtins.exit = _sitebuiltins.Quitter("exit", "Ctrl-D (i.e. EOF)")
    builtins.help = _sitebuiltins._Helper()
    sys.path.append(PACKAGES)
    # Limits count address space: each thread's stack, and its own 64 MB for malloc.
    ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)
    original: Any = getattr(_thread, "stack_size")  # noqa: B009
    original(_THREAD_STACK)

    def stack_size(size: int = 0) -> int:
        """As in the standard library; a larger stack raises the soft limit of the address space by as much."""
        before: int = original(size)
        if size > _THREAD_STACK:
            soft, hard = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (min(hard, soft + size), hard))
        return before

    setattr(_thread, "stack_size", stack_size)  # noqa: B010 - mypy does not know the module
    if threading := sys.modules.get("threading"):
        setattr(threading, "stack_size", stack_size)  # noqa: B010
    sys.meta_path.insert(0, _Pools())


class _Pools:
    """Programs start no processes: pools of `multiprocessing` and `concurrent.futures` get threads instead."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in _WITH_THREADS:
            return None
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            original = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                original(module)
                _WITH_THREADS[name](module)

            setattr(spec.loader, "exec_module", exec_module)  # noqa: B010 - a method
        return spec


def _multiprocessing(module: Any) -> None:
    from multiprocessing import dummy

    for name in dummy.__all__:
        setattr(module, name, getattr(dummy, name))
    module.Pool = module.context.BaseContext.Pool = _pool


def _pool(*args: Any, **kwargs: Any) -> object:
    from .pools import ThreadedPool

    return ThreadedPool(*(arg for arg in args if not hasattr(arg, "Process")), **kwargs)


def _process_pool(module: Any) -> None:
    from concurrent.futures.thread import ThreadPoolExecutor

    module.ProcessPoolExecutor = ThreadPoolExecutor


_WITH_THREADS = {"multiprocessing": _multiprocessing, "concurrent.futures.process": _process_pool}
