"""`sdzero-bench doctor`: try what a run needs on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from sdzero_bench.cli.commands.executing import import_heavy, quiet_libraries
from sdzero_bench.cli.commands.tables import print_table


def doctor(
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Run the sandbox's full conformance suite instead.")] = False,
    server: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="Query the vLLM server at this address instead; repeatable.")
    ] = None,
) -> None:
    """Try everything a run needs, and report what works on this machine.

    Exit code 1 if anything failed.

    With --sandbox, programs try to break out of the strongest sandbox that
    works here; it takes half a minute on 2 cores.

    With --server, a server started by `sdzero-bench serve` reports its model,
    its vLLM version and whether it is free:

    sdzero-bench doctor --server http://10.0.0.7:8000
    """
    from sdzero_bench.cli.doctor import attack_sandbox, examine, examine_server
    from sdzero_bench.core.errors import UserError

    if sandbox and server:
        raise UserError("--sandbox and --server cannot be combined; leave one of them out")

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
