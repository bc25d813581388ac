"""Runs, evaluations and plans, as the commands of the same names make them."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdzero_bench.api.record import Record
from sdzero_bench.core.distributed import ALONE
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.threads import share_cores
from sdzero_bench.records.reader import load_run
from sdzero_bench.runs.config import first_questions, resolve
from sdzero_bench.runs.ended_early import cause_and_remedy, how_to_resume
from sdzero_bench.runs.quiet_libraries import quiet_heavy_libraries, quiet_libraries

if TYPE_CHECKING:
    from sdzero_bench.core.progress import ProgressDisplay
    from sdzero_bench.records.folder import RunFolder
    from sdzero_bench.runs.plan.estimate import Plan
    from sdzero_bench.runs.session import Session

Place = str | os.PathLike[str]
NameOrSection = str | Mapping[str, Any] | None
"""A name, or a mapping with a name and further settings of the section."""


def run(
    method: NameOrSection = None,
    *,
    preset: str | None = None,
    model: NameOrSection = None,
    task: NameOrSection = None,
    seed: int | None = None,
    config: Place | None = None,
    limit: int | None = None,
    out: Place = "runs",
    resume: Place | None = None,
    quiet: bool = False,
    **settings: Any,
) -> Record:
    """Train a method on a task under a sample budget, evaluate the result, and return the finished run.

        sdz.run("sdzero", questions={"train": 500}, seed=1)
        sdz.run({"name": "sdzero", "distill": {"epochs": 3}})
        sdz.run("rft", preset="tiny", **{"optimizer.learning_rate": 1e-4})

    method, model, task:
        Names as on the command line; or a mapping with further settings, such as `task={"name": "micro-arith", "test": 50}`.
    preset, seed, config, limit, out, resume:
        As the options of `sdzero-bench run`. By default the preset is `micro`.
    quiet:
        Whether to show no progress.
    settings:
        Sections as mappings, or single settings by dotted key. What `--set KEY=VALUE` sets.

    Raises `UserError` in the words of the command line. An interrupted run says how to resume it.
    """
    names, assigned = _Names(method=method, model=model, task=task), [*first_questions(limit), *_assignments(settings)]

    def prepare(display: ProgressDisplay) -> tuple[Session, Callable[[], RunFolder]]:
        from sdzero_bench.runs.resuming import resume_session
        from sdzero_bench.runs.session import Session

        file = Path(config) if config is not None else None
        more = [*names.assigned, *assigned]
        if resume is None:
            resolved = resolve(names.of["method"], preset, file, more, names.of["model"], names.of["task"], seed)
            session = Session(resolved, display)
            return session, lambda: session.new_folder(Path(out))
        given = {"preset": preset, "seed": seed, **{f"{section}.name": name for section, name in names.of.items()}}
        begun = [f"{key}={value}" for key, value in given.items() if value is not None]
        session, folder = resume_session(Path(resume), display, ALONE, file, [*begun, *more])
        return session, lambda: folder

    return _carried_out(prepare, quiet)


def evaluate(
    model: Place | Record,
    task: NameOrSection = None,
    *,
    k: int | None = None,
    split: str | None = None,
    limit: int | None = None,
    preset: str | None = None,
    out: Place = "runs",
    quiet: bool = False,
    **settings: Any,
) -> Record:
    """Measure an existing policy without training it, and return the record.

        sdz.evaluate("Qwen/Qwen3-0.6B", "math500", k=8, evaluation={"max_new_tokens": 4096})
        sdz.evaluate(run, k=32)

    model:
        A model directory, a name on the Hugging Face Hub, a run, its folder, or RUN/checkpoints/NAME.
    task:
        By default that of the run. Tasks of harnesses are `lm-eval:NAME` and `evalplus:NAME`.
    k, split, limit, preset, out:
        As the options of `sdzero-bench eval`.
    quiet, settings:
        As for `run`.

    Raises `UserError` in the words of the command line.
    """
    names, assigned = _Names(task=task), list(_assignments(settings))

    def prepare(display: ProgressDisplay) -> tuple[Session, Callable[[], RunFolder]]:
        from sdzero_bench.runs.evaluation.standalone import settings_for, subject
        from sdzero_bench.runs.session import Session

        measured = subject(os.fspath(model.folder if isinstance(model, Record) else model))
        more = [*names.assigned, *assigned]
        session = Session(settings_for(measured, preset, names.of["task"], more, k, limit, split), display)
        session.origin = measured.origin
        return session, lambda: session.new_folder(Path(out))

    return _carried_out(prepare, quiet)


def plan(
    method: NameOrSection = "sdzero",
    *,
    preset: str = "micro",
    model: NameOrSection = None,
    task: NameOrSection = None,
    config: Place | None = None,
    assume: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Plan:
    """What a run would cost: its `samples`, `hours`, `peak` memory and `disk` in bytes, whether it `fits`, and its `phases`.

        sdz.plan("grpo", preset="paper-qwen3-4b", assume={"machine.count": 16}).hours

    `assume` changes assumptions, as `sdzero-bench plan --assume` does; everything else is as for `run`. Raises `UserError` for
    what neither the settings nor the preset state.
    """
    from sdzero_bench.runs.plan.assumptions import assumptions, counted_here
    from sdzero_bench.runs.plan.estimate import estimate

    names, file = _Names(method=method, model=model, task=task), Path(config) if config is not None else None
    with _in_one_line(), quiet_libraries():
        more = [*names.assigned, *_assignments(settings)]
        resolved = resolve(names.of["method"], preset, file, more, names.of["model"], names.of["task"])
        found = assumptions(resolved, list(_assignments(assume or {})), counted=counted_here(resolved))
        return estimate(resolved, found.typical, found.machine, found.questions, found.test_questions)


@contextmanager
def _in_one_line() -> Iterator[None]:
    """A `UserError` says all that there is to say: what it was made from, such as an error of pydantic, is not shown."""
    try:
        yield
    except UserError as error:
        if error.__cause__ is None or isinstance(error.__cause__, UserError | ValueError):
            error.__cause__, error.__suppress_context__ = None, True
        raise


class _Names:
    """Names of sections, and the further settings that were given with them."""

    def __init__(self, **sections: NameOrSection) -> None:
        self.of: dict[str, str | None] = {}
        self.assigned: list[str] = []
        for section, given in sections.items():
            more = {key: value for key, value in given.items() if key != "name"} if isinstance(given, Mapping) else {}
            name = given.get("name") if isinstance(given, Mapping) else given
            if not isinstance(name, str | None):
                raise UserError(f"{section}.name: input should be a name (given: {name!r})")
            self.of[section] = name
            self.assigned += _assignments({section: more})


def _assignments(settings: Mapping[str, Any]) -> Iterator[str]:
    """Settings as `--set` takes them: what is wrong with one is then said in the same words. JSON is YAML."""
    for key, value in settings.items():
        # One level: options that hold mappings keep theirs, and keys of a section may be dotted.
        inner = {f"{key}.{name}": one for name, one in value.items()} if isinstance(value, Mapping) else {key: value}
        for name, one in inner.items():
            try:
                yield f"{name}={json.dumps(one, default=_plain)}"
            except TypeError as error:
                raise UserError(f"{name}: {one!r} is not a setting ({error})") from None


def _plain(value: Any) -> Any:
    """Paths, and the numbers of numpy and pandas, as JSON has them."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a {type(value).__name__} is neither a number, a text, a list nor a mapping")


def _carried_out(prepare: Callable[[ProgressDisplay], tuple[Session, Callable[[], RunFolder]]], quiet: bool) -> Record:
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UserError("one process makes a run from Python; for several use `sdzero-bench launch`")
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise UserError(
            "a process that a script started imports the script, and would start it anew: put what it calls under "
            'if __name__ == "__main__":'
        )
    share_cores()
    folder = None
    with _in_one_line(), quiet_libraries(), quiet_heavy_libraries():
        try:
            from sdzero_bench.core.progress import ProgressDisplay
            from sdzero_bench.policies.devices import take_one_gpu

            display = ProgressDisplay(quiet=quiet)
            session, open_folder = prepare(display)
            take_one_gpu(session.config.model, ALONE)
            folder = open_folder()
            display.say(session.describe(folder))
            session.execute(folder)
            return Record(load_run(folder.path))
        except KeyboardInterrupt as interrupt:
            interrupt.add_note("interrupted" + how_to_resume(folder, ALONE))
            raise
        except Exception as error:
            line = cause_and_remedy(error, folder, ALONE)
            if line is None or line == str(error):
                raise
            raise UserError(line) from error
        finally:
            if folder is not None:
                folder.unlock()
