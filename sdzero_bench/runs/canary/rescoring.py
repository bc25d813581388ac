"""Score, sample and verify what the canary records. It takes a few seconds on one CPU core."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdzero_bench.core.completion import Request, SamplingParameters
from sdzero_bench.policies.devices import described
from sdzero_bench.policies.loading import device, load_model, load_tokenizer, model_path
from sdzero_bench.runs.canary.canary_record import (
    CanaryRecord,
    JudgedAnswer,
    SampledCompletion,
    ScoredCompletion,
    stack_here,
    weights_digest,
)
from sdzero_bench.runs.config import make_task, resolve
from sdzero_bench.verifiers.math_answer import check_math

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

QUESTIONS = 6
"""Of each micro task, for the record."""
TOKENS = 64
"""Length of a sample, at most."""

ANSWERS = (
    ("12", "The sum is \\boxed{12}."),
    ("12", "\\boxed{13}"),
    ("12", "It is 12."),
    ("12", "\\boxed{12"),
    ("1000", "\\boxed{1{,}000}"),
    ("1/2", "\\boxed{0.5}"),
    ("\\frac{1}{3}", "\\boxed{0.333}"),
    ("\\sqrt{8}", "\\boxed{2\\sqrt{2}}"),
    ("2^{10}", "\\boxed{1024}"),
    ("(1, 2)", "\\boxed{(2, 1)}"),
    ("\\{1, 2\\}", "\\boxed{\\{2, 1\\}}"),
    ("[0, 1)", "\\boxed{[0, 1]}"),
    ("x^2 - 1", "\\boxed{(x - 1)(x + 1)}"),
    ("50\\%", "\\boxed{50}"),
    ("90^\\circ", "\\boxed{90}"),
    ("-5", "First \\boxed{5}, corrected: \\boxed{-5}"),
)
"""Gold answers and responses."""


def record_here() -> CanaryRecord:
    """What this machine computes, on the first test questions of the micro tasks and their gold solutions."""
    pairs = []
    for name in ("micro-arith", "micro-code"):
        task = make_task(resolve("base", task=name))
        questions = task.load("test")[:QUESTIONS]
        pairs += [(task.prompt(question)[-1]["content"], task.demonstration(question)) for question in questions]
    return _computed(pairs, [(prompt, seed) for seed, (prompt, _) in enumerate(pairs)], ANSWERS)


def again(record: CanaryRecord) -> CanaryRecord:
    """What this machine computes on the prompts, completions, seeds and responses of a record."""
    return _computed(
        [(row.prompt, row.completion) for row in record.scored],
        [(row.prompt, row.seed) for row in record.sampled],
        [(row.gold, row.response) for row in record.judged],
    )


def _computed(
    scored: Sequence[tuple[str, str]], sampled: Sequence[tuple[str, int]], judged: Iterable[tuple[str, str]]
) -> CanaryRecord:
    import torch

    from sdzero_bench.policies.engines.transformers_engine import TransformersEngine

    settings = resolve("base").model
    path = model_path(settings.name)
    tokenizer, model = load_tokenizer(path), load_model(path, settings, "float32").eval()
    requests = [Request(tuple(_prompt_ids(tokenizer, prompt)), seed) for prompt, seed in sampled]
    drawn = TransformersEngine(model, tokenizer).generate(requests, SamplingParameters(1.0, 1.0, TOKENS))
    return CanaryRecord(
        weights=weights_digest(Path(path)),
        stack=stack_here(described(device(settings)), "float32", torch.get_num_threads()),
        scored=[_scored(model, tokenizer, prompt, completion) for prompt, completion in scored],
        sampled=[
            SampledCompletion(prompt=prompt, seed=seed, token_ids=list(completion.token_ids))
            for (prompt, seed), completion in zip(sampled, drawn, strict=True)
        ],
        judged=[
            JudgedAnswer(
                gold=gold, response=text, reward=check_math(text, gold).reward or 0.0, math_verify=_math_verify(gold, text)
            )
            for gold, text in judged
        ],
    )


def _prompt_ids(tokenizer: PreTrainedTokenizerBase, prompt: str) -> list[int]:
    chat = [{"role": "user", "content": prompt}]
    return list(tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False))


def _scored(model: Any, tokenizer: Any, prompt: str, completion: str) -> ScoredCompletion:
    """One sequence at a time: no padding that could hide a difference."""
    import torch

    before = _prompt_ids(tokenizer, prompt)
    tokens = [*tokenizer(completion, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    ids = torch.tensor([[*before, *tokens]], device=model.device)
    with torch.no_grad():
        logprobs = model(ids).logits[0, len(before) - 1 : -1].float().log_softmax(-1)
    own = logprobs.gather(-1, ids[0, len(before) :, None])[:, 0]
    return ScoredCompletion(
        prompt=prompt,
        completion=completion,
        prompt_ids=before,
        token_ids=tokens,
        logprobs=[round(value, 7) + 0.0 for value in own.tolist()],
    )


def _math_verify(gold: str, response: str) -> float | None:
    """The reward by math-verify, which lm-eval's tasks use; None if it is not installed."""
    try:
        from math_verify import parse, verify
    except ImportError:
        return None
    import logging

    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns on every call that it has no time limit
    read = [parse(text, parsing_timeout=None) for text in (f"${gold}$", response)]
    return float(verify(*read, timeout_seconds=None))
