"""The digests in the manifest against the record's own files, and against the policies that are still beside them."""

from __future__ import annotations

from collections.abc import Iterator

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.discrepancy import Discrepancy
from sdzero_bench.records.own_digests import file_digests, lacks_digests, manifest_is_changed, policy_digest
from sdzero_bench.records.record_files import MANIFEST
from sdzero_bench.report.audit.at_hand import NotAtHand, model_folder
from sdzero_bench.report.audit.audited_record import AuditedRecord


def check_digests(record: AuditedRecord) -> Iterator[Discrepancy]:
    """A finding for each file and each checkpoint that is not the one the run has written."""
    if record.manifest is None:
        return
    if manifest_is_changed(record.folder, record.manifest):
        yield Discrepancy(MANIFEST, "is not as the run wrote it: its digest is missing, or is another")
    if (said := record.manifest.digests) is None:
        why = "its digests were removed" if lacks_digests(record.manifest) else "it has no digests"
        record.notes.append(f"{why}: what no sample determines, such as seconds and hardware, may have been edited")
        return
    try:
        found = file_digests(record.folder)
    except UserError:
        return  # what cannot be read has its finding already
    for name in sorted(said.files.keys() | found.keys()):
        if name not in found:
            yield Discrepancy(name, "is missing, though the manifest has its digest")
        elif said.files.get(name) != found[name]:
            yield Discrepancy(name, "is not as the run wrote it: the manifest has another digest")
    for entry in record.evaluation or []:
        if entry.checkpoint != "base" and entry.checkpoint not in said.checkpoints:
            what = f"{entry.policy}: no policy {entry.checkpoint!r} was in the run's folder when it ended"
            yield Discrepancy("evaluation.json", what)
    for name, digest in said.checkpoints.items():
        path = record.folder / "checkpoints" / name
        if path.is_dir() and policy_digest(path) != digest:
            yield Discrepancy(f"checkpoints/{name}", "is not the policy that the run has written: its digest is another")
    if said.base is not None and record.config is not None:
        try:
            if policy_digest(model_folder(record.config.model.name)) != said.base:
                record.notes.append(f"{record.config.model.name} here is not the model that the run began with")
        except NotAtHand:
            pass
