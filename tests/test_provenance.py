"""What a record says of the machine and of the process."""

from __future__ import annotations

import subprocess
import sys


def test_the_peak_of_memory_is_that_of_the_process_alone() -> None:
    """Not of the one that started it."""
    script = "from sdzero_bench.core.provenance import peak_memory; {}; print(peak_memory())"
    held = bytearray(b"x") * 2**30
    small, large = (
        int(subprocess.run([sys.executable, "-c", script.format(more)], capture_output=True, text=True, check=True).stdout)
        for more in ("pass", "held = bytearray(b'x') * 2**29")
    )
    assert small < 0.9 * len(held)
    assert 0.9 * 2**29 < large - small < 1.1 * 2**29
