"""The texts of samples, which follow from their token ids: a packed record leaves them out where they do.

A packed row has no `text` if the record's tokenizer decodes its `token_ids` to it. Instead of the `prefix` of a revision, which
is another sample's text with a control phrase, it has `continues`: that sample's phase and index, and the phrase.
"""

from __future__ import annotations

import hashlib
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import ModelConfig

Row = dict[str, Any]
"""A line of a journal."""
Decode = Callable[[Sequence[int]], str]

TEXTS = ("text", "prefix", "continues")
"""Keys of a row that say no more than others do."""


def decoder(model: ModelConfig) -> Decode:
    """What makes texts of token ids, as it did in the run; it raises `UserError` for ids that no tokenizer has.

    Raises `UserError` if the model's tokenizer is not available.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries, as they are imported
        from sdzero_bench.policies.loading import load_tokenizer, model_path

        tokenizer = load_tokenizer(model_path(model.name))

    def decode(ids: Sequence[int]) -> str:
        try:
            return str(tokenizer.decode(list(ids), skip_special_tokens=True))
        except (OverflowError, TypeError) as error:
            raise UserError(f"token ids that no tokenizer has: {error}") from error

    return decode


def shared_decoder(model: ModelConfig) -> Decode | None:
    """The decoder of whoever reads a packed record: None if the model is in a folder of this machine, or not available."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from sdzero_bench.policies.loading import model_path

            own_folder = not model.name.startswith("package:") and Path(model_path(model.name)).is_dir()
        return None if own_folder else decoder(model)
    except UserError:
        return None


def without_texts(journals: Mapping[str, Sequence[Row]], decode: Decode | None) -> dict[str, list[Row]]:
    """The journals of a record by phase, each row without what can be restored; only prefixes if `decode` is None."""
    first: dict[str, list[tuple[str, str, str]]] = defaultdict(list)  # by question: phase, index, text
    for phase, rows in sorted(journals.items()):
        for row in rows:
            if not row.get("prefix"):
                first[row["question_id"]].append((phase, row["index"], row["text"]))
    return {phase: [_without_texts(row, first[row["question_id"]], decode) for row in rows] for phase, rows in journals.items()}


def _without_texts(row: Row, first: Sequence[tuple[str, str, str]], decode: Decode | None) -> Row:
    kept = dict(row)
    if decode is not None and decode(row["token_ids"]) == row["text"]:
        del kept["text"]
    prefix = row.get("prefix", "")
    if not prefix:
        kept.pop("prefix", None)
    elif continued := max((f for f in first if prefix.startswith(f[2])), key=lambda f: len(f[2]), default=None):
        phase, index, text = continued
        del kept["prefix"]
        kept["continues"] = [phase, index, prefix[len(text) :]]
    return kept


class Texts:
    """Restores the texts of one record's rows. `rows_of` reads a phase's rows; `decode` makes the decoder on first use."""

    def __init__(self, rows_of: Callable[[str], Iterable[Row]], decode: Callable[[], Decode]) -> None:
        self._rows_of = rows_of
        self._make_decode = decode
        self._decode: Decode | None = None
        self._first: dict[str, dict[tuple[str, str], str]] = {}

    def restored(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Rows with `text` and `prefix`. Raises `UserError` where the tokenizer is needed and not available."""
        for row in rows:
            whole = {**row, "text": self._text(row), "prefix": row.get("prefix", "")}
            if (continues := whole.pop("continues", None)) is not None:
                match continues, row.get("question_id"):
                    case [str(phase), str(index), str(inserted)], str(question):
                        whole["prefix"] = self._text_of(phase, question, index) + inserted
                    case _:
                        raise UserError(f"a revision continues {continues!r}, which is not a sample; get the record again")
            yield whole

    def _text(self, row: Row) -> Any:
        if "text" in row:
            return row["text"]
        if not isinstance(ids := row.get("token_ids"), list):
            raise UserError("a sample has neither a text nor token ids; get the record again")
        if self._decode is None:
            self._decode = self._make_decode()
        return self._decode(ids)

    def _text_of(self, phase: str, question: str, index: str) -> str:
        if phase not in self._first:
            rows = [row for row in self._rows_of(phase) if isinstance(row.get("question_id"), str)]
            self._first[phase] = {(r["question_id"], str(r.get("index"))): str(self._text(r)) for r in rows}
        try:
            return self._first[phase][question, index]
        except KeyError:
            raise UserError(f"a revision continues sample {question}/{index} of {phase}, which is not in its journal") from None


def texts_digest(rows: Iterable[Row]) -> str:
    """SHA-256, in hex, of the texts of a journal's rows, restored ones; the order of the rows does not matter."""
    digest = hashlib.sha256()
    for said in sorted((r["question_id"], r["index"], r["text"], r["prefix"]) for r in rows):
        digest.update("\0".join(said).encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()
