"""Kinds of answers with their options, gold answers and responses: numbers, texts, choices, sets, JSON and patterns."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from sdzero_bench.core.errors import UserError
from sdzero_bench.verifiers.answer_kinds.answer_kind import GoldAnswer
from sdzero_bench.verifiers.answer_kinds.kind_registry import answer_kind
from tools.fuzz.bounded import fault
from tools.fuzz.hunting import Target

PIECES = [
    *"0123456789abABx+-*/.,;:%$€()[]{}|\\^?!\"'` \n\t",
    *["1,234.5", "1.234,5", "1e3", "1.2 × 10^3", "-0", "½", "NaN", "Infinity", "1e999", "٣", "50%", "3 km", "1/3", "0x1F"],
    *["Paris", "the", "true", "None", "null", '{"a": 1}', "[1, 2]", "(A)", "B.", "Option C", "A and B", "none of these"],
    *["(a+)+$", r"\d+", "(?i)", "(?P<x>", "[", "a{1,99}", ".*", "$^", r"\1"],
    *["Answer:", "The answer is", r"\boxed{", "}", "```json\n", "\n```", "</think>", "**", "\ud800", "\u202e", "\0", "e\u0301"],
]  # fmt: skip

texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=20)
data = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**25), 10**25) | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
OPTIONS: dict[str, list[Any]] = {
    "extract": [None, "stated", "boxed", "last_line", "whole", "block", "nowhere"],
    "marker": ["Answer", "Antwort", "", "(", "."],
    "absolute": [0, 0.5, -1, "a", 1e308],
    "relative": [0, 0.01, 0.999, 1],
    "unit": [None, "km", "%", "", "m/s"],
    "percent": ["share", "number", "refuse", "none"],
    "decimal": [".", ",", ";"],
    "first": [0, 1, 2],
    "ordered": [True, False],
    "more_keys": [True, False],
    "ignore_case": [True, False, "no"],
    "ignore_space": [True, False],
    "ignore_punctuation": [True, False],
    "ignore_articles": [True, False],
    "unicode": [True, False],
    "seconds": [0.05, 9],
    "of": ["text", "number", "math", {"kind": "number", "relative": 0.1}, "set", "no kind"],
    "duplicates": ["ignore", "count"],
    "separator": [None, ";", "", "and"],
}
OF_KIND = {
    "math": ["extract"],
    "number": ["extract", "marker", "absolute", "relative", "unit", "percent", "decimal"],
    "text": ["extract", "ignore_case", "ignore_space", "ignore_punctuation", "ignore_articles", "unicode"],
    "choice": ["extract", "marker", "first"],
    "set": ["extract", "of", "duplicates", "separator"],
    "json": ["extract", "absolute", "relative", "ordered", "more_keys"],
    "regex": ["extract", "ignore_case", "seconds"],
}


@st.composite
def settings(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(sorted(OF_KIND)))
    chosen = draw(st.lists(st.sampled_from(OF_KIND[kind]), max_size=2, unique=True))
    return {"kind": kind, **{name: draw(st.sampled_from(OPTIONS[name])) for name in chosen}}


golds = st.one_of(
    st.sampled_from([42, 0.1, "1/3", "50%", "Paris", "B", "A", 0, ["a", "b"], [1, 2, 2], {"a": [1, {"b": None}]}, r"\d{4}"]),
    texts,
    data,
)
responses = st.one_of(
    st.builds("{}\nAnswer: {}{}".format, texts, texts, st.sampled_from(["", ".", "\n\n"])),
    st.builds("{}\\boxed{{{}}}".format, texts, texts),
    st.builds("```json\n{}\n```".format, data.map(json.dumps)),
    texts,
    st.builds(lambda piece, times: piece * times, st.sampled_from(PIECES), st.integers(1, 3000)),
)
options = st.just(("Paris", "Rome", "Oslo")) | st.lists(texts, max_size=5).map(tuple)


def wrong_verdict(case: tuple[dict[str, Any], Any, tuple[str, ...], str]) -> str | None:
    """What is wrong with the verdicts of a kind: the reward is 0 or 1, the gold answer earns 1, and tampered ones earn 0."""
    given, gold, offered, response = case

    def verify() -> None:
        kind = answer_kind(given)
        if not kind.structured and isinstance(gold, bool | list | dict | None):
            raise UserError("not an answer")  # as questions/yaml_task.py refuses it
        text = kind.gold_text(gold)
        expected = GoldAnswer(text, offered if kind.shows_options else ())
        if kind.problem(expected) is not None:
            return  # said before a run
        verdict = kind.check(response, expected)
        json.dumps(verdict.as_dict())
        assert verdict.reward in (0.0, 1.0), f"{kind.kind}: neither 0 nor 1"
        assert kind.check(response, expected) == verdict, f"{kind.kind}: another verdict the second time"
        if (right := kind.right_answer(expected)) is not None:
            assert kind.check(kind.state(right), expected).reward == 1.0, f"{kind.kind}: the gold answer does not earn 1"
        for wrong in kind.tampered(expected):
            assert kind.check(kind.state(wrong), expected).reward == 0.0, f"{kind.kind}: a tampered answer earns 1"

    return fault(verify)


def target() -> Target:
    return Target("kinds of answers", st.tuples(settings(), golds, options, responses), wrong_verdict, 0.15)
