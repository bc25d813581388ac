"""Errors that a user can fix. The command line prints them as one line and exits with 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """The request cannot be carried out; the message says why and what to do instead."""


class NoSuchSplit(UserError):
    """The task does not have the requested split, for example training questions for a benchmark."""


class BudgetError(UserError):
    """More samples were requested than the budget allows; raised before any of them is drawn."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The error for an unknown name: suggests the closest known name, or lists them all."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
    return UserError(f"unknown {kind} {name!r}; {hint}")
