"""What methods make of their samples before they train: examples, pairs, judged samples, and weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from test_methods import QUESTIONS, FakeRun
from tiny import attempt

from sdzero_bench.core.errors import UserError
from sdzero_bench.methods.dpo import DPO, DPOOptions
from sdzero_bench.methods.kto import KTO
from sdzero_bench.methods.rltf_sd import RLTFSD, RLTFSDOptions
from sdzero_bench.methods.ssd import SSD
from sdzero_bench.methods.star import STaR, STaROptions
from sdzero_bench.training.weighted import weighted_rows


class Sampling(FakeRun):
    """Rewards by phase, question and place; the text of a sample is its phase and place."""

    def __init__(self, rewards: Callable[[str, str, int], float | None]) -> None:
        super().__init__()
        self.rewards = rewards
        self.drawn: dict[str, list[Any]] = {}
        self.preferred: list[tuple[str, Any, list[Any]]] = []
        self.config: Any = type("Config", (), {"seed": 0, "optimizer": type("Optimizer", (), {"batch_size": 2})})

    def sample(self, phase: str, policy: Any, prompts: Any) -> list[Any]:
        found = []
        for prompt in prompts:
            question = getattr(prompt, "question", prompt)
            place = sum(sample.question_id == question.id for sample in found)
            one = attempt(question.id, [len(found)], self.rewards(phase, question.id, place)).sample
            found.append(replace(one, token_ids=(f"{phase} {question.id}.{place}",), index=str(place)))  # type: ignore[arg-type]
        self.drawn[phase] = list(prompts)
        return found

    def preference(self, name: str, start: Any, pairs: Any, options: Any) -> str:
        self.preferred.append((name, start, list(pairs)))
        return name

    def continue_after(self, question: Any, sample: Any, inserted: str, index: str) -> Any:
        return type("Prompt", (), {"question": question, "after": (sample.token_ids[0], inserted)})


def run(method: Any, rewards: Callable[[str, str, int], float | None]) -> Sampling:
    found = Sampling(rewards)
    method.train(found)
    return found


def test_ssd_trains_on_every_sample_right_or_wrong() -> None:
    done = run(SSD(), lambda phase, question, place: [1.0, 0.0, None, 0.0][place])
    ((_, start, examples),) = done.trained
    assert start is done.base
    assert len(examples) == 4 * len(QUESTIONS)
    assert {example.context for example in examples} == {(q.text,) for q in QUESTIONS}


def test_star_shows_the_answer_where_no_sample_is_right_and_trains_without_it() -> None:
    """q1 is solved; with the answer shown, q0 is, and q2 is not."""
    solved = {"sample": {"q1"}, "hinted": {"q0"}}
    done = run(STaR(STaROptions(samples=2)), lambda phase, q, place: float(q in solved[phase.split(".")[1]] and place == 1))
    for i, (name, start, examples) in enumerate(done.trained, start=1):
        assert (name, start) == (f"round{i}", done.base)  # from the base again
        hinted = done.drawn[f"round{i}.hinted"]
        assert [prompt.question.id for prompt in hinted] == ["q0", "q0", "q2", "q2"]
        assert all(f"The answer is {prompt.question.answer}." in prompt.ids[0] for prompt in hinted)
        assert [(e.context, e.target) for e in examples] == [
            ((QUESTIONS.questions[0].text,), (f"round{i}.hinted q0.1",)),
            ((QUESTIONS.questions[1].text,), (f"round{i}.sample q1.1",)),
        ]
    assert (len(done.trained), done.kept) == (2, ["round1"])


def test_dpo_pairs_right_with_wrong_samples_of_the_same_question_and_goes_on_from_the_last_round() -> None:
    rewards: dict[str, list[float | None]] = {
        "q0": [1.0, 0.0, 1.0, 0.0, 0.0],
        "q1": [1.0, 1.0, None, 1.0, 1.0],
        "q2": [0.0, 0.0, 0.0, 1.0, None],
    }
    for most, expected in ((100, 9), (4, 7)):
        done = run(DPO(DPOOptions(samples=5, pairs=most)), lambda phase, q, place: rewards[q][place])
        assert [(name, start) for name, start, _ in done.preferred] == [("round1", done.base), ("round2", "round1")]
        for name, _, pairs in done.preferred:
            assert len(pairs) == len(set(pairs)) == expected
            for pair in pairs:
                question, better, worse = pair.prompt[0], pair.chosen[0], pair.rejected[0]
                (own,) = (q for q in QUESTIONS if q.text == question)
                places = [int(text.removeprefix(f"{name}.sample {own.id}.")) for text in (better, worse)]
                assert [rewards[own.id][place] for place in places] == [1.0, 0.0]


def test_kto_judges_every_sample_that_has_a_verdict() -> None:
    done = run(KTO(), lambda phase, q, place: [1.0, 0.0, None, 0.0][place])
    ((name, start, judged),) = done.preferred
    assert (name, start) == ("kto", done.base)
    assert [row.right for row in judged] == [True, False, False] * len(QUESTIONS)


def test_rltf_weighs_revisions_by_their_reward_less_the_mean_of_the_first_tries() -> None:
    """q0: one of two first tries is right, and the wrong one's revision too; q1: none, and one of two revisions is; q2: none is
    to be revised."""
    first: dict[str, list[float | None]] = {"q0": [0.0, 1.0], "q1": [0.0, 0.0], "q2": [1.0, None]}
    revised: dict[str, list[float | None]] = {"q0": [1.0], "q1": [0.0, 1.0]}
    seen: list[Any] = []

    class Watched(RLTFSD):
        def _updated(self, run: Any, name: str, policy: Any, weighted: Any) -> Any:
            seen.append((name, policy, weighted))
            return name

    done = run(
        Watched(RLTFSDOptions(rounds=1)), lambda phase, q, place: (first if phase.endswith("first") else revised)[q][place]
    )
    prompts = done.drawn["round1.revision"]
    assert [prompt.after[0] for prompt in prompts] == ["round1.first q0.0", "round1.first q1.0", "round1.first q1.1"]
    assert all("start over" in prompt.after[1] for prompt in prompts)
    ((name, start, weighted),) = seen
    assert (name, start) == ("round1", done.base)
    asked = [q.text for q in QUESTIONS]
    assert [(e.context[0], e.target[0], weight) for e, weight in weighted] == [
        (asked[0], "round1.revision q0.0", 0.5),
        (asked[1], "round1.revision q1.0", 0.0),
        (asked[1], "round1.revision q1.1", 1.0),
    ]


@pytest.mark.parametrize("reward", [1.0, 0.0])
def test_rltf_without_a_revision_that_is_better_or_worse_says_so(reward: float) -> None:
    with pytest.raises(UserError, match="no revision is better or worse than its first tries"):
        run(RLTFSD(RLTFSDOptions(rounds=3)), lambda phase, q, place: reward)


def test_rltf_needs_a_question_for_each_round() -> None:
    with pytest.raises(UserError, match="3 questions are too few for 4 rounds"):
        RLTFSD().phases(3)
    assert RLTFSD(RLTFSDOptions(rounds=3)).plan(7) == {
        f"round{i}.{part}": 2 * size for i, size in enumerate((2, 2, 3), start=1) for part in ("first", "revision")
    }


def test_weighted_rows_train_on_targets_alone() -> None:
    from sdzero_bench.training.supervised import Example

    (row,) = weighted_rows([(Example((1, 2), (3, 4)), -0.5)])
    assert row == {"input_ids": [1, 2, 3, 4], "labels": [-100, -100, 3, 4], "weights": -0.5}
