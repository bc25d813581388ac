"""Which question a step asks: laid out before the first step, groups whole, siblings known."""

from __future__ import annotations

from collections import Counter

import pytest
from tiny import attempt

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.training.on_policy import RolloutPlan, attempts


def questions(count: int) -> QuestionSet:
    return QuestionSet("set", tuple(Question(f"q{i}", f"text {i}", "1") for i in range(count)))


def test_every_question_is_asked_once_an_epoch_in_an_order_of_its_own() -> None:
    plan = RolloutPlan.fitting(questions(10), epochs=3, group=1, batch=4)
    asked = [row["question_id"] for row in plan.rows(0, lambda q: q.text)]
    assert set(Counter(asked).values()) == {3}
    assert asked[:10] != asked[10:20]
    assert asked == [row["question_id"] for row in plan.rows(0, lambda q: q.text)]
    assert plan.steps == 30 // 4


def test_samples_of_a_question_are_told_apart() -> None:
    plan = RolloutPlan.fitting(questions(4), epochs=1, group=2, batch=4)
    rows = [row for row in plan.rows(0, lambda q: q.text) for _ in range(2)]
    assert plan.indices(rows[:4]) == ["epoch0.0", "epoch0.1", "epoch0.0", "epoch0.1"]
    single = RolloutPlan.fitting(questions(4), epochs=2, group=1, batch=4)
    assert single.indices([{"question_id": "q0", "epoch": 0}, {"question_id": "q1", "epoch": 1}]) == ["epoch0", "epoch1"]


def test_groups_are_never_torn_between_steps() -> None:
    with pytest.raises(UserError, match="batch_size is 6, which groups of 4 rollouts do not fill"):
        RolloutPlan.fitting(questions(10), epochs=1, group=4, batch=6)
    assert RolloutPlan.fitting(questions(2), epochs=1, group=4, batch=32).batch == 8  # fewer rollouts than a batch


def test_siblings_are_the_others_of_the_same_group() -> None:
    asked = [q for q in questions(2) for _ in range(3)]
    samples = [attempt(q.id, [i]).sample for i, q in enumerate(asked)]
    made = attempts(asked, samples, group=3)
    assert [[s.token_ids for s in a.siblings] for a in made[:2]] == [[(1,), (2,)], [(0,), (2,)]]
    with pytest.raises(ValueError, match="holds questions 'q0' and 'q1'"):
        attempts(asked, samples, group=4)
    for a in made:
        assert {s.question_id for s in a.siblings} == {a.question.id}
        assert a.sample not in a.siblings
