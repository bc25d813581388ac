"""Errors that a user can mend. The command line prints them as one line and exits with 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something that the user asked for cannot be done; the message says why and what to do instead."""


class NoSuchSplit(UserError):
    """A task was asked for a split that it does not have, such as the training questions of a benchmark."""


class BudgetError(UserError):
    """More samples were asked for than the budget allows; raised before any of them is drawn."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The error for a name that does not exist, with the nearest one that does."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
    return UserError(f"unknown {kind} {name!r}; {hint}")
