"""What lm-eval asks, and what it makes of the answers: its own requests, filters, metrics and aggregation.

Chats go back and forth as JSON, and not through a chat template: that is the model's, and lm-eval has no model here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from lm_eval import evaluate
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from sdzero_bench.questions.harness.lm_eval_tasks import quiet, without_alarms

FEWSHOT_SEED = 1234
"""lm-eval's own default for the choice of few-shot examples."""


class Answering(LM):
    """Answers lm-eval's requests from a function."""

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
        raise NotImplementedError("only tasks that generate text are run")

    loglikelihood_rolling = loglikelihood


def requests(loaded: Mapping[str, Any], fewshot: int | None, multiturn: bool, system: str | None) -> list[Instance]:
    """What lm-eval would ask a model in the tasks that `lm_eval_tasks.build` returned: one request a document.

    fewshot:
        Examples to show, where a task does not rule them out; None for as many as the task says.
    """
    _set_fewshot(loaded, fewshot)
    model = Answering(lambda instance: "")
    found: list[Instance] = []
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


def score(loaded: Mapping[str, Any], fewshot: int | None, documents: dict[str, list[int]], answers: Mapping[Any, str]) -> Any:
    """lm-eval's results for the answers, by (task, document), to these documents of each task, in ascending order."""
    _set_fewshot(loaded, fewshot)

    def answer(instance: Instance) -> str:
        # Within a selection lm-eval counts its documents from 0.
        return answers[instance.task_name, documents[instance.task_name][instance.doc_id]]

    with quiet(), without_alarms():  # what is scored here, a worker has scored in time
        return evaluate(Answering(answer), loaded, samples=documents, apply_chat_template=True, bootstrap_iters=0)


def _set_fewshot(loaded: Mapping[str, Any], fewshot: int | None) -> None:
    """As `simple_evaluate` does for its argument: a task that says 0 shows none."""
    for task in loaded["tasks"].values():
        if fewshot is not None and task.config.num_fewshot != 0:
            task.set_config("num_fewshot", fewshot)
        task.set_fewshot_seed(FEWSHOT_SEED)
