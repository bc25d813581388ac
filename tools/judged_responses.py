"""Files of judged cases as input of `sdzero-bench verify`, and its verdicts held against what was expected.

    python -m tools.judged_responses convert CASES.jsonl > responses.jsonl
    sdzero-bench verify responses.jsonl > verdicts.jsonl
    python -m tools.judged_responses compare verdicts.jsonl

A case is {"kind": "math", "gold", "response", "expected": 1 or 0, "why"}, {"kind": "extract", ...} whose program doubles a
number or prints 1, or {"name", "language", "program", "tests", "limits", "expected"} with the outcomes that are accepted.
Other cases are left out; how many, and why, goes to standard error.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any, get_args

from sdzero_bench.core.verdict import TestOutcome


def converted(case: dict[str, Any]) -> dict[str, object] | None:
    """The line for `verify`, with the case's name and what was expected in `metadata`; None if the case has no such form."""
    if case.get("kind") == "math":
        metadata = {"kind": "math", "name": case["why"], "rewards": [case["expected"]]}
        return {"answer": case["gold"], "response": case["response"], "metadata": metadata}
    if case.get("kind") == "extract":
        metadata = {"kind": "extract", "name": case["why"], "rewards": [1]}
        if "#include" in case["gold"]:
            tests: dict[str, object] = {"form": "stdio", "inputs": [""], "outputs": ["1"]}
            return {"tests": tests, "language": "cpp", "response": case["response"], "metadata": metadata}
        tests = {"form": "calls", "function": "double", "calls": ["(4,)"], "expected": ["8"]}
        return {"tests": tests, "response": case["response"], "metadata": metadata}
    if isinstance(case.get("tests"), dict):
        line = {key: case[key] for key in ("tests", "language", "limits") if case[key]}
        marks = max(re.findall("`{3,}", case["program"]), key=len, default="``") + "`"
        response = f"{marks}{case['language']}\n{case['program'].rstrip()}\n{marks}"
        return line | {"response": response, "metadata": {"kind": "program", "name": case["name"], "words": case["expected"]}}
    return None


def as_expected(verdict: dict[str, Any]) -> bool:
    """Whether the verdict is one that the case accepts: one of its rewards, or as its words say, which name outcomes."""
    case = verdict["metadata"]
    if "rewards" in case:
        return verdict["reward"] in case["rewards"]
    if case["words"] == "passes":
        return bool(verdict["reward"] == 1)
    if case["words"] == "nothing passes":
        return verdict["reward"] == 0 and re.match("passed [1-9]", verdict["detail"]) is None
    if "a 0" in case["words"]:
        return bool(verdict["reward"] == 0)
    return verdict["outcome"] in [outcome for outcome in get_args(TestOutcome) if outcome in case["words"]]


def main() -> None:
    command, path = sys.argv[1:]
    rows = [json.loads(line) for line in Path(path).read_bytes().split(b"\n") if line]
    if command == "convert":
        lines = [converted(row) for row in rows]
        print("\n".join(json.dumps(line) for line in lines if line is not None))
        left = Counter(str(row.get("kind", row.get("form"))) for row, line in zip(rows, lines, strict=True) if line is None)
        print(f"left out: {dict(left)}", file=sys.stderr)
        return
    counts = Counter((row["metadata"]["kind"], as_expected(row)) for row in rows)
    for kind in dict.fromkeys(kind for kind, _ in counts):
        print(f"{kind}: {counts[kind, True]} as expected, {counts[kind, False]} not")
    for row in rows:
        if not as_expected(row):
            print(json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    main()
