"""The table of a run, on the terminal and as summary.md."""

from __future__ import annotations

from collections.abc import Callable

from rich.table import Table

from sdzero_bench.core.stats.footnotes import OVER_QUESTIONS
from sdzero_bench.core.terminal_tables import fitted
from sdzero_bench.core.text import counted, markdown_table, percent, with_interval
from sdzero_bench.records.folder import RunFolder, write_atomic
from sdzero_bench.records.ledger import measures
from sdzero_bench.records.measured import PolicyFigures
from sdzero_bench.records.schema import RunResult
from sdzero_bench.runs.write_up.curve_summary import curve_parts, forgetting_parts
from sdzero_bench.training.samples import LEAST, NOTHING_RIGHT


def policy_rows(result: RunResult) -> tuple[list[str], list[list[str]]]:
    """Headings and one row per policy. What was not measured, such as revision, has no column."""
    first, measured = result.evaluation[0], result.origin if measured_alone(result) else None
    columns: dict[str, Callable[[PolicyFigures], str]] = {
        "policy": lambda entry: measured.checkpoint if measured else entry.policy,
        f"avg@{first.samples_per_question} (%)": lambda entry: with_interval(entry.avg_at_k, entry.interval),
        "Δ vs base (pts)": lambda e: with_interval(e.over_base.difference, e.over_base.interval) if e.over_base else "",
        f"pass@{first.k} (%)": lambda entry: with_interval(entry.pass_at_k, entry.pass_at_k_interval),
        "response tokens": lambda entry: with_interval(entry.mean_tokens, entry.mean_tokens_interval, scale=1),
        "truncated (%)": lambda entry: with_interval(entry.truncated, entry.truncated_interval),
    }
    if measures_revision(result):
        columns["wrong→right (%)"] = lambda e: percent(e.revision.correction_rate if e.revision else None)
        columns["right→right (%)"] = lambda e: percent(e.revision.kept_rate if e.revision else None)
    rows = [[cell(entry) for cell in columns.values()] for entry in result.evaluation]
    compared = [i for i in range(len(columns)) if any(row[i] for row in rows)]
    return [list(columns)[i] for i in compared], [[row[i] for i in compared] for row in rows]


def measures_revision(result: RunResult) -> bool:
    return any(entry.revision for entry in result.evaluation)


def ledger_rows(result: RunResult) -> tuple[list[str], list[list[str]]]:
    """Headings and one row per phase."""
    headings = ["phase", "samples", "generated", "prompt", "forward", "backward", "verifier failures", "seconds"]
    rows = [
        [
            name,
            f"{use.samples:,}",
            f"{use.generated_tokens:,}",
            f"{use.prompt_tokens:,}",
            f"{use.forward_tokens:,}",
            f"{use.backward_tokens:,}",
            str(use.verifier_failures),
            f"{use.wall_seconds:.1f}",
        ]
        for name, use in result.ledger.items()
    ]
    return headings, rows


def training_samples(result: RunResult) -> int:
    return sum(use.samples for name, use in result.ledger.items() if not measures(name))


REVISED = "wrong→right and right→right: share of its incorrect, and of its correct, responses that are correct once revised."


def notes(result: RunResult) -> list[str]:
    """Notes for the reader of the figures. Numbers in them are those of the result alone: check_summary.py compares them."""
    failures = sum(use.verifier_failures for use in result.ledger.values())
    if measured_alone(result):
        lines = ["Nothing was trained.", OVER_QUESTIONS]
    else:
        lines = [
            f"{training_samples(result):,} of {counted(result.budget.samples, 'training sample')} used.",
            *([REVISED] if measures_revision(result) else []),
            f"{OVER_QUESTIONS} One run is one seed: they do not cover the variation between seeds.",
        ]
    lines += [f"Warning: {NOTHING_RIGHT}." for entry in result.evaluation if entry.policy == "base" and entry.avg_at_k < LEAST]
    lines += _of_the_harness(result)
    if failures:
        lines.append(
            f"The verifier failed on {counted(failures, 'sample')} (time-outs or errors), counted neither as correct "
            f"nor as incorrect."
        )
    if refused := sum(use.refused_responses for use in result.ledger.values()):
        lines.append(f"{counted(refused, 'response')} could not be read or compared, and counted as incorrect.")
    if left_out := result.left_out_tests:
        lines.append(f"{counted(left_out, 'test')} of the data left out: the expected output exceeds the limits.")
    if cut := sum(use.cut_responses for use in result.ledger.values()):
        lines.append(
            f"{counted(cut, 'response was', 'responses were')} truncated, for student and teacher alike, to fit the "
            f"teacher's token limit."
        )
    return lines


def measured_alone(result: RunResult) -> bool:
    """Whether an existing policy was measured and nothing trained."""
    return result.budget.questions == 0


def title(result: RunResult) -> str:
    return f"{result.model if measured_alone(result) else result.method} on {result.task}"


def _of_the_harness(result: RunResult) -> list[str]:
    if result.harness is None:
        return []
    figures = [
        f"{task} {name} {value:.4f}"
        for entry in result.evaluation
        if entry.harness is not None
        for task, values in entry.harness.results.items()
        for name, value in values.items()
    ]
    return [
        f"Questions, prompts and rules are those of {result.harness}: do not compare them with this project's tasks.",
        f"As scored by the harness: {'; '.join(figures)}.",
    ]


def terminal_tables(result: RunResult, width: int) -> list[Table]:
    """The policies side by side, so that three of them fit into 80 columns; more go on in a further table."""
    headings, rows = policy_rows(result)
    seed = "" if measured_alone(result) else f", seed {result.seed}"
    figures = [list(column) for column in zip(headings[1:], *(row[1:] for row in rows), strict=True)]
    return fitted(["", *(row[0] for row in rows)], figures, 1, width, title(result) + seed)


FILE = "summary.md"


def markdown_summary(folder: RunFolder, result: RunResult) -> None:
    """Write summary.md."""
    write_atomic(folder.path / FILE, summary_text(result))


def summary_text(result: RunResult) -> str:
    """The content of summary.md."""
    parts = [
        f"# {title(result)}",
        f"Run `{result.run_id}`: model `{result.model}`, preset {result.preset}, seed {result.seed}, "
        f"question set `{result.question_set}`.",
        markdown_table(*policy_rows(result)),
        "![learning curve](learning_curve.svg)",
        *curve_parts(result),
        *forgetting_parts(result),
        "## Usage",
        markdown_table(*ledger_rows(result)),
        "\n".join(f"- {note}" for note in notes(result)),
    ]
    return "\n\n".join(parts) + "\n"
