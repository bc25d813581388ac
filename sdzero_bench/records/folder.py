"""The run folder: everything about a run, in files that are whole at any moment.

manifest.json           what was run: format version, resolved config, fingerprints, versions, hardware, state
config.yaml             the resolved config alone; `sdzero-bench run --config` starts the same run again
question_sets/          what was trained and measured on, each set named by its fingerprint, the latter once training is over;
                        .solutions.sha256 is of the gold solutions, if the method learns from them
journal/PHASE.jsonl     every sample, before it was used; PHASE.crc has a checksum of each line
ledger.json             what was used, by phase; .ledger.sums has its checksum
checkpoints/NAME/       policies; .NAME.sums has a checksum of each file
training/NAME.jsonl     training logs, one line per step; NAME.crc has a checksum of each line; NAME.step-N.json is the batch at
                        which a run ended, if one did
evaluation.json         the measured policies
localisation.json       where the reviser disagrees, token by token (with evaluation.localise)
curve.json              the learning curve (with evaluation.curve_questions)
summary.md, learning_curve.png, learning_curve.svg
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from sdzero_bench.core.errors import DamagedError, UserError
from sdzero_bench.core.full_disk import NoRoomError, unwritable
from sdzero_bench.core.question import QuestionSet
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.records.compressed import content_of, stored
from sdzero_bench.records.file_sums import damaged_file, sums_of
from sdzero_bench.records.line_sums import LineSums
from sdzero_bench.records.own_digests import with_own_digest
from sdzero_bench.records.question_sets import FOLDER as QUESTION_SETS
from sdzero_bench.records.question_sets import file_name, lines_of
from sdzero_bench.records.record_files import KINDS, LEDGER, MANIFEST, dump, read_ledger, read_manifest, require_run
from sdzero_bench.records.schema import ChangedSetting, JournalOfPhase, Manifest, PhaseUse, RecordDigests, SessionRecord

CONFIG = "config.yaml"
LEDGER_SUMS = ".ledger.sums"
SOLUTIONS = f"{QUESTION_SETS}/.solutions.sha256"
PARTIAL = ".partial"
"""Ends the names of hidden files and folders that are not written to their end yet."""


class LockedError(UserError):
    """Another process works on the run."""


def write_atomic(path: Path, text: str) -> None:
    """Write a file so that a reader, or a crash, sees the old content or the new one and nothing between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=PARTIAL)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class RunFolder:
    """The files of one run. Of several processes of a run, one alone `writes`; nothing happens in what the others write."""

    def __init__(self, path: Path, writes: bool = True) -> None:
        self.path = path
        self.writes = writes
        self._lock: Any = None

    @classmethod
    def create(cls, parent: Path, name: str) -> RunFolder:
        """A new folder `parent/name`, with a number added if that exists. Raises `UserError` if it can't be written."""
        try:
            parent.mkdir(parents=True, exist_ok=True)
            for suffix in ["", *(f"-{n}" for n in range(2, 10_000))]:
                path = parent / f"{name}{suffix}"
                try:
                    path.mkdir()
                    break
                except FileExistsError:
                    continue
            return cls(path)
        except OSError as error:
            raise unwritable(parent, error) from error

    @classmethod
    def open(cls, path: Path, writes: bool = True) -> RunFolder:
        """An existing run. Raises `UserError` if the folder is not a run."""
        require_run(path)
        return cls(path, writes)

    def lock(self) -> None:
        """Hold the folder, made if it is not there, until this process ends, however it ends: one process works on a run.

        Raises `LockedError` if another process holds it, and `UserError` if it can't be written.
        """
        if not self.writes:
            return
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / ".lock", timeout=0)
        while True:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                lock.acquire()
                break
            except FileNotFoundError:
                continue  # its last holder had not used it and removed it just now
            except Timeout:
                raise LockedError(
                    f"{str(self.path)!r} is being worked on by another process; wait for it, or stop it"
                ) from None
            except OSError as error:
                raise unwritable(self.path.parent, error) from error
        self._lock = lock  # the system releases it once the object, or the process, is gone
        for path in self.path.rglob(f".*{PARTIAL}"):  # of a process that was killed while it wrote
            if path.is_file():
                path.unlink(missing_ok=True)

    def unlock(self) -> None:
        """Let others hold the folder while this process goes on."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def journal(self) -> Path:
        return self.path / "journal"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def training(self) -> Path:
        return self.path / "training"

    def read(self, name: str) -> Any:
        """The content of a JSON file that has no model, or None if it is not there (yet)."""
        path = self.path / name
        return json.loads(content_of(found)) if (found := stored(path)) else None

    def write(self, name: str, content: Any, indent: int | None = 2) -> None:
        """Write a JSON file. A name of `record_files.KINDS` takes its model, another one JSON data."""
        if self.writes:
            data = dump(content, name) if name in KINDS else content
            text = json.dumps(data, indent=indent, ensure_ascii=False) + "\n"
            if name == LEDGER:
                self._keep_sum(text)
            write_atomic(self.path / name, text)

    def _keep_sum(self, text: str) -> None:
        """Keep the checksum of the ledger that is to be written, and of the one before: a kill may come between the two."""
        before = self._ledger_sums()[:1]
        write_atomic(self.path / LEDGER_SUMS, "".join(f"{own}\n" for own in (LineSums.of(text.encode()), *before)))

    def _ledger_sums(self) -> list[str]:
        path = self.path / LEDGER_SUMS
        return path.read_text(encoding="ascii", errors="replace").split() if path.is_file() else []

    @property
    def ledger(self) -> dict[str, PhaseUse]:
        """Use by phase, as it was last written; nothing in a new run. Raises `DamagedError` if it is not as it was written."""
        if not (self.path / LEDGER).is_file():
            return {}
        found, known = read_ledger(self.path), self._ledger_sums()
        if known and LineSums.of((self.path / LEDGER).read_bytes()) not in known:
            raise DamagedError(
                f"{str(self.path / LEDGER)!r} is damaged or was edited, as {LEDGER_SUMS} says; get it back from a copy, or "
                f"start a new run"
            )
        return found

    def write_config(self, config: RunConfig) -> None:
        """Write config.yaml, with which the same run can be started again."""
        if self.writes:
            about = "# Settings of this run, all of them. Start it again: sdzero-bench run --config config.yaml\n"
            text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
            write_atomic(self.path / CONFIG, about + text)

    def write_question_set(self, questions: QuestionSet, with_details: bool) -> str:
        """Write a question set and return the name of its file."""
        lines = lines_of(questions, with_details)
        name = file_name(questions.fingerprint, lines)
        if self.writes:
            text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            write_atomic(self.path / QUESTION_SETS / f"{name}.jsonl", text)
        return name

    def keep_solutions(self, digest: str) -> None:
        """Keep the digest of the gold solutions that the run began with."""
        if self.writes and self.solutions is None:
            write_atomic(self.path / SOLUTIONS, digest + "\n")

    @property
    def solutions(self) -> str | None:
        """What `keep_solutions` has kept."""
        path = self.path / SOLUTIONS
        return path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else None

    def require_space(self, needed: int) -> None:
        """Raise `NoRoomError` if the disk has fewer than `needed` bytes left."""
        free = shutil.disk_usage(self.path).free
        if free < needed:
            raise NoRoomError(
                f"the run may write {needed / 1e6:,.0f} MB, but {str(self.path.parent)!r} has {free / 1e6:,.0f} MB left; "
                f"make room, or choose another folder with --out"
            )

    @property
    def disk_is_full(self) -> bool:
        """Whether the disk is full; libraries report that in many ways."""
        return shutil.disk_usage(self.path).free < 1_000_000

    @property
    def manifest(self) -> Manifest | None:
        """None in a folder in which no run has begun. Raises `UserError` for a damaged one."""
        return read_manifest(self.path) if stored(self.path / MANIFEST) else None

    def start_session(self, manifest: Manifest, changed: Sequence[ChangedSetting] = ()) -> None:
        """Write the manifest of a new run, or add this session to that of a resumed one, which `changed` settings."""
        if not self.writes:
            return
        known = self.manifest or manifest.model_copy(update={"sessions": []})
        now = datetime.now(UTC).isoformat(timespec="seconds")
        session = SessionRecord(started=now, versions=manifest.versions, hardware=manifest.hardware, changed=list(changed))
        later = {"config": manifest.config, "sessions": [*known.sessions, session], "state": "running", "failure": None}
        self.write(MANIFEST, known.model_copy(update=later))

    def finish(self, journal: dict[str, JournalOfPhase], digests: RecordDigests | None = None) -> None:
        """Mark the run as finished; `journal` says how many samples each phase has, and their digests."""
        if self.writes and (known := self.manifest) is not None:
            finished = known.model_copy(update={"journal": journal, "digests": digests, "state": "finished"})
            self.write(MANIFEST, with_own_digest(finished))

    def fail(self, why: str) -> None:
        """Mark the run as failed, for this reason; a full disk, on which nothing can be written, is no other failure."""
        if self.writes:
            with contextlib.suppress(OSError, UserError):
                if (known := self.manifest) is not None:
                    self.write(MANIFEST, known.model_copy(update={"state": "failed", "failure": why}))

    def discard_if_unused(self) -> None:
        """Remove the folder of a run that was refused before its first sample and its first step."""
        if self.writes and not any(folder.is_dir() for folder in (self.journal, self.training, self.checkpoints)):
            shutil.rmtree(self.path, ignore_errors=True)

    def begin_checkpoint(self, name: str) -> Path:
        """An empty folder in which to write a checkpoint; `finish_checkpoint` moves it into place in one step."""
        partial = self.checkpoints / f".{name}{PARTIAL}"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        return partial

    def finish_checkpoint(self, name: str) -> Path:
        final, partial = self.checkpoints / name, self.checkpoints / f".{name}{PARTIAL}"
        write_atomic(self._sums(name), sums_of(partial))
        os.replace(partial, final)
        return final

    def delete_checkpoint(self, name: str) -> None:
        """Remove a checkpoint, if it is there; its sums last, so that nothing is left that they do not cover."""
        if self.writes:
            shutil.rmtree(self.checkpoints / name, ignore_errors=True)
            self._sums(name).unlink(missing_ok=True)

    @property
    def finished_checkpoints(self) -> list[Path]:
        """The folders of all finished checkpoints."""
        return sorted(path for path in self.checkpoints.glob("[!.]*") if path.is_dir())

    def checkpoint(self, name: str) -> Path | None:
        """The folder of a finished checkpoint. Raises `DamagedError` if a file of it is not as it was written."""
        path = self.checkpoints / name
        if not path.exists():
            return None
        if damaged := damaged_file(path, self._sums(name)) if path.is_dir() else path:
            raise DamagedError(
                f"{str(damaged)!r} is damaged or was edited, as {self._sums(name).name} says; get it back from a copy, or "
                f"delete {str(path)!r} and resume: the policy is then trained again"
            )
        return path

    def _sums(self, checkpoint: str) -> Path:
        return self.checkpoints / f".{checkpoint}.sums"
