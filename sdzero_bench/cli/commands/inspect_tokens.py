"""`sdzero-bench inspect --tokens`: finds the sample, and writes its token view to the terminal, JSON or a page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from sdzero_bench.records.journal import Sample

FIRST, REVISED = ".initial", ".revision"
FINAL = "evaluation.final"


def show_tokens(
    run: Path,
    name: str | None,
    chosen: Sequence[Sample],
    samples_of: Callable[[str], Iterable[Sample]],
    html: Path | None,
    as_json: bool,
) -> None:
    """Show the chosen sample of that name on the terminal, as JSON, or as a page in the file `html`.

    Raises `UserError` if the name is ambiguous, and as `look_at` does.
    """
    from sdzero_bench.runs.quiet_libraries import import_heavy, quiet_libraries

    sample = one_of(chosen, name)
    with quiet_libraries():
        import_heavy()
        from sdzero_bench.report.tokens.looking import look_at

        look = look_at(run, sample, revisions_of(sample, samples_of))
    if html is not None:
        from sdzero_bench.records.folder import write_atomic
        from sdzero_bench.report.tokens.token_page import page

        write_atomic(html, page(look))
        typer.echo(str(html), err=as_json)
    if as_json:
        typer.echo(json.dumps(look.as_dict(), ensure_ascii=False, indent=2))
    elif html is None:
        from rich.console import Console

        from sdzero_bench.report.tokens.token_terminal import show

        show(look, Console(highlight=False))


def one_of(chosen: Sequence[Sample], name: str | None) -> Sample:
    """The only first response among them, or that of the final policy. Raises `UserError` if it is ambiguous."""
    from sdzero_bench.core.errors import UserError

    if name is None:
        raise UserError("--tokens shows one sample; add --sample QUESTION/INDEX")
    first = [sample for sample in chosen if not sample.prefix]
    if not first:
        raise UserError(f"{name!r} exists only as a revision; name its first response, and the revision is shown beside it")
    if len(keys := list(dict.fromkeys(sample.key for sample in first))) > 1:
        raise UserError(f"{name!r} has {len(keys)} samples; name one of them, such as --sample {keys[0]}")
    if len(first) == 1:
        return first[0]
    if final := [sample for sample in first if sample.phase == FINAL]:
        return final[0]
    raise UserError(f"{name} is in {', '.join(s.phase for s in first)}; choose one, such as --phase {first[0].phase}")


def revisions_of(sample: Sample, samples_of: Callable[[str], Iterable[Sample]]) -> list[Sample]:
    """The revisions of the sample: in evaluation, those of the same name; in training, those of the same question whose prefix
    is its text."""
    if sample.phase.endswith(FIRST):
        found = samples_of(sample.phase.removesuffix(FIRST) + REVISED)
        return [s for s in found if s.question_id == sample.question_id and s.prefix.startswith(sample.text)]
    return [s for s in samples_of(sample.phase + REVISED) if s.key == sample.key]
