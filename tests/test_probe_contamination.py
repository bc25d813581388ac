"""Completion of partial questions: how it is measured, what it is compared with, and what is concluded from it."""

from __future__ import annotations

import itertools
import json
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_tasks import local_task, sandbox
from small_runs import command, finished, run_json

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.stats.proportions import difference_of_shares
from sdzero_bench.report.probe.probe_page import contamination_verdict
from sdzero_bench.runs import registry
from sdzero_bench.runs.probe.contamination import contamination
from sdzero_bench.runs.probe.control_sets import control_set, with_other_numbers
from sdzero_bench.runs.probe.partial_prompts import (
    Continuation,
    PartialPrompt,
    continuation,
    longest_common_subsequence,
    partial_prompt,
    rouge_l,
)
from sdzero_bench.runs.probe.probed_task import ProbedTask, to_be_continued

MICRO = "package:sdzero_bench.tasks/micro_world/slips"
DUCKS = Question("0", "Janet has 16 ducks and sells 3 of them for 16 dollars each. How many are left?", "13")


def cut(text: str) -> PartialPrompt:
    found = partial_prompt(Question("0", text, "1"))
    assert found is not None
    return found


def brute_force(one: list[str], other: list[str]) -> int:
    """The length of the longest list that is in both, in order, perhaps with gaps."""
    for length in range(min(len(one), len(other)), 0, -1):
        theirs = set(itertools.combinations(other, length))
        if any(chosen in theirs for chosen in itertools.combinations(one, length)):
            return length
    return 0


@given(st.lists(st.sampled_from("abc"), max_size=7), st.lists(st.sampled_from("abc"), max_size=7))
@settings(deadline=None)
def test_the_longest_common_subsequence_is_that_of_brute_force(one: list[str], other: list[str]) -> None:
    assert longest_common_subsequence(one, other) == brute_force(one, other)


@given(*[st.text(st.sampled_from("ab1 .,-?A"), max_size=30)] * 2)
@settings(deadline=None, max_examples=60)
def test_rouge_l_is_that_of_the_package_rouge_score(one: str, other: str) -> None:
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rougeL"])
    assert rouge_l(one, other) == pytest.approx(scorer.score(other, one)["rougeL"].fmeasure)


@given(st.lists(st.text(st.sampled_from("ab1?"), min_size=1, max_size=4), min_size=5, max_size=20), st.floats(0.1, 0.9))
def test_a_question_is_cut_in_two_at_a_word(words: list[str], share: float) -> None:
    text = "  ".join(words)
    found = partial_prompt(Question("0", text, "1"), share)
    if found is not None:
        assert f"{found.shown}  {found.rest}" == text
        assert abs(len(found.shown.split()) - share * len(words)) <= 1
    else:
        assert not re.search(r"[a-z0-9]", "".join(words[round(share * len(words)) :]))


def test_60_percent_of_the_words_are_shown_and_short_questions_are_left_out() -> None:
    assert cut("a b c d e f g h i j").shown == "a b c d e f"
    assert partial_prompt(Question("0", "What is 1 + 2?"[:11], "3")) is None  # What is 1 +


@pytest.mark.parametrize(
    ("text", "exact", "rouge"),
    [
        (" g h i j", True, 1.0),
        ("\ng h\ni j k l m", True, 1.0),  # what comes after the question does not count
        (" g h i", False, 6 / 7),
        (" G H I J", False, 1.0),
        (" x y z w", False, 0.0),
        ("", False, 0.0),
    ],
)
def test_a_continuation_is_held_against_the_rest_over_as_many_words(text: str, exact: bool, rouge: float) -> None:
    found = continuation(cut("a b c d e f g h i j"), text)
    assert (found.exact, found.rouge_l) == (exact, pytest.approx(rouge))


@given(st.lists(st.sampled_from(["ducks", "0", "7", "007", "16", "1,250", "3.5", "16"]), min_size=1, max_size=8))
def test_other_numbers_have_as_many_digits_and_equal_ones_stay_equal(words: list[str]) -> None:
    question = Question("0", " ".join(words), "1")
    changed = with_other_numbers(question)
    before = re.findall(r"\d+", question.text)
    if not before:
        assert changed is None
        return
    assert changed is not None
    after = re.findall(r"\d+", changed.text)
    assert re.sub(r"\d", "", changed.text) == re.sub(r"\d", "", question.text)
    assert [len(n) for n in after] == [len(n) for n in before]
    assert all(old != new for old, new in zip(before, after, strict=True))
    mapping = dict(zip(before, after, strict=True))
    assert after == [mapping[number] for number in before]
    assert changed == with_other_numbers(question)


@pytest.mark.parametrize("name", ["micro-arith", "micro-code", "rg:gcd", "countdown"])
def test_generated_tasks_draw_fresh_questions_that_can_be_verified(name: str) -> None:
    cls = registry.task(name)
    task = cls(cls.Options(test=20))
    task.sandbox = sandbox() if task.needs_sandbox else None
    fresh, test = task.fresh(12), task.load("test")
    assert fresh is not None
    assert len(fresh) == 12
    assert fresh.overlap(test) == []
    assert task.fresh(12) == fresh
    response = task.demonstration(fresh[0]) or task.stated(fresh[0].answer)
    assert task.verify(fresh[0], response).reward == 1.0


def test_without_fresh_questions_the_control_has_other_numbers_and_is_paired() -> None:
    task = local_task("gsm8k")
    test = task.load("test")
    assert task.fresh(3) is None
    control = control_set(task, test, None)
    assert control.paired
    assert {q.id for q in control.questions} <= {q.id for q in test}
    assert control.questions.overlap(test) == []


def test_a_given_control_is_used_as_a_whole_and_must_be_fresh(tmp_path: Path) -> None:
    task = local_task("gsm8k")
    test = task.load("test")
    file = tmp_path / "own.jsonl"
    file.write_text(
        "".join(json.dumps({"question": f"How many is {i} and {i}?", "answer": str(2 * i)}) + "\n" for i in range(9))
    )
    control = control_set(task, test, str(file))
    assert (len(control.questions), control.paired) == (min(9, len(test)), False)
    file.write_text(json.dumps({"question": test[0].text, "answer": "1"}) + "\n")
    with pytest.raises(UserError, match="has to be fresh"):
        control_set(task, test, str(file))
    with pytest.raises(UserError, match="give comparable questions: --control"):
        control_set(task, QuestionSet("t", (Question("0", "no numbers", "1"),)), None)


def test_the_interval_of_two_shares_is_newcombes() -> None:
    """His example: 56 of 70 and 48 of 80, method 10, Table II (a)."""
    first, second = (np.array([True] * right + [False] * (n - right)) for right, n in ((56, 70), (48, 80)))
    found = difference_of_shares(second, first)
    assert (found.low, found.high) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))


def written(exact: int, of: int, rouge: float, seed: int) -> list[Continuation]:
    """Continuations of which `exact` are right, and the others close to `rouge`."""
    rng = np.random.default_rng(seed)
    partial = cut("a b c d e f g h i j")
    close = np.clip(rng.normal(rouge, 0.1, of), 0, 1)
    return [Continuation(partial, "w", i < exact, 1.0 if i < exact else float(close[i])) for i in range(of)]


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize(
    ("test", "control", "said"),
    [
        (written(80, 150, 0.3, 0), written(0, 150, 0.3, 1), "Signs of memorisation"),
        (written(0, 150, 0.5, 0), written(0, 150, 0.3, 1), "Signs of memorisation"),  # close, if not word for word
        (written(0, 150, 0.3, 0), written(0, 150, 0.3, 1), "No sign"),
        (written(0, 20, 0.3, 0), written(0, 20, 0.3, 1), "Inconclusive"),  # too few to exclude 5 points
        (written(0, 150, 0.3, 0), written(30, 150, 0.3, 1), "No sign"),  # the control is the better known one
    ],
)
def test_the_verdict(test: list[Continuation], control: list[Continuation], said: str, paired: bool) -> None:
    found = contamination(test, control, "others", paired, 0)
    assert contamination_verdict(found).startswith(said)


def test_suspicious_questions_are_exact_ones_and_then_those_above_their_counterparts() -> None:
    partials = [PartialPrompt(Question(str(i), "t", "1"), "t", "t") for i in range(4)]
    test = [Continuation(p, "w", rouge == 1, rouge) for p, rouge in zip(partials, [0.9, 0.6, 1, 0.1], strict=True)]
    control = [Continuation(p, "w", False, rouge) for p, rouge in zip(partials, [0.8, 0.1, 0.2, 0.09], strict=True)]
    found = contamination(test, control, "others", True, 0, suspicious=3)
    assert [own.partial.question.id for own in found.suspicious] == ["2", "1", "0"]


def test_a_partial_question_earns_the_reward_for_its_rest_in_worker_processes_too() -> None:
    task = pickle.loads(pickle.dumps(ProbedTask(local_task("gsm8k"))))
    partial = partial_prompt(DUCKS)
    assert partial is not None
    asked = to_be_continued(partial)
    assert task.verify(asked, f" {partial.rest} He has").reward == 1.0
    assert task.verify(asked, "something else").reward == 0.0
    assert task.verify(DUCKS, "\\boxed{13}").reward == 1.0


def memorised(texts: list[str], folder: Path, model: Any, tokenizer: Any) -> str:
    """The embedded model, trained on these texts alone until it knows them."""
    import torch

    batch = tokenizer(texts, return_tensors="pt", padding=True)
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(80):
        model(**batch, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def test_a_model_that_was_trained_on_the_test_questions_is_found_out(tmp_path: Path, micro: Any, tokenizer: Any) -> None:
    texts = [question.text for question in local_task("micro-code").load("test")[:12]]
    model = memorised(texts, tmp_path / "model", micro, tokenizer)
    ask = ["--task", "micro-code", "--only", "contamination", "--questions", "12", "--allow-weaker-sandbox", "--json"]
    known = run_json(command("probe", model, *ask, "--output", str(tmp_path / "known")))
    clean = run_json(command("probe", MICRO, *ask, "--output", str(tmp_path / "clean")))
    assert known["contamination"]["finding"] == "found"
    assert known["contamination"]["measures"][0]["test"]["mean"] > 0.25
    assert clean["contamination"]["finding"] != "found"
    assert clean["contamination"]["measures"][0]["test"]["mean"] < 0.1


def test_errors_of_use_are_one_line(tmp_path: Path) -> None:
    for arguments, said in (
        (["--task", "micro-arith", "--control", "nowhere.jsonl"], "there is no such file"),
        (["--task", "micro-arith", "--control", "micro-arith"], "has to be fresh"),
        ([], "which task?"),
    ):
        done = finished(command("probe", MICRO, *arguments, "--output", str(tmp_path / "probe")))
        assert done.returncode == 2
        assert said in done.stderr
        assert len([line for line in done.stderr.splitlines() if line.startswith("sdzero-bench:")]) == 1
        assert not (tmp_path / "probe").exists()
