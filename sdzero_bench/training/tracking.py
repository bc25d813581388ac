"""Experiment trackers, through transformers' own callbacks."""

from __future__ import annotations

import os
from collections.abc import Sequence

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.training.arguments import TrainerArguments


def require_trackers(names: Sequence[str]) -> None:
    """Raises `UserError` for a tracker that transformers does not know, or whose package is not installed."""
    if not names:
        return
    from transformers.integrations.integration_utils import (
        INTEGRATION_TO_CALLBACK,
        get_available_reporting_integrations,
    )

    installed = get_available_reporting_integrations()
    for name in names:
        if name not in INTEGRATION_TO_CALLBACK:
            known = ", ".join(sorted(INTEGRATION_TO_CALLBACK))
            raise UserError(f"tracking.report_to: there is no tracker {name!r}; transformers knows {known}")
        if name not in installed:
            raise UserError(f"tracking.report_to: {name} is not installed (pip install {name})")


def tracker_arguments(names: Sequence[str], folder: RunFolder, phase: str) -> TrainerArguments:
    """Arguments of a trainer: one tracker run per phase. TensorBoard's files are in the run's folder."""
    if "tensorboard" in names:
        # transformers reads the folder from the environment only.
        os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder.path / "tensorboard" / phase)
    return {"report_to": list(names) or "none", "run_name": f"{folder.run_id}/{phase}"}
