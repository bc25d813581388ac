"""What a finished run commits itself to."""

from __future__ import annotations

from pathlib import Path

from sdzero_bench.policies.loading import model_path
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.own_digests import file_digests, policy_digest
from sdzero_bench.records.schema import RecordDigests


def run_digests(folder: RunFolder, model: str, method: str | None) -> RecordDigests:
    """The digests of a run's files, of its policies and of its base policy; `method` is that of the method's source."""
    base = Path(model_path(model))
    return RecordDigests(
        files=file_digests(folder.path),
        checkpoints={path.name: policy_digest(path) for path in folder.finished_checkpoints},
        base=policy_digest(base) if base.is_dir() else None,
        method=method,
    )
