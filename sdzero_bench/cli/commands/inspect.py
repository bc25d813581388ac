"""`sdzero-bench inspect`: the samples of a run with their verdicts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sdzero_bench.cli.commands.inspect_tokens import FINAL, show_tokens
from sdzero_bench.cli.commands.options import AsJson
from sdzero_bench.report.verdict_text import FAILED, RIGHT, colour, explain, outcome

if TYPE_CHECKING:
    from sdzero_bench.records.journal import Sample
    from sdzero_bench.records.question_sets import RecordedQuestions


def inspect(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, finished or not, or of a packed record.")],
    phase: Annotated[str | None, typer.Option(help="Only samples of this phase, such as evaluation.final.")] = None,
    sample: Annotated[
        str | None, typer.Option(metavar="ID", help="Only this sample, QUESTION/INDEX, or all samples of a QUESTION.")
    ] = None,
    wrong: Annotated[bool, typer.Option(help="Only samples that did not earn a reward.")] = False,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Maximum number of samples to show.")] = 5,
    tokens: Annotated[
        bool, typer.Option("--tokens", help="Colour each token of one --sample by how much student and reviser disagree on it.")
    ] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the view of --tokens to an HTML page.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the samples of a run: question, gold answer, response, verdict and the reason for it.

    A table counts the outcomes per phase; for programs, the outcome is that of
    the first failed test. A sample on which the verifier itself failed is
    neither right nor wrong and is counted separately. With --phase, --sample or
    --wrong, the selected samples follow the table: those of the final policy
    first, then other evaluations, then training samples. With --json, the
    document holds all selected samples.

    With --tokens, one response is coloured by log student - log reviser of each
    token (the paper's Figure 4), shown beside its revision if available. This
    needs the run's checkpoints, or a record of a run with evaluation.localise.

    Examples:

    sdzero-bench inspect runs/sdzero-micro-code-s0-20260101-120000 --wrong

    sdzero-bench inspect runs/rft-micro-arith-s0-20260101-120000 \\
        --phase evaluation.final --wrong --limit 20

    sdzero-bench inspect runs/rft-micro-arith-s0-20260101-120000 \\
        --sample test-17/0

    sdzero-bench inspect runs/sdzero-micro-arith-s0-20260101-120000 \\
        --sample test-17/0 --tokens --html response.html
    """
    from sdzero_bench.core.errors import unknown
    from sdzero_bench.records.ledger import measures
    from sdzero_bench.records.recorded_journal import RecordedJournal

    journal = RecordedJournal(run)
    phases = journal.phases
    if phase is not None and phase not in phases:
        raise unknown("phase", phase, phases)
    by_phase = {name: list(journal.samples(name)) for name in ([phase] if phase else phases)}
    _require_whole(run, by_phase, every=phase is None)
    chosen = [s for samples in by_phase.values() for s in samples if _is_chosen(s, sample, wrong)]
    _require(run, by_phase, sample, chosen)
    chosen.sort(key=lambda s: (s.phase != FINAL, not measures(s.phase)))
    if tokens or html:
        show_tokens(run, sample, chosen, lambda name: journal.samples(name) if name in phases else (), html, as_json)
        return
    counts = {name: Counter(outcome(s.verdict) for s in samples) for name, samples in by_phase.items()}
    if as_json:
        document = {"phases": counts, "samples": [{**json.loads(s.to_json()), "outcome": outcome(s.verdict)} for s in chosen]}
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    _show_counts(counts)
    if phase or sample or wrong:
        _show_samples(chosen, _questions(run), limit)


def _is_chosen(sample: Sample, name: str | None, wrong: bool) -> bool:
    return name in (None, sample.key, sample.question_id) and not (wrong and sample.right)


def _require_whole(run: Path, by_phase: Mapping[str, list[Sample]], every: bool) -> None:
    """Raises `UserError` if a finished run has more samples, or fewer, than its manifest says."""
    from sdzero_bench.core.errors import UserError
    from sdzero_bench.records.record_files import MANIFEST, has_manifest, read_manifest

    known = (read_manifest(run).journal if has_manifest(run) else None) or {}
    for name in known if every else known.keys() & by_phase.keys():
        if (found := len(by_phase.get(name, ()))) != known[name].samples:
            file = str(run / "journal" / f"{name}.jsonl")
            raise UserError(
                f"{file!r} has {found} samples, and {MANIFEST} says {known[name].samples}; get the record again, or validate it"
            )


def _require(run: Path, by_phase: Mapping[str, list[Sample]], name: str | None, chosen: list[Sample]) -> None:
    """Raises `UserError` if the run has no samples, or none of that name."""
    from sdzero_bench.core.errors import UserError
    from sdzero_bench.records.record_files import require_run

    if not any(by_phase.values()):
        require_run(run)
        raise UserError(f"{str(run)!r} has no samples yet")
    if name is not None and not chosen:
        samples = [sample for samples in by_phase.values() for sample in samples]
        if not any(_is_chosen(s, name, wrong=False) for s in samples):
            raise UserError(f"{str(run)!r} has no sample {name!r}; names look like {samples[0].key!r}")


def _questions(run: Path) -> RecordedQuestions | None:
    """None if the run has not written them yet."""
    from sdzero_bench.core.errors import UserError
    from sdzero_bench.records.question_sets import read_questions
    from sdzero_bench.records.record_files import read_manifest

    try:
        return read_questions(run, read_manifest(run))
    except UserError:
        return None


def _show_counts(counts: Mapping[str, Counter[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("phase", "samples", "outcome", "count", "share", box=None, header_style="bold")
    for phase, outcomes in counts.items():
        total = sum(outcomes.values())
        first = [phase, f"{total:,}"]
        order = sorted(outcomes, key=lambda name: (name != RIGHT, name == FAILED, -outcomes[name]))
        for name in order:
            style = {RIGHT: "green", FAILED: "yellow"}.get(name)
            table.add_row(*first, name, f"{outcomes[name]:,}", f"{100 * outcomes[name] / total:.1f} %", style=style)
            first = ["", ""]
    Console(highlight=False).print(table)


def _show_samples(samples: list[Sample], questions: RecordedQuestions | None, limit: int) -> None:
    from rich.console import Console
    from rich.rule import Rule
    from rich.text import Text

    from sdzero_bench.core.text import counted, printable

    console = Console(highlight=False)
    for sample in samples[:limit]:
        console.print(Rule(Text(f"{sample.phase}  {sample.key}", style="bold"), align="left"))
        asked = questions and questions.of(sample.phase).get(sample.question_id)
        question = asked.text if asked else "(the run has not written its questions)"
        shown: list[tuple[str, str, str | None]] = [
            ("question", question, None),
            ("gold", asked.answer if asked else "", None),
            ("before", sample.prefix, None),
            ("response", sample.text, None),
        ]
        if sample.truncated:
            shown.append(("", "(truncated at the token limit)", "dim"))
        for name, text, style in [*shown, ("verdict", explain(sample.verdict), colour(sample.verdict))]:
            if text:
                safe = printable(text.strip("\n")).replace("\n", "\n" + 11 * " ")
                console.print(Text(f"{name:>9}  {safe}", style=style or ""))
    if len(samples) > limit:
        console.print(f"{counted(len(samples) - limit, 'more sample')}; --limit {len(samples)} shows them")
    elif not samples:
        console.print("no sample matches")
