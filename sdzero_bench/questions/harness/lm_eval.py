"""A task of lm-eval as one of ours: `lm-eval:gsm8k`.

The requests are lm-eval's own, including few-shot examples and stop sequences. Only the chat template is applied here, since
the policies are chat models (lm-eval's `--apply_chat_template`). Our engine samples; responses are truncated at the first stop
sequence. Filters and metrics are lm-eval's own. One metric, 0 or 1 on each document, is the verdict; the figures that lm-eval
aggregates are recorded beside ours. Scoring runs in the verifier's processes, which are killed at `task.timeout_seconds`; the
time limits of lm-eval itself, at which an answer would count as wrong, are switched off.

Without a network: lm-eval reads through `datasets`, so a warm cache with HF_DATASETS_OFFLINE=1 works. Or use local files,
`--set task.dataset_path=json --set 'task.dataset_kwargs={data_files: {train: FILE, test: FILE}}'`, or a folder of task YAML
files, `--set task.include_path=DIR`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import ClassVar

from pydantic import Field

from sdzero_bench.core.errors import UserError, unknown
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Messages, Task, TaskOptions
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.questions.harness.harness_task import HarnessFigures, HarnessTask, cut
from sdzero_bench.questions.harness.lm_eval_tasks import (
    build,
    build_one,
    figures_of,
    quiet,
    require_lm_eval,
    source_of,
    stops_of,
    without_alarms,
)
from sdzero_bench.questions.harness.lm_eval_types import Document, LmEvalRequest, LmEvalTaskObject, Loaded
from sdzero_bench.records.journal import Sample


class LmEvalOptions(TaskOptions):
    figure: str | None = None
    """The metric that decides whether a response is correct, as `METRIC,FILTER`; null: the task's first metric and filter."""
    num_fewshot: int | None = None
    """Number of few-shot examples; null: the task's own."""
    fewshot_as_multiturn: bool = True
    """Whether each example is a turn of its own."""
    system_instruction: str | None = None
    """As lm-eval's --system_instruction."""
    include_path: str | None = None
    """Folder of additional task YAML files."""
    timeout_seconds: float = Field(120.0, gt=0)
    """Time limit for scoring a response; after it, the response counts as not verified. A worker's first verdict includes
    importing lm-eval and loading the data."""
    dataset_path: str | None = None
    """Replaces the task's own argument of `datasets.load_dataset`; `json` for local files."""
    dataset_name: str | None = None
    """As in a task YAML of lm-eval."""
    dataset_kwargs: dict[str, object] | None = None
    """As in a task YAML of lm-eval."""

    @property
    def overrides(self) -> dict[str, object]:
        """Settings that replace those of the task's YAML."""
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

    def __init__(self, options: LmEvalOptions | None = None) -> None:
        super().__init__(options)
        self._chats: dict[str, Messages] = {}
        """By question id. They are long, and neither records nor workers need them."""

    def load_test(self) -> QuestionSet:
        """The documents of a group's members are interleaved, so that the first questions cover every member."""
        from sdzero_bench.questions.harness.lm_eval_model import requests

        loaded, options = self._built(), self.options
        for task in loaded["tasks"].values():
            self._figure(task)
        asked = requests(loaded, options.num_fewshot, options.fewshot_as_multiturn, options.system_instruction)
        seen: dict[str, int] = defaultdict(int)
        questions = [self._question(loaded["tasks"][a.task_name], a, seen) for a in sorted(asked, key=lambda a: a.doc_id)]
        return QuestionSet(self.name, tuple(questions))

    def _question(self, task: LmEvalTaskObject, request: LmEvalRequest, seen: dict[str, int]) -> Question:
        id = f"{request.task_name}/{request.doc_id}"
        chat = self._chats[id] = json.loads(request.args[0])
        text = next(turn["content"] for turn in reversed(chat) if turn["role"] == "user")
        seen[text] += 1
        if seen[text] > 1:  # some benchmarks repeat questions, and every one counts
            text = f"{text}\n(repeat {seen[text]})"
        details = {"task": request.task_name, "document": request.doc_id, "source": source_of(task)}
        return Question(id, text, str(task.doc_to_target(request.doc)), details)

    def usual_evaluation(self) -> dict[str, float]:
        """Those of a group's first member. If a task states no token limit, lm-eval's default of 256 is not used as one."""
        settings = next(iter(self._built()["tasks"].values())).config.generation_kwargs or {}
        temperature = float(settings.get("temperature") or 0.0) if settings.get("do_sample") else 0.0
        usual: dict[str, float] = {"temperature": temperature, "samples": 1, "pass_at": 1}
        limit = settings.get("max_gen_toks", settings.get("max_new_tokens", settings.get("max_tokens")))
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
            raise ValueError(f"{figure} is {value!r}, neither 0 nor 1; set task.figure to a metric that is always 0 or 1")
        answer = answers[figure.rpartition(",")[2]]
        return Verdict(float(value), answer=answer if isinstance(answer, str) and answer != "[invalid]" else None)

    def time_limit(self, question: Question) -> float:
        return self.options.timeout_seconds

    def harness_figures(self, questions: QuestionSet, samples: Sequence[Sample]) -> HarnessFigures:
        from sdzero_bench.questions.harness.lm_eval_scores import scores

        return scores(self._built, self._figure, self.options.num_fewshot, questions, samples)

    def _built(self) -> Loaded:
        """Built again each time, since lm-eval stores the requests of an evaluation in its tasks."""
        return build(self.theirs, self.options.include_path, self.options.overrides)

    def _figure(self, task: LmEvalTaskObject) -> str:
        found = figures_of(task)
        if self.options.figure is None:
            return found[0]
        if self.options.figure not in found:
            raise unknown(f"figure of lm-eval's {task.task_name}", self.options.figure, found)
        return self.options.figure


def figures_for(task: LmEvalTaskObject, document: Document, response: str) -> tuple[dict[str, float], Mapping[str, object]]:
    """lm-eval's figures for one response by `METRIC,FILTER`, and what each filter extracted from it."""
    from lm_eval.api.instance import Instance

    settings = task.config.generation_kwargs or {}
    request = Instance("generate_until", document, ("", settings), 0, (task.task_name, 0, 1))
    request.resps = [cut(response, stops_of(task))]
    task._instances = [request]
    figures = {}
    with quiet(), without_alarms():
        task.apply_filters()
        for name, filtered in request.filtered_resps.items():
            for metric, value in task.process_results(document, [filtered]).items():
                figures[f"{metric},{name}"] = value
    return figures, request.filtered_resps


@cache
def _in_worker(name: str, source: str, overrides: str) -> tuple[LmEvalTaskObject, list[Document]]:
    task = build_one(name, source, json.loads(overrides))
    return task, list(task.eval_docs)


def lm_eval_task(name: str) -> type[Task]:
    """The class of `lm-eval:NAME`. Whether lm-eval knows the name turns out when the questions are loaded.

    Raises `UserError` if lm-eval is not installed.
    """
    require_lm_eval()
    if not name:
        raise UserError("name a task of lm-eval, such as lm-eval:gsm8k; `lm_eval ls tasks` lists them")
    return type(
        f"LmEvalTask[{name}]",
        (LmEvalTask,),
        {
            "name": f"lm-eval:{name}",
            "theirs": name,
            "factory": staticmethod(lm_eval_task),
            "made_from": name,
            "summary": f"lm-eval's {name}",
            "source": "lm-eval",
            "harness": f"lm-eval {version('lm_eval')}",
        },
    )
