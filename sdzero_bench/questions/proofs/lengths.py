"""Lengths of a task's prompts, checked against a model's context length."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from sdzero_bench.core.question import Question
from sdzero_bench.core.task import Task
from sdzero_bench.policies.loading import load_tokenizer, model_path
from sdzero_bench.questions.proofs.finding import Finding, finding


def lengths(task: Task, questions: Sequence[Question], model: str | None) -> Finding:
    """The prompt lengths in characters, or in tokens with the model's chat template; then all must fit into its context.

    Raises `UserError` if the model has no tokenizer, or one without a chat template.
    """
    if model is None:
        counts = [len(task.prompt(question)[-1]["content"]) for question in questions]
        return Finding(
            "prompt lengths", "ok", f"median {median(counts):,.0f}, longest {max(counts):,} characters (--model: tokens)"
        )
    path = model_path(model)
    tokenizer = load_tokenizer(path)
    chats = [task.prompt(question) for question in questions]
    counts = [
        len(tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=True, return_dict=False)) for chat in chats
    ]
    context = _context(path)
    found = f"median {median(counts):,.0f}, longest {max(counts):,} tokens"
    if context is None:
        return Finding("prompt lengths", "ok", f"{found}; the model states no context length")
    too_long = [f"{q.id}: {count:,} tokens" for q, count in zip(questions, counts, strict=True) if count >= context]
    room = f"{found}; the context length of {context:,} leaves {max(context - max(counts), 0):,} for the response"
    return finding("prompt lengths", room, f"{room}; {len(too_long)} do not fit", too_long)


def _context(path: str) -> int | None:
    from transformers import AutoConfig

    return getattr(AutoConfig.from_pretrained(path).get_text_config(), "max_position_embeddings", None)
