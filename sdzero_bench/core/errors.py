"""Errors that a user can fix. The command line prints them as one line and exits with 2."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from sdzero_bench.core.near_misses import listed, meant


class UserError(Exception):
    """The request cannot be carried out; the message says why and what to do instead."""

    resumes: ClassVar[bool] = True
    """Whether a run that ended with it goes on when it is resumed, once its cause is gone."""
    exit_code: ClassVar[int] = 2


INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 + SIGINT."""


class InterruptedByUser(UserError):
    """Ctrl-C, or a request of the system to end."""

    exit_code = INTERRUPTED


class NoSuchSplit(UserError):
    """The task does not have the requested split, for example training questions for a benchmark."""


class DamagedError(UserError):
    """A file of a run or record is not as it was written: resuming would meet it again, or give another run's figures."""

    resumes = False


class DivergedError(UserError):
    """A figure that is not finite: the same step would give it again."""

    resumes = False


class BudgetError(UserError):
    """More samples were requested than the budget allows; raised before any of them is drawn."""


MOST_LISTED = 40
"""Keys of settings that an error lists."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The error for an unknown name: suggests the known names that may be meant, or lists them all."""
    known = list(known)
    near = " or ".join(map(repr, meant(name, known)))
    there = listed(name, known)
    every = (
        "`sdzero-bench config show` lists all"
        if kind == "key" and len(there) > MOST_LISTED
        else f"there are: {', '.join(there)}"
    )
    hint = f"did you mean {near}?" if near else every
    return UserError(f"unknown {kind} {name!r}; {hint}")
