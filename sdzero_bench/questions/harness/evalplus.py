"""HumanEval and MBPP as in EvalPlus: `evalplus:humaneval`, `evalplus:mbpp`.

The prompt, the prefilled beginning of the response, the stop sequences, the sanitiser and the tests are EvalPlus's own (Liu et
al. 2023, arXiv 2305.01210). A response is correct if it passes the base and plus tests; pass@k on the base tests alone is
recorded too. Programs run in the sandbox, and their results are compared outside of it (verifiers/code/evalplus_rules.py).

Two things differ from EvalPlus's own checker. All tests have the same time limit, whereas EvalPlus allows 4 times what its
reference took, and at least 1 s. The reference solutions also run in the sandbox, once, and their results are cached
(questions/programs/reference.py).

Without a network: set HUMANEVAL_OVERRIDE_PATH and MBPP_OVERRIDE_PATH to JSON Lines files of EvalPlus's release.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections import defaultdict
from collections.abc import Sequence
from importlib.metadata import version
from typing import ClassVar, Literal

from pydantic import Field

from sdzero_bench import __version__
from sdzero_bench.core.errors import unknown
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Messages, Task
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.questions.harness.harness_task import HarnessFigures, HarnessTask, cut
from sdzero_bench.questions.programs.code_task import CodeOptions, CodeTask, digest
from sdzero_bench.questions.programs.plus import PlusProblem, plus_problems
from sdzero_bench.records.journal import Sample
from sdzero_bench.verifiers.code.evalplus_rules import require_evalplus

INSTRUCTION = "Please provide a self-contained Python script that solves the following problem in a markdown code block:"
BEGUN = "Below is a Python script with a self-contained function that solves the problem and passes corresponding tests:"
"""Literals of `evalplus.codegen.run_codegen`, where they have no names."""

KS = (1, 10, 100)
"""EvalPlus reports pass@k for these k, if there are at least k samples."""


class EvalPlusOptions(CodeOptions):
    memory_mb: int = Field(4096, gt=0)
    """EvalPlus's own limit."""
    output_kb: int = Field(65_536, gt=0)
    """EvalPlus has no such limit; two of its own solutions return more than 8 MB."""


class EvalPlusTask(HarnessTask, CodeTask):
    """One of EvalPlus's data sets."""

    data_set: ClassVar[Literal["humaneval", "mbpp"]]
    verifier = "EvalPlus's base and plus tests, in the sandbox"
    Options = EvalPlusOptions
    options: EvalPlusOptions

    def load_test(self) -> QuestionSet:
        problems = plus_problems(self.data_set, None, self.sandbox)
        return self.checked(QuestionSet(self.name, tuple(map(self._question, problems))))

    def _question(self, problem: PlusProblem) -> Question:
        details = {"tests": problem.tests, "function": problem.function, "base": problem.base_calls}
        return Question(problem.id, problem.prompt, problem.solution, details)

    def usual_evaluation(self) -> dict[str, float]:
        return {"temperature": 0.0, "samples": 1, "pass_at": 1, "max_new_tokens": 768}

    def prompt(self, question: Question) -> Messages:
        return [
            {"role": "user", "content": f"{INSTRUCTION}\n```\n{question.text.strip()}\n```\n"},
            {"role": "assistant", "content": f"{BEGUN}\n```python\n"},
        ]

    def program(self, question: Question, response: str) -> str | None:
        from evalplus.sanitize import sanitize

        program: str | None = sanitize(answer(response), question.details["function"])
        return program

    def verdict_key(self, question: Question, response: str) -> str | None:
        # The digest is of the raw answer: the sanitiser tries every pair of lines, which is left to the verifier's processes.
        rules = [__version__, self.harness, platform.python_version(), self.sandbox and self.sandbox.name]
        decides = [*rules, repr(self.limits(question)), digest(question.details), answer(response)]
        return hashlib.sha256(json.dumps(decides).encode()).hexdigest()

    def harness_figures(self, questions: QuestionSet, samples: Sequence[Sample]) -> HarnessFigures:
        """EvalPlus's pass@k over the verified samples."""
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
    """The response truncated at EvalPlus's first stop sequence, with tabs replaced by spaces, as its decoders do."""
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
    """The class of `evalplus:NAME`. Raises `UserError` for an unknown data set, and if EvalPlus is not installed."""
    require_evalplus()
    if name not in ("humaneval", "mbpp"):
        raise unknown("data set of evalplus", name, ["humaneval", "mbpp"])
    return type(
        f"EvalPlusTask[{name}]",
        (EvalPlusTask,),
        {
            "name": f"evalplus:{name}",
            "data_set": name,
            "factory": staticmethod(evalplus_task),
            "made_from": name,
            "summary": f"EvalPlus's {name}",
            "source": "EvalPlus's release",
            "harness": f"evalplus {version('evalplus')}",
        },
    )
