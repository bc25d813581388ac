"""The texts of samples against their token ids, which the model's tokenizer decodes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.metadata import version

from sdzero_bench.core.text import counted
from sdzero_bench.records.discrepancy import Discrepancy
from sdzero_bench.report.audit.at_hand import NotAtHand, tokenizer_of
from sdzero_bench.report.audit.audited_record import AuditedRecord, journal_file


def check_texts(record: AuditedRecord) -> Iterator[Discrepancy]:
    """A finding for each phase with a text that its token ids do not decode to.

    Versions of transformers differ in the spaces of decoded texts: where another one decodes than in the run, white space is
    not compared. A packed record leaves out the texts that decoding gives, so that these need no comparison.
    """
    if record.config is None or not any(record.stored_texts.values()):
        return
    try:
        tokenizer = tokenizer_of(record.config.model)
    except NotAtHand as missing:
        record.notes.append(f"texts were not held against their token ids: {missing}")
        return

    @cache
    def decoded(ids: tuple[int, ...]) -> str:
        return str(tokenizer.decode(list(ids), skip_special_tokens=True))

    exact = record.manifest is None or record.manifest.versions.get("transformers") in (None, version("transformers"))
    for phase, stored in record.stored_texts.items():
        samples = [record.samples[phase][i] for i in stored] if phase in record.samples else []
        wrong = [s for s in samples if s.text != decoded(s.token_ids)]
        if not exact:
            wrong = [s for s in wrong if "".join(s.text.split()) != "".join(decoded(s.token_ids).split())]
        if wrong:
            one, more = "text is not what its token ids say", "texts are not what their token ids say"
            what = f"{counted(len(wrong), one, more)}, such as that of {wrong[0].key}"
            yield Discrepancy(journal_file(phase), what, wrong[0].text, decoded(wrong[0].token_ids), "decoded")
