"""Expected results of calls, computed by running reference solutions in the sandbox and cached on disk."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track

from sdzero_bench.core.errors import UserError
from sdzero_bench.questions.programs.code_task import digest
from sdzero_bench.verifiers.code.literals import Digest, write_literal
from sdzero_bench.verifiers.code.test_forms import DIGEST
from sdzero_bench.verifiers.sandbox import Execution, Limits, Sandbox

LONGEST = 50_000
"""Characters of a result that is kept as text. A few calls return millions, which would be sent along with every response."""

_LIMITS = Limits(cpu_seconds=60.0, total_cpu_seconds=600.0, memory_mb=2048, output_kb=65536)


@dataclass(frozen=True)
class Reference:
    """A solution that is taken to be correct, and the calls to make."""

    question: str
    source: str
    function: str
    calls: tuple[str, ...]
    """Arguments of each call, as literals like those of `CallTests.calls`."""
    only_presence: bool = False
    """Keep only whether the result is None, for results that are not plain data."""

    @property
    def key(self) -> str:
        """Digest of everything that determines the results, including the version of Python."""
        return digest([self.source, self.function, self.calls, self.only_presence, platform.python_version_tuple()[:2]])


def cache_folder() -> Path:
    """Where expected results are cached: below $XDG_CACHE_HOME, by default ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sdzero-bench" / "expected"


def expected_results(
    sandbox: Sandbox, references: Sequence[Reference], arguments: Sequence[Sequence[Sequence[object]]]
) -> list[list[str | None]]:
    """The results of each reference's calls, as literals. The first time, a whole benchmark takes a minute or two.

    None stands for a result that exceeds the limits above, so that no program can be asked for it; one in MBPP+ has two million
    tuples. Raises `UserError` for a reference that fails one of its own calls in another way.
    """
    results = [_kept(reference) for reference in references]
    missing = [i for i, known in enumerate(results) if known is None]
    if missing:
        with ThreadPoolExecutor(os.cpu_count()) as threads:  # the sandbox's processes do the work
            computing = threads.map(lambda i: _compute_and_keep(sandbox, references[i], arguments[i]), missing)
            console = Console(stderr=True)
            shown = track(
                computing, "results of the reference solutions", len(missing), console=console, disable=not console.is_terminal
            )
            for i, computed in zip(missing, shown, strict=True):
                results[i] = computed
    return [known for known in results if known is not None]


def _kept(reference: Reference) -> list[str | None] | None:
    """The cached results; None if there are none, or not all, so that they have to be computed."""
    try:
        known = json.loads((cache_folder() / f"{reference.key}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return known if isinstance(known, list) and len(known) == len(reference.calls) else None


def _compute_and_keep(sandbox: Sandbox, reference: Reference, arguments: Sequence[Sequence[object]]) -> list[str | None]:
    path = cache_folder() / f"{reference.key}.json"
    results = _compute(sandbox, reference, arguments)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        unfinished.write_text(json.dumps(results), encoding="utf-8")
        unfinished.replace(path)
    except OSError:
        pass  # without the cache, the results are computed again next time
    return results


def _compute(sandbox: Sandbox, reference: Reference, arguments: Sequence[Sequence[object]]) -> list[str | None]:
    results: list[str | None] = []
    while len(results) < len(arguments):
        # The outcomes of calls after a failed one are not reliable, so those calls are repeated.
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
        raise UserError(f"{where} does not return plain data for call {index + 1}: {error}") from error
