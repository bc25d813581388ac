"""MBPP+: problems of MBPP with about thirty-five times as many tests."""

from __future__ import annotations

from pydantic import Field

from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Messages, Split
from sdzero_bench.questions.programs.code_task import CodeOptions, CodeTask, fenced
from sdzero_bench.questions.programs.hub import only_a_test_set
from sdzero_bench.questions.programs.plus import plus_problems
from sdzero_bench.tasks.humaneval import asking


class MBPPPlusOptions(CodeOptions):
    path: str | None = None
    """File with the fields of EvalPlus's `MbppPlus.jsonl.gz`; null: the package evalplus downloads it."""
    cpu_seconds: float = Field(10.0, gt=0)
    total_cpu_seconds: float = Field(300.0, gt=0)
    memory_mb: int = Field(2048, gt=0)
    output_kb: int = Field(65536, gt=0)


class MBPPPlus(CodeTask):
    """Liu et al. 2023, arXiv 2305.01210: the 378 problems of MBPP that EvalPlus kept. The prompt is EvalPlus's: a docstring
    with the sentence and an assert, as a problem to solve. Tests are as in the task humaneval_plus.

    All problems form the test set. For MBPP's training questions, use the task mbpp.
    """

    name = "mbpp_plus"
    summary = "MBPP with the many more tests of EvalPlus"
    source = "EvalPlus's release, fetched by the package evalplus"
    license = "CC-BY-4.0 (MBPP), Apache-2.0 (EvalPlus)"
    Options = MBPPPlusOptions
    options: MBPPPlusOptions

    def load(self, split: Split) -> QuestionSet:
        only_a_test_set(self.name, split)
        questions = [
            Question(problem.plus_id, problem.prompt, problem.solution, {"tests": problem.tests})
            for problem in plus_problems("mbpp", self.options.path, self.sandbox)
        ]
        return self.checked(QuestionSet(f"{self.name}/test", tuple(questions)))

    def prompt(self, question: Question) -> Messages:
        return [{"role": "user", "content": asking(question.text)}]

    def demonstration(self, question: Question) -> str:
        return fenced(question.answer)
