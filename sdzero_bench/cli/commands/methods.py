"""`sdzero-bench methods`."""

from __future__ import annotations

from sdzero_bench.cli.commands.tables import left_out, print_table


def methods() -> None:
    """List the methods with their papers and the supervision they use besides the text of the training questions."""
    from sdzero_bench.runs import registry

    rows = [[name, cls.paper, cls().supervision, cls.summary] for name, cls in registry.methods().items()]
    print_table(["method", "paper", "supervision", "what it does"], rows)
    left_out(registry.method_faults())
