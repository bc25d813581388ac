"""docs/methods.md, the table of all methods: `python -m tools.methods_table docs/methods.md`, or `make methods-page`."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from statistics import median

from sdzero_bench.core.text import markdown_table
from sdzero_bench.runs import registry
from sdzero_bench.runs.config import make_method, resolve
from sdzero_bench.training.method import Method
from sdzero_bench.training.options import TeacherOptions

PRESET = "micro"
QUESTIONS = 1000
HEADINGS = [
    "method",
    "what it does",
    "paper",
    "supervision",
    "samples per question",
    "policy",
    "teacher",
    "tuned over",
    "lines",
]

PAGE = """# Methods

Written by `make methods-page` from the files in [methods/](../methods); a test keeps it up to date. Each file states its
paper, its objective and every departure from the paper.

{methods}

`samples per question`: the most that a run draws under the preset `{preset}`, whose budget has {budget}. `policy`: whether
training samples come from the policy as it is being trained (on), from that of the round before (rounds), or from the base
policy (off).
`teacher`: the weights of a self-teacher. `tuned over`: options that `sweep --tune` tries besides the learning rate.
`lines`: those of the file; the median is {median:g}.

## Controls

They are not ranked: what they gain does not come from a verifier's rewards.

{controls}
"""


def page() -> str:
    ranked: list[list[str]] = []
    controls: list[list[str]] = []
    for name, cls in registry.methods().items():
        (controls if cls.control else ranked).append(row(name, cls))
    budget = resolve("base", PRESET).budget.samples_per_question
    return PAGE.format(
        methods=markdown_table(HEADINGS, ranked, left=8),
        controls=markdown_table(HEADINGS, controls, left=8),
        preset=PRESET,
        budget=budget,
        median=median(int(row[-1]) for row in [*ranked, *controls]),
    )


def row(name: str, cls: type[Method]) -> list[str]:
    """The cells below `HEADINGS`."""
    method = make_method(resolve(name, PRESET))
    drawn = sum(method.plan(QUESTIONS).values()) / QUESTIONS
    return [
        f"[{name}](../methods/{name}.py)",
        cls.summary,
        cls.paper,
        method.supervision,
        f"{drawn:g}",
        _policy(method),
        _teacher(method),
        ", ".join(cls.search) or "-",
        str(len(inspect.getsource(sys.modules[cls.__module__]).splitlines())),
    ]


def _policy(method: Method) -> str:
    phases = method.phases(QUESTIONS)
    if any(phase.on_policy for phase in phases):
        return "on" if all(phase.on_policy for phase in phases if phase.draws) else "off, then on"
    if not any(phase.draws for phase in phases):
        return "-"
    trained = next(i for i, phase in enumerate(phases) if phase.trains)
    return "rounds" if any(phase.draws for phase in phases[trained:]) else "off"


def _teacher(method: Method) -> str:
    options = [method.options, *method.options.__dict__.values()]
    found = [o.teacher for o in options if isinstance(getattr(o, "teacher", None), TeacherOptions)]
    return found[0].weights.replace("_", " ") if found else "-"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
