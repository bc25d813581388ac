"""`sdzero-bench inspect --tokens`: which sample is meant, and where its picture goes."""

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
    """Of the chosen samples the one of that name, on the terminal, as JSON, or as a page in the file `html`.

    Raises `UserError` where several samples are meant, or what `look_at` raises.
    """
    from sdzero_bench.cli.commands.executing import import_heavy, quiet_libraries

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
    """The only first response among them, or that of the final policy. Raises `UserError` where it is not clear which."""
    from sdzero_bench.core.errors import UserError

    if name is None:
        raise UserError("whose tokens? add --sample QUESTION/INDEX")
    first = [sample for sample in chosen if not sample.prefix]
    if not first:
        raise UserError(f"{name!r} is there as a revision alone; name its first response, whose revision is shown beside it")
    if len(keys := list(dict.fromkeys(sample.key for sample in first))) > 1:
        raise UserError(f"{name!r} has {len(keys)} samples; name one of them, such as --sample {keys[0]}")
    if len(first) == 1:
        return first[0]
    if final := [sample for sample in first if sample.phase == FINAL]:
        return final[0]
    raise UserError(f"{name} is in {', '.join(s.phase for s in first)}; add one of them, such as --phase {first[0].phase}")


def revisions_of(sample: Sample, samples_of: Callable[[str], Iterable[Sample]]) -> list[Sample]:
    """What was written after it in the same turn: in evaluation under the same name, in training under the same question."""
    if sample.phase.endswith(FIRST):
        found = samples_of(sample.phase.removesuffix(FIRST) + REVISED)
        return [s for s in found if s.question_id == sample.question_id and s.prefix.startswith(sample.text)]
    return [s for s in samples_of(sample.phase + REVISED) if s.key == sample.key]
