"""lm-eval's tasks by name, built by its own task manager.

Scanning its fourteen thousand YAML files takes lm-eval seconds, so a process does it once.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import logging
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast
from unittest.mock import patch

from sdzero_bench.core.errors import UserError, unknown
from sdzero_bench.core.reaching_the_hub import hub_is_reachable
from sdzero_bench.questions.harness.lm_eval_types import LmEvalTaskObject, Loaded, Settings

if TYPE_CHECKING:
    from lm_eval.tasks import TaskManager

INSTALL = "lm-eval is not installed; pip install 'sdzero-bench[harness]'"


def require_lm_eval() -> None:
    """Raises `UserError` if the package is not installed."""
    if find_spec("lm_eval") is None:
        raise UserError(INSTALL)


@cache
def task_manager(include_path: str | None) -> TaskManager:
    """lm-eval's task manager; tasks below `include_path` precede its own. Raises `UserError` if there is no such folder."""
    require_lm_eval()
    if include_path is not None and not Path(include_path).is_dir():
        raise UserError(f"task.include_path: there is no folder {include_path!r}")
    with quiet():
        from lm_eval.tasks import TaskManager

        return TaskManager(include_path=include_path)


class ComparesLikelihoods(UserError):
    """A task of lm-eval generates no text."""


def build(name: str, include_path: str | None, overrides: Settings, generates: bool = True) -> Loaded:
    """What `TaskManager.load` returns for a task, group or tag, with settings of its YAML overridden.

    Raises `UserError` for a name that lm-eval does not know, for data that cannot be loaded, for tasks that run model-written
    programs, and `ComparesLikelihoods` for tasks that do not generate text, if it has to `generate`.
    """
    manager = task_manager(include_path)
    if name not in manager.all_tasks:
        if near := difflib.get_close_matches(name, manager.all_tasks, n=1, cutoff=0.5):
            raise unknown("lm-eval task", name, near)
        raise UserError(f"unknown lm-eval task {name!r}; `lm_eval ls tasks` lists them")
    with quiet():
        try:
            loaded = _load(manager, name, overrides)
        except Exception as error:  # the code of tasks and data loaders may raise anything
            raise UserError(_cannot_build(name, error)) from error
    for task in loaded["tasks"].values():
        _require_usable(task, generates)
    return loaded


def build_one(name: str, source: str, overrides: Settings) -> LmEvalTaskObject:
    """One task, without scanning all others.

    source:
        Its YAML file, as `source_of` returns it.
    """
    from lm_eval.tasks import TaskManager

    folder = (_own_folder() / source).parent  # an absolute path stays what it is
    with quiet():
        manager = TaskManager(include_defaults=False, include_path=str(folder))
        return _load(manager, name, overrides)["tasks"][name]


def source_of(task: LmEvalTaskObject) -> str:
    """The YAML file of a task: relative to lm-eval's own folder of tasks, or absolute."""
    path = Path(task.config.metadata["config_source"])
    return str(path.relative_to(_own_folder())) if path.is_relative_to(_own_folder()) else str(path)


def stops_of(task: LmEvalTaskObject) -> list[str]:
    """Its stop sequences."""
    settings = task.config.generation_kwargs or {}
    until = settings.get("until") or []
    return [until] if isinstance(until, str) else list(until)


def figures_of(task: LmEvalTaskObject) -> list[str]:
    """Its figures, named as in results: `METRIC,FILTER`, starting with the first metric and filter."""
    filters = [f["name"] for f in task.config.filter_list or [{"name": "none"}]]
    metrics = [m["metric"] for m in task.config.metric_list or []]
    return [f"{metric},{filter}" for metric in metrics for filter in filters]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silences lm-eval's log messages and progress bars; what concerns the user, we report ourselves."""
    logger = logging.getLogger("lm_eval")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logger.setLevel(before)


@contextlib.contextmanager
def without_alarms() -> Iterator[None]:
    """Switches off the time limits of lm-eval's scorers and the libraries they call. They are based on alarms, and on a slow
    machine would silently turn a correct answer into a wrong one. Callers have a time limit of their own.
    """
    with patch("signal.alarm", lambda seconds: 0):
        yield


def _own_folder() -> Path:
    import lm_eval.tasks

    return Path(lm_eval.tasks.__file__).parent


def _load(manager: TaskManager, name: str, overrides: Settings) -> Loaded:
    """Like `manager.load`, which takes overrides for single tasks only: it would override a group's list of members."""
    hub_is_reachable()
    built = manager._factory.build(manager.task_index[name], overrides=dict(overrides) or None, registry=manager.task_index)
    return cast(Loaded, manager.load(built))


def _require_usable(task: LmEvalTaskObject, generates: bool) -> None:
    if getattr(task, "UNSAFE_CODE", False):
        raise UserError(
            f"lm-eval's {task.task_name} runs model-written programs without a sandbox; use --harness evalplus, or --task "
            f"humaneval or mbpp, which run them in a sandbox"
        )
    if generates and task.OUTPUT_TYPE != "generate_until":
        raise ComparesLikelihoods(
            f"lm-eval's {task.task_name} compares likelihoods of given answers ({task.OUTPUT_TYPE}) and generates no text; "
            f"evaluate with lm-eval itself: lm_eval run --model hf --model_args pretrained=DIR --tasks {task.task_name}"
        )


def _cannot_build(name: str, error: Exception) -> str:
    why = (str(error).strip().splitlines() or [""])[0]
    return (
        f"lm-eval cannot build {name} ({type(error).__name__}: {why}). If its data cannot be downloaded, give a local copy: "
        f"--set task.dataset_path=json --set 'task.dataset_kwargs={{data_files: {{train: FILE, test: FILE}}}}'"
    )
