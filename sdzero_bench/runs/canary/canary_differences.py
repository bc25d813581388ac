"""Where two records of the canary differ, and which of the differences mean that results of this stack are others.

Log-probabilities have a tolerance. In float32 a sum depends in its last bits on the order of its terms, which a CPU's vector
width, the number of threads and the version of the library choose, and layers amplify such differences. The largest of the 668
tokens was 3e-5 nats between the instruction sets SSE, AVX2 and AVX-512 of one CPU, and 0 between 1 and 2 threads. What is no
rounding in float32 is far larger: 4e-2 for weights rounded to float16, 1e-1 for matrix products in bfloat16.

Sampled tokens are compared exactly, and reported as information: where a random number falls within rounding of the border
between two tokens, the sample takes another path, and neither is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

from sdzero_bench.core.text import printable
from sdzero_bench.runs.canary.canary_record import CanaryRecord

TOLERANCE = 1e-3
"""In nats per token."""


@dataclass(frozen=True)
class CanaryDifference:
    """One figure in which the records differ."""

    figure: str
    recorded: str
    here: str
    decisive: bool = True
    """Whether it means that this stack gives other results; else it is information."""


def largest_difference(recorded: CanaryRecord, here: CanaryRecord) -> float:
    """Of the log-probabilities of the same tokens, in nats; 0 if there are none to compare."""
    pairs = zip(recorded.scored, here.scored, strict=True)
    same = [pair for pair in pairs if pair[0].token_ids == pair[1].token_ids]
    return max((abs(a - b) for one, other in same for a, b in zip(one.logprobs, other.logprobs, strict=True)), default=0.0)


def differences(recorded: CanaryRecord, here: CanaryRecord) -> list[CanaryDifference]:
    """All of them; none if the stack gives what was recorded, but for rounding."""
    found = []
    if recorded.weights != here.weights:
        found.append(CanaryDifference("weights (SHA-256)", recorded.weights[:16], here.weights[:16]))
    for number, (one, other) in enumerate(zip(recorded.scored, here.scored, strict=True)):
        for name in ("prompt_ids", "token_ids"):
            if at := first_difference(getattr(one, name), getattr(other, name)):
                found.append(CanaryDifference(f"completion {number}: {name} at {at[0]}", *at[1:]))
        if one.token_ids == other.token_ids:
            apart = [abs(a - b) for a, b in zip(one.logprobs, other.logprobs, strict=True)]
            if (worst := max(apart)) > TOLERANCE:
                token = apart.index(worst)
                figure = f"completion {number}: log-probability of token {token} (apart {worst:.1e})"
                found.append(CanaryDifference(figure, f"{one.logprobs[token]:.6f}", f"{other.logprobs[token]:.6f}"))
    for sample, drawn in zip(recorded.sampled, here.sampled, strict=True):
        if at := first_difference(sample.token_ids, drawn.token_ids):
            found.append(CanaryDifference(f"sample of seed {sample.seed}: token {at[0]}", *at[1:], decisive=False))
    for answer, verdict in zip(recorded.judged, here.judged, strict=True):
        what = f"{printable(answer.response)} for the gold answer {answer.gold}"
        if answer.reward != verdict.reward:
            found.append(CanaryDifference(f"reward of {what}", f"{answer.reward:g}", f"{verdict.reward:g}"))
        if None not in (answer.math_verify, verdict.math_verify) and answer.math_verify != verdict.math_verify:
            found.append(CanaryDifference(f"math-verify on {what}", f"{answer.math_verify:g}", f"{verdict.math_verify:g}"))
    return found


def moved(recorded: CanaryRecord, here: CanaryRecord) -> list[tuple[str, str, str]]:
    """(name, recorded, here) of what differs in the stack; "-" for what is not installed."""
    names = dict.fromkeys([*recorded.stack, *here.stack])
    pairs = [(name, recorded.stack.get(name), here.stack.get(name)) for name in names]
    return [(name, before or "-", after or "-") for name, before, after in pairs if before != after]


def first_difference(one: list[int], other: list[int]) -> tuple[int, str, str] | None:
    """Its place, and the token on either side or "end"; None if the two are equal."""
    for place in range(max(len(one), len(other))):
        before, after = (str(ids[place]) if place < len(ids) else "end" for ids in (one, other))
        if before != after:
            return place, before, after
    return None
