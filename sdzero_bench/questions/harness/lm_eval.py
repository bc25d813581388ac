"""A task of lm-eval, as one of ours: `lm-eval:gsm8k`.

The requests are lm-eval's own, few-shot examples and stop texts included; only the chat template is applied here, since the
policies are chat models (lm-eval's `--apply_chat_template`). Our engine samples; a response is cut at the first stop text.
Filters and metrics are lm-eval's own: one figure of them, 0 or 1 on each document, is the verdict, and all figures as lm-eval
aggregates them are kept beside ours. They run in the verifier's processes, which are killed at `task.timeout_seconds`; time
limits of their own, at which an answer would count as wrong, are switched off.

Data without a network: lm-eval reads through `datasets`, so a warm cache with HF_DATASETS_OFFLINE=1 will do; or name local
files, `--set task.dataset_path=json --set 'task.dataset_kwargs={data_files: {train: FILE, test: FILE}}'`; or a folder with YAML
files of one's own, `--set task.include_path=DIR`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import Any, ClassVar

from pydantic import Field

from sdzero_bench.core.errors import UserError, unknown
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Messages, Task, TaskOptions
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.questions.harness.harness_task import HarnessTask, cut
from sdzero_bench.questions.harness.lm_eval_tasks import (
    build,
    build_one,
    figures_of,
    quiet,
    require_lm_eval,
    source_of,
    without_alarms,
)
from sdzero_bench.records.journal import Sample


class LmEvalOptions(TaskOptions):
    figure: str | None = None
    """`METRIC,FILTER` that decides between right and wrong; null: the task's first metric under its first filter."""
    num_fewshot: int | None = None
    """Examples before the question; null: as the task says."""
    fewshot_as_multiturn: bool = True
    """Whether each example is a turn of its own."""
    system_instruction: str | None = None
    include_path: str | None = None
    """Folder with further tasks."""
    timeout_seconds: float = Field(120.0, gt=0)
    """After so long a response counts as not verified. In a worker's first verdict lm-eval is imported, and data loaded."""
    dataset_path: str | None = None
    """Of `datasets.load_dataset`, in place of the task's own; `json` for local files."""
    dataset_name: str | None = None
    dataset_kwargs: dict[str, Any] | None = None

    @property
    def overrides(self) -> dict[str, Any]:
        """Settings of the task's YAML that are replaced."""
        if self.dataset_path is None:
            return {} if self.dataset_kwargs is None else {"dataset_kwargs": self.dataset_kwargs}
        return {"dataset_path": self.dataset_path, "dataset_name": self.dataset_name, "dataset_kwargs": self.dataset_kwargs}


class LmEvalTask(HarnessTask):
    """One task, group or tag of lm-eval."""

    theirs: ClassVar[str]
    """Its name in lm-eval."""
    verifier = "lm-eval's own filters and metrics"
    record_details = True
    Options = LmEvalOptions
    options: LmEvalOptions

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self._chats: dict[str, Messages] = {}
        """By question. They are long, and neither a record nor a worker needs them."""

    def load_test(self) -> QuestionSet:
        """The documents of all members of a group in turn, so that the first ones are of every member."""
        from sdzero_bench.questions.harness.lm_eval_model import requests

        loaded, options = self._built(), self.options
        for task in loaded["tasks"].values():
            self._figure(task)
        asked = requests(loaded, options.num_fewshot, options.fewshot_as_multiturn, options.system_instruction)
        seen: dict[str, int] = defaultdict(int)
        questions = [self._question(loaded["tasks"][a.task_name], a, seen) for a in sorted(asked, key=lambda a: a.doc_id)]
        return QuestionSet(self.name, tuple(questions))

    def _question(self, task: Any, request: Any, seen: dict[str, int]) -> Question:
        id = f"{request.task_name}/{request.doc_id}"
        chat = self._chats[id] = json.loads(request.args[0])
        text = next(turn["content"] for turn in reversed(chat) if turn["role"] == "user")
        seen[text] += 1
        if seen[text] > 1:  # benchmarks have repeats, and they count
            text = f"{text}\n(repeat {seen[text]})"
        details = {"task": request.task_name, "document": request.doc_id, "source": source_of(task)}
        return Question(id, text, str(task.doc_to_target(request.doc)), details)

    def usual_evaluation(self) -> dict[str, Any]:
        """Of a group, its first member's. Where a task names no limit of tokens, lm-eval's own 256 is not taken for one."""
        settings = next(iter(self._built()["tasks"].values())).config.generation_kwargs or {}
        temperature = float(settings.get("temperature") or 0.0) if settings.get("do_sample") else 0.0
        usual = {"temperature": temperature, "samples": 1, "pass_at": 1}
        limit = next((settings[name] for name in ("max_gen_toks", "max_new_tokens", "max_tokens") if name in settings), None)
        return usual if limit is None else {**usual, "max_new_tokens": int(limit)}

    def prompt(self, question: Question) -> Messages:
        if question.id not in self._chats:
            self.load_test()
        return self._chats[question.id]

    def verify(self, question: Question, response: str) -> Verdict:
        details = question.details
        task, documents = _in_worker(details["task"], details["source"], json.dumps(self.options.overrides))
        figure = self._figure(task)
        figures, answers = figures_for(task, documents[details["document"]], response)
        value = figures[figure]
        if value not in (0, 1):
            raise ValueError(f"{figure} is {value!r}, neither 0 nor 1: set task.figure to one that says right or wrong")
        answer = answers[figure.rpartition(",")[2]]
        return Verdict(float(value), answer=answer if isinstance(answer, str) and answer != "[invalid]" else None)

    def time_limit(self, question: Question) -> float:
        return self.options.timeout_seconds

    def harness_figures(self, questions: QuestionSet, samples: Sequence[Sample]) -> dict[str, Any]:
        from sdzero_bench.questions.harness.lm_eval_scores import scores

        return scores(self._built, self._figure, self.options.num_fewshot, questions, samples)

    def _built(self) -> dict[str, Any]:
        """Anew each time: lm-eval keeps the requests of an evaluation in its tasks."""
        return build(self.theirs, self.options.include_path, self.options.overrides)

    def _figure(self, task: Any) -> str:
        found = figures_of(task)
        if self.options.figure is None:
            return found[0]
        if self.options.figure not in found:
            raise unknown(f"figure of lm-eval's {task.task_name}", self.options.figure, found)
        return self.options.figure


def figures_for(task: Any, document: Any, response: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """lm-eval's figures of one response, `METRIC,FILTER` to value, and what each filter made of it."""
    from lm_eval.api.instance import Instance

    settings = task.config.generation_kwargs or {}
    until = settings.get("until") or []
    request = Instance("generate_until", document, ("", settings), 0, (task.task_name, 0, 1))
    request.resps = [cut(response, [until] if isinstance(until, str) else until)]
    task._instances = [request]
    figures = {}
    with quiet(), without_alarms():
        task.apply_filters()
        for name, filtered in request.filtered_resps.items():
            for metric, value in task.process_results(document, [filtered]).items():
                figures[f"{metric},{name}"] = value
    return figures, request.filtered_resps


@cache
def _in_worker(name: str, source: str, overrides: str) -> tuple[Any, list[Any]]:
    task = build_one(name, source, json.loads(overrides))
    return task, list(task.eval_docs)


def lm_eval_task(name: str) -> type[Task]:
    """The class of `lm-eval:NAME`; whether lm-eval knows that name is found out when the questions are loaded.

    Raises `UserError` if lm-eval is not installed.
    """
    require_lm_eval()
    if not name:
        raise UserError("name a task of lm-eval, such as lm-eval:gsm8k; `lm_eval ls tasks` lists them")
    full = f"lm-eval:{name}"
    said = {"summary": f"lm-eval's {name}", "source": "lm-eval", "harness": f"lm-eval {version('lm_eval')}"}
    made = {"factory": staticmethod(lm_eval_task), "made_from": name}
    return type(f"LmEvalTask[{name}]", (LmEvalTask,), {"name": full, "theirs": name, **made, **said})
