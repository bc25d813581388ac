"""rg:NAME, any data set of reasoning-gym with its own scorer."""

from __future__ import annotations

from functools import cache

from sdzero_bench.made_task import TaskFamily
from sdzero_bench.task import Task

from .procedural.data_sets import known_data_set
from .procedural.task import ReasoningGym


class ReasoningGymFamily(TaskFamily):
    name = "rg"
    form = "rg:NAME"
    summary = "any data set of reasoning-gym, such as rg:gcd, with its own scorer"
    source = "reasoning-gym"

    @staticmethod
    def task(rest: str) -> type[Task]:
        return _task(known_data_set(rest))


@cache
def _task(name: str) -> type[Task]:
    known_as = f"rg:{name}"
    made = {"name": known_as, "known_as": known_as, "data_set": name, "summary": f"{name} of reasoning-gym"}
    return type(f"ReasoningGym[{name}]", (ReasoningGym,), {**made, "__doc__": ReasoningGym.__doc__, "__module__": __name__})
