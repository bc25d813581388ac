"""HumanEval+: HumanEval with some eighty times as many tests."""

from __future__ import annotations

from pydantic import Field

from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Split
from sdzero_bench.questions.programs.hub import only_a_test_set
from sdzero_bench.questions.programs.plus import plus_id, plus_rows
from sdzero_bench.tasks.humaneval import HumanEval, HumanEvalOptions, helpers_of


class HumanEvalPlusOptions(HumanEvalOptions):
    path: str | None = None
    """File with the fields of `HumanEvalPlus.jsonl.gz`, as EvalPlus releases it; null lets the package evalplus fetch it."""
    cpu_seconds: float = Field(10.0, gt=0)
    total_cpu_seconds: float = Field(300.0, gt=0)
    memory_mb: int = Field(2048, gt=0)
    output_kb: int = Field(65536, gt=0)
    """Some calls have to return a million numbers."""


class HumanEvalPlus(HumanEval):
    """Liu et al. 2023, arXiv 2305.01210. Prompt and program are as in the task humaneval.

    A program is called with the base inputs and the plus inputs. What it has to return, the reference solution says, which is
    run in the sandbox when the questions are loaded; results are compared as EvalPlus does (code/evalplus_rules.py). Its
    contracts, which say what inputs are valid, are no part of that. The limit of time is the same for all inputs, where
    EvalPlus allows 4 times what its reference took, and at least 1 s.
    """

    name = "humaneval_plus"
    summary = "HumanEval with the many more tests of EvalPlus"
    source = "EvalPlus's release, fetched by the package evalplus"
    Options = HumanEvalPlusOptions
    options: HumanEvalPlusOptions

    def load(self, split: Split) -> QuestionSet:
        only_a_test_set(self.name, split)
        questions = []
        for row, tests in plus_rows("humaneval", self.options.path, self.sandbox):
            helpers = helpers_of(row["prompt"], row["entry_point"], row["task_id"])
            questions.append(
                Question(plus_id(row), row["prompt"], row["canonical_solution"], {"tests": tests, "helpers": helpers})
            )
        return self.checked(QuestionSet(f"{self.name}/test", tuple(questions)))
