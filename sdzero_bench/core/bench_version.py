"""The version of the benchmark, which says which records may stand in one ranking."""

from __future__ import annotations

BENCH_VERSION = "1.0"
"""major.minor, written into every record.

major: raised when figures of the same run are no longer comparable with those from before: another verifier or another rule
for what it reads, other question sets or splits, another budget or another way to charge it, another evaluation.
minor: raised for every other change of what is run or recorded, such as a new task, a new preset or a further figure.

It is not the version of the package: a release that only repairs the command line raises neither part.
"""

UNVERSIONED = "0"
"""Of records from before there was a version."""

PATTERN = r"^\d{1,4}(\.\d{1,4})?$"


def major(version: str) -> int:
    """Runs are comparable if this is the same."""
    return int(version.partition(".")[0])


def in_order(version: str) -> tuple[int, ...]:
    """Sorts versions, older ones first."""
    return tuple(int(part) for part in version.split("."))
