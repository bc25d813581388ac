"""HumanEval and MBPP as EvalPlus has them: `evalplus:humaneval`, `evalplus:mbpp`.

Prompt, the beginning of the response that it prefills, stop texts, sanitiser and tests are EvalPlus's own (Liu et al. 2023,
arXiv 2305.01210). A response is right if it passes base and plus tests; beside that, pass@1 on the base tests alone is kept.
The program runs in the sandbox, and its results are compared outside of it (code/evalplus_rules.py).

Two things differ from EvalPlus's own checker: a test's limit of time is one for all, where EvalPlus allows 4 times what its
reference took and at least 1 s; and the reference solutions run in the sandbox too, once, and are kept (code/reference.py).

Data without a network: EvalPlus reads HUMANEVAL_OVERRIDE_PATH and MBPP_OVERRIDE_PATH, each a JSON Lines file of its release.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections import defaultdict
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, ClassVar, Literal

from pydantic import Field

from sdzero_bench import __version__
from sdzero_bench.core.errors import unknown
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Messages, Task
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.questions.harness.harness_task import HarnessTask, cut
from sdzero_bench.questions.programs.code_task import CodeOptions, CodeTask, digest
from sdzero_bench.questions.programs.plus import plus_rows
from sdzero_bench.records.journal import Sample
from sdzero_bench.verifiers.code.evalplus_rules import require_evalplus

INSTRUCTION = "Please provide a self-contained Python script that solves the following problem in a markdown code block:"
BEGUN = "Below is a Python script with a self-contained function that solves the problem and passes corresponding tests:"
"""As in `evalplus.codegen.run_codegen`, which has no names for them."""

KS = (1, 10, 100)
"""Of EvalPlus's pass@k, as far as there are so many samples."""


class EvalPlusOptions(CodeOptions):
    memory_mb: int = Field(4096, gt=0)
    """EvalPlus's own limit."""
    output_kb: int = Field(65_536, gt=0)
    """EvalPlus has no limit; two of its own solutions return values of more than 8 MB."""


class EvalPlusTask(HarnessTask, CodeTask):
    """One of EvalPlus's data sets."""

    data_set: ClassVar[Literal["humaneval", "mbpp"]]
    verifier = "EvalPlus's base and plus tests, in the sandbox"
    Options = EvalPlusOptions
    options: EvalPlusOptions

    def load_test(self) -> QuestionSet:
        rows = plus_rows(self.data_set, None, self.sandbox)
        return self.checked(QuestionSet(self.name, tuple(self._question(row, tests) for row, tests in rows)))

    def _question(self, row: dict[str, Any], tests: dict[str, Any]) -> Question:
        details = {"tests": tests, "function": row["entry_point"], "base": row["base_calls"]}
        return Question(row["task_id"], row["prompt"], row["canonical_solution"], details)

    def usual_evaluation(self) -> dict[str, Any]:
        return {"temperature": 0.0, "samples": 1, "pass_at": 1, "max_new_tokens": 768}

    def prompt(self, question: Question) -> Messages:
        return [
            {"role": "user", "content": f"{INSTRUCTION}\n```\n{question.text.strip()}\n```\n"},
            {"role": "assistant", "content": f"{BEGUN}\n```python\n"},
        ]

    def program(self, question: Question, response: str) -> str | None:
        from evalplus.sanitize import sanitize

        return sanitize(answer(response), question.details["function"])

    def verdict_key(self, question: Question, response: str) -> str | None:
        # The sanitiser tries every pair of lines: it is for the verifier's processes.
        rules = [__version__, self.harness, platform.python_version(), self.sandbox and self.sandbox.name]
        decides = [*rules, repr(self.limits(question)), digest(question.details), answer(response)]
        return hashlib.sha256(json.dumps(decides).encode()).hexdigest()

    def harness_figures(self, questions: QuestionSet, samples: Sequence[Sample]) -> dict[str, Any]:
        """EvalPlus's pass@k over the samples that were verified."""
        base = {q.id: q.details["base"] for q in questions}
        passed: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
        for sample in samples:
            if sample.verdict.reward is not None:
                passed[sample.question_id].append((passes_base(sample.verdict, base[sample.question_id]), sample.right))
        counts = [len(found) for found in passed.values()]
        right = {
            self.data_set: [sum(b for b, _ in found) for found in passed.values()],
            f"{self.data_set}+": [sum(p for _, p in found) for found in passed.values()],
        }
        return {"results": {name: _pass_at_k(counts, correct) for name, correct in right.items()}}


def answer(response: str) -> str:
    """The response up to EvalPlus's first stop text, tabs turned into blanks, as its decoders leave it."""
    from evalplus.provider.utility import EOS

    return cut(response, [*EOS, "\n```\n"]).replace("\t", "    ")


def passes_base(verdict: Verdict, base: int) -> bool:
    """Whether a program passes the first `base` of its tests."""
    tests = verdict.tests
    if tests is None:
        return False
    return tests.outcome == "passed" or (tests.first_failed is not None and tests.first_failed > base)


def _pass_at_k(counts: list[int], correct: list[int]) -> dict[str, float]:
    from evalplus.eval import estimate_pass_at_k

    return {f"pass@{k}": float(estimate_pass_at_k(counts, correct, k).mean()) for k in KS if min(counts) >= k}


def evalplus_task(name: str) -> type[Task]:
    """The class of `evalplus:NAME`. Raises `UserError` for another data set, and if EvalPlus is not installed."""
    require_evalplus()
    if name not in ("humaneval", "mbpp"):
        raise unknown("data set of evalplus", name, ["humaneval", "mbpp"])
    full = f"evalplus:{name}"
    said = {"summary": f"EvalPlus's {name}", "source": "EvalPlus's release", "harness": f"evalplus {version('evalplus')}"}
    made = {"factory": staticmethod(evalplus_task), "made_from": name}
    return type(f"EvalPlusTask[{name}]", (EvalPlusTask,), {"name": full, "data_set": name, **made, **said})
