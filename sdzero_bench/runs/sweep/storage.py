"""The folders of a sweep's runs in shared storage, at any URL that fsspec knows: for machines that share no file system.

Each machine works in a folder of its own, which is sent to storage as it grows and fetched by whichever goes on with the run.
An index says which files belong together: what was sent after it is either whole by itself or only longer than it was.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.runs.sweep.grid import PlannedRun

INDEX, MANIFEST = ".stored.json", "manifest.json"
CHECKPOINTS = "checkpoints/"

Stamp = tuple[int, int]
"""Size and time of change of a file as it was sent."""


class Storage:
    """A place for runs. Raises `UserError` if the URL is not understood or not reached."""

    def __init__(self, url: str) -> None:
        import fsspec

        self.url = url.rstrip("/")
        try:
            self._fs, self._root = fsspec.url_to_fs(self.url)
            self._fs.makedirs(self._root, exist_ok=True)
        except (OSError, ValueError, ImportError) as error:
            raise UserError(f"--storage {url!r} cannot be used: {' '.join(str(error).split())}") from error

    def send(self, name: str, folder: Path, sent: dict[str, Stamp]) -> None:
        """Send what has changed in `folder` since `sent`, which is brought up to date.

        Checkpoints go first and the manifest last: logs and journals may know more than the checkpoint from which a run goes
        on, never less, and a run is not said to be finished before all of it is there.
        """
        now = dict(sorted(_files(folder).items()))
        changed = [path for path, stamp in now.items() if sent.get(path) != stamp and path != MANIFEST]
        for path in changed:
            try:
                self._fs.makedirs(self._at(name, path).rpartition("/")[0], exist_ok=True)
                self._fs.put_file(str(folder / path), self._at(name, path))
            except FileNotFoundError:
                del now[path]  # an old checkpoint of a trainer, removed meanwhile
        self._fs.makedirs(self._at(name), exist_ok=True)
        self._fs.pipe_file(self._at(name, INDEX), json.dumps(list(now)).encode())
        if MANIFEST in now and sent.get(MANIFEST) != now[MANIFEST]:
            self._fs.put_file(str(folder / MANIFEST), self._at(name, MANIFEST))
        for path in sent.keys() - now.keys():
            self._fs.rm_file(self._at(name, path))
        sent.clear()
        sent.update(now)

    def fetch(self, name: str, folder: Path, wanted: Callable[[str], bool] = lambda path: True) -> dict[str, Stamp]:
        """Replace `folder` by what is stored, if anything is; what was fetched, as `send` wants it."""
        if not self._fs.exists(self._at(name, INDEX)):
            return {}
        partial = folder.with_name(f".{folder.name}.fetching")
        shutil.rmtree(partial, ignore_errors=True)
        for path in filter(wanted, json.loads(self._fs.cat_file(self._at(name, INDEX)))):
            (partial / path).parent.mkdir(parents=True, exist_ok=True)
            try:
                self._fs.get_file(self._at(name, path), str(partial / path))
            except FileNotFoundError:
                continue  # the manifest goes last, and old checkpoints are removed after the index was written
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(partial, folder)
        return _files(folder)

    def recall(self, run: PlannedRun) -> None:
        """Fetch the record of a run that is finished there and not here; policies stay where they are."""
        manifest = self._at(run.name, MANIFEST)
        if not run.is_finished() and self._fs.exists(manifest):
            stored: dict[str, Any] = json.loads(self._fs.cat_file(manifest))
            if stored["state"] == "finished":
                self.fetch(run.name, run.folder, lambda path: not path.startswith(CHECKPOINTS))

    def _at(self, name: str, path: str = "") -> str:
        return "/".join(part for part in (self._root.rstrip("/"), name, path) if part)


def _files(folder: Path) -> dict[str, Stamp]:
    """Files by path, without locks and what is being written."""
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
