"""A page that compares our math verifier with others on the same responses: `python -m tools.math_agreement CASES PAGE`.

The others are lm-eval's: minerva_math's exact match, math-verify as minerva_math calls it, and the two filters of gsm8k; and
lighteval's, whose verdicts are kept in a file (lighteval_verdicts.py). The cases, with their rulings, are in
docs/math_cases.yaml; the page is docs/math_verifiers.md.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from sdzero_bench.core.text import markdown_table
from sdzero_bench.questions.harness.lm_eval import figures_for
from sdzero_bench.questions.harness.lm_eval_tasks import build_one
from sdzero_bench.verifiers.math_answer import check_math, final_answer

OURS = "ours"
PREFIX = "Working it out, the result is"
"""Responses that begin with this have their answer in a box at the end, and nothing else to read it from."""
LM_EVAL = {
    "minerva exact": ("minerva_math_algebra", "exact_match,none"),
    "math-verify": ("minerva_math_algebra", "math_verify,none"),
    "gsm8k strict": ("gsm8k", "exact_match,strict-match"),
    "gsm8k flexible": ("gsm8k", "exact_match,flexible-extract"),
}
LIGHTEVAL = "lighteval"
KEPT = Path(__file__).parent.parent / "docs" / "lighteval_verdicts.json"
SOURCES = {"minerva_math_algebra": "minerva_math/minerva_math_algebra.yaml", "gsm8k": "gsm8k/gsm8k.yaml"}


Said = dict[str, bool | None]
"""Verifier to verdict; None where it raises."""

_INTEGER = re.compile(r"-?(\d+|\d{1,3}(,\d{3})+)")


@dataclass(frozen=True)
class Case:
    """A response, and whether it is correct."""

    group: str
    gold: str
    response: str
    shown: str
    """The response, or the answer in it, for the page."""
    right: bool
    origin: str
    why: str | None = None
    published: bool | None = None
    """The verdict in the tests of `origin`, if it differs from `right`."""
    slow: bool = False
    """Whether SymPy computes for more than ten seconds: such cases are given to ours only."""


def read_cases(path: Path) -> list[Case]:
    """The cases of a YAML file, and of the JSON Lines file that its key `more` names, relative to it."""
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))
    lines = (path.parent / groups.pop("more")).read_text(encoding="utf-8").splitlines()
    cases = [_case(group, row) for group, rows in groups.items() for row in rows]
    return cases + [_contest_case(json.loads(line)) for line in lines]


def _contest_case(row: dict[str, Any]) -> Case:
    boxed = final_answer(row["response"])
    asked_as_it_is = boxed is None or not row["response"].startswith(PREFIX)
    response = row["response"] if asked_as_it_is else stated(boxed or "")
    shown = row["response"] if asked_as_it_is else boxed or ""
    return Case(
        "contest", row["gold"], response, shown, row["expected"] == 1, "contest", row["why"], slow=row.get("slow", False)
    )


def _case(group: str, row: dict[str, Any]) -> Case:
    answer = row.get("answer")
    response = row["response"] if answer is None else stated(answer)
    shown = str(row.get("response", answer))
    return Case(group, row["gold"], response, shown, row["right"], row["from"], row.get("why"), row.get("published"))


def said_of(case: Case) -> str:
    """A digest of the gold answer and the response."""
    return hashlib.sha256(json.dumps([case.gold, case.response]).encode()).hexdigest()[:16]


def stated(answer: str) -> str:
    """A response that states its answer in every form that the verifiers look for."""
    minerva = f"Final Answer: The final answer is ${answer}$. I hope it is correct."
    return f"Therefore it is $\\boxed{{{answer}}}$.\n{minerva}\n#### {answer}"


def verdicts(cases: list[Case]) -> list[Said]:
    """The verdict of each verifier on each case. Those of GSM8K are given integers only.

    Raises `KeyError` for a case that the file of lighteval's verdicts lacks.
    """
    kept = json.loads(KEPT.read_text(encoding="utf-8"))["verdicts"]
    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns on every call that it has no time limit
    tasks = {name: _task(name) for name in SOURCES}
    return [
        {OURS: _ours(case), **({} if case.slow else {**_theirs(case, tasks), LIGHTEVAL: kept[said_of(case)]})} for case in cases
    ]


def _ours(case: Case) -> bool | None:
    try:
        return check_math(case.response, case.gold).reward == 1.0
    except Exception:  # in a run the sample would count as unverified
        return None


def _theirs(case: Case, tasks: dict[str, Any]) -> Said:
    said: Said = {}
    for name, task in tasks.items():
        if name == "gsm8k" and not _INTEGER.fullmatch(case.gold):
            continue
        try:
            figures, _ = figures_for(task, _document(name, case.gold), case.response)
        except Exception:  # lm-eval itself would stop here
            figures = {}
        for label, (its, figure) in LM_EVAL.items():
            if its == name:
                said[label] = bool(figures[figure]) if figures else None
    return said


def _document(name: str, gold: str) -> dict[str, str]:
    if name == "gsm8k":
        return {"question": "?", "answer": f"#### {gold}"}
    from lm_eval.tasks.minerva_math.utils import normalize_final_answer

    return {"problem": "?", "solution": f"It is $\\boxed{{{gold}}}$.", "answer": normalize_final_answer(gold)}


def _task(name: str) -> Any:
    """lm-eval's task with its own filters and metrics, over one placeholder document."""
    from datasets import Dataset

    rows = [_document(name, "1")]
    data = {split: Dataset.from_list(rows) for split in ("train", "test")}
    return build_one(name, SOURCES[name], {"custom_dataset": lambda **_: data, "num_fewshot": 0})


def contested(case: Case, said: Said) -> bool:
    """Whether a verifier or the published verdict disagrees with the ruling."""
    return case.published is not None or any(given != case.right for given in said.values())


def page(cases: list[Case], judged_as: list[Said]) -> str:
    """The page, from cases and the verdicts on them.

    Raises `ValueError` for a contested case that does not say why.
    """
    judged = list(zip(cases, judged_as, strict=True))
    disputed = [(case, said) for case, said in judged if contested(case, said)]
    if silent := [case for case, _ in disputed if not case.why]:
        raise ValueError(f"{len(silent)} contested cases do not say why, such as gold {silent[0].gold!r}: {silent[0].shown!r}")
    installed = {name: version(name) for name in ("lm_eval", "math-verify", "sympy")}
    theirs = json.loads(KEPT.read_text(encoding="utf-8"))["versions"]
    versions, its = (", ".join(f"{name} {number}" for name, number in found.items()) for found in (installed, theirs))
    parts = [
        "# Math verifiers compared",
        "Written by `make math-verifiers` from docs/math_cases.yaml, and from the cases in tests/data/math_cases.jsonl that a "
        "grader of a contest would not dispute (their source is `contest`); a test keeps it up to date. "
        f"All verifiers are given the same responses. Versions: {versions}.",
        "`minerva exact`, `gsm8k strict` and `gsm8k flexible` are filters and metrics of lm-eval; `math-verify` is called on "
        "the whole response, as lm-eval's minerva_math calls it. The verifiers of GSM8K are given only the cases whose gold "
        "answer is an integer, which is what they are for. The verifiers' own time limits are disabled, so that the page does "
        "not depend on the machine. SymPy would compute for longer than ten seconds on "
        f"{sum(case.slow for case in cases)} cases, such as power towers: these are given to ours only.",
        f"`lighteval` is the scorer of its task MATH-500, in an environment of its own ({its}): it requires an older version "
        "of a library of math-verify's. `python -m tools.lighteval_verdicts` made its verdicts.",
        markdown_table(["verifier", "as ruled", "incorrect, but accepted", "correct, but rejected", "raises"], _counts(judged)),
        f"## Disagreements: {len(disputed)} of {len(cases)} cases",
        "The ruling is ours; `published` is the verdict in the tests that the case comes from.",
        markdown_table(["gold", "answer", "ruling", "disagrees", "why", "source"], [_row(c, v) for c, v in disputed]),
    ]
    return "\n\n".join(parts) + "\n"


def _counts(judged: list[tuple[Case, Said]]) -> list[list[str]]:
    rows = []
    for label in [OURS, *LM_EVAL, LIGHTEVAL]:
        pairs = [(case.right, said[label]) for case, said in judged if label in said]
        as_ruled = f"{sum(right == given for right, given in pairs)} of {len(pairs)}"
        counted = [str(pairs.count(pair)) for pair in ((False, True), (True, False))]
        rows.append([label, as_ruled, *counted, str(sum(given is None for _, given in pairs))])
    return rows


def _row(case: Case, said: Said) -> list[str]:
    against = [f"{label} (raises)" if given is None else label for label, given in said.items() if given != case.right]
    against += ["published"] if case.published is not None else []
    ruling = "correct" if case.right else "incorrect"
    return [_code(case.gold), _code(case.shown), ruling, ", ".join(against), case.why or "", case.origin]


def _code(text: str) -> str:
    """As code in a cell of a table."""
    shown = text.replace("\n", " ⏎ ").replace("|", "\\|")
    return f"`{shown}`" if shown else "(empty)"


if __name__ == "__main__":
    found = read_cases(Path(sys.argv[1]))
    Path(sys.argv[2]).write_text(page(found, verdicts(found)), encoding="utf-8")
