"""One run of a sweep in its own process: `python -m sdzero_bench.runs.sweep.worker FOLDER PLAN`.

PLAN is a JSON file with the run's settings (`config`), how they were chosen (`tuning`) and, if an existing policy is only
evaluated, the run that it comes from (`origin`). The run starts or resumes in FOLDER. Standard input is a pipe that is closed
when the sweep ends; standard output carries status reports; standard error is the log. Under accelerate this is one of several
processes of the run, of which the first reports and writes.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import IO, Any

from sdzero_bench.core.distributed import Ranks, give_precedence, launched
from sdzero_bench.core.errors import INTERRUPTED, UserError
from sdzero_bench.core.full_disk import NoRoomError, means_full_disk
from sdzero_bench.core.left_threads import give_up_on_threads
from sdzero_bench.records.folder import LockedError, RunFolder
from sdzero_bench.records.schema import Origin, TuningRecord
from sdzero_bench.runs.sweep.status_reports import LOCKED, ReportingDisplay, StatusReport


def main() -> int:
    """Returns the exit code: 0 if the run is finished, `LOCKED` if another process works on it, or 1 if it failed."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell start with SIGINT ignored
    channel = _take_standard_output()
    threading.Thread(target=_end_with_the_sweep, daemon=True).start()
    plan = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    ranks = launched()
    folder = RunFolder(Path(sys.argv[1]), writes=ranks.first)
    display = ReportingDisplay(channel, reports=ranks.first)
    try:
        folder.lock()
        _work(folder, plan, display, ranks)
        ranks.close()
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except LockedError:
        return LOCKED
    except UserError as error:
        give_precedence(ranks)
        folder.discard_if_unused()
        failure = StatusReport(failure=" ".join(str(error).split()), no_room=isinstance(error, NoRoomError))
    except Exception as error:
        give_precedence(ranks)
        display.say(traceback.format_exc())
        if means_full_disk(error) or RunFolder(folder.path.parent).disk_is_full:
            failure = StatusReport(failure=f"the disk of {folder.path} is full; free some space", no_room=True)
        else:
            failure = StatusReport(failure=_why(folder, error))
    failure.send(channel)
    display.say(failure.failure)
    return 1


def _why(folder: RunFolder, error: Exception) -> str:
    """As the manifest has it, if the run had begun."""
    with contextlib.suppress(UserError):
        if folder.manifest is not None and folder.manifest.failure:
            return folder.manifest.failure
    return f"{type(error).__name__}: {(str(error) or '(no message)').splitlines()[0]}"


def _work(folder: RunFolder, plan: dict[str, Any], display: ReportingDisplay, ranks: Ranks) -> None:
    manifest = folder.manifest if ranks.first else None
    state = ranks.from_first(manifest.state if manifest is not None else "new")
    if state == "finished":
        return  # another sweep finished it before this process got the lock
    from sdzero_bench.policies.devices import take_one_gpu
    from sdzero_bench.runs.config import validate
    from sdzero_bench.runs.resuming import session_in
    from sdzero_bench.runs.session import Session

    if state == "new":
        session = Session(validate(plan["config"]), display, ranks)
        session.tuning = TuningRecord(**plan["tuning"]) if plan["tuning"] else None
        session.origin = Origin(**plan["origin"]) if plan.get("origin") else None
    else:
        session = session_in(folder, display, ranks)
    take_one_gpu(session.config.model, ranks)
    if ranks.first:
        display.say(session.describe(folder))
    session.execute(folder)


def _take_standard_output() -> IO[str]:
    """The pipe for status reports. All other output, including that of C code, goes to the log instead."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return channel


def _end_with_the_sweep() -> None:
    """Wait until the sweep has ended for whatever reason, then kill all processes of this run, which can be resumed."""
    while os.read(0, 1):
        pass
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    exit_code = main()
    give_up_on_threads(exit_code)
    sys.exit(exit_code)
