"""How carefully a simulated writer works."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Care:
    """Probabilities per step."""

    tricky: float
    """Of a random slip at the spots where people slip most: a carry, a boundary."""
    plain: float
    """Of a random slip elsewhere."""
    habit: float = 0.0
    """Of following a habit where one applies: the step is then wrong in the same way each time."""
    habit_from: int = 5
    """In sums the habit applies where a step carries and the number added or taken away ends in this or more."""
