"""Figures of measured policies, as evaluation.json, result.json and localisation.json hold them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, FiniteFloat

from sdzero_bench.records.part import Count, Interval, Length, Part, Share

Figure = Literal["avg", "pass", "maj", "tokens"]
"""What a policy is measured by on each question."""


class PairedDifference(Part):
    """Mean over questions of a policy's score minus the base's."""

    difference: FiniteFloat
    interval: Interval
    questions: Count


class RevisionFigures(Part):
    """A policy that revises its own answers (the paper's Table 9)."""

    accuracy_first: Share
    accuracy_revised: Share
    correction_rate: Share | None
    """Of the wrong first answers, the share whose revision is right. None where there are none."""
    kept_rate: Share | None
    """Of the right first answers, the share whose revision is right."""
    mean_tokens: Length


class HarnessFigures(Part):
    """What a harness makes of the samples, by its task and metric."""

    model_config = ConfigDict(extra="allow")

    results: dict[str, dict[str, float]]


class Figures(Part):
    """avg@n, pass@k, maj@n, mean length and truncated share of one policy's n samples per question."""

    questions: Count
    samples_per_question: Count
    k: Count
    avg_at_k: Share
    interval: Interval
    pass_at_k: Share
    pass_at_k_interval: Interval
    maj_at_k: Share | None
    maj_at_k_interval: Interval | None
    mean_tokens: Length
    mean_tokens_interval: Interval
    truncated: Share
    truncated_interval: Interval
    unverified: Count


class KLFigures(Part):
    """kl(policy, base) at the policy's own responses, exact over the vocabulary, in nats."""

    responses: Count
    """One to a question."""
    tokens: Count
    per_token: FiniteFloat
    """Sum over all tokens of the responses, by their number."""
    per_token_interval: Interval
    per_response: FiniteFloat
    """Mean over responses of the sum over their tokens."""
    per_response_interval: Interval


class OtherTask(Part):
    """A policy on a task that the run has not trained on."""

    task: str
    questions: Count
    samples_per_question: Count
    """0 where the task compares likelihoods of given answers, and nothing is sampled."""
    max_new_tokens: Count
    avg_at_k: Share
    interval: Interval
    unverified: Count
    over_base: PairedDifference | None = None


class PolicyFigures(Figures):
    """One measured policy, as result.json has it."""

    policy: str
    checkpoint: str
    revision: RevisionFigures | None = None
    over_base: PairedDifference | None = None
    harness: HarnessFigures | None = None
    kl_to_base: KLFigures | None = None
    other_tasks: list[OtherTask] | None = None


class KLOfResponse(Part):
    tokens: Count
    kl: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """Sum over the tokens."""


class PerQuestion(Part):
    """By question id; `maj` is None where the task has no answers to vote on."""

    avg: Annotated[dict[str, Share], Field(min_length=1)]
    # `pass` is a keyword of Python.
    passed: Annotated[dict[str, Share], Field(alias="pass", min_length=1)]
    maj: Annotated[dict[str, Share], Field(min_length=1)] | None
    tokens: Annotated[dict[str, Length], Field(min_length=1)]

    def of(self, figure: Figure) -> dict[str, float] | None:
        values: dict[str, float] | None = getattr(self, "passed" if figure == "pass" else figure)
        return values


class PolicyEvaluation(PolicyFigures):
    """One measured policy, as evaluation.json has it."""

    per_question: PerQuestion
    kl_by_question: dict[str, KLOfResponse] | None = None
    other_by_question: dict[str, dict[str, Share]] | None = None
    """Accuracy by task, and in it by question."""


Nats = Annotated[float, Field(allow_inf_nan=False)]
Divergence = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class RecordedPhrases(Part):
    right: str
    wrong: str


class LocalisedResponse(Part):
    policy: str
    question_id: str
    index: str
    right: bool
    tokens: Count
    kl: list[Divergence]
    reward: list[Nats]


class Localisation(Part):
    """localisation.json: kl(student, reviser) of each token, in nats, and log student - log reviser of it, `reward`."""

    reviser: str
    phrases: RecordedPhrases
    unverified: dict[str, Count]
    responses: list[LocalisedResponse]
