"""The tokens of responses whose localisation was measured, as the viewer colours them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from sdzero_bench.core.errors import DamagedError
from sdzero_bench.records.compressed import content_of, stored
from sdzero_bench.records.ledger import EVALUATION
from sdzero_bench.records.measured import Localisation
from sdzero_bench.report.tokens.token_view import level
from sdzero_bench.runs.evaluation.localising import LOCALISATION

if TYPE_CHECKING:
    from sdzero_bench.core.settings import ModelConfig
    from sdzero_bench.records.journal import Sample

DIGITS = 3


@dataclass(frozen=True)
class ColouredTokens:
    """One response. All lists have one entry per token."""

    reviser: str
    text: list[str]
    """They concatenate to the response; empty for a token that ends within a character."""
    level: list[int]
    kl: list[float]
    """kl(student, reviser), in nats."""
    reward: list[float]
    """log student - log reviser of the token, in nats."""


def coloured_tokens(run: Path, model: ModelConfig, samples: Sequence[Sample]) -> dict[int, ColouredTokens]:
    """By position among `samples`, those of one run; empty if its localisation was not measured.

    Raises `UserError` if the model's tokenizer is not available, `DamagedError` if the file is not as it was written.
    """
    if not (file := stored(run / LOCALISATION)):
        return {}
    from sdzero_bench.policies.loading import load_tokenizer, model_path
    from sdzero_bench.policies.token_text import pieces

    try:
        measured = Localisation.model_validate_json(content_of(file))
    except ValidationError as error:
        raise DamagedError(f"{str(run / LOCALISATION)!r}: {error.errors()[0]['msg']}; the record is damaged") from error
    positions = {(sample.phase, sample.question_id, sample.index): position for position, sample in enumerate(samples)}
    tokenizer = load_tokenizer(model_path(model.name))
    found = {}
    for row in measured.responses:
        position = positions.get((f"{EVALUATION}.{row.policy}", row.question_id, row.index))
        if position is None:
            continue
        text = pieces(tokenizer, samples[position].token_ids)
        if not len(text) == len(row.kl) == len(row.reward):
            raise DamagedError(f"{str(run / LOCALISATION)!r}: {row.question_id}/{row.index} has values for other tokens")
        found[position] = ColouredTokens(
            measured.reviser,
            text,
            [level(reward) for reward in row.reward],
            [round(value, DIGITS) for value in row.kl],
            [round(value, DIGITS) for value in row.reward],
        )
    return found
