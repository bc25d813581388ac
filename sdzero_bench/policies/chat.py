"""What a policy reads, as token ids: the chat that asks a question, and an assistant's turn to be continued."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, cast

from sdzero_bench.core.question import Question
from sdzero_bench.core.task import Task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Contexts:
    """A task's questions as token ids of one tokenizer; `ends` are the ids of the tokens that end a turn."""

    tokenizer: PreTrainedTokenizerBase
    task: Task
    ends: Collection[int]

    def encode(self, text: str) -> list[int]:
        """The text as token ids, without special tokens."""
        return cast("list[int]", self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, without special tokens."""
        return cast("str", self.tokenizer.decode(list(ids), skip_special_tokens=True))

    def prompt_ids(
        self, question: Question, template: str | None = None, system: str | None = None, **fields: str
    ) -> list[int]:
        """Token ids of the chat up to the assistant's turn, in the model's own chat template. If the task has already begun
        that turn, they include its beginning.

        `template` rewrites the user's turn: {prompt} stands for the original turn, the other fields for what is added. `system`
        is the system message instead of the task's.
        """
        chat = self.task.prompt(question)
        if system is not None:
            chat = [{"role": "system", "content": system}, *(turn for turn in chat if turn["role"] != "system")]
        if template is not None:
            *before, last = chat
            chat = [*before, {**last, "content": template.format(prompt=last["content"], **fields)}]
        begun = chat[-1]["role"] == "assistant"
        ids = self.tokenizer.apply_chat_template(
            chat, add_generation_prompt=not begun, continue_final_message=begun, tokenize=True, return_dict=False
        )
        return cast("list[int]", ids)

    def body(self, ids: Sequence[int]) -> list[int]:
        """A completion without its end-of-turn token, to be continued within the same turn."""
        return list(ids[:-1]) if ids and ids[-1] in self.ends else list(ids)

    def reviser_context(
        self, question: Question, ids: Sequence[int], inserted: str, keep_end: bool = False, system: str | None = None
    ) -> list[int]:
        """x, y, P_r: the context in which a reviser writes, where `ids` are y and `inserted` is the control phrase P_r.

        `keep_end` keeps the end-of-turn token of y. `system` is the system message instead of the task's.
        """
        key = (question, system)
        if key not in self._prompts:
            self._prompts[key] = tuple(self.prompt_ids(question, system=system))
        return [*self._prompts[key], *(ids if keep_end else self.body(ids)), *self.encode(inserted)]

    @cached_property
    def _prompts(self) -> dict[tuple[Question, str | None], tuple[int, ...]]:
        """Prompts of revised questions: a chat template takes longer than all else here, and a question has many responses."""
        return {}


class PolicyContexts(Contexts):
    """The contexts of one policy outside a run."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, task: Task, ends: Collection[int]) -> None:
        self.tokenizer, self.task, self.ends = tokenizer, task, ends
