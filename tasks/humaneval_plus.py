"""HumanEval+: HumanEval with about eighty times as many tests."""

from __future__ import annotations

from pydantic import Field

from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Split
from sdzero_bench.questions.programs.hub import only_a_test_set
from sdzero_bench.questions.programs.plus import plus_problems
from sdzero_bench.tasks.humaneval import HumanEval, HumanEvalOptions, helpers_of


class HumanEvalPlusOptions(HumanEvalOptions):
    path: str | None = None
    """File with the fields of EvalPlus's `HumanEvalPlus.jsonl.gz`; null: the package evalplus downloads it."""
    cpu_seconds: float = Field(10.0, gt=0)
    total_cpu_seconds: float = Field(300.0, gt=0)
    memory_mb: int = Field(2048, gt=0)
    output_kb: int = Field(65536, gt=0)
    """Some calls return a million numbers."""


class HumanEvalPlus(HumanEval):
    """Liu et al. 2023, arXiv 2305.01210. Prompt and program are as in the task humaneval.

    A program is called with the base inputs and the plus inputs. The expected results come from the reference solution, which
    runs in the sandbox when the questions are loaded; results are compared as in EvalPlus (verifiers/code/evalplus_rules.py).
    EvalPlus's contracts, which state the valid inputs, are not part of the reference. The time limit is the same for all
    inputs, whereas EvalPlus allows 4 times what its reference took, and at least 1 s.
    """

    name = "humaneval_plus"
    summary = "HumanEval with the many more tests of EvalPlus"
    source = "EvalPlus's release, fetched by the package evalplus"
    license = "MIT (HumanEval), Apache-2.0 (EvalPlus)"
    Options = HumanEvalPlusOptions
    options: HumanEvalPlusOptions

    def load(self, split: Split) -> QuestionSet:
        only_a_test_set(self.name, split)
        questions = []
        for problem in plus_problems("humaneval", self.options.path, self.sandbox):
            helpers = helpers_of(problem.prompt, problem.function, problem.id)
            questions.append(
                Question(problem.plus_id, problem.prompt, problem.solution, {"tests": problem.tests, "helpers": helpers})
            )
        return self.checked(QuestionSet(f"{self.name}/test", tuple(questions)))
