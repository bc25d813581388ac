"""Code of methods and tasks that calls `sys.exit` ends its run, and not the program, which would look like success."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sdzero_bench.core.errors import UserError


@contextmanager
def no_exits() -> Iterator[None]:
    """Also a decorator. Raises `UserError` instead of `SystemExit`, with the place of the call."""
    try:
        yield
    except SystemExit as end:
        trace = end.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = f"{trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}" if trace else "a method or task"
        raise UserError(
            f"{place}: it ends the program (SystemExit: {end.code}); raise an exception that says what is wrong"
        ) from end
