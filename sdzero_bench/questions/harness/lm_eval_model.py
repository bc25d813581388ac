"""lm-eval's own requests, filters, metrics and aggregation, with answers from our samples in place of a model.

Chats are passed as JSON and not through a chat template: that belongs to the model, and lm-eval has no model here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NoReturn, cast

from lm_eval import evaluate
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from sdzero_bench.questions.harness.lm_eval_tasks import quiet, without_alarms
from sdzero_bench.questions.harness.lm_eval_types import LmEvalRequest, LmEvalResults, Loaded

FEWSHOT_SEED = 1234
"""lm-eval's default seed for the choice of few-shot examples."""


class Answering(LM):  # type: ignore[misc]  # lm-eval has no types
    """A model of lm-eval whose answers come from a function."""

    def __init__(self, answer: Callable[[Instance], str]) -> None:
        super().__init__()
        self.answer = answer

    def generate_until(self, requests: list[Instance]) -> list[str]:
        return [self.answer(request) for request in requests]

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        return json.dumps(chat_history, ensure_ascii=False)

    @property
    def tokenizer_name(self) -> str:
        return ""

    def loglikelihood(self, requests: list[Instance]) -> NoReturn:
        raise NotImplementedError("only tasks that generate text are supported")

    loglikelihood_rolling = loglikelihood


def requests(loaded: Loaded, fewshot: int | None, multiturn: bool, system: str | None) -> list[LmEvalRequest]:
    """What lm-eval would ask a model in the tasks that `lm_eval_tasks.build` returned: one request per document.

    fewshot:
        Number of few-shot examples, for tasks that allow any; None for each task's own number.
    """
    _set_fewshot(loaded, fewshot)
    model = Answering(lambda instance: "")
    found: list[LmEvalRequest] = []
    with quiet():
        for task in loaded["tasks"].values():
            task.build_all_requests(
                system_instruction=system,
                apply_chat_template=True,
                fewshot_as_multiturn=multiturn,
                chat_template=model.apply_chat_template,
            )
            found += task.instances
    return found


def score(
    loaded: Loaded, fewshot: int | None, documents: dict[str, list[int]], answers: Mapping[tuple[str, int], str]
) -> LmEvalResults:
    """lm-eval's results for these documents of each task, which must be in ascending order.

    answers:
        By (task, document).
    """
    _set_fewshot(loaded, fewshot)

    def answer(instance: Instance) -> str:
        # Within a selection, lm-eval counts documents from 0.
        return answers[instance.task_name, documents[instance.task_name][instance.doc_id]]

    with quiet(), without_alarms():  # a worker has already scored these answers within its time limit
        results = evaluate(Answering(answer), loaded, samples=documents, apply_chat_template=True, bootstrap_iters=0)
    return cast(LmEvalResults, results)


def _set_fewshot(loaded: Loaded, fewshot: int | None) -> None:
    """As `simple_evaluate` does with its argument: a task that sets 0 stays at 0."""
    for task in loaded["tasks"].values():
        if fewshot is not None and task.config.num_fewshot != 0:
            task.set_config("num_fewshot", fewshot)
        task.set_fewshot_seed(FEWSHOT_SEED)
