"""How careful somebody is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Care:
    """Chances of a slip in one step: where people slip most (a carry, a boundary), and elsewhere."""

    tricky: float
    plain: float
