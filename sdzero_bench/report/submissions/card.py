"""The card of a submission: who made what, and whether a maintainer has re-run it.

results/submissions/NAME/
    submission.json     the card
    records/            the packed records, and their question sets
    source/             the method's source, if it is not of the suite
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, ValidationError

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.folder import write_atomic
from sdzero_bench.records.own_digests import digest_line
from sdzero_bench.records.packing import run_folders
from sdzero_bench.records.part import BenchVersion, Digest, Part

CARD, RECORDS, SOURCE = "submission.json", "records", "source"
PLACE = "submissions"
"""A folder of this name holds entries alone."""

Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
Date = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(lambda text: str(date.fromisoformat(text)))]
FileName = Annotated[str, Field(pattern=r"^\w[\w.-]*\.py$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Status = Literal["unverified", "verified", "not reproduced"]
Agreement = Literal["identical samples", "accuracy within the interval", "differs"]


class Verification(Part):
    """One seed that a maintainer has re-run."""

    by: Text
    date: Date
    commit: str | None
    run_id: str
    """The record that was re-run."""
    seed: int
    agreement: Agreement
    said: str
    """The same in a sentence, with its figures."""


class Card(Part):
    model_config = ConfigDict(extra="forbid")

    name: Name
    status: Status
    by: Text
    date: Date
    method: str
    method_sha256: Digest
    """Digest of the method's source, which the records state too."""
    source: list[FileName] = Field(default_factory=list)
    """Names of the files in source/; none for a method of the suite."""
    paper: str
    link: str | None = None
    preset: str
    tasks: list[str]
    seeds: list[int]
    settings: dict[str, JsonValue]
    """Those that differ from the preset's, by dotted key; a tuned one has the word "tuned"."""
    unused_budget: str | None = None
    """Why less than the whole budget was used."""
    hardware: list[str]
    commits: list[str]
    bench_version: BenchVersion
    not_checked: list[str] = Field(default_factory=list)
    """What could not be checked where it was submitted."""
    digest: str
    """The line of `sdzero-bench validate --digest` on records/."""
    verification: Verification | None = None


def read_card(entry: Path) -> Card:
    """Raises `UserError`, which names the file, if it is missing or not a card."""
    path = entry / CARD
    try:
        return Card.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UserError(f"{str(entry)!r} is not a submission: {CARD} cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        if not isinstance(error, ValidationError):
            raise UserError(f"{str(path)!r} is not JSON: {str(error)[:200]}") from error
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole file"
        raise UserError(f"{str(path)!r}: {where}: {first['msg'][:1].lower()}{first['msg'][1:]}") from error


def write_card(entry: Path, card: Card) -> None:
    write_atomic(entry / CARD, json.dumps(card.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n")


def entries(below: Path) -> list[Path]:
    """The submissions in a folder, itself included."""
    return sorted(path.parent for path in below.rglob(CARD))


def digest_of(entry: Path) -> str:
    """What the card of an entry has to say as its `digest`. Raises `UserError` for records that cannot be read."""
    return digest_line(run_folders(entry / RECORDS))


@dataclass(frozen=True)
class Submission:
    """An entry as the leaderboard reads it."""

    card: Card
    status: Status | Literal["altered"]
    """As the card says; "altered" if the records that are there have another digest."""

    @property
    def is_verified(self) -> bool:
        return self.status == "verified"


def submission_of(record: Path) -> Submission | None:
    """The submission that a record belongs to.

    Raises `UserError` as `read_card` does, and for a record below a folder of submissions that has no card.
    """
    above = list(record.resolve().parents)
    entry = next((place for place in above if (place / CARD).exists()), None)
    if entry is not None:
        return _submission(entry, _content(entry))
    if any(place.name == PLACE for place in above):
        raise UserError(f"{str(record)!r} is below a folder of submissions and has no {CARD} above it; put the card back")
    return None


def _content(entry: Path) -> bytes:
    try:
        return (entry / CARD).read_bytes()
    except OSError as error:
        raise UserError(f"{str(entry / CARD)!r} cannot be read: {error.strerror}") from error


@lru_cache
def _submission(entry: Path, _: bytes) -> Submission:
    """Once for each content of the card: the digest takes as long as reading all records."""
    card = read_card(entry)
    try:
        altered = digest_of(entry) != card.digest
    except UserError:
        altered = True
    return Submission(card, "altered" if altered else card.status)
