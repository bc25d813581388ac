"""Tasks of lm-eval that compare likelihoods of given answers, such as mmlu: nothing is sampled.

lm-eval's own requests, model wrapper (`HFLM`) and metrics, with its defaults: no chat template, the task's own number of
few-shot examples. They say what a policy has forgotten, and are no task to be trained or ranked on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, cast

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.questions.harness.lm_eval_tasks import build, quiet
from sdzero_bench.questions.harness.lm_eval_types import LmEvalResults, Loaded, ScoredDocument


class ChoiceTask:
    """The first `count` documents of a task or group of lm-eval, those of a group's members by turns.

    Raises `UserError` as `build` does, and for a task without a metric that is 0 or 1 on each document.
    """

    def __init__(self, name: str, count: int) -> None:
        self.name = name
        loaded = self._built()
        places = [(at, task) for task, own in loaded["tasks"].items() for at, _ in zip(range(count), _docs(own), strict=False)]
        places = sorted(places, key=lambda place: place[0])[:count]
        documents = {task: list(_docs(own)) for task, own in loaded["tasks"].items()}
        seen: dict[str, int] = defaultdict(int)
        questions = [self._question(loaded, task, at, documents[task][at], seen) for at, task in places]
        self.questions = QuestionSet(f"lm-eval:{name}", tuple(questions))

    def accuracy(self, model: Any, tokenizer: Any, batch_size: int) -> dict[str, float]:
        """By question id: whether the most likely answer is right, as the task's first metric has it."""
        from lm_eval import evaluate
        from lm_eval.models.huggingface import HFLM

        asked: dict[str, list[int]] = defaultdict(list)
        for question in self.questions:
            asked[question.details["task"]].append(question.details["document"])
        loaded = self._built()
        tasks: Loaded = {"tasks": {name: task for name, task in loaded["tasks"].items() if name in asked}}
        with quiet():
            wrapped = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=batch_size)
            samples = {name: sorted(those) for name, those in asked.items()}
            results = cast(LmEvalResults, evaluate(wrapped, tasks, samples=samples, bootstrap_iters=0))
        metrics = {name: self._metric(task) for name, task in tasks["tasks"].items()}
        return {
            question.id: self._value(results["samples"], question.details, metrics[question.details["task"]])
            for question in self.questions
        }

    def _built(self) -> Loaded:
        return build(self.name, None, {}, generates=False)

    @staticmethod
    def _question(loaded: Loaded, task: str, at: int, document: Any, seen: dict[str, int]) -> Question:
        own: Any = loaded["tasks"][task]
        text = str(own.doc_to_text(document))
        seen[text] += 1
        if seen[text] > 1:  # winogrande asks the same with two contexts
            text = f"{text}\n(repeat {seen[text]})"
        return Question(f"{task}/{at}", text, str(own.doc_to_target(document)), {"task": task, "document": at})

    @staticmethod
    def _metric(task: Any) -> str:
        return str((task.config.metric_list or [{"metric": "acc"}])[0]["metric"])

    def _value(self, samples: Mapping[str, list[ScoredDocument]], place: Mapping[str, Any], metric: str) -> float:
        rows = [row for row in samples[place["task"]] if row["doc_id"] == place["document"]]
        value = cast(Mapping[str, Any], rows[0]).get(metric)
        if value not in (0, 1):
            raise UserError(f"lm-eval's {self.name}: {metric} is {value!r} on a document, neither 0 nor 1; choose another task")
        return float(value)


def _docs(task: Any) -> Any:
    return task.eval_docs
