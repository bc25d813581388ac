"""One run of a sweep, in a process of its own: `python -m sdzero_bench.runs.sweep.worker FOLDER PLAN`.

PLAN is a JSON file with the run's settings (`config`), how they were chosen (`tuning`) and, where a policy is only measured,
the run that it is from (`origin`). The run begins, or goes on, in FOLDER. Standard input is a pipe that ends when the sweep
does; standard output carries reports; standard error is the log.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import IO

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.folder import LockedError, NoRoomError, RunFolder
from sdzero_bench.records.schema import Origin, TuningRecord
from sdzero_bench.runs.sweep.status_reports import LOCKED, ReportingDisplay, StatusReport


def main() -> int:
    """The exit code: 0 once the run is finished, `reports.LOCKED` if it is another's, or 1 if it failed."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs start with it ignored
    channel = _take_standard_output()
    threading.Thread(target=_end_with_the_sweep, daemon=True).start()
    folder, plan = RunFolder(Path(sys.argv[1])), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    display = ReportingDisplay(channel)
    try:
        folder.lock()
        _work(folder, plan, display)
        return 0
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except LockedError:
        return LOCKED
    except UserError as error:
        folder.discard_if_unused()
        failure = StatusReport(failure=" ".join(str(error).split()), no_room=isinstance(error, NoRoomError))
    except Exception as error:
        display.say(traceback.format_exc())
        # safetensors, torch and pyarrow each have an error of their own for a full disk.
        full = RunFolder(folder.path.parent).disk_is_full
        if full or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            failure = StatusReport(failure=f"the disk of {folder.path} is full; make room", no_room=True)
        else:
            failure = StatusReport(failure=f"{type(error).__name__}: {(str(error) or '(no message)').splitlines()[0]}")
    failure.send(channel)
    display.say(failure.failure)
    return 1


def _work(folder: RunFolder, plan: dict, display: ReportingDisplay) -> None:
    manifest = folder.manifest
    if manifest is not None and manifest.state == "finished":
        return  # by another sweep, between this one's look and its lock
    from sdzero_bench.runs.config import validate
    from sdzero_bench.runs.resuming import session_in
    from sdzero_bench.runs.session import Session

    if manifest is None:
        session = Session(validate(plan["config"]), display)
        session.tuning = TuningRecord(**plan["tuning"]) if plan["tuning"] else None
        session.origin = Origin(**plan["origin"]) if plan.get("origin") else None
    else:
        session = session_in(folder, display)
    display.say(session.describe(folder))
    session.execute(folder)


def _take_standard_output() -> IO[str]:
    """The pipe for reports; whatever else prints, be it in C, goes to the log instead."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return channel


def _end_with_the_sweep() -> None:
    """Wait until the sweep is gone, however it went, and end with all processes of this run; nothing of it is lost."""
    while os.read(0, 1):
        pass
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
