"""Code of methods and tasks that ends its process ends its run with an error, which must not look like success."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import NoReturn

from sdzero_bench.core.errors import UserError


@contextmanager
def no_exits() -> Iterator[None]:
    """Also a decorator. Raises `UserError` for `SystemExit`, and for what else is no `Exception`, with its place."""
    leave = refuse_silent_exits("sdzero-bench: code of a method or task ended the program with os._exit")
    try:
        yield
    except (Exception, KeyboardInterrupt, GeneratorExit):
        raise
    except SystemExit as end:
        what = f"it ends the program (SystemExit: {end.code}); raise an exception that says what is wrong"
        raise UserError(f"{_place(end.__traceback__)}: {what}") from end
    except BaseException as error:  # such as asyncio's CancelledError
        raise UserError(f"{_place(error.__traceback__)}: {type(error).__name__}: {error}") from error
    finally:
        os._exit = leave  # type: ignore[assignment]


def _place(trace: TracebackType | None) -> str:
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}" if trace else "a method or task"


def refuse_silent_exits(said: str = "") -> Callable[[int], NoReturn]:
    """Have `os._exit(0)` of this process end with an error code, and print `said`; returns the former `os._exit`."""
    process, leave = os.getpid(), os._exit

    def exits(status: int) -> NoReturn:
        if os.getpid() != process:  # a fork's own end
            leave(status)
        if said:
            print(said, file=sys.stderr, flush=True)
        leave(status or os.EX_SOFTWARE)

    os._exit = exits
    return leave
