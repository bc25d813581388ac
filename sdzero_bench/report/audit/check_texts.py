"""The texts of samples against their token ids, which the model's tokenizer decodes, and where these end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import version

from sdzero_bench.core.text import counted
from sdzero_bench.records.discrepancy import Discrepancy
from sdzero_bench.records.journal import Sample
from sdzero_bench.report.audit.at_hand import NotAtHand, end_tokens_of, model_folder, tokenizer_of
from sdzero_bench.report.audit.audited_record import AuditedRecord, journal_file


def check_texts(record: AuditedRecord) -> Iterator[Discrepancy]:
    """A finding for each phase with a text that its token ids do not decode to.

    Versions of transformers differ in whether they remove spaces before punctuation, and a first space: where another one
    decodes than in the run, either will do. A packed record leaves out the texts that decoding gives, so that these need no
    comparison.
    """
    if record.config is None or not any(record.stored_texts.values()):
        return
    try:
        tokenizer = tokenizer_of(record.config.model)
    except NotAtHand as missing:
        record.notes.append(f"texts were not held against their token ids: {missing}")
        return

    def decoded(ids: tuple[int, ...], **options: bool) -> str:
        return str(tokenizer.decode(list(ids), skip_special_tokens=True, **options))

    @cache
    def possible(ids: tuple[int, ...]) -> set[str]:
        if record.manifest is None or record.manifest.versions.get("transformers") in (None, version("transformers")):
            return {decoded(ids)}
        texts = {decoded(ids, clean_up_tokenization_spaces=clean) for clean in (True, False)}
        return {*texts, *(text.removeprefix(" ") for text in texts), *(f" {text}" for text in texts)}

    for phase, stored in record.stored_texts.items():
        samples = [record.samples[phase][i] for i in stored] if phase in record.samples else []
        if wrong := [s for s in samples if s.text not in possible(s.token_ids)]:
            one, more = "text is not what its token ids say", "texts are not what their token ids say"
            what = f"{counted(len(wrong), one, more)}, such as that of {wrong[0].key}"
            yield Discrepancy(journal_file(phase), what, wrong[0].text, decoded(wrong[0].token_ids), "decoded")


def check_ends(record: AuditedRecord) -> Iterator[Discrepancy]:
    """A finding for each phase with samples that do not end where the engine would have ended them."""
    if record.config is None:
        return
    try:
        folder, tokenizer = model_folder(record.config.model.name), tokenizer_of(record.config.model)
    except NotAtHand:  # `check_method` has a note
        return
    ends = end_tokens_of(str(folder), tokenizer)
    ways: tuple[tuple[str, Callable[[Sample], bool]], ...] = (
        (
            "finished without a token that ends a turn",
            lambda s: not s.truncated and ends.isdisjoint(s.token_ids[-1:]),
        ),
        ("continued after a token that ends a turn", lambda s: not ends.isdisjoint(s.token_ids[: None if s.truncated else -1])),
    )
    for phase, samples in record.samples.items():
        for how, is_wrong in ways:
            if wrong := [s for s in samples if is_wrong(s)]:
                yield Discrepancy(journal_file(phase), f"{counted(len(wrong), 'sample')} {how}, such as {wrong[0].key}")
