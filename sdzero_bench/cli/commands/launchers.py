"""`sdzero-bench launchers`: the accelerate configuration files that come with the package."""

from __future__ import annotations

from typing import Annotated

import typer


def launchers(name: Annotated[str | None, typer.Argument(help="Print only the path of this file.")] = None) -> None:
    """List the accelerate configuration files that `sdzero-bench launch` uses.

    For an `accelerate launch` command of your own:

    accelerate launch --config_file $(sdzero-bench launchers fsdp2) \\
        --num_processes 8 -m sdzero_bench run --method sdzero
    """
    from sdzero_bench.core.errors import unknown
    from sdzero_bench.runs.launchers.processes import configurations

    found = configurations()
    if name is None:
        for each, file in found.items():
            first = file.read_text().splitlines()[0].removeprefix("# ")
            typer.echo(f"{each:8} {first}\n{'':8} {file}")
    elif name in found:
        typer.echo(str(found[name]))
    else:
        raise unknown("launcher", name, sorted(found))
