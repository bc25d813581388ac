"""Random samples drawn again from their policies, where these are at hand, token for token: `validate --replay`.

The engine chooses each token by inverting the cumulative distribution at a random number that follows from the sample's seed.
So a sample is drawn again in one pass over its prompt and its tokens: at each place, the recorded token must be the one that
the random number chooses. Another machine may round otherwise; a choice within `SLACK` of the border to the next token, in
cumulative probability, is not held against a record.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdzero_bench.core.completion import SamplingParameters
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.text import counted
from sdzero_bench.policies.loading import load_model
from sdzero_bench.records.discrepancy import Discrepancy
from sdzero_bench.records.journal import Sample
from sdzero_bench.report.audit.at_hand import NotAtHand, model_folder
from sdzero_bench.report.audit.audited_record import AuditedRecord, journal_file
from sdzero_bench.report.audit.expected_use import Asked

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SLACK = {"float32": 1e-3, "bfloat16": 5e-2}
"""By the data type in which samples were drawn."""

Draw = tuple[str, Sample, Asked]
"""Phase, the recorded sample, and how it was asked for."""


def redraw(record: AuditedRecord, count: int, seed: int | None = None) -> Iterator[Discrepancy]:
    """A finding for each phase with samples, of `count` random ones of the record, that their policy does not draw.

    Only policies that are at hand take part: the base, and those in the run's own folder. `seed` fixes the choice.
    """
    if record.config is None or record.manifest is None or record.expected is None:
        record.notes.append("nothing was drawn again: the prompts are not known here")
        return
    folders = _policies(record)
    at_hand = [
        (phase, sample, asked[sample.key])
        for phase, asked in record.expected.draws.items()
        for sample in record.samples.get(phase, [])
        if sample.policy in folders and sample.key in asked and sample.token_ids
    ]
    draws = [draw for draw in at_hand if draw[1].engine.startswith("transformers ")]
    chosen = random.Random(seed).sample(draws, min(count, len(draws)))
    others = ""
    if skipped := len(at_hand) - len(draws):
        others = f"; {counted(skipped, 'more is', 'more are')} of an engine that cannot repeat its samples"
    record.notes.append(
        f"{counted(len(chosen), 'sample was', 'samples were')} drawn again, of {len(draws)} whose policies are at hand{others}"
    )
    wrong: dict[str, list[str]] = {}
    for policy in sorted({sample.policy for _, sample, _ in chosen}):
        try:
            model = load_model(str(folders[policy]), record.config.model.model_copy(update={"device": "auto"}))
        except UserError as error:
            if policy == "base":  # not a part of the record
                record.notes.append(f"no sample of the base policy was drawn again: {error}")
            else:
                yield Discrepancy(f"checkpoints/{policy}", f"its samples cannot be drawn again: {error}")
            continue
        for phase, sample, asked in (draw for draw in chosen if draw[1].policy == policy):
            place = _first_wrong(model, sample, asked, record.expected.parameters[phase], record.manifest.sampled_in)
            if place is not None:
                wrong.setdefault(phase, []).append(f"{sample.key} at token {place}")
    for phase, those in wrong.items():
        one, more = (
            "sample is not what its policy draws with its seed",
            "samples are not what their policy draws with their seed",
        )
        what = f"{counted(len(those), one, more)}, such as {those[0]}"
        yield Discrepancy(journal_file(phase), what)


def _policies(record: AuditedRecord) -> dict[str, Path]:
    """Folders of the policies that are at hand, by name."""
    assert record.config is not None
    found = {path.name: path for path in (record.folder / "checkpoints").glob("[!.]*") if path.is_dir()}
    try:
        found["base"] = model_folder(record.config.model.name)
    except NotAtHand as missing:
        record.notes.append(f"no sample of the base policy was drawn again: {missing}")
    return found


def _first_wrong(
    model: PreTrainedModel, sample: Sample, asked: Asked, parameters: SamplingParameters, dtype: str
) -> int | None:
    """The place, from 0, of the first token that the policy would not have drawn; None if there is none."""
    import numpy as np
    import torch

    from sdzero_bench.policies.engines.transformers_engine import TokenSampler

    prompt, drawn = list(asked.prompt.ids), list(sample.token_ids)
    anything: Any = model
    known = anything.get_input_embeddings().num_embeddings
    if strange := [place for place, token in enumerate(prompt + drawn) if not 0 <= token < known]:
        return max(0, strange[0] - len(prompt))
    with torch.no_grad(), torch.autocast(model.device.type, torch.bfloat16, enabled=dtype == "bfloat16"):
        logits = anything(input_ids=torch.tensor([prompt + drawn[:-1]], device=model.device)).logits[0, len(prompt) - 1 :]
    uniforms = np.random.Generator(np.random.Philox(asked.seed)).random(parameters.max_new_tokens)[: len(drawn)]
    near = SLACK[dtype]
    allowed = [
        _choices(TokenSampler, logits.float(), parameters, np.clip(uniforms + shift, 0.0, 1.0 - 1e-12))
        for shift in (-near, 0.0, near)
    ]
    for place, token in enumerate(drawn):
        low, exact, high = (choices[place] for choices in allowed)
        if token != exact and not min(low, high) <= token <= max(low, high):
            return place
    return None


def _choices(sampler: Any, logits: Any, parameters: SamplingParameters, uniforms: Any) -> Sequence[int]:
    """The token at each place, the random number of place i being the first of row i."""
    import torch

    choose = sampler(parameters, torch.from_numpy(uniforms[:, None]).to(logits.device))
    return [int(token) for token in choose(logits, 0, torch.arange(len(logits), device=logits.device))]
