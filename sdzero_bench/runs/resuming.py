"""The session of a run that has begun: under the settings it began with, on the questions it began with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from sdzero_bench.core.bench_version import BENCH_VERSION, major
from sdzero_bench.core.distributed import ALONE, Ranks
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.records.folder import CONFIG, RunFolder
from sdzero_bench.records.packing import is_packed
from sdzero_bench.records.question_sets import name_of
from sdzero_bench.records.record_files import MANIFEST, read_manifest
from sdzero_bench.records.schema import ChangedSetting, Manifest
from sdzero_bench.runs.config import config_in, differing_settings, recorded_settings, require_same_settings, with_changes
from sdzero_bench.runs.session import Session


def resume_session(
    path: Path, display: ProgressDisplay, ranks: Ranks = ALONE, file: Path | None = None, assignments: Sequence[str] = ()
) -> tuple[Session, RunFolder]:
    """The session of an existing run folder, which it locks. Raises `UserError` as `session_in` and `RunFolder.lock` do.

    A packed record is refused: it has no policies to continue with. So are settings, in `file` or as assignments, that are
    not those that the run began with, unless they may change (`MAY_CHANGE`); the error names them.
    """
    if is_packed(path):
        raise UserError(f"{str(path)!r} is a packed record, and finished; only a run's own folder can be resumed")
    folder = RunFolder.open(path, ranks.first)
    folder.lock()
    try:
        return session_in(folder, display, ranks, file, assignments), folder
    except BaseException:
        folder.unlock()  # a refusal is no reason to hold it for as long as this process lives
        raise


def session_in(
    folder: RunFolder,
    display: ProgressDisplay,
    ranks: Ranks = ALONE,
    file: Path | None = None,
    assignments: Sequence[str] = (),
) -> Session:
    """The session of a run that has begun; it records which settings have changed.

    Raises `UserError` if its questions are no longer what they were, if it began under another major `BENCH_VERSION`, if it
    would sample in another data type here, or for a change, in its config.yaml, `file` or `assignments`, of settings that may
    not change.
    """
    manifest = read_manifest(folder.path)
    _require_same_version(folder, manifest)
    begun = recorded_settings(manifest.config, folder.path / MANIFEST)
    own = config_in(folder.path / CONFIG) or begun
    require_same_settings(begun, own, f"{folder.path / CONFIG}, held against {MANIFEST},")
    given = with_changes(own, file, assignments)
    require_same_settings(own, given, "the command line")
    session = Session(given, display, ranks)
    session.changed = [
        ChangedSetting(key=key, before=before, after=after) for key, before, after in differing_settings(begun, given)
    ]
    recorded = {"question_set": manifest.question_set, "test_set": manifest.test_set}
    for name, questions in (("question_set", session.train_questions), ("test_set", session.test_questions)):
        if recorded[name] != questions.fingerprint:
            raise UserError(
                f"the {name} is not the one that {str(folder.path / MANIFEST)!r} names: the questions, or this file, have "
                f"changed since the run began; restore them, or start a new run"
            )
    _require_same_details(folder, manifest, session)
    if session.sampling_dtype != manifest.sampled_in:
        raise UserError(
            f"{str(folder.path)!r} draws its samples in {manifest.sampled_in}, and here engine.dtype=auto means "
            f"{session.sampling_dtype}; resume it on a machine like the first one, or start a new run with "
            f"engine.dtype={manifest.sampled_in}"
        )
    session.tuning, session.origin, session.bench_version = manifest.tuning, manifest.origin, manifest.bench_version
    if not manifest.hardware.accelerators:
        use_as_many_threads(manifest.hardware.torch_threads, display)
    return session


def _require_same_version(folder: RunFolder, manifest: Manifest) -> None:
    if major(manifest.bench_version) != major(BENCH_VERSION):
        raise UserError(
            f"{str(folder.path)!r} began under bench version {manifest.bench_version}, and this is {BENCH_VERSION}, whose "
            f"figures are not comparable with it; start a new run"
        )


def _require_same_details(folder: RunFolder, manifest: Manifest, session: Session) -> None:
    """Details, such as tests, are not part of a fingerprint, but of the names of the recorded files."""
    if manifest.question_files is None:
        return
    files, details = manifest.question_files, session.task.record_details
    sets = [(files.train, session.train_questions, details), (files.test, session.test_questions, details)]
    others = session.evaluation.other_questions.items()
    more = [(files.others.get(use), questions, own_details) for use, (questions, own_details) in others]
    for name, questions, with_details in (*sets, *more):
        if name is not None and name != name_of(questions, with_details):
            raise UserError(
                f"the question set {questions.name!r}, or what it is verified by, is not the one that "
                f"{str(folder.path / MANIFEST)!r} names: the questions, or this file, have changed since the run began; "
                f"restore them, or start a new run"
            )


def use_as_many_threads(began: int, display: ProgressDisplay) -> None:
    """Use as many threads as the run began with: sums over another number of threads may round differently."""
    import torch

    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(began)
    elif (now := torch.get_num_threads()) != began:
        display.say(
            f"The run began with {began} threads and goes on with {now}, as OMP_NUM_THREADS says: rounding may differ, "
            f"and with it samples"
        )
