"""`sdzero-bench doctor`: try what a run needs on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sdzero_bench.cli.commands.tables import print_table
from sdzero_bench.core.text import counted
from sdzero_bench.runs.quiet_libraries import import_heavy, quiet_libraries


def doctor(
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Run the sandbox's full conformance suite instead.")] = False,
    server: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="Query the vLLM server at this address instead; repeatable.")
    ] = None,
    canary: Annotated[
        bool,
        typer.Option("--canary", help="Instead, score a frozen policy again and compare it with the committed record."),
    ] = False,
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --canary: write what this machine computes, compare nothing.")
    ] = None,
) -> None:
    """Try everything a run needs, and report what works on this machine.

    Exit code 1 if anything failed.

    With --sandbox, programs try to break out of the strongest sandbox that
    works here; it takes half a minute on 2 cores.

    With --server, a server started by `sdzero-bench serve` reports its model,
    its vLLM version and whether it is free:

    sdzero-bench doctor --server http://10.0.0.7:8000

    With --canary, the embedded model scores fixed completions, draws samples
    with fixed seeds, and fixed responses are verified. One line says that this
    stack computes what was recorded, or a table says what differs, beside the
    versions that moved. Run it after an upgrade of torch or transformers, and
    when figures of two machines disagree. Log-probabilities may differ by 1e-3
    nats: another CPU rounds differently, by 3e-5, and another data type shows
    at 4e-2 or more. Sampled tokens may differ without anything being wrong,
    and are reported for information only. It takes seconds:

    sdzero-bench doctor --canary
    """
    from sdzero_bench.cli.doctor import attack_sandbox, examine, examine_server
    from sdzero_bench.core.errors import UserError

    if sum([sandbox, bool(server), canary]) > 1:
        raise UserError("--sandbox, --server and --canary cannot be combined; give one of them")
    if write is not None and not canary:
        raise UserError("--write writes the canary's record; add --canary")
    if canary:
        return _canary(write)

    with quiet_libraries():
        import_heavy()
        if server:
            checks = [check for url in server for check in examine_server(url)]
        else:
            checks = attack_sandbox() if sandbox else examine()
    states = {True: "ok", False: "FAILED", None: "-"}
    print_table(["check", "", "finding"], [[check.name, states[check.ok], check.found] for check in checks])
    if any(check.ok is False for check in checks):
        raise SystemExit(1)


def _canary(write: Path | None) -> None:
    with quiet_libraries():
        import_heavy()
        from sdzero_bench.runs.canary.canary_differences import TOLERANCE, differences, largest_difference, moved
        from sdzero_bench.runs.canary.canary_record import committed
        from sdzero_bench.runs.canary.rescoring import again, record_here

        if write is not None:
            record_here().write(write)
            typer.echo(f"Wrote {write}")
            return
        recorded = committed()
        here = again(recorded)
    found, stack = differences(recorded, here), moved(recorded, here)
    decisive = [difference for difference in found if difference.decisive]
    logprobs, apart = sum(len(row.logprobs) for row in here.scored), largest_difference(recorded, here)
    equal = sum(one.token_ids == other.token_ids for one, other in zip(recorded.sampled, here.sampled, strict=True))
    samples = f"{equal} of {counted(len(here.sampled), 'sample')} equal"
    if not decisive:
        typer.echo(
            f"Stack canary: as recorded. {logprobs} log-probabilities within {TOLERANCE:g} nats (largest difference "
            f"{apart:.0e}), {samples}, {len(here.judged)} verdicts equal."
        )
    else:
        typer.echo(f"Stack canary: not as recorded, in {len(decisive)} of its figures; {samples}.")
    if found:
        kinds = {True: "DIFFERS", False: "information"}
        rows = [[row.figure, kinds[row.decisive], row.recorded, row.here] for row in found]
        print_table(["figure", "", "recorded", "here"], rows)
    if found and stack:
        print_table(["of the stack", "recorded", "here"], stack)
    elif found:
        typer.echo("Versions, device, data type and threads are those of the record.")
    if decisive:
        raise SystemExit(1)
