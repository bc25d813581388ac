"""The learning curve of a run, as curve.json and result.json hold it."""

from __future__ import annotations

from pydantic import Field

from sdzero_bench.records.part import Count, Interval, Part, Seconds, Share

CURVE_FILE = "curve.json"

SECONDS = "runtime_seconds"
"""In a line of a training log: seconds that the phase had taken by then, all sessions together."""


class Accuracy(Part):
    """avg@n of one policy on the questions of the curve of one split."""

    avg_at_k: Share
    interval: Interval
    unverified: Count


class UsedSoFar(Part):
    """What training had used when a policy came to be; all of it for the final policy."""

    samples: Count
    prompt_tokens: Count
    generated_tokens: Count
    forward_tokens: Count
    """Through a model in training without a gradient, such as the teacher's."""
    backward_tokens: Count
    """Through the student, forward and backward."""
    wall_seconds: Seconds
    accelerator_seconds: Seconds

    def flops(self, parameters: int) -> float:
        """6 per parameter and token forward and backward, 2 per parameter and token forward only or generated: Kaplan et al.
        2020 (arXiv 2001.08361), section 2.1, without attention and without reading prompts."""
        return parameters * (6.0 * self.backward_tokens + 2.0 * (self.forward_tokens + self.generated_tokens))


class CurvePoint(Part):
    """The newest policy that existed when a share of the planned training samples had been charged."""

    share: float = Field(gt=0, le=1)
    policy: str
    """Label of the policy. Points of one policy have one measurement."""
    checkpoint: str
    """Name of its weights: `base`, a phase, or `PHASE@STEP`."""
    used: UsedSoFar
    test: Accuracy
    validation: Accuracy | None
    """None where the task has no validation questions."""


class SelectedPolicy(Part):
    """A policy of the curve, and its accuracy on the curve's test questions."""

    policy: str
    share: float = Field(gt=0, le=1)
    test: Accuracy


class Selection(Part):
    """Three ways to choose a run's policy. `last` is ranked; the others show what choosing adds."""

    last: SelectedPolicy
    best_by_validation: SelectedPolicy | None
    best_by_test: SelectedPolicy
    """Chosen by the questions that it is shown on: its accuracy is too high by that."""


class LearningCurve(Part):
    """As result.json has it."""

    samples_per_question: Count
    test_questions: Count
    validation_questions: Count
    planned_samples: Count
    """Training samples that the method's plan draws, of which the points are shares."""
    parameters: Count
    """Parameters that a token is multiplied with, for FLOPs."""
    points: list[CurvePoint]
    selection: Selection


class ByQuestion(Part):
    """avg@n of one policy by question id."""

    test: dict[str, Share]
    validation: dict[str, Share] | None


class LearningCurveFile(LearningCurve):
    """curve.json."""

    per_question: dict[str, ByQuestion]
    """By the label of the policy."""


def select(points: list[CurvePoint]) -> Selection:
    """The last policy, and the best by each split; of equal ones the later."""

    def chosen(point: CurvePoint) -> SelectedPolicy:
        return SelectedPolicy(policy=point.policy, share=point.share, test=point.test)

    validated = [(p.validation.avg_at_k, p.share, p) for p in points if p.validation is not None]
    return Selection(
        last=chosen(points[-1]),
        best_by_validation=chosen(max(validated, key=lambda found: found[:2])[2]) if validated else None,
        best_by_test=chosen(max(points, key=lambda point: (point.test.avg_at_k, point.share))),
    )
