"""Verifiers that hang, compute without end, raise, die or leak: the run ends, and only those verdicts are lost."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from sdzero_bench.records.schema import PhaseUse
from sdzero_bench.report.audit.audit import check_record
from sdzero_bench.runs import registry
from tools.torture import small_run
from tools.torture.damaged_runs import LITTLE, METHOD
from tools.torture.ends import success
from tools.torture.misbehaving_task import HOWS, How, MisbehavingTask
from tools.torture.outcome import Outcome

GROUP = "a verifier that "


def misbehaving_verifiers(folder: Path, random: Random, share: float, outcome: Outcome) -> None:
    registry.tasks()[MisbehavingTask.name] = MisbehavingTask  # as an installed package would offer it
    try:
        for how in list(HOWS)[:: max(1, round(1 / share))]:
            out = folder / how
            settings = (f"task.name={MisbehavingTask.name}", f"task.how={how}", "verifying.timeout_seconds=0.2")
            process = small_run.begin(METHOD, out, *LITTLE, *settings)
            process.wait(600)
            wrong = success(process) or _wrong(small_run.only_folder(out), how)
            outcome.expect(GROUP + how, "ended, verdicts as they should be", wrong)
    finally:
        del registry.tasks()[MisbehavingTask.name]


def _wrong(run: Path, how: How) -> str | None:
    """What is wrong with the verdicts in a run's journal, or with what follows from them."""
    status, reward = HOWS[how]
    provoked = failures = 0
    for path in run.glob("journal/*.jsonl"):
        for line in path.read_text().splitlines():
            sample = json.loads(line)
            verdict = sample["verdict"]
            failures += verdict["reward"] is None
            if MisbehavingTask.provokes(sample["question_id"], sample["text"]):
                provoked += 1
                if verdict["status"] != status or (status != "ok" and verdict["reward"] != reward):
                    return f"the verdict on a response that it {how} on is {verdict}"
            elif verdict["status"] in ("timeout", "error"):
                return f"the verdict on a harmless response is {verdict}"
    if not provoked:
        return "it was not provoked"
    ledger = json.loads((run / "ledger.json").read_text())
    counted = sum(PhaseUse.model_validate(use, strict=False).verifier_failures for use in ledger.values())
    if counted != failures:
        return f"the ledger counts {counted} failures, the journal {failures}"
    return next((f"its record is found wrong: {finding}" for finding in check_record(run).findings if _own(str(finding))), None)


def _own(finding: str) -> bool:
    """Whether a finding is about the verdicts; the task is not installed where it is checked."""
    return "misbehaving" not in finding
