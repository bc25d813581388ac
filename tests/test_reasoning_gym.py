"""rg:NAME: questions are the same everywhere, scorers know right from wrong, and nothing that a policy writes is run."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sdzero_bench.core.errors import UserError
from sdzero_bench.questions.proofs.responses import tampered
from sdzero_bench.runs import registry
from sdzero_bench.tasks.procedural import drawing
from sdzero_bench.tasks.procedural.data_sets import scorer
from sdzero_bench.tasks.procedural.expressions import is_arithmetic, is_formula
from sdzero_bench.tasks.procedural.scoring import EVALUATED, UNTRUSTED, score, scored_part
from sdzero_bench.verifiers.pool import VerifierPool


def names() -> list[str]:
    from reasoning_gym.factory import DATASETS

    return sorted(set(DATASETS) - {"composite"})


def made(name: str, **options: Any) -> Any:
    cls = registry.task(f"rg:{name}")
    return cls(cls.Options(**{"train": 12, "validation": 3, "test": 5, **options}))


def test_questions_are_apart_and_larger_sets_change_no_other() -> None:
    small, large = made("gcd"), made("gcd", train=40)
    sets = {split: small.load(split) for split in ("test", "validation", "train")}
    texts = [q.text for questions in sets.values() for q in questions]
    assert len(set(texts)) == len(texts) == 20
    assert small.load("test").fingerprint == large.load("test").fingerprint
    assert list(large.load("train"))[:12] == list(sets["train"])
    assert made("gcd", seed=1).load("test").fingerprint != sets["test"].fingerprint


def test_an_exhausted_data_set_is_said() -> None:
    few = {"min_numbers": 2, "max_numbers": 2, "min_value": 1, "max_value": 3}
    with pytest.raises(UserError, match="few more than 9 different questions"):
        made("gcd", config=few).load("train")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("gcdd", {}, "did you mean 'gcd'"),
        ("composite", {}, "name one of those"),
        ("coin_flip", {}, "task.trust_scorer=true"),
        ("graph_color", {}, "no gold answers"),
        ("gcd", {"config": {"min_number": 2}}, "did you mean 'min_numbers'"),
        ("gcd", {"config": {"size": 2}}, "task.train"),
        (
            "gcd",
            {"config": {"min_numbers": 4, "max_numbers": 2}},
            "does not accept these options: max_numbers must be >= min_numbers",
        ),
        ("gcd", {"level": 9}, "has the levels 0 to 3"),
        ("acre", {"level": 1}, "no levels of difficulty"),
    ],
)
def test_what_cannot_be_had_is_refused_in_words(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        made(name, **options).load("test")


def test_levels_and_options_reach_the_data_set() -> None:
    terms = [len(q.text.split(" + ")) for q in made("chain_sum", config={"min_terms": 7, "max_terms": 7}).load("test")]
    assert min(terms) > 1
    easy, hard = (made("gcd", level=level).load("test") for level in (0, 3))
    assert max(len(q.text) for q in easy) < max(len(q.text) for q in hard)


def test_a_task_survives_the_way_into_a_worker() -> None:
    task = pickle.loads(pickle.dumps(made("lcm", level=1)))
    assert task.name == "rg:lcm"
    assert task.options == made("lcm", level=1).options
    questions = list(task.load("test"))
    with VerifierPool(task, workers=1) as pool:
        right = pool.verify([(q, task.stated(q.answer)) for q in questions])
        wrong = pool.verify([(q, task.stated(f"{q.answer}1")) for q in questions])
    assert [v.reward for v in right] == [1.0] * 5
    assert [v.reward for v in wrong] == [0.0] * 5


@pytest.mark.parametrize(
    ("response", "part"),
    [
        ("<answer>3</answer>", "3"),
        ("<answer>1</answer> no, <answer>\n2 3\n4 5\n</answer>", "2 3\n4 5"),
        ("<answer>1</answer> no, <answer>2", None),  # cut in the middle of its answer
        ("<answer> </answer>", None),
        (r"\boxed{7}", "7"),
        ("The answer is 7.", "7"),
        (r"\boxed{7} <answer>8</answer>", "8"),
        ("it is 7, I think", None),
    ],
)
def test_what_is_scored(response: str, part: str | None) -> None:
    assert scored_part(response) == part


def test_the_threshold_decides_about_partial_scores() -> None:
    question = made("spell_backward").load("test")[0]
    nearly = f"<answer>{question.answer[:-1]}#</answer>"
    assert made("spell_backward").verify(question, nearly).reward == 0.0
    assert made("spell_backward", threshold=0.5).verify(question, nearly).reward == 1.0


@pytest.mark.parametrize("name", sorted(EVALUATED))
def test_no_scorer_runs_what_a_policy_writes(name: str, tmp_path: Path) -> None:
    """Nine scorers evaluate answers as Python: each would make the file."""
    file = tmp_path / "escaped"
    attacks = [f"__import__('pathlib').Path({str(file)!r}).touch()", f"open({str(file)!r}, 'w')", f"[open({str(file)!r}, 'w')]"]
    task = made(name, trust_scorer=True)
    question = task.load("test")[0]
    if question.answer:
        assert task.verify(question, task.stated(question.answer)).reward == 1.0
    for attack in attacks:
        verdict = task.verify(question, task.stated(attack))
        assert verdict.reward == 0.0
        assert "not shown to the scorer" in verdict.detail
    assert not file.exists()


def test_every_scorer_that_evaluates_answers_is_known() -> None:
    """Found by looking for `eval` and SymPy's parser in the source of each scorer."""
    import inspect

    from reasoning_gym.factory import DATASETS

    evaluating = set()
    for name in names():
        source = inspect.getsource(DATASETS[name][0].score_answer)
        module = inspect.getsource(sys.modules[DATASETS[name][0].__module__])
        sympy_parser = "parse_expr(" in source and "sympy" in module
        # number_sorting evaluates its own gold answer only
        if "eval(" in source.replace('eval(entry["answer"])', "") or "exec(" in source or "sympify(" in source or sympy_parser:
            evaluating.add(name)
    assert evaluating == EVALUATED.keys()


@pytest.mark.parametrize("text", ["1 + 2*(3 - 4)/5", "-7", " (8) "])
def test_arithmetic(text: str) -> None:
    assert is_arithmetic(text)
    assert is_formula(text)


@pytest.mark.parametrize("text", ["x**2/2 + C", "-3*sin(x)*exp(2*x)", "x**(1/2)", "E**(x)", "2**x", "log(x) + 9**99", "x**-2"])
def test_formulas(text: str) -> None:
    assert is_formula(text)
    assert not is_arithmetic(text)


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9",
        "9**(9*9*9*9)",
        "((9**99)**99)**99",
        "x**9999999",
        "x.real",
        "open(x)",
        "sin.__class__",
        "sin(x)(y)",
        "[x]",
        "'x'",
        "lambda: x",
        "x if x else y",
        "f'{x}'",
        "x; y",
        "1" * 1001,
        "",
        "(" * 500 + ")" * 500,
        "１ + 1",
    ],
)
def test_what_is_no_formula(text: str) -> None:
    assert not is_formula(text)


def test_an_answer_that_a_scorer_fails_on_is_wrong_only_where_the_gold_answer_is_right() -> None:
    question = made("prime_factorization").load("test")[0]
    verdict = made("prime_factorization").verify(question, "<answer>no idea</answer>")
    assert (verdict.reward, verdict.status) == (0.0, "ok")
    assert "could not read it (ValueError)" in verdict.detail

    class Broken:
        def score_answer(self, answer: str, entry: dict[str, Any]) -> float:
            raise KeyError("metadata")

    with pytest.raises(KeyError):
        score(Broken(), "gcd", "1", {"answer": "2"})


def hashed(name: str, seed: str) -> str:
    """The questions that a process with this hash seed is given."""
    code = (
        "import json, sys; from sdzero_bench.tasks.procedural.drawing import draw; "
        "print(json.dumps(draw(sys.argv[1], {}, None, 0, {'test': 5})))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    return subprocess.run(
        [sys.executable, "-c", code, name], env=environment, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize("name", ["ransom_note", "isomorphic_strings"])
def test_questions_do_not_depend_on_the_hash_seed(name: str) -> None:
    """These data sets go through sets of text; so do codeio, intermediate_integration, knight_swap and a few more."""
    assert hashed(name, "1") == hashed(name, "2")


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_every_data_set_proves_itself_or_is_refused(name: str) -> None:
    """Gold answers earn 1, others less; drawn twice in processes of their own, they are the same."""
    counts = {"test": 6}
    items = drawing.draw(name, {}, None, 0, counts)["test"]
    drawing._drawn.cache_clear()
    assert drawing.draw(name, {}, None, 0, counts)["test"] == items
    if all(item["answer"] is None for item in items):
        assert name in UNTRUSTED
        return
    task = made(name, test=6, trust_scorer=True)
    questions = list(task.load("test"))
    assert [task.verify(q, task.stated(q.answer)).reward for q in questions] == [1.0] * 6
    answers = [q.answer for q in questions]
    passed: list[tuple[str, str]] = []
    for i, question in enumerate(questions):
        other = [*answers[i + 1 :], *answers[:i]]
        wrong = [tampered(question.answer, other), "no idea", "0", "True", *other[:1]]
        wrong = [text for text in wrong if text and not same(text, question.answer)]
        passed += [(text, question.answer) for text in wrong if task.verify(question, task.stated(text)).reward == 1.0]
    assert not passed or name in UNTRUSTED


def same(one: str, other: str) -> bool:
    try:
        return float(one) == float(other)
    except ValueError:
        return one.lower() == other.lower()


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("coin_flip", lambda answer: "0"),
        ("game_of_life_halting", lambda answer: "no idea"),
        ("number_sorting", lambda answer: re.sub(r"\.(\d)", lambda m: f".{(int(m.group(1)) + 5) % 10}", answer)),
        ("puzzle24", lambda answer: "6 * 4 + 1 - 1"),
    ],
)
def test_what_refused_scorers_take_for_right(name: str, wrong: Callable[[str], str]) -> None:
    task = made(name, trust_scorer=True, test=20)
    questions = [q for q in task.load("test") if wrong(q.answer) != q.answer]
    assert any(task.verify(q, task.stated(wrong(q.answer))).reward == 1.0 for q in questions)


@pytest.mark.parametrize("name", ["boxnet", "graph_color", "propositional_logic", "rubiks_cube", "rush_hour"])
def test_refused_data_sets_without_gold_answers(name: str) -> None:
    assert {q.answer for q in made(name, trust_scorer=True).load("test")} == {""}


def test_everything_refused_is_shown_to_deserve_it() -> None:
    shown = {"coin_flip", "game_of_life_halting", "number_sorting", "puzzle24"}
    assert UNTRUSTED.keys() - shown == {"boxnet", "graph_color", "propositional_logic", "rubiks_cube", "rush_hour"}


def test_details_can_be_recorded() -> None:
    """A record keeps them as JSON, and a verdict does not change by that."""
    task = made("arc_1d")
    for question in task.load("test"):
        details = json.loads(json.dumps(question.details))
        again = type(question)(question.id, question.text, question.answer, details)
        assert task.verify(again, task.stated(question.answer)).reward == 1.0


def test_scorers_are_made_once() -> None:
    assert scorer("gcd", "{}", None) is scorer("gcd", "{}", None)
