"""One run as several processes, one for each GPU, under `accelerate launch` with the configurations of this folder.

`python -m sdzero_bench.runs.launchers.processes SHARDING PROCESSES MODULE ARGUMENTS...` starts a module so, as sweeps do.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal, cast

from sdzero_bench.core.errors import INTERRUPTED
from sdzero_bench.core.threads import available_cores

Sharding = Literal["ddp", "fsdp2"]
"""What each process holds: ddp: all weights; fsdp2: its share of weights, gradients and optimizer state."""


@dataclass(frozen=True)
class Layout:
    """The processes of a run: `processes` on each of `nodes` machines, of which this one is `node_rank`."""

    processes: int
    sharding: Sharding = "ddp"
    nodes: int = 1
    node_rank: int = 0
    main_address: str = ""
    """Address and port of the first node, at which the others find it."""
    main_port: int = 29500

    @property
    def total(self) -> int:
        return self.processes * self.nodes

    @property
    def shards(self) -> bool:
        return self.sharding != "ddp"

    def arguments(self, module: str, arguments: Sequence[str]) -> list[str]:
        """Arguments of `accelerate launch` that start the module in each process."""
        found = ["--config_file", str(configurations()[self.sharding]), "--num_processes", str(self.total)]
        if self.nodes > 1:
            found += ["--num_machines", str(self.nodes), "--machine_rank", str(self.node_rank)]
            found += ["--main_process_ip", self.main_address, "--main_process_port", str(self.main_port)]
        else:
            found += ["--main_process_port", "0"]  # any that is free: runs may share a machine
        return [*found, "-m", module, *arguments]


def configurations() -> dict[str, Path]:
    """The configuration files of this folder by name."""
    found = sorted(Path(str(resources.files(__package__))).glob("*.yaml"))
    return {file.stem: file for file in found}


def run_processes(layout: Layout, module: str, arguments: Sequence[str]) -> int:
    """Run the module in all processes of this node until they end; the others are ended when one fails.

    Returns 0, or the exit code of the first process that failed, in their order; below 0: the signal that killed it.
    Ctrl-C and SIGTERM reach all processes.
    """
    from accelerate.commands.launch import launch_command, launch_command_parser
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    logging.disable(logging.ERROR)  # what failed is said by the process that failed
    # Otherwise accelerate gives each process one thread.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, available_cores() // layout.processes)))
    try:
        launch_command(launch_command_parser().parse_args(layout.arguments(module, arguments)))
    except ChildFailedError as error:
        codes = [int(failure.exitcode) for _, failure in sorted(error.failures.items())]
        # SIGTERM ended those that had not failed themselves.
        return next((code for code in codes if code != -signal.SIGTERM), codes[0])
    except SignalException as received:
        return INTERRUPTED if received.sigval == signal.SIGINT else -int(received.sigval)
    except KeyboardInterrupt:  # before the processes were started
        return INTERRUPTED
    return 0


def end_as(code: int) -> None:
    """End this process as another one ended: with its exit code, or by the signal -code."""
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
        os.kill(os.getpid(), -code)
    raise SystemExit(code)


def main() -> None:
    sharding, processes, module, *arguments = sys.argv[1:]
    end_as(run_processes(Layout(int(processes), cast("Sharding", sharding)), module, arguments))


if __name__ == "__main__":
    main()
