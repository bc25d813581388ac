"""What a method says when it is asked about itself, held against the declared types: a mistake is one line, not a traceback."""

from __future__ import annotations

import functools
import inspect
import reprlib
from collections.abc import Callable, Sequence
from typing import Any, get_args, get_type_hints

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.fits import fits
from sdzero_bench.training.cost import Passes
from sdzero_bench.training.phrases import ControlPhrases
from sdzero_bench.training.recipe import Phase

RETURNED: dict[str, tuple[Any, str]] = {
    "supervision": (str, "a text"),
    "reviser": (str | None, "a text or None"),
    "phrases": (ControlPhrases, "ControlPhrases"),
    "phases": (Sequence[Phase], "a list of Phase, each with a name, a kind of phase and a whole number of samples"),
    "plan": (dict[str, int], "a dict from names of phases to numbers of samples"),
    "expected": (dict[str, Passes], "a dict from names of phases to Passes"),
    "measured": (dict[str, Phase], "a dict from labels to Phase"),
}
"""By property or function of `Method`: the type, and how it is said."""

_KINDS = get_args(get_type_hints(Phase)["kind"])


def check_returned(cls: type[Any]) -> None:
    """Let the properties and functions that a subclass of `Method` defines raise `UserError` for a value of another type."""
    for name in RETURNED:
        own = vars(cls).get(name)
        if inspect.isfunction(own):
            setattr(cls, name, _checked(own, name))
        elif isinstance(own, property) and own.fget is not None:
            setattr(cls, name, property(_checked(own.fget, name), own.fset, own.fdel, own.__doc__))


def _checked(own: Callable[..., Any], name: str) -> Callable[..., Any]:
    kind, in_words = RETURNED[name]

    @functools.wraps(own)
    def asked(self: Any, *args: Any, **options: Any) -> Any:
        found = own(self, *args, **options)
        if not fits(found, kind) or (name == "phases" and not all(map(_is_whole, found))):
            raise UserError(f"the method {self.name!r}: {name} has to return {in_words}, not {reprlib.repr(found)}")
        return found

    return asked


def _is_whole(phase: Phase) -> bool:
    """Whether its fields are of their types; a dataclass takes any."""
    return isinstance(phase.name, str) and phase.kind in _KINDS and isinstance(phase.samples, int)
