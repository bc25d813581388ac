"""JSON: the same structure and values; the order of keys does not count."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field

from sdzero_bench.verifiers.answer_kinds.answer_kind import LONGEST, AnswerKind, GoldAnswer, UnreadableAnswer
from sdzero_bench.verifiers.answer_kinds.stated_answer import last_block, stated
from sdzero_bench.verifiers.thinking import after_thinking

MOST_TRIES = 2_000
"""Brackets at which a value may begin that turns out to be none."""
_OPENING = re.compile(r"[{\[]")


class JsonAnswer(AnswerKind):
    """Equal JSON values. 1 is 1.0, but neither true nor "1". Keys that occur twice, NaN and comments are no JSON.

    The answer is the last block tagged json, or else without a tag; or else the last object (or array, if the gold answer
    is one) in the text.
    """

    kind: Literal["json"] = "json"
    absolute: float = Field(0.0, ge=0, allow_inf_nan=False)
    relative: float = Field(0.0, ge=0, lt=1)
    """Tolerances of numbers; the larger one counts."""
    ordered: bool = True
    """Whether the order of arrays counts."""
    more_keys: bool = False
    """Whether objects may have keys that the gold answer lacks."""
    form = "the answer as JSON"
    structured = True
    place = "block"
    block_tag = "json"

    def read(self, text: str, expected: GoldAnswer) -> Any:
        try:
            return _DECODER.decode(text.strip())
        except (ValueError, RecursionError) as error:
            raise UnreadableAnswer(f"it is no JSON ({str(error)[:100]})") from error

    def same(self, gold: Any, answer: Any) -> bool:
        if isinstance(gold, dict):
            if not isinstance(answer, dict) or not (
                gold.keys() <= answer.keys() if self.more_keys else gold.keys() == answer.keys()
            ):
                return False
            return all(self.same(value, answer[key]) for key, value in gold.items())
        if isinstance(gold, list):
            if not isinstance(answer, list) or len(gold) != len(answer):
                return False
            if self.ordered:
                return all(map(self.same, gold, answer))
            return matched(len(gold), lambda one, other: self.same(gold[one], answer[other]))
        if isinstance(gold, bool) or gold is None or isinstance(gold, str):
            return type(gold) is type(answer) and bool(gold == answer)
        if isinstance(answer, bool) or not isinstance(answer, Decimal):
            return False
        return bool(abs(gold - answer) <= max(Decimal(str(self.absolute)), Decimal(str(self.relative)) * abs(gold)))

    def canonical(self, value: Any) -> str:
        return json.dumps(value, sort_keys=True, ensure_ascii=False, default=lambda number: float(number))

    def gold_text(self, value: object) -> str:
        return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    def found(self, response: str, expected: GoldAnswer) -> str | None:
        if self.extract is not None:
            return super().found(response, expected)
        text = after_thinking(response).strip()
        if (block := last_block(text, "json", "jsonc", "json5")) is not None:
            return block
        gold = self.read_gold(expected)
        if isinstance(gold, dict | list) and len(text) <= LONGEST:
            return _last_value(text, type(gold))
        answer = stated(text, self.marker)
        return text if answer is None and "\n" not in text else answer

    def tampered(self, expected: GoldAnswer) -> list[str]:
        gold = self.read_gold(expected)
        step = 1 + 2 * max(self.absolute, self.relative)
        return [
            json.dumps(_changed(gold, step, self.more_keys), default=float),
            json.dumps([gold], default=float),
            "{",
            '"\x1a"',
        ]


def matched(count: int, fits: Any) -> bool:
    """Whether each of `count` things can be paired with another one of as many (Kuhn's augmenting paths)."""
    partner: dict[int, int] = {}

    def pair(one: int, seen: set[int]) -> bool:
        for other in range(count):
            if other not in seen and fits(one, other):
                seen.add(other)
                if other not in partner or pair(partner[other], seen):
                    partner[other] = one
                    return True
        return False

    return all(pair(one, set()) for one in range(count))


def _last_value(text: str, wanted: type) -> str | None:
    """The last object, or the last array, in a text that is not within another value."""
    at, found, tries = 0, None, 0
    while (opening := _OPENING.search(text, at)) and tries < MOST_TRIES:
        try:
            value, at = _DECODER.raw_decode(text, opening.start())
            found = text[opening.start() : at] if isinstance(value, wanted) else found
        except ValueError:
            at, tries = opening.end(), tries + 1
        except RecursionError:  # brackets without end
            break
    return found


def _changed(value: Any, step: float, more_keys: bool) -> Any:
    """The value with its first number, text or truth value changed; an empty one gets something, or becomes something else."""
    if isinstance(value, dict):
        key = next(iter(value), None)
        if key is None:
            return [] if more_keys else {"changed": 1}
        return {**value, key: _changed(value[key], step, more_keys)}
    if isinstance(value, list):
        return [_changed(value[0], step, more_keys), *value[1:]] if value else [1]
    if isinstance(value, bool):
        return not value
    if isinstance(value, Decimal):
        return float(value * 2) + step if value >= 0 else float(value * 2) - step
    return f"{value} changed" if isinstance(value, str) else 0


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a key occurs twice")
    return value


def _number(text: str) -> Decimal:
    value = Decimal(text)
    if len(text) > 400 or not value.is_finite() or abs(value.adjusted()) > 400:
        raise ValueError(f"{text[:20]} is too long a number, or none")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_float=_number, parse_int=_number, parse_constant=_number)
