"""One call on one piece of input: it has to return, or to raise an error for users, within a bound of CPU time."""

from __future__ import annotations

import signal
import time
import traceback
from collections.abc import Callable
from types import FrameType

from sdzero_bench.core.errors import UserError

BOUND = 2.0
"""Seconds of CPU time that a call may take."""
YAML_BOUND = 10.0
"""The same for YAML: PyYAML reads a thousand open brackets in seconds."""
GIVEN_UP = 20.0
"""Seconds of CPU time after which it is interrupted."""


class OverlongError(Exception):
    """A call that was interrupted."""


def fault(call: Callable[[], object], allowed: tuple[type[Exception], ...] = (), bound: float = BOUND) -> str | None:
    """What is wrong with a call, in the same words for every input that meets the same fault; None if nothing is.

    allowed: exceptions, besides `UserError`, that the caller of such a call expects.
    """
    before = signal.signal(signal.SIGPROF, _interrupt)
    signal.setitimer(signal.ITIMER_PROF, GIVEN_UP)
    started = time.process_time()
    try:
        call()
    except UserError as error:
        if not str(error).strip():
            return "an error without words"
    except allowed:
        pass
    except OverlongError:
        return f"still not done after {GIVEN_UP:g} s"
    except Exception as error:
        return f"{type(error).__name__} {_place(error)}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    seconds = time.process_time() - started
    return f"more than {bound:g} s" if seconds > bound else None


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise OverlongError


def _place(error: Exception) -> str:
    """The innermost of our own functions that the exception came through."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if "sdzero_bench/" in one.filename]
    if not frames:
        return f"({error})"
    file = frames[-1].filename.partition("sdzero_bench/")[2]
    return f"in {frames[-1].name} of {file}"
