"""Everything that the suite's own tests ask of a method, on a few questions of the embedded model."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from unittest import mock

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.ledger import measures
from sdzero_bench.records.record_files import read_ledger
from sdzero_bench.report.audit.audit import check_record
from sdzero_bench.runs import registry
from sdzero_bench.runs.config import make_method, resolve
from sdzero_bench.testing.forked import Forked
from sdzero_bench.testing.same_end import differences
from sdzero_bench.training.method import Method
from sdzero_bench.training.recipe import Phase

SECONDS = 600
"""Longest run."""


def check_method(method: type[Method], settings: Sequence[str] = (), preset: str = "tiny") -> list[str]:
    """What is wrong with a method, in words; nothing if it keeps what every method promises. Takes about half a minute.

        from sdzero_bench.testing import check_method

        def test_mine():
            assert check_method(Mine) == []

    The method is run once as a whole, and once more for each phase, killed in the middle of it and resumed. Checked are its
    description, its plan and budget, that each sample is drawn once, that a resumed run ends with the same bytes, and the whole
    record as `sdzero-bench validate` does.

    settings:
        As for `--set`, such as "method.samples=2".
    """
    findings = list(_described(method))
    with mock.patch.dict(registry.methods(), {method.name: method}), tempfile.TemporaryDirectory() as folder:
        try:
            config = resolve(method.name, preset, assignments=[*settings, "optimizer.save_every=1"])
            questions = int(config.task["train"])
            phases = list(make_method(config).phases(questions))
        except UserError as error:
            return [*findings, f"it cannot be set up: {error}"]
        given = [part for text in (*settings, "optimizer.save_every=1") for part in ("--set", text)]
        run = _Runs(["run", "--method", method.name, "--preset", preset, "--json", *given], Path(folder))
        whole, said = run.whole()
        if whole is None:
            return [*findings, f"a run of it fails: {said}"]
        findings += _within_plan(whole, phases, config.budget.samples_per_question * questions)
        findings += [f"its record does not hold: {finding}" for finding in check_record(whole).findings]
        for phase in phases:
            findings += run.killed_in(phase, whole)
    return findings


def _described(method: type[Method]) -> Iterator[str]:
    for what in ("name", "summary", "paper"):
        if not isinstance(getattr(method, what, None), str) or not getattr(method, what):
            yield f"it has no {what}"
    if not (method.__doc__ or "").strip():
        yield "it has no docstring: state the paper, the objective, and every departure from either"


def _within_plan(folder: Path, phases: Sequence[Phase], budget: int) -> Iterator[str]:
    planned = {phase.name: phase for phase in phases}
    used = {name: use for name, use in read_ledger(folder).items() if not measures(name)}
    for name, use in used.items():
        if name not in planned:
            yield f"it draws or trains in the phase {name!r}, which it does not declare"
        elif use.samples > planned[name].samples:
            yield f"it draws {use.samples} samples in {name!r}, and declares {planned[name].samples}"
    for name, phase in planned.items():
        if name not in used:
            yield f"it declares the phase {name!r}, and does nothing in it"
        elif phase.draws and not used[name].samples:
            yield f"it declares {phase.samples} samples in {name!r}, and draws none"
    if (total := sum(use.samples for use in used.values())) > budget:
        yield f"it draws {total} samples, and the budget has {budget}"


class _Runs:
    def __init__(self, arguments: list[str], folder: Path) -> None:
        self.arguments = arguments
        self.folder = folder

    def whole(self) -> tuple[Path | None, str]:
        """The folder of a run to its end, or None and what it said."""
        process = self._started("whole")
        if process.wait(SECONDS):
            return None, _last_line(process.stderr)
        return Path(json.loads(process.stdout)["folder"]), ""

    def killed_in(self, phase: Phase, whole: Path) -> Iterator[str]:
        """What differs if the run is killed in the middle of a phase and resumed."""
        for kind, file in (("samples", f"journal/{phase.name}.jsonl"), ("steps", f"training/{phase.name}.jsonl")):
            lines = _lines(whole / file)
            if lines < 2 or (kind == "samples" and phase.trains):
                continue
            name = f"{phase.name}-{kind}"
            process = self._started(name)
            if not process.wait_for(_reached(self.folder / name, file, lines // 2), SECONDS):
                continue  # it was over too soon to be killed there
            process.kill()
            (resumed,) = (self.folder / name).iterdir()
            again = Forked(["run", "--resume", str(resumed), "--json"], self.folder / f"{name}.out")
            where = f"killed after {lines // 2} of {lines} {kind} of {phase.name!r} and resumed"
            if again.wait(SECONDS):
                yield f"{where}, it fails: {_last_line(again.stderr)}"
            else:
                yield from (f"{where}, it ends otherwise: {difference}" for difference in differences(whole, resumed))

    def _started(self, name: str) -> Forked:
        return Forked([*self.arguments, "--out", str(self.folder / name)], self.folder / f"{name}.out")


def _reached(folder: Path, file: str, lines: int) -> Callable[[], bool]:
    return lambda: any(_lines(path) >= lines for path in folder.glob(f"*/{file}"))


def _lines(file: Path) -> int:
    return len(file.read_bytes().splitlines()) if file.exists() else 0


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1].removeprefix("sdzero-bench: ")
