"""`sdzero-bench methods`."""

from __future__ import annotations

from sdzero_bench.cli.commands.tables import left_out, print_table


def methods() -> None:
    """List the methods with their papers and the supervision they use besides the text of the training questions."""
    from sdzero_bench.core.fault_text import fault_text, one_line
    from sdzero_bench.runs import registry

    rows, faults = [], list(registry.method_faults().values())
    for name, cls in registry.methods().items():
        try:
            rows.append([name, cls.paper, cls().supervision, cls.summary])
        except Exception as error:  # of a plug-in, as are the other faults
            faults.append(one_line(fault_text(error, f"the method {name!r}")))
    print_table(["method", "paper", "supervision", "what it does"], rows)
    left_out(faults)
