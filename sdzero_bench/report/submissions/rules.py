"""The rules of a submission, apart from what `validate` checks: each is a function that says in words what breaks it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdzero_bench.core.bench_version import BENCH_VERSION, major
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.provenance import CHANGED, in_history
from sdzero_bench.core.search_space import LEARNING_RATE, Range
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.core.text import counted
from sdzero_bench.records.reader import RunRecord, load_runs
from sdzero_bench.report.leaderboard.commit_marks import commits
from sdzero_bench.report.leaderboard.conditions import NOT_CONDITIONS
from sdzero_bench.runs import registry
from sdzero_bench.runs.config import MAY_CHANGE, differing_settings, load_preset, resolve
from sdzero_bench.runs.method_source import source_digest

FEWEST_SEEDS = 3
SHARE_OF_BUDGET = 0.95
"""Of the samples of the budget, which a method has to use, or to say why not."""

FREE = {"seed", *NOT_CONDITIONS, *MAY_CHANGE}
"""Settings that decide no figure of the leaderboard."""

OWN_FAMILY = "file:"
"""Prefix of tasks whose questions are a user's own."""


@dataclass(frozen=True)
class Submitted:
    """The runs of a submission."""

    runs: tuple[RunRecord, ...]
    """Those that are to stand on the leaderboard, by task and seed."""
    trials: tuple[RunRecord, ...]
    """On validation questions, by which their settings were chosen."""
    left_out: tuple[RunRecord, ...]
    """Of the base policy, which the leaderboard has already."""
    source: tuple[Path, ...] = ()
    """Files of the method's source, if it is not of the suite."""
    unused_budget: str | None = None

    @property
    def all(self) -> list[RunRecord]:
        return [*self.runs, *self.trials]


def submitted(records: Path, source: Sequence[Path] = (), unused_budget: str | None = None) -> Submitted:
    """Raises `UserError` if there is no run, and for a record that cannot be read."""
    found = load_runs(records)
    if unfinished := [run for run in found if not run.finished]:
        raise UserError(f"{unfinished[0].run_id} is not finished; resume it, or move it away if it was given up")
    base = [run for run in found if run.is_base and not run.measured_alone]
    trials = [run for run in found if run.config.evaluation.split == "validation" and run not in base]
    runs = sorted((run for run in found if run not in base and run not in trials), key=lambda run: (run.task, run.seed))
    if not runs:
        raise UserError(f"no run below {str(records)!r} has trained a policy and measured it on test questions")
    return Submitted(tuple(runs), tuple(trials), tuple(base), tuple(source), unused_budget)


def broken_rules(entry: Submitted) -> list[str]:
    """What the rules have against a submission, each in words; nothing if it keeps them."""
    return [*_of_each_run(entry), *_one_method(entry), *_seeds(entry), *_trials(entry), *_source(entry)]


def _of_each_run(entry: Submitted) -> Iterator[str]:
    """One line for each rule, which names the runs that break it, if all of them break it in the same way."""
    broken: dict[str, list[str]] = defaultdict(list)
    for run in entry.runs:
        for rule in RULES:
            for why in rule(run, entry):
                broken[why].append(run.run_id)
    for why, runs in broken.items():
        yield f"{why} ({runs[0]}{f' and {len(runs) - 1} more' if len(runs) > 1 else ''})"


def _version(run: RunRecord, _: Submitted) -> Iterator[str]:
    if run.major != major(BENCH_VERSION):
        yield f"bench version {run.manifest.bench_version}, and the leaderboard is of {BENCH_VERSION}; run it again"


def _trained(run: RunRecord, _: Submitted) -> Iterator[str]:
    if run.measured_alone:
        yield "it measures a policy and trains none; submit the run that trained it"


def _commit(run: RunRecord, _: Submitted) -> Iterator[str]:
    made_by = [run.manifest.versions, *(session.versions for session in run.manifest.sessions)]
    if not all(versions.get("commit") for versions in made_by):
        yield "the commit is not known; run from a checkout of this project (git clone, pip install -e .)"
    for commit in dict.fromkeys(commits(run)):
        if commit.endswith(CHANGED):
            yield f"made by uncommitted code (commit {commit[:7]}{CHANGED}); commit or undo the changes, and run it again"
        elif in_history(commit) is False:
            unknown = f"made by commit {commit[:7]}, which is not in the history of this checkout"
            yield f"{unknown}; run it with a published commit, or fetch the whole history if this clone is shallow"


def _task(run: RunRecord, _: Submitted) -> Iterator[str]:
    try:
        module = registry.task(run.task).__module__
    except UserError:
        module = ""
    if run.task.startswith(OWN_FAMILY) or run.task.endswith((".yaml", ".yml")) or not module.startswith("sdzero_bench."):
        yield f"the task {run.task!r} is not one of the suite"


def _settings(run: RunRecord, _: Submitted) -> Iterator[str]:
    try:
        changed = [(key, usual, own) for key, usual, own in settings_changed(run) if not key.startswith("method.")]
    except UserError as error:
        yield f"its settings cannot be compared with the preset's: {error}"
        return
    for key, usual, own in changed:
        has = f"{key} is {json.dumps(own)}, and the preset {run.config.preset} has {json.dumps(usual)}"
        yield f"{has}; only the settings of the method may differ"
    if run.tuning and run.tuning.space is None:
        yield "it was tuned over a grid of its own; tune over the method's search space: sweep --tune"
    elif run.tuning and run.tuning.space:
        tried, usual = run.tuning.space.get(LEARNING_RATE), load_preset(run.config.preset).get("tune", {}).get(LEARNING_RATE)
        if usual is None or tried != Range(**usual):
            yield f"{LEARNING_RATE} was tuned over {tried}, and the preset {run.config.preset} has {usual}"


def _budget(run: RunRecord, entry: Submitted) -> Iterator[str]:
    used, allowed = run.training_samples, run.result.budget.samples
    if used < SHARE_OF_BUDGET * allowed and not entry.unused_budget:
        yield f"{used:,} of {counted(allowed, 'sample')} of the budget were used; say why with --unused-budget, or use them"


def _method_source(run: RunRecord, entry: Submitted) -> Iterator[str]:
    said = run.manifest.digests.method if run.manifest.digests else None
    if said is None:
        yield "it has no digest of its method's source; run it again with this version"
    elif entry.source:
        if said != digest_of_files(entry.source):
            yield "the files given with --source are not the source that the run had; give all modules of the method's package"
        elif run.method in registry.methods() and said != source_digest(registry.method(run.method)):
            yield f"the method {run.method!r} that is installed here has another source than the run"
    elif not is_of_the_suite(run.method):
        yield f"the method {run.method!r} is not of the suite; give its source with --source"
    elif said != source_digest(registry.method(run.method)):
        yield f"its source of {run.method!r} is not that of the suite; give it with --source, under a name of its own"


RULES: tuple[Callable[[RunRecord, Submitted], Iterator[str]], ...] = (
    _version,
    _trained,
    _commit,
    _task,
    _settings,
    _budget,
    _method_source,
)


def _one_method(entry: Submitted) -> Iterator[str]:
    methods = sorted({run.method for run in entry.runs})
    if len(methods) > 1:
        yield f"the runs are of several methods ({', '.join(methods)}); submit each by itself"
        return
    for task in sorted({run.task for run in entry.runs}):
        runs = [run for run in entry.runs if run.task == task]
        for run in runs[1:]:
            tuned = set(run.tuning.grid) if run.tuning else set()
            between = differing_settings(runs[0].config, run.config)
            if names := [key for key, _, _ in between if key not in FREE | tuned]:
                yield f"{runs[0].run_id} and {run.run_id} differ in {', '.join(names)}; seeds of one entry share all settings"


def _seeds(entry: Submitted) -> Iterator[str]:
    """The first ones, so that none was chosen."""
    for task in sorted({run.task for run in entry.runs}):
        seeds = Counter(run.seed for run in entry.runs if run.task == task)
        listed = ", ".join(map(str, sorted(seeds)))
        if twice := [seed for seed, count in seeds.items() if count > 1]:
            yield f"seed {twice[0]} of {task} is there {seeds[twice[0]]} times"
        if len(seeds) < FEWEST_SEEDS:
            yield f"{task} has {counted(len(seeds), 'seed')} ({listed}); at least {FEWEST_SEEDS} are needed"
        elif sorted(seeds) != list(range(len(seeds))):
            yield f"{task} has the seeds {listed}; they have to be 0 to {len(seeds) - 1}, so that none is chosen by its result"


def _trials(entry: Submitted) -> Iterator[str]:
    named = {trial.run_id for run in entry.runs if run.tuning for trial in run.tuning.trials}
    if strangers := [run.run_id for run in entry.trials if run.run_id not in named]:
        yield f"{strangers[0]} is on validation questions, and no run names it as a trial of its tuning; move it away"


def _source(entry: Submitted) -> Iterator[str]:
    names = Counter(path.name for path in entry.source)
    if twice := [name for name, count in names.items() if count > 1]:
        yield f"--source has {names[twice[0]]} files named {twice[0]}; a method's modules need names of their own"
    if entry.source and is_of_the_suite(entry.runs[0].method):
        yield f"{entry.runs[0].method!r} is a method of the suite; give --source only for a method of your own"
    elif entry.runs[0].method not in registry.methods():
        yield f"the method {entry.runs[0].method!r} is not installed here, and so its samples cannot be checked; pip install it"


def settings_changed(run: RunRecord) -> list[tuple[str, Any, Any]]:
    """(key, the preset's value, the run's) where they differ, without what decides no figure and what was tuned.

    Raises `UserError` for a method, a task or a preset that is not here.
    """
    tuned = set(run.tuning.grid) if run.tuning else set()
    return [change for change in differing_settings(standard(run.config), run.config) if change[0] not in FREE | tuned]


def standard(config: RunConfig) -> RunConfig:
    """The settings that the preset gives the same method on the same task."""
    return resolve(str(config.method["name"]), config.preset, task=str(config.task["name"]), seed=config.seed)


def is_of_the_suite(method: str) -> bool:
    known = registry.methods().get(method)
    return known is not None and known.__module__.startswith("sdzero_bench.")


def digest_of_files(files: Sequence[Path]) -> str:
    """What `source_digest` says of a method that is made of these modules. Raises `UserError` for one that cannot be read."""
    for path in files:
        if path.is_symlink() or not path.is_file():
            raise UserError(f"{str(path)!r} of --source is not a plain file")
    try:
        texts = [path.read_text(encoding="utf-8") for path in sorted(files, key=lambda path: path.stem)]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"a file of --source cannot be read: {error}") from error
    return hashlib.sha256("".join(texts).encode()).hexdigest()
