"""How carefully a simulated writer works."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Care:
    """Probability of a slip per step: at the spots where people slip most (a carry, a boundary), and elsewhere."""

    tricky: float
    plain: float
