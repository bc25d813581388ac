"""Self-Revision Training: its losses, its cleaning, its two stages."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sdzero_bench.core.errors import UserError
from sdzero_bench.methods import srt
from sdzero_bench.methods.srt import PHRASES, SRT, Revision, SRTOptions, strip_opening, trim_repeating_tail
from sdzero_bench.training.cost import Typical


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a short text", "a short text"),
        ("start " + "again and again. " * 5, "start again and again."),
        ("start " + "again and again. " * 5 + "again an", "start again and again."),
        ("1+2=3\n3+4=7\n\\boxed{7}", "1+2=3\n3+4=7\n\\boxed{7}"),
        ("haha" * 20, "haha" * 2),
        ("twice is fine. twice is fine. ", "twice is fine. twice is fine. "),
        ("", ""),
    ],
)
def test_trim_repeating_tail(text: str, expected: str) -> None:
    assert trim_repeating_tail(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("You're right, I made a mistake. 1+1=2", "1+1=2"),
        ("I apologize for that.\n\n1+1=2", "1+1=2"),
        ("Sorry! 1+1=2", "1+1=2"),
        ("The right answer: 1+1=2", "The right answer: 1+1=2"),
        ("1+1=2. Sorry.", "1+1=2. Sorry."),
    ],
)
def test_strip_opening(text: str, expected: str) -> None:
    assert strip_opening(text) == expected


def revision(right_first: bool, tag: int = 0) -> Revision:
    return Revision((1, 2), (3, tag), (4,), (5, 6), right_first)


def test_the_two_losses_are_over_the_tokens_that_the_paper_names() -> None:
    """Both read x first; generation learns y_init, P_r and y_revised, revision learns y_revised alone."""
    generation, revised = revision(False).generation(), revision(False).revision()
    assert (generation.context, generation.target) == ((1, 2), (3, 0, 4, 5, 6))
    assert (revised.context, revised.target) == ((1, 2, 3, 0, 4), (5, 6))
    assert generation.context + generation.target == revised.context + revised.target


class FakeRun:
    """Records what would be fine-tuned."""

    def __init__(self) -> None:
        self.base = "base"
        self.trained: list[tuple[str, Any, list[Any]]] = []
        self.display = SimpleNamespace(say=lambda text: None)

    def finetune(self, name: str, start: Any, examples: list[Any], epochs: float, learning_rate: float | None) -> str:
        self.trained.append((name, start, list(examples)))
        return name


def test_two_stages_as_the_public_code_orders_them() -> None:
    """Generation loss on wrong-first tuples, then revision loss on a small set that right-first tuples enter first."""
    tuples = [revision(True, 1), *[revision(False, tag) for tag in range(2, 8)]]
    run = FakeRun()
    srt._two_stages(run, tuples, SRTOptions(objective="two_stage", stage_two=3))  # type: ignore[arg-type]
    (one, start, first), (two, middle, second) = run.trained
    assert (one, start, two, middle) == ("srt-stage1", "base", "srt", "srt-stage1")
    assert first == [t.generation() for t in tuples[3:]]
    assert second == [t.revision() for t in tuples[:3]]


@pytest.mark.parametrize("stage_two", [3, 20, 1000])
def test_a_plan_of_two_stages_counts_the_tuples_of_each(stage_two: int) -> None:
    """40 questions, of which half are answered correctly; one revision each, of which half are correct: 20 tuples."""
    options = SRTOptions(objective="two_stage", revisions=1, epochs=1, stage_two=stage_two)
    typical = Typical(prompt=7, completion=10, revised=1, solution=1, phrase=3, right=0.5, revised_right=0.5)
    expected = SRT(options).expected(40, typical)
    run = FakeRun()
    srt._two_stages(run, [revision(i % 2 == 0, i) for i in range(20)], options)  # type: ignore[arg-type]
    assert {name: passes.backward / 30 for name, passes in expected.items()} == {n: len(e) for n, _, e in run.trained}
    assert list(SRT(options).plan(40)) == ["srt.initial", "srt.revision"]


def test_two_stages_need_tuples_for_both() -> None:
    with pytest.raises(UserError, match="0 from incorrect first responses and 2 from correct ones"):
        srt._two_stages(FakeRun(), [revision(True)] * 2, SRTOptions(objective="two_stage"))  # type: ignore[arg-type]


@pytest.mark.parametrize(("losses", "expected"), [("both", ["g", "r"]), ("generation", ["g"]), ("revision", ["r"])])
def test_losses_can_be_had_alone(monkeypatch: pytest.MonkeyPatch, losses: Any, expected: list[str]) -> None:
    run = FakeRun()
    monkeypatch.setattr(srt, "collect", lambda *_: [revision(False)])
    srt.self_revision_training(run, None, SRTOptions(losses=losses))  # type: ignore[arg-type]
    known = {"g": revision(False).generation(), "r": revision(False).revision()}
    assert run.trained[0][2] == [known[name] for name in expected]


def test_phrases_stand_between_blank_lines() -> None:
    for phrases in PHRASES.values():
        assert phrases.after(1.0) == f"\n\n{phrases.right}\n\n"
        assert phrases.after(0.0) == f"\n\n{phrases.wrong}\n\n"
