"""Expected results of calls, computed by running reference solutions in the sandbox, and kept on disk."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from sdzero_bench.core.errors import UserError
from sdzero_bench.questions.programs.code_task import digest
from sdzero_bench.verifiers.code.literals import Digest, write_literal
from sdzero_bench.verifiers.code.test_forms import DIGEST
from sdzero_bench.verifiers.sandbox import Execution, Limits, Sandbox

LONGEST = 50_000
"""Characters. A few calls return millions of them, which would have to travel with every response to be verified."""

_LIMITS = Limits(cpu_seconds=60.0, total_cpu_seconds=600.0, memory_mb=2048, output_kb=65536)


@dataclass(frozen=True)
class Reference:
    """A solution that is taken for right, and the calls to make of it."""

    question: str
    source: str
    function: str
    calls: tuple[str, ...]
    """Arguments, as the literals of `CallTests.calls`."""
    only_presence: bool = False
    """Keep whether the result is None, for results that are no plain data."""

    @property
    def key(self) -> str:
        """Of all that decides the results; the version of Python is part of it."""
        return digest([self.source, self.function, self.calls, self.only_presence, platform.python_version_tuple()[:2]])


def cache_folder() -> Path:
    """Where expected results are kept: in $XDG_CACHE_HOME, by default ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sdzero-bench" / "expected"


def expected_results(
    sandbox: Sandbox, references: Sequence[Reference], arguments: Sequence[Sequence[Any]]
) -> list[list[str | None]]:
    """The results of each reference's calls, as literals. Takes a minute or two for a whole benchmark, once.

    None stands for a result that no program can be asked for, because it does not fit into the limits above: one of MBPP+ has
    two million tuples. Raises `UserError` for a reference that fails one of its own calls in another way.
    """
    results = [_kept(reference) for reference in references]
    missing = [i for i, known in enumerate(results) if known is None]
    if missing:
        with ThreadPoolExecutor(os.cpu_count()) as threads:  # the work is done by the sandbox's processes
            computing = threads.map(lambda i: _compute_and_keep(sandbox, references[i], arguments[i]), missing)
            console = Console(stderr=True)
            shown = track(
                computing, "results of the reference solutions", len(missing), console=console, disable=not console.is_terminal
            )
            for i, computed in zip(missing, shown, strict=True):
                results[i] = computed
    return [known for known in results if known is not None]


def _kept(reference: Reference) -> list[str | None] | None:
    """None where nothing is kept yet, or not the whole: it is computed then."""
    try:
        known = json.loads((cache_folder() / f"{reference.key}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return known if isinstance(known, list) and len(known) == len(reference.calls) else None


def _compute_and_keep(sandbox: Sandbox, reference: Reference, arguments: Sequence[Any]) -> list[str | None]:
    path = cache_folder() / f"{reference.key}.json"
    results = _compute(sandbox, reference, arguments)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        unfinished.write_text(json.dumps(results), encoding="utf-8")
        unfinished.replace(path)
    except OSError:
        pass  # a cache that cannot be written costs time and nothing else
    return results


def _compute(sandbox: Sandbox, reference: Reference, arguments: Sequence[Any]) -> list[str | None]:
    results: list[str | None] = []
    while len(results) < len(arguments):
        # What a call after one that failed says is not to be relied on: those are made once more.
        result = sandbox.calls(reference.source, reference.function, arguments[len(results) :], _LIMITS)
        if result.compile_error is not None:
            raise UserError(f"the reference solution of {reference.question} does not run: {result.compile_error}")
        for execution in result.executions:
            results.append(_expected(reference, execution, len(results)))
            if execution.outcome != "ok":
                break
    return results


def _expected(reference: Reference, execution: Execution, index: int) -> str | None:
    where = f"the reference solution of {reference.question}"
    if execution.outcome in ("memory", "output"):
        return None
    if execution.outcome != "ok":
        call = f"call {index + 1}, {reference.calls[index][:80]}"
        raise UserError(f"{where} fails its {call}: {execution.outcome} {execution.detail}")
    value = execution.value
    if reference.only_presence and not isinstance(value, bool):
        value = value is not None
    try:
        text = write_literal(value)
        return text if len(text) <= LONGEST else f"{DIGEST}{Digest.of(value).sha256}"
    except TypeError as error:
        raise UserError(f"{where} returns no plain data for call {index + 1}: {error}") from error
