"""Settings of runs that end within seconds, for the tests too."""

from __future__ import annotations

OF_MADE_QUESTIONS = ["task.train=16", "task.validation=2", "task.test=6"]
"""How many of them a task makes."""

SLIPS = "package:sdzero_bench.tasks/micro_world/slips"
"""The embedded model that is right now and then on nearly every question, so that a few samples are enough to train on."""

NOTHING_MORE = ["evaluation.curve_questions=0", "evaluation.forgetting=[]", "evaluation.kl=0"]
"""No learning curve, no other tasks: what the presets for people measure besides."""

FEW = [
    f"model.name={SLIPS}",
    "questions.train=null",
    "evaluation.samples=2",
    "evaluation.pass_at=2",
    *NOTHING_MORE,
    "optimizer.batch_size=8",
    "optimizer.micro_batch_size=4",
    "sampling.batch_size=16",
]

SMALL = [*OF_MADE_QUESTIONS, *FEW]

SAVING = "optimizer.save_every=1"
"""A checkpoint at every step, for runs that are cut off in training: it takes as long as the step."""

ALONE = "verifying.workers=1"
"""One verifier process: it takes longer to start one than to verify a small run."""


def options(*assignments: str) -> list[str]:
    """The options of a command that make these assignments."""
    return [part for text in assignments for part in ("--set", text)]
