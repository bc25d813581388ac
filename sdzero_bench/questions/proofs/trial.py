"""Ask a model a few of a task's questions: whether its answers are found, and whether any is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean

from sdzero_bench.core.completion import Request, SamplingParameters, sample_seed
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.core.question import Question
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.core.task import Split, Task
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.policies.architecture import context_length
from sdzero_bench.policies.chat import PolicyContexts
from sdzero_bench.policies.loading import load_model, load_tokenizer, model_path, switch_thinking
from sdzero_bench.questions.proofs.finding import Finding
from sdzero_bench.verifiers.pool import VerifierPool

REMEDY = (
    "What to do: if the right answer is in the responses below, the prompt does not ask for the form that the verifier reads; "
    "change it (--set task.prompt=...), or the kind of the answer (--set task.kind=...). If responses are cut off, raise "
    "evaluation.max_new_tokens. Otherwise the model does not know such questions; try another one."
)


def few(sets: Mapping[Split, Sequence[Question]], count: int) -> list[Question]:
    """At most `count` questions, of the test questions first, at even distances in each split."""
    found: list[Question] = []
    order: tuple[Split, ...] = ("test", "validation", "train")
    for split in order:
        questions = sets.get(split, ())
        found += questions[:: max(1, len(questions) // count)]
    return found[:count]


def trial(task: Task, questions: Sequence[Question], model: str, config: RunConfig, display: ProgressDisplay) -> Finding:
    """One sample of each question, drawn with the settings of the evaluation.

    Raises `UserError` if the model cannot be loaded, or has no chat template.
    """
    from sdzero_bench.policies.engines.transformers_engine import TransformersEngine

    path = model_path(model)
    policy, tokenizer = load_model(path, config.model), switch_thinking(load_tokenizer(path), config.model.thinking)
    engine = TransformersEngine(policy, tokenizer, config.sampling.batch_size)
    contexts = PolicyContexts(tokenizer, task, engine.ends)
    requests = [Request(tuple(contexts.prompt_ids(q)), sample_seed(config.evaluation.seed, "trial", q.id)) for q in questions]
    room = (context_length(model) or 2**31) - max(len(request.prompt_ids) for request in requests)
    settings = config.evaluation
    parameters = SamplingParameters(settings.temperature, settings.top_p, max(1, min(settings.max_new_tokens, room)))
    drawn = []
    with display.phase("sampling", len(requests)) as bar:
        for start in range(0, len(requests), engine.batch_size):
            drawn += engine.generate(requests[start : start + engine.batch_size], parameters)
            bar.advance(len(drawn) - start)
    texts = [contexts.decode(contexts.body(completion.token_ids)) for completion in drawn]
    with VerifierPool(task, config.verifying.workers, config.verifying.timeout_seconds) as pool:
        verdicts = pool.verify(list(zip(questions, texts, strict=True)))
    lengths = [len(completion.token_ids) for completion in drawn]
    return described(questions, texts, verdicts, lengths, sum(completion.finish == "length" for completion in drawn))


def described(
    questions: Sequence[Question], texts: Sequence[str], verdicts: Sequence[Verdict], lengths: Sequence[int], truncated: int
) -> Finding:
    """What the samples say about task and model. A model that knows nothing is no fault of the task, so it is a note."""
    right = sum(verdict.reward == 1.0 for verdict in verdicts)
    lost = sum(not _was_found(verdict) for verdict in verdicts)
    found = (
        f"{right} of {len(verdicts)} right; no answer could be extracted from {lost}; {mean(lengths):,.0f} tokens on average, "
        f"{truncated} cut off"
    )
    if right:
        return Finding("answers of the model", "ok", found)
    shown = [
        f"{question.id}: {verdict.detail or 'wrong'}: ...{' '.join(text.split())[-160:]!r} for {question.answer[:60]!r}"
        for question, text, verdict in zip(questions, texts, verdicts, strict=True)
    ]
    return Finding("answers of the model", "note", found, (REMEDY, *shown[:3]))


def _was_found(verdict: Verdict) -> bool:
    if verdict.tests is not None:
        return verdict.tests.outcome != "no program"
    return verdict.reward == 1.0 or (verdict.answer is not None and verdict.status == "ok")
