"""Whether an error means that a disk has no room left, in whichever words a library says it."""

from __future__ import annotations

import errno
import re
from pathlib import Path

from sdzero_bench.core.errors import UserError

_NUMBERS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_WORDS = re.compile(
    r"no space left on device|disk quota exceeded|file too large|database or disk is full"
    r"|\bos error (?:28|122|27)\b"  # of Rust, such as safetensors
    r"|PytorchStreamWriter failed|inline_container\.cc.*unexpected pos|iostream error",
    re.IGNORECASE | re.DOTALL,
)


class NoRoomError(UserError):
    """The disk has too little space for the run."""


def means_full_disk(error: BaseException) -> bool:
    """Whether the error, or one that it comes from, says so; safetensors, torch and SQLite have errors of their own."""
    chain: list[BaseException] = []
    last: BaseException | None = error
    while last is not None and last not in chain:
        chain.append(last)
        last = last.__cause__ or last.__context__
    return any(getattr(one, "errno", None) in _NUMBERS or _WORDS.search(str(one)) for one in chain)


def unwritable(parent: Path, error: OSError) -> UserError:
    """The error of a folder in which a run cannot be written."""
    kind = NoRoomError if error.errno in (errno.ENOSPC, errno.EDQUOT) else UserError
    return kind(f"cannot write the run folder in {str(parent)!r}: {error.strerror}")
