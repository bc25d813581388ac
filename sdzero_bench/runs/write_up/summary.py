"""The table of a run, on the terminal and as summary.md."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table

from sdzero_bench.core.stats.footnotes import OVER_QUESTIONS
from sdzero_bench.records.folder import RunFolder, write_atomic
from sdzero_bench.records.ledger import measures


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def with_interval(value: float, interval: list[float], scale: float = 100) -> str:
    return f"{scale * value:.1f} [{scale * interval[0]:.1f}, {scale * interval[1]:.1f}]"


def policy_rows(result: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Headings and one row per policy."""
    first = result["evaluation"][0]
    headings = [
        "policy",
        f"avg@{first['samples_per_question']} (%)",
        "Δ vs base (pts)",
        f"pass@{first['k']} (%)",
        "response tokens",
        "truncated (%)",
        "wrong→right (%)",
        "right→right (%)",
    ]
    rows = []
    for entry in result["evaluation"]:
        over, revision = entry.get("over_base"), entry.get("revision", {})
        rows.append(
            [
                entry["policy"],
                with_interval(entry["avg_at_k"], entry["interval"]),
                with_interval(over["difference"], over["interval"]) if over else "",
                with_interval(entry["pass_at_k"], entry["pass_at_k_interval"]),
                with_interval(entry["mean_tokens"], entry["mean_tokens_interval"], scale=1),
                with_interval(entry["truncated"], entry["truncated_interval"]),
                percent(revision.get("correction_rate")),
                percent(revision.get("kept_rate")),
            ]
        )
    return headings, rows


def ledger_rows(result: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Headings and one row per phase."""
    headings = ["phase", "samples", "generated", "prompt", "forward", "backward", "verifier failures", "seconds"]
    rows = [
        [
            name,
            f"{use['samples']:,}",
            f"{use['generated_tokens']:,}",
            f"{use['prompt_tokens']:,}",
            f"{use['forward_tokens']:,}",
            f"{use['backward_tokens']:,}",
            str(use["verifier_failures"]),
            f"{use['wall_seconds']:.1f}",
        ]
        for name, use in result["ledger"].items()
    ]
    return headings, rows


def training_samples(result: dict[str, Any]) -> int:
    return sum(use["samples"] for name, use in result["ledger"].items() if not measures(name))


def notes(result: dict[str, Any]) -> list[str]:
    """The notes below the table."""
    failures = sum(use["verifier_failures"] for use in result["ledger"].values())
    if measured_alone(result):
        lines = ["Nothing was trained.", OVER_QUESTIONS]
    else:
        lines = [
            f"{training_samples(result):,} of {result['budget']['samples']:,} training samples used.",
            "wrong→right and right→right: share of its incorrect, and of its correct, responses that are correct once revised.",
            f"{OVER_QUESTIONS} One run is one seed: they do not cover the variation between seeds.",
        ]
    lines += _of_the_harness(result)
    if failures:
        lines.append(
            f"The verifier failed on {failures} samples (time-outs or errors); they count neither as correct nor as incorrect."
        )
    if left_out := result.get("left_out_tests"):  # older records do not say
        lines.append(f"{left_out} tests of the data were left out: their expected output exceeds the limits.")
    if cut := sum(use.get("cut_responses", 0) for use in result["ledger"].values()):
        lines.append(f"{cut} responses were truncated, for student and teacher alike, to fit the teacher's token limit.")
    return lines


def measured_alone(result: dict[str, Any]) -> bool:
    """Whether an existing policy was measured and nothing was trained."""
    return result["budget"]["questions"] == 0


def title(result: dict[str, Any]) -> str:
    return f"{result['model'] if measured_alone(result) else result['method']} on {result['task']}"


def _of_the_harness(result: dict[str, Any]) -> list[str]:
    if result.get("harness") is None:
        return []
    figures = [
        f"{task} {name} {value:.4f}"
        for entry in result["evaluation"]
        for task, values in entry["harness"]["results"].items()
        for name, value in values.items()
    ]
    return [
        f"Questions, prompts and rules are those of {result['harness']}: do not compare them with this project's tasks.",
        f"As scored by the harness: {'; '.join(figures)}.",
    ]


def terminal_table(result: dict[str, Any]) -> Table:
    """The policies, narrow enough for 80 columns: each interval is below its figure, as low..high."""
    headings, rows = policy_rows(result)
    seed = "" if measured_alone(result) else f", seed {result['seed']}"
    table = Table(title=title(result) + seed, box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    for heading in headings:
        table.add_column(heading.replace(" ", "\n").replace("→", "→\n"), justify="left" if heading == "policy" else "right")
    for row in rows:
        table.add_row(*(cell.replace(" [", "\n").replace(", ", "..").rstrip("]") for cell in row))
    return table


def markdown_summary(folder: RunFolder, result: dict[str, Any]) -> None:
    """Write summary.md."""
    parts = [
        f"# {title(result)}",
        f"Run `{result['run_id']}`: model `{result['model']}`, preset {result['preset']}, seed {result['seed']}, "
        f"question set `{result['question_set']}`.",
        markdown_table(*policy_rows(result)),
        "![learning curve](learning_curve.svg)",
        "## Usage",
        markdown_table(*ledger_rows(result)),
        "\n".join(f"- {note}" for note in notes(result)),
    ]
    write_atomic(folder.path / "summary.md", "\n\n".join(parts) + "\n")


def markdown_table(headings: list[str], rows: list[list[str]], left: int = 1) -> str:
    """The first `left` columns are text, the others figures."""
    lines = [headings, ["---"] * left + ["---:"] * (len(headings) - left), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
