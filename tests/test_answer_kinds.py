"""Kinds of answers: what earns the reward and what does not.

Most cases are faults of evaluation harnesses that their users have reported; the link is beside the case. `lm-eval` is
EleutherAI/lm-evaluation-harness, `inspect` UKGovernmentBEIS/inspect_ai, `simple-evals` openai/simple-evals.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from sdzero_bench.core.errors import UserError
from sdzero_bench.verifiers.answer_kinds.answer_kind import GoldAnswer
from sdzero_bench.verifiers.answer_kinds.kind_registry import KINDS, answer_kind

CAPITALS = ("Berlin", "Paris", "Rome", "Don't know")
LAMPS = ("A pretty girl", "Copper wire", "None of these", "Both A and B")


def reward(kind: Any, gold: object, response: str, options: tuple[str, ...] = ()) -> float | None:
    found = answer_kind(kind)
    expected = GoldAnswer(found.gold_text(gold), options)
    assert found.problem(expected) is None
    return found.check(response, expected).reward


TEXT: list[tuple[object, str, int]] = [
    ("comedy", " comedy", 1),  # OpenEuroLLM/oellm-eval#112: a blank that only some tokenizers write
    ("Spice Girls", "Answer: The Spice Girls", 0),  # lm-eval#1303: articles only if asked for
    ("hello world", "Answer: hello  world", 1),  # openagent-eval#225
    ("(B)", "Answer: ( B )", 1),  # lm-eval#3880
    ("café", "Answer: cafe\u0301", 1),  # confident-ai/deepeval#3096: NFC and NFD
    ("office", "Answer: of\ufb01ce", 1),  # the same: a ligature
    ("$8.540", "Answer: $9.540", 0),  # the same
    ("3.14", "Answer: 314", 0),  # lighteval#1273: the point is no punctuation here
    ("-5", "Answer: 5", 0),  # inspect#3916: nor is the sign
    ("25", "Answer: 5", 0),  # inspect#3916: no substring
    ("A", "Answer: B", 0),  # UltraRAG#509: an article that is the whole answer is kept
    ("the", "Answer: The", 1),  # the same
    ("C++", "Answer: C", 0),
    ("10", "10\n\nPassage: The 2011 census", 0),  # lm-eval#978: a text that goes on is no bare answer
    ("Dale", "**ANSWER:** Dale", 1),  # azureml-assets#5274
    ("Dale", "**ANSWER: Dale**", 1),  # the same
    ("Dale", "***Answer***: ***Dale***", 1),  # the same
    ("Paris", "Answer: this asks for a city.\n…\nANSWER: Paris", 1),  # inspect#3910: the last counts
    ("Paris", "<think>Answer: Rome</think>Paris", 1),
    ("Paris", "<think>The answer is: Paris", 0),  # cut off while thinking
    ("Paris", "**Final answer:**\n\nParis", 1),
    ("Paris", "So the answer is “Paris”.", 1),
    ("Paris", "Answer: not Paris", 0),
    ("Paris", "The answer is not Rome, the answer is Paris.", 1),
    ("Paris", "Answer: Paris\nAnswer: Rome", 0),
    ("x", "", 0),
]


@pytest.mark.parametrize(("gold", "response", "right"), TEXT)
def test_text(gold: object, response: str, right: int) -> None:
    assert reward("text", gold, response) == right


def test_each_normalisation_of_text_can_be_switched_off() -> None:
    for option, gold, response in (
        ("ignore_case", "pH", "Answer: PH"),
        ("ignore_space", "a b", "Answer: a  b"),
        ("ignore_punctuation", "yes", "Answer: yes!"),
        ("unicode", "x²", "Answer: x2"),
    ):
        assert reward("text", gold, response) == 1
        assert reward({"kind": "text", option: False}, gold, response) == 0
    assert reward({"kind": "text", "ignore_articles": True}, "Spice Girls", "Answer: the Spice Girls") == 1


CHOICE: list[tuple[str, str, int]] = [
    ("B", "ANSWER: b", 1),  # inspect#3910
    ("B", "Answer: this asks which is a city\n…\nANSWER: B", 1),  # inspect#3910
    ("D", "ANSWER: Don't know", 1),  # inspect#2216: by its text, ...
    ("A", "ANSWER: Don't know", 0),  # ... not by its letters
    ("A", "ANSWER: None of the above", 0),  # inspect#2216
    ("D", "ANSWER: I don't care", 0),  # inspect#2216
    ("B", "ANSWER: $B$", 1),  # inspect#5145
    ("B", "ANSWER: **B**", 1),  # inspect#5145
    ("B", "Answer: \\boxed{B}", 1),  # NVIDIA-NeMo/Evaluator#1093
    ("B", "Answer: $\\textbf{(B)}$", 1),
    ("C", "Antwort:\n\nAnswer: C", 1),  # simple-evals#33
    ("A", "Answer: A\nAnswer: C", 0),  # simple-evals#33: the last counts
    ("C", "I considered (A), but it is incorrect. Final answer: C.", 1),  # aniri15/OPD-V#2
    ("C", "The correct answer is c.", 1),  # the same
    ("B", "The answer is B. Note that A is a common distractor.", 1),  # jundot/omlx#3668
    ("C", "The answer is C because I computed the integral.", 1),  # jundot/omlx#3668
    ("B", "Based on the map, it is hard to say.", 0),  # lmms-eval#1435: a lucky first letter
    ("A", "A city in Germany.", 0),  # the same
    ("A", "Answer seems to be A.\n\nAnswer: A", 1),  # groq/openbench#348
    ("D", "\\boxed{\\langle H\\rangle \\ll \\Delta E}\n\n**Answer: D**", 1),  # NeMo-Skills#1526
    ("A", "I would pick B — a safe choice.", 0),  # lm-eval#4188
    ("C", "After comparing the options, the answer is C.", 1),  # IBM/AssetOpsBench#477
    ("C", "...the data both point to Rome...\n\nC", 1),  # the same
    ("B", "Answer: B. Paris", 1),
    ("B", "Answer: B. Rome", 0),  # a letter and another option's text
    ("B", "Answer: paris", 1),
    ("B", "Answer: A or B", 0),
    ("B", "Answer: B or A", 0),
    ("B", "(A) (B)", 0),
    ("B", "Answer: B, C", 0),
    ("B", "Answer: B. C. D.", 0),
    ("B", "Answer: A) Berlin B) Paris C) Rome", 0),
    ("A", "Answer: A) Berlin B) Paris C) Rome", 0),
    ("B", "Answer: E", 0),
    ("B", "Answer: 2", 0),
    ("B", "(B) Paris", 1),
    ("Paris", "Answer: B", 1),
    ("B", "<answer>B</answer>", 1),
    ("B", "Answer: the option (B), obviously. Or A?", 0),
]


@pytest.mark.parametrize(("gold", "response", "right"), CHOICE)
def test_choice(gold: str, response: str, right: int) -> None:
    assert reward("choice", gold, response, CAPITALS) == right


@pytest.mark.parametrize(
    ("response", "right"),
    [("Answer: C. None of these", 1), ("C. None of these", 1), ("Answer: A pretty girl", 0), ("Answer: None of these", 1)],
)
def test_options_that_begin_with_letters(response: str, right: int) -> None:
    """OmniBench#8."""
    assert reward("choice", "C", response, LAMPS) == right


@pytest.mark.parametrize(
    ("gold", "options", "reason"),
    [
        ("E", CAPITALS, "there is no option E"),
        ("Madrid", CAPITALS, "neither a letter nor the text"),
        (4, CAPITALS, "there is no option E"),
        ("1", CAPITALS, "JSON numbers"),
        (True, CAPITALS, "neither a letter nor the text"),
        ("A", ("x", "x"), "two options are the same"),
        ("A", ("B", "A"), "is the letter of another option"),
        ("A", (), "0 options"),
        ("A", tuple(map(str, range(36))), "36 options"),  # inspect#4590
    ],
)
def test_gold_choices_that_say_nothing_are_found(gold: object, options: tuple[str, ...], reason: str) -> None:
    kind = answer_kind("choice")
    assert reason in str(kind.problem(GoldAnswer(kind.gold_text(gold), options)))


def test_positions_of_options() -> None:
    assert reward("choice", 1, "Answer: B", CAPITALS) == 1
    assert reward({"kind": "choice", "first": 1}, 1, "Answer: A", CAPITALS) == 1


NUMBER: list[tuple[Any, object, str, int]] = [
    ("number", "29", "Answer: $29.00.", 0),  # lm-eval#3214: units are stated, or refused
    ({"unit": "$"}, "29", "Answer: $29.00.", 1),  # lm-eval#3214
    ({"unit": "$"}, "-29", "Answer: -$29", 1),
    ("number", 9500, "\\boxed{9{,}500}", 1),  # opencompass#2647
    ("number", 8000, "\\boxed{8,000}", 1),  # opencompass#2647
    ("number", 8000, "\\boxed{000}", 0),  # the same
    ("number", 72, "Answer: ,", 0),  # helm#4337: a comma is no number
    ("number", 16, "4 eggs. The answer is 16.00", 1),  # inspect#214
    ("number", 5, "The answer is 25", 0),  # inspect#3916
    ("number", -5, "Answer: 5", 0),  # inspect#3916
    ("number", -5, "Answer: −5", 1),
    ("number", 3.14, "Answer: 33.14", 0),  # inspect#3916
    ("number", "1e3", "Answer: 1000", 1),  # inspect#3916
    ("number", 60, "Answer: 60%", 0),  # inspect#838, #1622
    ("number", 0.6, "Answer: 60%", 1),  # the same
    ({"percent": "number"}, "60%", "Answer: 60", 1),  # the same
    ({"percent": "refuse"}, 0.6, "Answer: 60%", 0),
    ("number", 42, "The answer is 42!", 1),  # inspect#4742
    ("number", 42, "The answer is (42).", 1),  # inspect#4742
    ("number", 42, "Answer: 42abc", 0),  # inspect#5016
    ("number", 150, "Answer: 15", 0),  # NVIDIA-NeMo/Evaluator#1113
    ("number", 9007199254740992, "Answer: 9007199254740993", 0),  # the same: floats are too coarse
    ("number", 13.2, "Answer: 13.20", 1),  # mbzuai-nlp/finchain#3
    ("number", 0.5, "Answer: 1/2", 1),  # matchspec#306
    ("number", 1, "Answer: 1/0", 0),
    ("number", 34, "Answer: 3 4", 0),  # helm#4341
    ("number", 1234567.5, "Answer: 1 234 567.5", 1),
    ("number", 1200, "Answer: 1.2 × 10^3", 1),
    ("number", 0.0012, "Answer: $1.2 \\times 10^{-3}$", 1),
    ("number", 5, "Answer: ½", 0),
    ("number", 5, "Answer: ٥", 0),
    ("number", 5, "Answer: 5 or 6", 0),
    ("number", 5, "Answer: about 5", 0),
    ("number", 5, "Answer: nan", 0),
    ("number", 5, "Answer: 1e999999999", 0),
    ("number", 5, "Answer: " + "9" * 50_000, 0),
    ({"decimal": ","}, "3,5", "Answer: 3,5", 1),
    ({"decimal": ","}, "1.234,5", "Answer: 1234,5", 1),
    ("number", 3.5, "Answer: 3,5", 0),
    ({"absolute": 0.01}, 3.14159, "Answer: 3.15", 1),
    ({"absolute": 0.01}, 3.14159, "Answer: 3.16", 0),
    ({"relative": 0.1}, 100, "Answer: 110", 1),
    ({"relative": 0.1}, 100, "Answer: 111", 0),
    ({"unit": "km"}, 5, "Answer: 5 km", 1),
    ({"unit": "km"}, 5, "Answer: 5 m", 0),
]


@pytest.mark.parametrize(("kind", "gold", "response", "right"), NUMBER)
def test_number(kind: Any, gold: object, response: str, right: int) -> None:
    assert reward({"kind": "number", **kind} if isinstance(kind, dict) else kind, gold, response) == right


@pytest.mark.parametrize("gold", ["about 5", "5 apples", "", "1,23", "nan", "inf", "1e5000", "twelve", "1/0"])
def test_gold_numbers_that_are_none_are_found(gold: str) -> None:
    assert answer_kind("number").problem(GoldAnswer(gold))


OBJECT = {"name": "Ada", "age": 36, "tags": ["a", "b"]}
JSON: list[tuple[Any, object, str, int]] = [
    ("json", OBJECT, '```json\n{"age": 36, "tags": ["a", "b"], "name": "Ada"}\n```', 1),
    ("json", OBJECT, '{"age": 36.0, "tags": ["a", "b"], "name": "Ada"}', 1),
    ("json", OBJECT, '{"age": "36", "tags": ["a", "b"], "name": "Ada"}', 0),
    ("json", {"a": 1}, '```json\n{"a": 1}\n```\nSee [docs] for more.', 1),  # dify#42451
    ("json", {"a": 1}, '{"a": 1}\n\nReferences: [1]', 1),  # dify#42451
    ("json", {"a": 1}, 'Result: {"a": 1}. Note [1].', 1),  # dify#42451
    ("json", {"code": "use `print`"}, '{"code": "use `print`"}', 1),  # dify#41958
    ("json", {"a": 1}, 'Here is `the` result: {"a": 1}', 1),  # dify#41958
    ("json", {"a": "```x```"}, '{"a": "```x```"}', 1),  # vectorize-io/hindsight#2542
    ("json", {"a": 1}, '```bash\necho {}\n```\n{"a": 1}', 1),  # labs-OO-Agents#238: a fence of something else
    ("json", {"a": 1}, '```json\n```\n{"a": 1}', 0),  # hindsight#2542: an empty fence
    ("json", {"a": 1}, '```json\nnot json {"a": 1}\n```', 0),  # ouroboros#1734: nothing is picked out of a broken block
    ("json", {"a": 1}, '{"a": 2, "a": 1}', 0),  # cudf-spark#15988: keys that occur twice
    ("json", {"a": True}, '{"a": 1}', 0),  # AMWA-TV/nmos-testing#545
    ("json", {"a": 1}, '{"a": true}', 0),  # the same
    ("json", {"a": 0}, '{"a": null}', 0),
    ("json", [1, 2], "[2, 1]", 0),
    ({"ordered": False}, [1, 2], "[2, 1]", 1),
    ({"ordered": False}, [1, 1, 2], "[1, 2, 2]", 0),
    ("json", [1], "[NaN]", 0),  # jsoncons#655
    ("json", [1], "[1e999]", 0),  # jsoncons#655
    ("json", {"a": 1}, '{"a": 1, "b": 2}', 0),
    ({"more_keys": True}, {"a": 1}, '{"a": 1, "b": 2}', 1),
    ({"absolute": 0.1}, {"a": 1}, '{"a": 1.05}', 1),
    ("json", {"a": 0.1}, '{"a": 0.10}', 1),
    ("json", {"a": 1}, '{"a": 2} no, wait: {"a": 1}', 1),
    ("json", {"a": 1}, '{"b": {"a": 1}}', 0),
    ("json", {"a": 1}, "{'a': 1}", 0),
    ("json", [1], "[" * 50_000, 0),
    ("json", {"a": 1}, '{"a":' * 20_000, 0),
    ("json", [1], "[" + "1" * 5000 + "]", 0),
    ("json", '"yes"', 'Answer: "yes"', 1),
    ("json", "null", "null", 1),
]


@pytest.mark.parametrize(("kind", "gold", "response", "right"), JSON)
def test_json(kind: Any, gold: object, response: str, right: int) -> None:
    assert reward({"kind": "json", **kind} if isinstance(kind, dict) else kind, gold, response) == right


SET: list[tuple[Any, object, str, int]] = [
    ("set", ["red", "blue"], "Answer: blue, red", 1),
    ("set", ["td", "td"], "Answer: td", 1),  # allennlp#2866: duplicates, ...
    ({"duplicates": "count"}, ["td", "td"], "Answer: td", 0),  # ... if they count
    ({"duplicates": "count"}, ["4"], 'Answer: ["4", "4"]', 0),  # lighteval#1356
    ("set", ["cat"], "Answer: the, fat, cat", 0),  # allennlp#2866: more than asked for
    ("set", ["A", "B", "C"], "Answer: A, B and C", 1),  # inspect#3910
    ("set", ["A", "B", "C"], "Answer: A, B, and C.", 1),
    ("set", ["red", "blue"], 'Answer: ["Blue", "red"]', 1),  # deepeval#3149
    ("set", ["red", "blue"], "Answer:\n- red\n- blue", 1),  # deepeval#3149: bullets
    ("set", ["red", "blue"], "Answer:\n1. red\n2. blue\n\nThat is all.", 1),
    ("set", ["red", "blue"], "Answer: red; blue", 1),  # deepeval#3149
    ("set", ["red", "blue"], "Answer: red blue", 0),
    ("set", ["red", "blue"], "Answer: red,, blue", 0),
    ("set", ["salt and pepper", "oil"], "Answer: salt and pepper, oil", 1),
    ({"of": "number"}, [1, 2], "\\boxed{\\{2, 1\\}}", 1),
    ({"of": "number"}, [1, 2], "Answer: {2.0,1}", 1),
    ({"of": "number"}, [1000, 2000], "Answer: 1,000, 2,000", 1),
    ({"of": {"kind": "number", "absolute": 0.1}}, [1, 2], "Answer: 1.05, 2", 1),
    ({"of": "number"}, [1, 2], "Answer: 1, two", 0),
    ({"of": "math"}, ["1/2", "x+1"], "Answer: 1+x, 0.5", 1),
    ("set", [], "Answer: none", 1),
    ("set", [], "Answer: red", 0),
    ("set", ["red"], "Answer: none", 0),
    ({"separator": "|"}, ["a, b", "c"], "Answer: c | a, b", 1),
    ("set", ["red"], "Answer: " + "red, " * 10_000, 0),
]


@pytest.mark.parametrize(("kind", "gold", "response", "right"), SET)
def test_set(kind: Any, gold: object, response: str, right: int) -> None:
    assert reward({"kind": "set", **kind} if isinstance(kind, dict) else kind, gold, response) == right


def test_several_options_are_a_set_of_choices() -> None:
    kind = {"kind": "set", "of": "choice"}
    assert reward(kind, ["A", "Paris"], "Answer: B, A", CAPITALS) == 1
    assert reward(kind, [0, 1], "Answer: A and B", CAPITALS) == 1
    assert reward(kind, ["A", "B"], "Answer: A", CAPITALS) == 0


REGEX: list[tuple[str, str, int]] = [
    (r"\d{4}-\d\d-\d\d", "Answer: 2024-01-31", 1),
    (r"\d{4}", "Answer: 20241", 0),  # a full match
    (r"colou?r", "Answer: colour", 1),
    (r"a|b", "Answer: ab", 0),
    (r"yes", "Answer: yes and no", 0),
    (r"yes", "Answer: **yes**", 1),  # azureml-assets#5274
    (r"yes", "**Answer**: yes", 1),
    (r"yes$", "Answer: yes\n\nno", 1),
    (r".*yes", "Answer: no\nyes", 0),  # the line only
    (r"(?i)yes", "Answer: YES", 1),
    (r"[^ab]+", "", 0),
    (r"x*", "", 0),  # no answer is no empty match
]


@pytest.mark.parametrize(("gold", "response", "right"), REGEX)
def test_regex(gold: str, response: str, right: int) -> None:
    assert reward("regex", gold, response) == right


@pytest.mark.parametrize(
    ("pattern", "answer"),
    [  # Regex101#600, Guardrails#2271, PowerShell-Docs#13123, dotnet/runtime#68567
        (r"(a+)+", "a" * 60 + "!"),
        (r"(a|aa)+$", "a" * 60 + "b"),
        (r"(?:a{1,4})*", "a" * 60 + "b"),
        (r"(x+x+)+y", "x" * 1_900),
        (r"([a-z]+)*\d", "a" * 1_900),
    ],
)
def test_a_pattern_that_backtracks_for_ever_is_stopped(pattern: str, answer: str) -> None:
    start = time.perf_counter()
    verdict = answer_kind({"kind": "regex", "seconds": 0.05}).check(f"Answer: {answer}", GoldAnswer(pattern))
    assert verdict.reward == 0
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("pattern", ["(", "[a", "*", "(?P<a>x)(?P<a", "\\"])
def test_patterns_that_are_none_are_found(pattern: str) -> None:
    assert "no regular expression" in str(answer_kind("regex").problem(GoldAnswer(pattern)))


@pytest.mark.parametrize("pattern", [".*", "(?s:.+)", ".*|Paris", "[^q]*"])
def test_a_pattern_that_every_answer_matches_is_found(pattern: str) -> None:
    assert answer_kind("regex").problem(GoldAnswer(pattern)) == "the pattern matches every answer"
    assert answer_kind("regex").problem(GoldAnswer(".*Paris.*")) is None


GOLD: list[tuple[Any, object, tuple[str, ...], str | None]] = [
    ("text", "Paris", (), None),
    ("number", "1,234.5", (), None),
    ({"kind": "number", "relative": 0.5}, 0, (), None),
    ("choice", "B", CAPITALS, None),
    ("json", OBJECT, (), None),
    ("json", [], (), None),
    ({"kind": "json", "more_keys": True}, {}, (), None),
    ({"kind": "json", "more_keys": True}, [{}, {"a": {}}], (), None),
    ("set", ["red", "blue"], (), None),
    ({"kind": "set", "of": "choice"}, ["A", "B"], CAPITALS, None),
    ({"kind": "set", "of": "number", "separator": ";"}, [1], (), None),
    ("regex", r"\d+", (), "17"),
]


@pytest.mark.parametrize(("kind", "gold", "options", "example"), GOLD)
@pytest.mark.parametrize("extract", [None, "stated", "boxed", "block", "last_line", "whole"])
def test_gold_answers_earn_1_and_tampered_ones_0_wherever_they_stand(
    kind: Any, gold: object, options: tuple[str, ...], example: str | None, extract: str | None
) -> None:
    found = answer_kind({**(kind if isinstance(kind, dict) else {"kind": kind}), "extract": extract})
    expected = GoldAnswer(found.gold_text(gold), options, example)
    right = found.right_answer(expected)
    assert right is not None
    assert found.check(found.state(right), expected).reward == 1
    wrong = found.tampered(expected)
    assert wrong
    assert [found.check(found.state(text), expected).reward for text in wrong] == [0.0] * len(wrong)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "response",
    [
        "",
        "\x00",
        "\ud800",
        "Answer: " * 20_000,
        "Answer: (" * 20_000,
        "\\boxed{" * 20_000,
        "Answer: \\text{" * 9_999,
        "<answer>" * 20_000,
        "so " * 50_000,
        "the the " * 30_000 + "answer",
        "**" * 50_000,
        "__" * 40_000 + "Answer",
        "```" * 30_000,
        "#" * 100_000,
        "\n" * 100_000,
        "Answer: " + "(" * 50_000,
        "Answer: 1" + ",000" * 30_000,
        "Answer: " + "a, " * 40_000,
    ],
    ids=range(18),
)
def test_no_response_breaks_a_kind_or_holds_it_up(kind: str, response: str) -> None:
    gold = {"json": '{"a": 1}', "set": '["1"]'}.get(kind, "1" if kind != "choice" else "B")
    start = time.process_time()
    assert answer_kind(kind).check(response, GoldAnswer(gold, CAPITALS)).reward == 0
    assert time.process_time() - start < 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("choise", "unknown kind of answer 'choise'; did you mean 'choice'"),
        ({"kind": "number", "relativ": 1}, "unknown option 'relativ'; did you mean 'relative'"),
        ({"kind": "number", "relative": -1}, "relative: Input should be greater than or equal to 0"),
        ({"kind": "set", "of": "set"}, "sets of sets are JSON"),
        ({"kind": "set", "of": "nunber"}, "did you mean 'number'"),
        (7, "a kind of answer is a name"),
        ({"kind": "regex", "seconds": 1e9}, "less than or equal to 5"),
    ],
)
def test_options_of_a_kind_are_checked(given: object, message: str) -> None:
    with pytest.raises(UserError) as raised:
        answer_kind(given)
    assert message in str(raised.value)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_asks_for_its_answer(kind: str) -> None:
    ask = answer_kind(kind).ask()
    assert ask.endswith(".")
    assert json.loads(json.dumps(ask)) == ask
