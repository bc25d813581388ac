"""Options of Slurm, as `--slurm KEY=VALUE`: those that submitit knows, and a few more that it hands to sbatch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from sdzero_bench.core.errors import UserError, unknown
from sdzero_bench.core.yaml_core import read_yaml

TO_SBATCH = ("licenses", "nice", "requeue", "reservation")
"""Options of sbatch that submitit does not know and passes on."""

OURS = {
    "time": "use --hours",
    "partition": "use --partition",
    "cpus_per_task": "use --cpus",
    "gpus_per_node": "use --gpus",
    "gpus_per_task": "use --gpus",
    "num_gpus": "use --gpus",
    "array_parallelism": "use --jobs",
    "ntasks_per_node": "a job has one task, which starts the processes of its run",
    "nodes": "a run of a sweep uses one node; for more, call `sdzero-bench launch --nodes` in a job of your own",
}
"""What the sweep sets itself, and what to do instead."""

LISTS = ("setup", "teardown", "srun_args")
"""Options that take a list: commands before and after the run, and arguments of srun."""


def slurm_options(texts: Sequence[str]) -> dict[str, Any]:
    """Parameters of submitit's AutoExecutor. Raises `UserError` for a key that is not known, and for what is not KEY=VALUE."""
    from submitit import SlurmExecutor

    known = (SlurmExecutor._valid_parameters() | set(TO_SBATCH)) - {*OURS, "additional_parameters"}
    found: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip().replace("-", "_")
        if not equals:
            raise UserError(f"--slurm {text!r} is not KEY=VALUE, such as account=nlp")
        if key in OURS:
            raise UserError(f"--slurm {key} is not available: {OURS[key]}")
        if key not in known:
            raise unknown("option of Slurm", key, known)
        found[key] = _value(key, value.strip())
    passed_on = {key: found.pop(key) for key in TO_SBATCH if key in found}
    parameters = {f"slurm_{key}": value for key, value in found.items()}
    return parameters | ({"slurm_additional_parameters": passed_on} if passed_on else {})


def _value(key: str, text: str) -> Any:
    if key not in LISTS:
        return {"true": True, "false": False}.get(text, text)
    try:
        value = read_yaml(text)
    except yaml.YAMLError:
        value = None
    if not isinstance(value, list):
        raise UserError(f"--slurm {key} takes a list, such as [a, b] (given: {text!r})")
    return [str(item) for item in value]
