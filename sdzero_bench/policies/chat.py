"""What a policy reads, as token ids: the chat that asks a question, and an assistant's turn that goes on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sdzero_bench.core.question import Question
from sdzero_bench.core.task import Task


class Contexts:
    """A task's questions in the words of a tokenizer; `ends` are the ids of the tokens that end a turn."""

    tokenizer: Any
    task: Task
    ends: Collection[int]

    def encode(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def decode(self, ids: Sequence[int]) -> str:
        return self.tokenizer.decode(list(ids), skip_special_tokens=True)

    def prompt_ids(self, question: Question, template: str | None = None, **fields: str) -> list[int]:
        """Token ids of the chat up to the assistant's turn, through the model's own chat template; or up to where that turn
        has got, where the task has begun it.

        `template` rewrites the user's turn: {prompt} stands for the turn as it is, the other fields for what is added.
        """
        chat = self.task.prompt(question)
        if template is not None:
            *before, last = chat
            chat = [*before, {**last, "content": template.format(prompt=last["content"], **fields)}]
        begun = chat[-1]["role"] == "assistant"
        return self.tokenizer.apply_chat_template(
            chat, add_generation_prompt=not begun, continue_final_message=begun, tokenize=True, return_dict=False
        )

    def body(self, ids: Sequence[int]) -> list[int]:
        """A completion without the token that ends it, to be continued within the same turn."""
        return list(ids[:-1]) if ids and ids[-1] in self.ends else list(ids)

    def reviser_context(self, question: Question, ids: Sequence[int], inserted: str) -> list[int]:
        """x, y, P_r: what a reviser reads before it writes, where `ids` are y and `inserted` is the control phrase."""
        return [*self.prompt_ids(question), *self.body(ids), *self.encode(inserted)]


class PolicyContexts(Contexts):
    """Those of one policy by itself, outside a run."""

    def __init__(self, tokenizer: Any, task: Task, ends: Collection[int]) -> None:
        self.tokenizer, self.task, self.ends = tokenizer, task, ends
