"""What a verifier's process does: load the task once, and give a verdict on each response, whatever the task's code does."""

from __future__ import annotations

import os
import pickle
import signal
from dataclasses import replace
from typing import get_args

from sdzero_bench.core.plugin_exits import refuse_silent_exits
from sdzero_bench.core.task import Task
from sdzero_bench.core.verdict import ProgramReport, Status, Verdict

LONGEST_REASON = 1000
"""Characters of an error that are kept."""

_task: Task | None = None
_fault: str | None = "no task was loaded"


def start(pickled: bytes) -> None:
    """Load the task. What goes wrong is kept for `fault`, since a process that ends here is replaced again and again."""
    global _task, _fault
    os.dup2(2, 1)  # what a task prints must not get into the output of a command
    refuse_silent_exits()  # such a worker would look like one that ends in good order, and the verdict be waited for
    try:
        _task = pickle.loads(pickled)
        _task.prepare_worker()
        _fault = None
    except BaseException as error:
        _fault = in_words(error)


def fault() -> str | None:
    """Why the process cannot verify; None: it holds the task."""
    return _fault


def verify(pickled: bytes, cpu_seconds: float | None) -> Verdict:
    """The verdict on a pickled pair of a question and a response. Everything that the task raises is a verdict too.

    At the end of `cpu_seconds` the process is killed by SIGPROF, whatever it is doing, even within one operation on huge
    integers.
    """
    assert _task is not None
    process = os.getpid()
    try:
        question, response = pickle.loads(pickled)
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds or 0)
        verdict = checked(_task.verify(question, response))
        pickle.dumps(verdict)  # a class of the task's own may hold anything
    except (
        BaseException
    ) as error:  # KeyboardInterrupt and SystemExit as well: they are the task's, since SIGINT is blocked here
        verdict = Verdict.failed("error", in_words(error))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    if os.getpid() != process:
        os._exit(0)  # a fork of the task's, which must not answer for this process
    return verdict


def checked(verdict: object) -> Verdict:
    """The verdict, if the journal can hold it; else one that says what the task has returned instead."""
    if not isinstance(verdict, Verdict):
        return Verdict.failed("error", f"verify returned {_shown(verdict)}, which is not a Verdict")
    reward, status = verdict.reward, verdict.status
    if type(reward) not in (float, int, type(None)) or reward not in (0.0, 1.0, None):
        return Verdict.failed("error", f"verify returned the reward {_shown(reward)}; it must be 0.0, 1.0 or None")
    if status not in get_args(Status) or (reward is None) != (status in ("timeout", "error")):
        return Verdict.failed("error", f"verify returned the reward {reward} with the status {_shown(status)}")
    if not isinstance(verdict.answer, str | None) or not isinstance(verdict.detail, str):
        return Verdict.failed("error", f"verify returned an answer or a detail that is not text: {_shown(verdict)}")
    if not isinstance(verdict.tests, ProgramReport | None):
        return Verdict.failed("error", f"verify returned tests that are not a ProgramReport: {_shown(verdict.tests)}")
    answer = None if verdict.answer is None else _text(verdict.answer)
    return replace(verdict, reward=None if reward is None else float(reward), answer=answer, detail=_text(verdict.detail))


def in_words(error: BaseException) -> str:
    """An exception's type and message, even if the message itself cannot be had."""
    try:
        return _text(f"{type(error).__name__}: {error}")[:LONGEST_REASON]
    except BaseException:
        return type(error).__name__


def _shown(value: object) -> str:
    try:
        return _text(repr(value))[:100]
    except BaseException:
        return f"a {type(value).__name__}"


def _text(text: str) -> str:
    """What UTF-8 can hold: half a surrogate pair is escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
