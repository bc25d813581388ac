"""One response of a run as its reviser sees it: computed from the run's checkpoints, or read from its localisation.json."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.policies.chat import PolicyContexts
from sdzero_bench.policies.loading import load_model, load_tokenizer, model_path, switch_thinking
from sdzero_bench.policies.token_text import pieces
from sdzero_bench.records.compressed import stored
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.ledger import EVALUATION, measures
from sdzero_bench.records.question_sets import read_questions
from sdzero_bench.records.record_files import EVALUATION_FILE, read_evaluation, read_manifest
from sdzero_bench.report.tokens.token_view import Look, Token
from sdzero_bench.runs.config import make_method, make_task, validate
from sdzero_bench.runs.evaluation.localising import LOCALISATION, compared, students

if TYPE_CHECKING:
    from sdzero_bench.records.journal import Sample


def look_at(run: Path, sample: Sample, revisions: Sequence[Sample]) -> Look:
    """The sample with kl(student, reviser) and reward of each token; `revisions` are its journaled revisions.

    Raises `UserError` if there are neither checkpoints nor recorded values, if the verifier failed on the sample, or if its
    prompt can no longer be reconstructed.
    """
    folder = RunFolder.open(run)
    config = validate(read_manifest(run).config)
    if sample.verdict.reward is None:
        raise UserError(f"the verifier failed on {sample.key}, so it has no control phrase; choose another sample")
    base = model_path(config.model.name)
    tokenizer = switch_thinking(load_tokenizer(base), config.model.thinking)
    # The sample itself shows its end-of-sequence token, so the weights are not needed for that.
    contexts = PolicyContexts(tokenizer, make_task(config), sample.token_ids[-1:] if sample.finish == "stop" else ())
    question = _question(folder, config, contexts, sample)
    method = make_method(config)
    phrases, reviser = method.phrases, _reviser(folder, sample, method.reviser)
    paths = {name: base if name == "base" else folder.checkpoint(name) for name in (sample.policy, reviser)}
    if missing := [name for name, path in paths.items() if path is None]:
        values, source = _recorded(folder, sample, missing), f"recorded in {LOCALISATION}"
    else:
        settings = config.model.model_copy(update={"device": "auto"})  # the run may have used another machine's
        models = {name: load_model(str(path), settings) for name, path in paths.items()}
        values = compared(sample, contexts, question, models[sample.policy], models[reviser], phrases)
        source = "computed from the checkpoints"
    context = contexts.reviser_context(question, sample.token_ids, phrases.after(sample.verdict.reward))
    return Look(
        sample,
        question.text,
        sample.policy,
        reviser,
        source,
        str(tokenizer.decode(context, skip_special_tokens=False)),
        tuple(starmap(Token, zip(pieces(tokenizer, sample.token_ids), values["kl"], values["reward"], strict=True))),
        tuple(revisions),
    )


def _reviser(folder: RunFolder, sample: Sample, trained: str | None) -> str:
    """Name of the checkpoint that the run's responses are compared with: see `students`."""
    if trained is not None and folder.checkpoint(trained):
        return trained  # whether it was measured or not
    if stored(folder.path / EVALUATION_FILE):
        checkpoints = {entry.policy: entry.checkpoint for entry in read_evaluation(folder.path)}
        return checkpoints[students(list(checkpoints), trained)[0]]
    return sample.policy


def _recorded(folder: RunFolder, sample: Sample, missing: Sequence[str]) -> dict[str, list[float]]:
    for row in (folder.read(LOCALISATION) or {}).get("responses", ()):
        if sample.phase == f"{EVALUATION}.{row['policy']}" and sample.key == f"{row['question_id']}/{row['index']}":
            return {"kl": row["kl"], "reward": row["reward"]}
    if "@" in missing[0]:
        raise UserError(
            f"{sample.key} of {sample.phase} was sampled during training by {missing[0]}, whose weights were not kept; choose "
            f"a sample of an evaluation, such as --phase {EVALUATION}.final"
        )
    raise UserError(
        f"the tokens of {sample.key} need the checkpoint {missing[0]!r}, which {str(folder.path)!r} lacks, and {LOCALISATION} "
        f"does not have them; give the folder of the run itself, or the record of a run with evaluation.localise"
    )


def _question(folder: RunFolder, config: RunConfig, contexts: PolicyContexts, sample: Sample) -> Question:
    """The question as the policy read it, which is verified by the digest of its prompt in the journal."""
    for question in _candidates(folder, config, contexts, sample):
        try:
            ids = contexts.prompt_ids(question)
        except KeyError:  # the record lacks details that the task's prompt needs
            continue
        if hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:16] == sample.prompt_sha256:
            return question
    raise UserError(
        f"the prompt of {sample.key} cannot be reconstructed: the task {config.task['name']!r}, the chat template of "
        f"{config.model.name!r} or the question has changed since"
    )


def _candidates(folder: RunFolder, config: RunConfig, contexts: PolicyContexts, sample: Sample) -> Iterator[Question]:
    """The question from the record, which needs no data set; then from the task."""
    if asked := read_questions(folder.path, read_manifest(folder.path)).of(sample.phase).get(sample.question_id):
        yield Question(asked.id, asked.text, asked.answer, asked.details or {})
    split = config.evaluation.split if measures(sample.phase) else "train"
    yield from (q for q in contexts.task.load(split) if q.id == sample.question_id)
