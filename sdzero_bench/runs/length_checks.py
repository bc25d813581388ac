"""Whether every sequence that a run will ask for fits the model and the engine: checked before the first sample."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from functools import cached_property
from typing import Literal

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.policies.chat import Contexts
from sdzero_bench.policies.engines.length_limit import LengthLimit
from sdzero_bench.training.cost import Typical
from sdzero_bench.training.method import Method
from sdzero_bench.training.needs import Lengths, Need
from sdzero_bench.training.phrases import STANDARD, ControlPhrases
from sdzero_bench.training.teacher_templates import answer_alone, fields_of

_prompts: dict[Hashable, int] = {}
"""Of the longest prompts that were measured: the runs of a sweep ask the same questions."""


class MeasuredLengths:
    """Those of the longest of some questions, read with the model's tokenizer.

    Questions of one fingerprint that are asked `alike`, of one model by one task, have the same prompts.
    """

    def __init__(self, contexts: Contexts, questions: QuestionSet, response: int, alike: Hashable) -> None:
        self.contexts, self.questions, self.response = contexts, questions, response
        self.alike = alike

    @cached_property
    def prompt(self) -> int:
        key = (self.alike, self.questions.fingerprint)
        if key not in _prompts:
            _prompts[key] = max(len(self.contexts.prompt_ids(q)) for q in self.questions)
        return _prompts[key]

    def phrase(self, phrases: ControlPhrases) -> int:
        return max(len(self.contexts.encode(phrases.after(reward))) for reward in (0.0, 1.0))

    def rewritten(self, template: str, gold: Literal["solution", "answer"] | None = None) -> int:
        empty = dict.fromkeys(fields_of(template) - {"prompt"}, "")

        def added(question: Question) -> dict[str, str]:
            reference = self._solution(question) if gold == "solution" else answer_alone(question)
            return {**empty, "solution": reference} if gold else empty

        return max(len(self.contexts.prompt_ids(q, template, **added(q))) for q in self.questions)

    def solved(self) -> int:
        encode = self.contexts.encode
        return max(len(self.contexts.prompt_ids(q)) + len(encode(self._solution(q))) + 1 for q in self.questions)

    def _solution(self, question: Question) -> str:
        # A method without its gold solutions says so itself, and better.
        return self.contexts.task.demonstration(question) or ""


class AssumedLengths:
    """Those of typical samples, for a plan: means, where a run has the longest."""

    def __init__(self, typical: Typical, response: int) -> None:
        self.typical, self.response, self.prompt = typical, response, typical.prompt

    def phrase(self, phrases: ControlPhrases) -> float:
        return self.typical.phrase

    def rewritten(self, template: str, gold: Literal["solution", "answer"] | None = None) -> float:
        return self.typical.prompt + (self.typical.solution if gold == "solution" else 0.0)

    def solved(self) -> float:
        return self.typical.prompt + self.typical.solution


def needs_of_training(method: Method, questions: int, lengths: Lengths) -> list[Need]:
    """What the phases of a method ask for."""
    return [need for phase in method.phases(questions) for need in phase.needed(lengths)]


def needs_of_evaluation(config: RunConfig, method: Method, lengths: Lengths) -> list[Need]:
    """What the evaluation asks for; `lengths` are those of the test questions."""
    settings = config.evaluation
    first = lengths.prompt + settings.max_new_tokens
    found = [Need("a test prompt with its response", first, "lower evaluation.max_new_tokens", sampled=True)]
    if settings.revise:
        what = "a test prompt with its response and its revision (evaluation.revise)"
        tokens = first + lengths.phrase(STANDARD) + settings.of_revision
        found.append(Need(what, tokens, "lower evaluation.revision_tokens or evaluation.max_new_tokens", sampled=True))
    if settings.localise:
        what = "a test prompt with its response twice (evaluation.localise)"
        tokens = first + lengths.phrase(method.phrases) + settings.max_new_tokens
        found.append(Need(what, tokens, "lower evaluation.max_new_tokens"))
    return found


def require_fitting(needs: Iterable[Need], context: int | None, limit: LengthLimit | None = None) -> None:
    """Raise `UserError` with the longest sequence that exceeds the model's context, or else the engine's limit."""
    longest_first = sorted(needs, key=lambda need: -need.tokens)
    for need in longest_first:
        tokens = math.ceil(need.tokens)
        if context is not None and tokens > context:
            raise UserError(f"{need.what} may take {tokens} tokens, but the model reads {context}; {need.remedy}")
    if limit is not None and context is not None and limit.tokens > context:
        raise UserError(f"{limit.whose} {limit.tokens}, but the model reads {context}; lower it")
    for need in longest_first:
        tokens = math.ceil(need.tokens)
        if limit is not None and need.sampled and tokens > limit.tokens:
            raised = limit.raised.format(tokens=tokens)
            raise UserError(
                f"{need.what} may take {tokens} tokens, but {limit.whose} {limit.tokens}; {raised}, or {need.remedy}"
            )
