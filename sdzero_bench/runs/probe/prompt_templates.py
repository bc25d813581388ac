"""The prompts of templates.yaml, as token ids of a model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any, Literal, cast

from pydantic import Field

from sdzero_bench.core.errors import NoSuchSplit
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.settings import Options
from sdzero_bench.core.task import Task
from sdzero_bench.core.yaml_core import read_yaml
from sdzero_bench.policies.chat import Contexts

OWN = "task"
"""Name of the template that is the task's own prompt."""


class PromptTemplate(Options):
    """An entry of templates.yaml, which describes the keys."""

    name: str
    about: str
    chat: str | None = None
    system: str | None = None
    text: str | None = None
    stops: tuple[str, ...] = ()
    shots: int = Field(0, ge=0)
    shot: str = ""
    answers: Literal["any", "boxed", "program"] = "any"


class NotApplicableError(Exception):
    """A template that cannot be used with this task or model; says why."""


@cache
def templates() -> tuple[PromptTemplate, ...]:
    """All of them, the task's own first."""
    text = resources.files("sdzero_bench.runs.probe").joinpath("templates.yaml").read_text(encoding="utf-8")
    return tuple(PromptTemplate(**entry) for entry in read_yaml(text))


def require_applicable(template: PromptTemplate, task: Task) -> None:
    """Raise `NotApplicableError` for a template that asks for answers in a form that the task does not read."""
    form = "program" if task.needs_sandbox else "boxed" if task.stated("1") == "\\boxed{1}" else "any"
    if template.answers not in ("any", form):
        wanted = {"boxed": "boxed answers", "program": "programs"}[template.answers]
        raise NotApplicableError(f"the task does not ask for {wanted}")


def prompts_under(template: PromptTemplate, questions: QuestionSet, contexts: Contexts) -> list[tuple[int, ...]]:
    """Token ids of each question under a template.

    Raises `NotApplicableError` if the task or the model's chat template cannot be used with it.
    """
    require_applicable(template, contexts.task)
    if template.text is not None:
        before = _shots(template, contexts.task)
        return [plain_ids(contexts.tokenizer, before + _filled(template.text, q, contexts.task)) for q in questions]
    if template.chat is None and template.system is None:
        return [tuple(contexts.prompt_ids(question)) for question in questions]
    return [_chat_ids(template, question, contexts) for question in questions]


def plain_ids(tokenizer: Any, text: str) -> tuple[int, ...]:
    """Plain text as the model has seen it in training: after the token that begins a text, if its tokenizer adds one."""
    ids = list(tokenizer(text)["input_ids"])
    return tuple(ids[:-1] if ids and ids[-1] == tokenizer.eos_token_id else ids)


def _chat_ids(template: PromptTemplate, question: Question, contexts: Contexts) -> tuple[int, ...]:
    from jinja2 import TemplateError

    chat = contexts.task.prompt(question)
    if template.chat is not None:
        chat = [*chat[:-1], {"role": "user", "content": _filled(template.chat, question, contexts.task)}]
    if template.system is not None:
        chat = [{"role": "system", "content": template.system}, *(turn for turn in chat if turn["role"] != "system")]
    try:
        ids = contexts.tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=True, return_dict=False)
    except TemplateError as error:
        raise NotApplicableError(f"the model's chat template refuses it: {' '.join(str(error).split())}") from error
    return tuple(cast("list[int]", ids))


def _shots(template: PromptTemplate, task: Task) -> str:
    """The solved questions that come first; of the training split, so that none of them is measured."""
    if not template.shots:
        return ""
    try:
        questions: Sequence[Question] = task.load("train")[: template.shots]
    except NoSuchSplit as error:
        raise NotApplicableError("the task has no training questions to show") from error
    return "".join(
        _filled(template.shot, question, task).replace("{solution}", _solution(question, task)) for question in questions
    )


def _solution(question: Question, task: Task) -> str:
    solution = task.demonstration(question)
    if solution is None and task.needs_sandbox:
        raise NotApplicableError("the task has no gold solutions to show")
    return solution or task.stated(question.answer)


def _filled(template: str, question: Question, task: Task) -> str:
    prompt = next(turn["content"] for turn in reversed(task.prompt(question)) if turn["role"] == "user")
    return template.replace("{prompt}", prompt).replace("{question}", question.text)
