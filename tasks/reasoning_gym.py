"""rg:NAME, each data set of reasoning-gym with its own scorer."""

from __future__ import annotations

from functools import cache

from sdzero_bench.core.task import Task
from sdzero_bench.questions.dynamic_task import DynamicTask, TaskFamily
from sdzero_bench.tasks.procedural.data_sets import known_data_set
from sdzero_bench.tasks.procedural.scored_task import ReasoningGym


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
    return type(
        f"ReasoningGym[{name}]",
        (DynamicTask, ReasoningGym),
        {
            "name": f"rg:{name}",
            "data_set": name,
            "factory": staticmethod(_task),
            "made_from": name,
            "summary": f"{name} of reasoning-gym",
            "__doc__": ReasoningGym.__doc__,
            "__module__": __name__,
        },
    )
