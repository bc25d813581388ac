"""The table of a run, on the terminal and as summary.md."""

from __future__ import annotations

from rich import box
from rich.table import Table

from sdzero_bench.core.stats.footnotes import OVER_QUESTIONS
from sdzero_bench.core.text import markdown_table, percent, with_interval
from sdzero_bench.records.folder import RunFolder, write_atomic
from sdzero_bench.records.ledger import measures
from sdzero_bench.records.schema import RunResult
from sdzero_bench.runs.write_up.curve_summary import curve_parts, forgetting_parts
from sdzero_bench.training.samples import LEAST, NOTHING_RIGHT


def policy_rows(result: RunResult) -> tuple[list[str], list[list[str]]]:
    """Headings and one row per policy."""
    first = result.evaluation[0]
    headings = [
        "policy",
        f"avg@{first.samples_per_question} (%)",
        "Δ vs base (pts)",
        f"pass@{first.k} (%)",
        "response tokens",
        "truncated (%)",
        "wrong→right (%)",
        "right→right (%)",
    ]
    rows = []
    for entry in result.evaluation:
        over, revision = entry.over_base, entry.revision
        rows.append(
            [
                entry.policy,
                with_interval(entry.avg_at_k, entry.interval),
                with_interval(over.difference, over.interval) if over else "",
                with_interval(entry.pass_at_k, entry.pass_at_k_interval),
                with_interval(entry.mean_tokens, entry.mean_tokens_interval, scale=1),
                with_interval(entry.truncated, entry.truncated_interval),
                percent(revision.correction_rate if revision else None),
                percent(revision.kept_rate if revision else None),
            ]
        )
    return headings, rows


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


def notes(result: RunResult) -> list[str]:
    """Notes for the reader of the figures. Numbers in them are those of the result alone: check_summary.py compares them."""
    failures = sum(use.verifier_failures for use in result.ledger.values())
    if measured_alone(result):
        lines = ["Nothing was trained.", OVER_QUESTIONS]
    else:
        lines = [
            f"{training_samples(result):,} of {result.budget.samples:,} training samples used.",
            "wrong→right and right→right: share of its incorrect, and of its correct, responses that are correct once revised.",
            f"{OVER_QUESTIONS} One run is one seed: they do not cover the variation between seeds.",
        ]
    lines += [f"Warning: {NOTHING_RIGHT}." for entry in result.evaluation if entry.policy == "base" and entry.avg_at_k < LEAST]
    lines += _of_the_harness(result)
    if failures:
        lines.append(
            f"The verifier failed on {failures} samples (time-outs or errors); they count neither as correct nor as incorrect."
        )
    if refused := sum(use.refused_responses for use in result.ledger.values()):
        lines.append(f"{refused} responses could not be read or compared; they count as incorrect.")
    if left_out := result.left_out_tests:
        lines.append(f"{left_out} tests of the data were left out: their expected output exceeds the limits.")
    if cut := sum(use.cut_responses for use in result.ledger.values()):
        lines.append(f"{cut} responses were truncated, for student and teacher alike, to fit the teacher's token limit.")
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


def terminal_table(result: RunResult) -> Table:
    """The policies, narrow enough for 80 columns: each interval is below its figure, as low..high."""
    headings, rows = policy_rows(result)
    seed = "" if measured_alone(result) else f", seed {result.seed}"
    table = Table(title=title(result) + seed, box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    for heading in headings:
        table.add_column(heading.replace(" ", "\n").replace("→", "→\n"), justify="left" if heading == "policy" else "right")
    for row in rows:
        table.add_row(*(cell.replace(" [", "\n").replace(", ", "..").rstrip("]") for cell in row))
    return table


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
