"""Every file of a packed record, damaged in every way; then it is validated, inspected and reported on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from random import Random
from typing import Any

from sdzero_bench.records.own_digests import record_digest
from sdzero_bench.records.packing import pack
from sdzero_bench.testing.forked import Forked
from tools.torture import small_run
from tools.torture.damaged_runs import LITTLE, METHOD, chosen, damaged, kind_of
from tools.torture.ends import refusal, success
from tools.torture.outcome import Outcome


def damaged_records(folder: Path, random: Random, share: float, outcome: Outcome) -> None:
    packed = folder / "packed"
    record = pack(small_run.finished(METHOD, folder / "run", *LITTLE), packed)
    reader = RecordReader(folder / "here", record.name)
    sound = reader.read(packed)
    if any(wrong := success(process) for process in sound.values()):
        raise RuntimeError(f"the undamaged record cannot be read: {wrong}")
    said = {command: reader.figures(command, process) for command, process in sound.items()}
    digest = record_digest(record)
    for file, damage in chosen(packed, random, share):
        group = f"a packed record, {kind_of(Path(*file.parts[1:])) if file.parts[0] == record.name else kind_of(file)}"
        reader.copy(packed)
        damaged(reader.here / file, damage, random)
        for command, process in reader.read(None).items():
            wrong = _wrong(reader, command, process, said, file, digest)
            outcome.expect(group, _came_of_it(process), f"{file.name} {damage}, {command}: {wrong}" if wrong else None)


def _came_of_it(process: Forked) -> str:
    return {0: "read alike", 1: "found by validate", 2: "refused"}.get(process.returncode or 0, "ended otherwise")


def _wrong(reader: RecordReader, command: str, process: Forked, said: dict[str, Any], file: Path, digest: str) -> str | None:
    """What is wrong with how a command on a damaged record ended."""
    if process.returncode == 2:
        return refusal(process, names=file.name.removesuffix(".xz"))
    if "Traceback" in process.stderr:
        return "a traceback was printed"
    if command == "validate" and process.returncode == 1:
        found = [finding["text"] for record in json.loads(process.stdout)["records"] for finding in record["findings"]]
        return None if any(file.name.removesuffix(".xz") in text for text in found) else f"no finding names it: {found[:2]}"
    if wrong := success(process):
        return wrong
    if command == "validate":
        return None if record_digest(reader.record) == digest else "nothing was found, though the record says something else"
    return None if reader.figures(command, process) == said[command] else "other figures were shown, and nothing was said"


class RecordReader:
    """Copies records to one place, so that what is said about them differs in nothing but their content, and reads them."""

    def __init__(self, here: Path, name: str) -> None:
        self.here = here
        self.record = here / name
        self.said = here.with_name("said")

    def copy(self, records: Path) -> None:
        shutil.rmtree(self.here, ignore_errors=True)
        shutil.copytree(records, self.here)

    def read(self, records: Path | None) -> dict[str, Forked]:
        """The ends of the commands that read records."""
        if records is not None:
            self.copy(records)
        shutil.rmtree(self.said, ignore_errors=True)
        report = ["report", str(self.here), "--out", str(self.said / "pages"), "--format", "json"]
        commands = {
            "validate": ["validate", str(self.here), "--json", "--jobs", "1"],
            "inspect": ["inspect", str(self.record), "--json"],
            "report": report,
        }
        ended = {name: Forked(arguments, self.said / name) for name, arguments in commands.items()}
        for process in ended.values():
            process.wait()
        return ended

    def figures(self, command: str, process: Forked) -> Any:
        """What a command has said, without what it says about time."""
        if command != "report":
            return json.loads(process.stdout)
        return {path.name: json.loads(path.read_text()) for path in (self.said / "pages").rglob("*.json")}
