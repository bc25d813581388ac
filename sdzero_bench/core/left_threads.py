"""Threads that code of a method or task has left running do not keep a finished program alive."""

from __future__ import annotations

import atexit
import os
import sys
import threading

PATIENCE = 30.0
"""Seconds that threads have to end once the program has nothing more to do."""


def give_up_on_threads(code: int) -> None:
    """End the program with `code` after `PATIENCE`, even if threads that are not daemons still run."""
    ended = threading.Event()
    atexit.register(ended.set)  # runs once all threads have ended; what else runs at exit may take its time

    def give_up() -> None:
        if ended.wait(PATIENCE):
            return
        left = [thread.name for thread in threading.enumerate() if not thread.daemon and thread is not threading.main_thread()]
        said = f"sdzero-bench: exiting without waiting for threads left running by a method, task or library: {', '.join(left)}"
        print(said, file=sys.stderr, flush=True)
        os._exit(code)

    threading.Thread(target=give_up, daemon=True).start()
