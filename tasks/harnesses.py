"""Benchmarks of evaluation harnesses: `lm-eval:NAME` and `evalplus:NAME`."""

from __future__ import annotations

from sdzero_bench.core.task import Task
from sdzero_bench.questions.dynamic_task import TaskFamily


class LmEval(TaskFamily):
    """Each task or group of lm-eval that generates text."""

    name = "lm-eval"
    form = "lm-eval:NAME"
    summary = "a task or group of lm-eval, with its prompts and its metrics"
    source = "lm-eval, from the hub"

    @staticmethod
    def task(rest: str) -> type[Task]:
        from sdzero_bench.questions.harness.lm_eval import lm_eval_task

        return lm_eval_task(rest)


class EvalPlus(TaskFamily):
    """EvalPlus's humaneval and mbpp."""

    name = "evalplus"
    form = "evalplus:NAME"
    summary = "humaneval or mbpp with EvalPlus's prompt, sanitiser and tests"
    source = "EvalPlus's release, fetched by the package evalplus"

    @staticmethod
    def task(rest: str) -> type[Task]:
        from sdzero_bench.questions.harness.evalplus import evalplus_task

        return evalplus_task(rest)
