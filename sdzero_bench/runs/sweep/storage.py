"""Run folders of a sweep in shared storage, at any URL that fsspec supports, for machines without a shared file system.

Each machine works in a local folder, which is sent to storage as it grows and fetched by the machine that resumes the run. An
index lists the files that belong together; files sent after it are either complete by themselves or have only grown.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from sdzero_bench.core.errors import UserError
from sdzero_bench.runs.sweep.grid import PlannedRun

INDEX, MANIFEST = ".stored.json", "manifest.json"
CHECKPOINTS = "checkpoints/"

Stamp = tuple[int, int]
"""Size and modification time (ns) of a file when it was sent."""


class Storage:
    """A storage location for runs. Raises `UserError` if the URL is not supported or cannot be reached."""

    def __init__(self, url: str) -> None:
        import fsspec

        self.url = url.rstrip("/")
        try:
            self._fs, self._root = fsspec.url_to_fs(self.url)
            self._fs.makedirs(self._root, exist_ok=True)
        except (OSError, ValueError, ImportError) as error:
            raise UserError(f"--storage {url!r} cannot be used: {' '.join(str(error).split())}") from error

    def send(self, name: str, folder: Path, sent: dict[str, Stamp]) -> None:
        """Send the files in `folder` that changed since `sent`, and update `sent`.

        Checkpoints are sent first and the manifest last. So logs and journals are never behind the checkpoint from which a run
        resumes, and a run is not marked as finished before all of its files are stored.
        """
        now = dict(sorted(_files(folder).items()))
        changed = [path for path, stamp in now.items() if sent.get(path) != stamp and path != MANIFEST]
        for path in changed:
            try:
                self._fs.makedirs(self._at(name, path).rpartition("/")[0], exist_ok=True)
                self._fs.put_file(str(folder / path), self._at(name, path))
            except FileNotFoundError:
                del now[path]  # an old checkpoint of a trainer, removed in the meantime
        self._fs.makedirs(self._at(name), exist_ok=True)
        self._fs.pipe_file(self._at(name, INDEX), json.dumps(list(now)).encode())
        if MANIFEST in now and sent.get(MANIFEST) != now[MANIFEST]:
            self._fs.put_file(str(folder / MANIFEST), self._at(name, MANIFEST))
        for path in sent.keys() - now.keys():
            self._fs.rm_file(self._at(name, path))
        sent.clear()
        sent.update(now)

    def fetch(self, name: str, folder: Path, wanted: Callable[[str], bool] = lambda path: True) -> dict[str, Stamp]:
        """Replace `folder` by the stored files, if there are any. Returns what was fetched, in the form of `sent`."""
        if not self._fs.exists(self._at(name, INDEX)):
            return {}
        partial = folder.with_name(f".{folder.name}.fetching")
        shutil.rmtree(partial, ignore_errors=True)
        for path in filter(wanted, json.loads(self._fs.cat_file(self._at(name, INDEX)))):
            (partial / path).parent.mkdir(parents=True, exist_ok=True)
            try:
                self._fs.get_file(self._at(name, path), str(partial / path))
            except FileNotFoundError:
                continue  # the manifest may not have been sent yet, and old checkpoints may have been removed since
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(partial, folder)
        return _files(folder)

    def recall(self, run: PlannedRun) -> None:
        """Fetch the record of a run that is finished in storage but not here, without its checkpoints."""
        manifest = self._at(run.name, MANIFEST)
        if run.is_finished() or not self._fs.exists(manifest):
            return
        if json.loads(self._fs.cat_file(manifest))["state"] == "finished":
            self.fetch(run.name, run.folder, lambda path: not path.startswith(CHECKPOINTS))

    def _at(self, name: str, path: str = "") -> str:
        return "/".join(part for part in (self._root.rstrip("/"), name, path) if part)


def _files(folder: Path) -> dict[str, Stamp]:
    """Files by path, except locks and files that are being written."""
    found = {}
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.endswith(".partial")]
        for name in files:
            path = Path(place, name)
            if not name.startswith("."):
                try:
                    stat = path.stat()
                except FileNotFoundError:
                    continue
                found[path.relative_to(folder).as_posix()] = (stat.st_size, stat.st_mtime_ns)
    return found
