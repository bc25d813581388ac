"""The ways in which a file is damaged: by disks that fail or are full, by machines that lose power, by hands and copies."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from random import Random

Corruption = Callable[[Path, Random], None]
"""Damages a file in place."""


def _content(damaged: Callable[[bytes, Random], bytes]) -> Corruption:
    def corrupt(path: Path, random: Random) -> None:
        path.write_bytes(damaged(path.read_bytes(), random))

    return corrupt


def _flipped(content: bytes, random: Random) -> bytes:
    at = random.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << random.randrange(8)]) + content[at + 1 :]


def _digit(content: bytes, random: Random) -> bytes:
    """Another digit: what stays valid JSON, YAML and text."""
    at = random.choice([found.start() for found in re.finditer(rb"\d", content)] or [0])
    return content[:at] + (b"%d" % ((content[at] - 47) % 10) if content[at : at + 1].isdigit() else b"?") + content[at + 1 :]


CORRUPTIONS: dict[str, Corruption] = {
    "truncated": _content(lambda content, random: content[: random.randrange(len(content))]),
    "a bit flipped": _content(_flipped),
    "a digit changed": _content(_digit),
    "emptied": _content(lambda content, random: b""),
    "zero-filled": _content(lambda content, random: bytes(len(content))),
    # What a journalling file system leaves of an append when the power fails.
    "padded with zeros": _content(lambda content, random: content + bytes(random.randint(1, 4096))),
    "deleted": lambda path, random: path.unlink(),
}
