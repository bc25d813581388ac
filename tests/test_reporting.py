"""What a reader sees: every figure with its interval, failures in words, and no table of runs that differ."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.console import Console

from sdzero_bench.core.terminal_tables import fitted
from sdzero_bench.core.text import counted
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.measured import PairedDifference, PolicyFigures, RevisionFigures
from sdzero_bench.records.schema import Budget, PhaseUse, RunResult
from sdzero_bench.runs.write_up.learning_curve import draw_learning_curve
from sdzero_bench.runs.write_up.summary import markdown_summary, notes, policy_rows, terminal_tables
from sdzero_bench.training.samples import NOTHING_RIGHT


def entry(policy: str, value: float) -> PolicyFigures:
    over = PairedDifference(difference=value - 0.5, interval=[value - 0.55, value - 0.45], questions=100)
    return PolicyFigures(
        policy=policy,
        checkpoint=policy,
        questions=100,
        samples_per_question=8,
        k=4,
        avg_at_k=value,
        interval=[value - 0.05, value + 0.05],
        pass_at_k=value + 0.2,
        pass_at_k_interval=[(value + 0.2) * 0.9, (value + 0.2) * 1.1],
        maj_at_k=None,
        maj_at_k_interval=None,
        mean_tokens=30.0,
        mean_tokens_interval=[27.0, 33.0],
        truncated=0.0,
        truncated_interval=[0.0, 0.0],
        unverified=0,
        revision=RevisionFigures(
            accuracy_first=0.5, accuracy_revised=0.6, correction_rate=0.25, kept_rate=None, mean_tokens=30.0
        ),
        over_base=over if policy != "base" else None,
    )


def result(failures: int = 0, method: str = "srt", seed: int = 0) -> RunResult:
    use = PhaseUse(
        samples=300,
        prompt_tokens=1000,
        generated_tokens=2000,
        verifier_calls=300,
        verifier_failures=failures,
        backward_tokens=5000,
        wall_seconds=1.5,
    )
    return RunResult(
        run_id=f"{method}-s{seed}",
        method=method,
        task="micro-arith",
        preset="micro",
        seed=seed,
        model="m",
        folder="f",
        question_set="a" * 16,
        test_set="b" * 16,
        supervision="verifier rewards",
        sandbox=None,
        tuning=None,
        origin=None,
        harness=None,
        left_out_tests=0,
        budget=Budget(question_set="a" * 16, questions=100, samples=400, new_tokens_per_sample=8),
        ledger={"srt.initial": use, "evaluation.base": use.model_copy(update={"verifier_failures": 0})},
        evaluation=[entry("base", 0.5), entry("final", 0.625)],
    )


def test_the_table_fits_80_columns_and_shows_every_interval() -> None:
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    (table,) = terminal_tables(result(), console.width)
    console.print(table)
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 80
    for shown in ("62.5 [57.5, 67.5]", "12.5 [7.5, 17.5]", "25.0", "final"):
        assert shown in text
    assert "…" not in text


def test_what_was_not_measured_has_no_column() -> None:
    whole = result()
    plain = whole.model_copy(update={"evaluation": [e.model_copy(update={"revision": None}) for e in whole.evaluation]})
    assert [name for name in policy_rows(whole)[0] if "→" in name] == ["wrong→right (%)", "right→right (%)"]
    assert [name for name in policy_rows(plain)[0] if "→" in name] == []
    assert "-" not in {cell for row in policy_rows(plain)[1] for cell in row}
    assert any("→" in note for note in notes(whole))
    assert not any("→" in note for note in notes(plain))


WIDE = (
    ["rank", "method", *(f"figure {n} (%)" for n in range(9))],
    [[str(n), f"method {n}", *["92.8 [91.2, 94.1]"] * 9] for n in range(3)],
)


@pytest.mark.parametrize("width", [60, 80, 120, 400])
def test_a_table_fits_any_terminal_without_breaking_a_figure(width: int) -> None:
    tables = fitted(*WIDE, 2, width)
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    for table in tables:
        console.print(table)
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= width
    assert sum(line.count("[91.2, 94.1]") for line in lines) == 27
    assert sum(line.count("method 1") for line in lines) == len(tables)
    assert (len(tables) == 1) == (width > 140)
    assert ("92.8 [91.2, 94.1]" in "".join(lines)) == (width == 400)


def test_the_summary_names_what_was_used_and_what_failed(tmp_path: Path) -> None:
    markdown_summary(RunFolder(tmp_path), result(failures=3))
    text = (tmp_path / "summary.md").read_text()
    assert "300 of 400 training samples used" in text
    assert "The verifier failed on 3 samples" in text
    assert "| srt.initial | 300 | 2,000 | 1,000 | 0 | 5,000 | 3 | 1.5 |" in text
    assert "One run is one seed" in text
    assert not any("failed" in note for note in notes(result()))


def test_a_base_that_gets_nothing_right_is_said_without_figures_of_its_own() -> None:
    """Figures in the text of a summary are compared with those of the result."""
    lost = result().model_copy(update={"evaluation": [entry("base", 0.0), entry("final", 0.0)]})
    assert [note for note in notes(lost) if note not in notes(result())] == [f"Warning: {NOTHING_RIGHT}."]
    assert not re.search(r"\d", NOTHING_RIGHT)


def test_the_learning_curve_is_drawn_twice(tmp_path: Path) -> None:
    draw_learning_curve(RunFolder(tmp_path), {}, result())
    assert (tmp_path / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "learning_curve.svg").read_text()


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 questions"), (1, "1 question"), (2, "2 questions"), (1200, "1,200 questions")]
)
def test_what_is_counted_is_singular_for_one(number: int, said: str) -> None:
    assert counted(number, "question") == said


def test_one_of_each_is_said_in_the_singular() -> None:
    one = result(failures=1)
    one = one.model_copy(update={"budget": one.budget.model_copy(update={"samples": 1}), "left_out_tests": 1})
    said = " ".join(notes(one))
    assert "of 1 training sample used" in said
    assert "failed on 1 sample (" in said
    assert "1 test of the data" in said
    assert re.findall(r"\b1 [a-z]+s\b", said) == []
