"""Under which conditions a run was made: runs stand in one table only where these are the same.

A condition is a dotted name and its value, such as `optimizer.learning_rate`. What does not decide a figure is left out:
devices, whether revision, localisation, a learning curve or other tasks were measured too, whether the base was measured in the
same run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sdzero_bench.core.dotted import flatten
from sdzero_bench.core.text import counted
from sdzero_bench.records.part import as_json
from sdzero_bench.records.reader import RunRecord

Conditions = dict[str, Any]
Key = str

NOT_CONDITIONS = {
    "evaluation.revise",
    "evaluation.base",
    "evaluation.intermediate",
    "evaluation.localise",
    "evaluation.curve_questions",
    "evaluation.curve_at",
    "evaluation.curve_samples",
    "evaluation.curve_keep",
    "evaluation.forgetting",
    "evaluation.forgetting_questions",
    "evaluation.forgetting_samples",
    "evaluation.kl",
    "model.device",
}

PART = ("questions.train", "question set", "budget.questions", "budget.samples")
"""What differs between a run and the same run on the first part of its questions."""


def conditions(run: RunRecord) -> Conditions:
    """Everything that has to be equal for two rows to be ranked. A tuned run leaves out the settings that were tuned."""
    config = run.config.model_dump(mode="json")
    found = {f"{name}": config[name] for name in ("model", "task", "sampling", "evaluation", "optimizer")}
    flat = flatten({**found, "questions": {"train": config["questions"]["train"]}})
    budget = {name: value for name, value in as_json(run.result.budget).items() if name != "question_set"}
    flat |= flatten({"budget": {**budget, "samples_per_question": config["budget"]["samples_per_question"]}})
    flat |= {"question set": run.manifest.question_set, "test set": run.manifest.test_set}
    flat |= {"engine": config["engine"]["name"]}  # where its servers are does not matter
    if (drawn_in := run.manifest.sampled_in) != run.config.model.weights_dtype:
        flat["engine dtype"] = drawn_in
    if config["lora"]["rank"] is not None:
        flat |= flatten({"lora": config["lora"]})
    for name in ("model.thinking", "evaluation.revision_tokens"):  # as by default, and as before they were settings
        if flat.get(name) is None:
            flat.pop(name, None)
    tuned = set(run.tuning.grid) if run.tuning else set()
    flat = {name: value for name, value in flat.items() if name not in NOT_CONDITIONS | tuned}
    # A method with a learning rate of its own does not share the optimizer.
    own = {n: v for n, v in options(run).items() if n.split(".")[-1] == "learning_rate" and v is not None}
    flat |= {f"own learning rate ({run.method})": value for value in own.values()}
    if sandbox := run.result.sandbox:
        flat["sandbox"] = sandbox
    return {**flat, "tuning": _tuning(run)}


def _tuning(run: RunRecord) -> Any:
    """What was tried: a grid that all methods share, or the number of trials of each method's own search space."""
    if run.tuning is None:
        return None
    return flatten(run.tuning.grid) if run.tuning.space is None else len(run.tuning.trials)


def options(run: RunRecord) -> Conditions:
    """Options of the method, without those that were tuned."""
    tuned = set(run.tuning.grid) if run.tuning else set()
    flat = flatten({"method": {name: value for name, value in run.config.method.items() if name != "name"}})
    return {name.removeprefix("method."): value for name, value in flat.items() if name not in tuned}


def key(found: Mapping[str, Any], leave_out: Iterable[str] = ()) -> Key:
    """Conditions as one text, equal exactly where they are. `leave_out` names conditions, or sections such as `task`."""
    left_out = tuple(leave_out)
    kept = {n: v for n, v in found.items() if not any(n == out or n.startswith(f"{out}.") for out in left_out)}
    return json.dumps(kept, sort_keys=True)


def family(found: Conditions) -> Key:
    """The same for runs that differ only in how many of the questions they train on."""
    return key(found, PART)


def measured_alike(found: Conditions) -> Key:
    """The same for runs whose policies were measured alike and began as the same model: all that concerns the base policy."""
    concerns = ("model", "task", "engine", "engine dtype", "evaluation", "test set", "sandbox")
    return json.dumps({n: v for n, v in found.items() if n.split(".")[0] in concerns}, sort_keys=True)


def differing(all_of: Sequence[Conditions]) -> list[str]:
    """Names of the conditions that are not the same everywhere."""
    names = list(dict.fromkeys(name for found in all_of for name in found))
    return [name for name in names if len({json.dumps(found.get(name), sort_keys=True) for found in all_of}) > 1]


def in_words(found: Conditions, names: Iterable[str]) -> str:
    """`sampling temperature 0.7, tuned over optimizer.learning_rate`."""
    return ", ".join(_tuned(found[name]) if name == "tuning" else _setting(found, name) for name in names)


def _setting(found: Conditions, name: str) -> str:
    return f"{_said(name)} {value_in_words(found.get(name))}"


def _tuned(tried: Any) -> str:
    if tried is None:
        return "default settings"
    return f"tuned, {counted(tried, 'trial')} per method" if isinstance(tried, int) else f"tuned {value_in_words(tried)}"


def value_in_words(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return "over " + "; ".join(f"{name} in {value_in_words(v)}" for name, v in value.items())
    if isinstance(value, list):
        return "[" + ", ".join(value_in_words(v) for v in value) + "]"
    return str(value)


def _said(name: str) -> str:
    section, _, setting = name.partition(".")
    return f"{section} {setting.replace('_', ' ')}".strip() if setting else section
