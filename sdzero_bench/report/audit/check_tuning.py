"""How settings were chosen: each point of the grid once, the best of them chosen, and its values in the settings."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sdzero_bench.core.dotted import flatten
from sdzero_bench.core.search_space import LEARNING_RATE, SearchSpace, points
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.records.discrepancy import Discrepancy, compare
from sdzero_bench.records.measured import PolicyEvaluation
from sdzero_bench.records.record_files import MANIFEST
from sdzero_bench.records.schema import TuningTrial
from sdzero_bench.report.audit.audited_record import AuditedRecord


def check_tuning(record: AuditedRecord) -> Iterator[Discrepancy]:
    """A finding for each part of the choice that does not follow from the trials."""
    if record.manifest is None or record.config is None or (tuning := record.manifest.tuning) is None:
        return
    if tuning.split != "validation":
        yield Discrepancy(MANIFEST, f"tuning.split: settings were chosen on {tuning.split!r}, not on validation questions")
    if tuning.space is not None:
        wanted = points(tuning.space, len(tuning.trials))
        yield from _own_space(record, tuning.space)
    else:
        wanted = [dict(zip(tuning.grid, point, strict=True)) for point in itertools.product(*tuning.grid.values())]
    tried = [trial.values for trial in tuning.trials]
    if sorted(map(_key, tried)) != sorted(map(_key, wanted)):
        what = "quasi-random points of the search space" if tuning.space else "points of the grid"
        yield Discrepancy(
            MANIFEST, f"tuning.trials: has {len(tried)} trials, which are not the {len(wanted)} {what}, each once"
        )
    if tuning.trials:
        best = max(tuning.trials, key=lambda trial: trial.avg_at_k)  # the first on ties
        yield from compare(MANIFEST, "tuning.chosen", dict(tuning.chosen), dict(best.values), "the best trial has")
    settings = flatten(record.config.model_dump(mode="json"), keep_empty=True)
    for key, value in tuning.chosen.items():
        yield from compare(MANIFEST, f"tuning.chosen.{key}", value, settings.get(key), "the config has")


def check_trial(trial: TuningTrial, config: RunConfig, evaluation: Sequence[PolicyEvaluation], samples: int) -> Iterator[str]:
    """In which ways a trial is not what its own record, whose parts these are, says of it."""
    settings: Mapping[str, Any] = flatten(config.model_dump(mode="json"), keep_empty=True)
    for key, value in trial.values.items():
        if settings.get(key) != value:
            yield f"its record has {key}={settings.get(key)!r}, not {value!r}"
    if config.evaluation.split != "validation":
        yield f"its record was measured on {config.evaluation.split} questions"
    if abs(evaluation[-1].avg_at_k - trial.avg_at_k) > 1e-9:
        yield f"its record has avg@k {evaluation[-1].avg_at_k:.4f}, not {trial.avg_at_k:.4f}"
    if samples != trial.samples:
        yield f"its record has {samples} training samples, not {trial.samples}"


def _own_space(record: AuditedRecord, space: SearchSpace) -> Iterator[Discrepancy]:
    """Whether the search space is the one that the method declares, where it is installed."""
    from sdzero_bench.runs import registry

    if (cls := registry.methods().get(str(record.config.method["name"]) if record.config else "")) is None:
        return
    declared = {f"method.{key}": of for key, of in cls.search.items()}
    if {key: of for key, of in space.items() if key != LEARNING_RATE} != declared:
        yield Discrepancy(MANIFEST, f"tuning.space: is not the search space that {cls.name} declares")


def _key(values: Mapping[str, Any]) -> str:
    """As text; 3 and 3.0 are one value, which a setting may have either way."""
    numbers = {key: float(value) for key, value in values.items() if isinstance(value, int) and not isinstance(value, bool)}
    return json.dumps({**values, **numbers}, sort_keys=True)
