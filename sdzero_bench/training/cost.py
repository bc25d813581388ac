"""What the samples of a policy on a task are like: the assumptions that an estimate rests on."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from sdzero_bench.training.options import SelfDistillationOptions


class Typical(BaseModel):
    """Means over questions and samples, in tokens and shares. A preset states them under `typical`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: float = Field(gt=0)
    """Tokens of a prompt."""
    completion: float = Field(gt=0)
    """Tokens of the base policy's responses; trained policies are assumed to respond as briefly, except after SRT."""
    revised: float = Field(gt=0)
    """Tokens of a policy's responses after SRT, when it revises openly."""
    solution: float = Field(gt=0)
    """Tokens of a gold solution."""
    phrase: float = Field(gt=0)
    """Tokens of a control phrase."""
    right: float = Field(gt=0, le=1)
    """Share of the base policy's samples that are correct."""
    revised_right: float = Field(gt=0, le=1)
    """Share of its revisions that are correct."""
    trained_right: float | None = Field(None, gt=0, le=1)
    """Share of a policy's samples that are correct after it was trained on correct ones; null: as the base policy's."""
    revision: float | None = Field(None, gt=0)
    """Tokens of the base policy's revisions; null: as many as of its responses."""
    revision_after_srt: float | None = Field(None, gt=0)
    """Tokens of a policy's revisions after SRT; null: as many as of its responses."""
    spread: float = Field(1.4, ge=1)
    """How many times as long as the mean the longest response of a batch is; batches are padded to it."""
    verifying: float = Field(0.0, ge=0)
    """Seconds that verifying adds per sample; what happens while others are sampled is not in it."""

    @property
    def of_revision(self) -> float:
        """Tokens of a revision by a policy that was not taught to revise."""
        return self.revision if self.revision is not None else self.completion

    @property
    def of_reviser(self) -> float:
        """Tokens of a revision by a policy after SRT."""
        return self.revision_after_srt if self.revision_after_srt is not None else self.revised

    def within(self, response: int, revision: int) -> Typical:
        """The same, where sampling stops after so many tokens."""
        return self.model_copy(
            update={
                "completion": min(self.completion, response),
                "revised": min(self.revised, response),
                "revision": min(self.of_revision, revision),
                "revision_after_srt": min(self.of_reviser, revision),
            }
        )


@dataclass(frozen=True)
class TypicalSample:
    """A sample, in tokens."""

    context: float
    """What the policy reads before it."""
    new: float


def answer(typical: Typical) -> TypicalSample:
    """A response to a question."""
    return TypicalSample(typical.prompt, typical.completion)


@dataclass(frozen=True)
class Passes:
    """Tokens that go through a model in training, as the ledger counts them: without padding."""

    backward: float
    """Through the student, forward and backward."""
    forward: float = 0.0
    """Without a gradient, such as a teacher's."""
    student: float = 0.0
    """Tokens of a sequence of the student."""
    teacher: float = 0.0
    """Tokens of a sequence that goes through without a gradient."""
    completions: int = 1
    """How many completions, after one prompt, the student's longest sequence may contain."""
    teacher_completions: int = 0
    """How many the teacher's may contain; 0: there is no teacher."""
    averaged: bool = False
    """Whether the teacher is a moving average, whose weights are then as wide as the student's."""
    references: int = 0
    """Models besides the policy and its teacher: the reference policy of a KL penalty."""


def fine_tuning(examples: float, tokens: float, epochs: float, completions: int = 1) -> Passes:
    """Passes over `examples` sequences of `tokens` tokens each, `epochs` times."""
    return Passes(backward=examples * tokens * epochs, student=tokens, completions=completions)


def distilling(
    rollouts: float, student: float, teacher: float, options: SelfDistillationOptions, completions: int = 1
) -> Passes:
    """Passes of `rollouts` sequences, `student` tokens long in the student's context and `teacher` in the teacher's.

    The teacher's longest input contains `completions` completions.
    """
    averaged = options.teacher.weights == "ema"
    return Passes(rollouts * student, rollouts * teacher, student, teacher, 1, completions, averaged)


def signalled(
    rollouts: float,
    student: float,
    teacher: float,
    options: SelfDistillationOptions,
    contexts: int = 1,
    reference: bool = False,
    distils: bool = False,
) -> Passes:
    """Passes of self-distillation with a signal (signal.py): student and teachers read each batch before it is trained on.

    contexts:
        Teacher contexts per rollout, contrasting ones included.
    distils:
        Whether the loss has a divergence, for which the teacher reads the batch again.
    """
    read = student * (1 + reference) + teacher * (contexts + distils)
    averaged = options.teacher.weights == "ema"
    return Passes(rollouts * student, rollouts * read, student, teacher, 1, 2, averaged, int(reference))


def reinforcing(rollouts: float, tokens: float, updates: int, without_gradient: int, references: int = 0) -> Passes:
    """Passes of `rollouts` sequences of `tokens` tokens: `updates` with a gradient, `without_gradient` without one."""
    return Passes(rollouts * tokens * updates, rollouts * tokens * without_gradient, tokens, tokens, references=references)
