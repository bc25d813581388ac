"""check_method: a method that keeps what it promises has no findings, and each broken promise is said in words."""

from __future__ import annotations

import pytest

from sdzero_bench.methods.rft import RFT
from sdzero_bench.testing import check_method
from sdzero_bench.training.recipe import Phase
from sdzero_bench.training.run import Checkpoint, Run

FAST = ("method.epochs=1",)


def test_a_method_that_keeps_everything_has_no_findings() -> None:
    assert check_method(RFT, FAST) == []


class Overspending(RFT):
    """Declares more samples than the budget has."""

    name = "overspending"

    def phases(self, questions: int) -> list[Phase]:
        return [Phase("rft.sample", "sample", 100 * questions), *super().phases(questions)[1:]]


class DrawingMore(RFT):
    """Draws more than it declares."""

    name = "drawing_more"

    def train(self, run: Run) -> Checkpoint:
        run.sample("more", run.base, run.ask(run.questions, 1))
        return super().train(run)


class DrawingTwice(RFT):
    """Asks for the same samples twice, and takes them for others."""

    name = "drawing_twice"

    def train(self, run: Run) -> Checkpoint:
        run.sample("rft.sample", run.base, run.ask(run.questions, 1))
        return super().train(run)


class Forgetful(RFT):
    """Trains in a phase that it does not declare."""

    name = "forgetful"

    def phases(self, questions: int) -> list[Phase]:
        return super().phases(questions)[:1]


class Remembering(RFT):
    """Decides by what is on disk, so that a resumed run does something else."""

    name = "remembering"

    def train(self, run: Run) -> Checkpoint:
        self.options.__dict__["epochs"] = 2 if (run.folder.path / "seen").exists() else 1
        (run.folder.path / "seen").touch()
        return super().train(run)


def test_what_describes_a_method_may_not_be_missing() -> None:
    undescribed = type("Undescribed", (Overspending,), {"name": "undescribed", "summary": "", "__doc__": None})
    said = check_method(undescribed, FAST)
    assert [finding.partition(":")[0] for finding in said[:2]] == ["it has no summary", "it has no docstring"]


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (Overspending, "a run of it fails: overspending needs 1600 samples"),
        (DrawingMore, "a run of it fails: phase 'more' needs 16 samples, but 0 of its plan are left"),
        (DrawingTwice, "is asked for twice"),
        pytest.param(
            Forgetful,
            "it draws or trains in the phase 'forgetful', which it does not declare",
            marks=pytest.mark.slow,
        ),
        pytest.param(Remembering, "ends otherwise: checkpoints/remembering/model.safetensors differs", marks=pytest.mark.slow),
    ],
)
def test_a_broken_promise_is_said(method: type[RFT], said: str) -> None:
    findings = check_method(method, FAST)
    assert any(said in finding for finding in findings), findings
