"""What was charged, recomputed from the journals and the training logs, and held against the budget."""

from __future__ import annotations

from collections.abc import Iterator

from sdzero_bench.records.discrepancy import Discrepancy, compare
from sdzero_bench.records.ledger import Ledger, measures
from sdzero_bench.records.part import as_json
from sdzero_bench.records.schema import Budget, Use
from sdzero_bench.report.audit.audited_record import AuditedRecord, journal_file

_COUNTED = ("samples", "prompt_tokens", "generated_tokens", "verifier_calls", "verifier_failures", "refused_responses")


def check_ledger(record: AuditedRecord) -> Iterator[Discrepancy]:
    """Counts phase by phase, training tokens by the training log, totals within the budget."""
    yield from _check_budget(record)
    if record.ledger is None:
        return
    recounted = _recount(record)
    for phase in [*record.ledger, *(phase for phase in record.samples if phase not in record.ledger)]:
        if phase in record.unreadable:
            continue
        charged = record.ledger.get(phase)
        if charged is None:
            yield Discrepancy("ledger.json", f"has no phase {phase!r}, of which {journal_file(phase)} has samples")
            continue
        use = recounted.phase(phase)
        for name in _COUNTED:
            yield from compare("ledger.json", f"{phase}.{name}", getattr(charged, name), getattr(use, name))
    if record.result is not None:
        yield from compare("result.json", "ledger", as_json(record.result.ledger), as_json(record.ledger), "ledger.json has")
    yield from _check_training_tokens(record, record.ledger)


def _recount(record: AuditedRecord) -> Ledger:
    ledger = Ledger(Budget(question_set="0" * 16, questions=0, samples=0, new_tokens_per_sample=0))
    for samples in record.samples.values():
        for sample in samples:
            ledger.charge(sample)
    return ledger


def _check_budget(record: AuditedRecord) -> Iterator[Discrepancy]:
    if record.config is None or record.questions is None:
        return
    train = record.questions["train"]
    budget = Budget(
        question_set=train.fingerprint,
        questions=len(train),
        samples=record.config.budget.samples_per_question * len(train),
        new_tokens_per_sample=record.config.sampling.max_new_tokens,
        training_tokens=record.config.budget.training_tokens,
    )
    if record.result is not None:
        yield from compare("result.json", "budget", as_json(record.result.budget), as_json(budget))
    drawn = sum(len(samples) for phase, samples in record.samples.items() if not measures(phase))
    if drawn > budget.samples:
        yield Discrepancy("journal", f"{drawn} training samples were drawn, but the budget allows {budget.samples}")
    if record.ledger is not None and budget.training_tokens is not None:
        spent = sum(use.forward_tokens + use.backward_tokens for use in record.ledger.values())
        if spent > budget.training_tokens:
            yield Discrepancy("ledger.json", f"{spent} tokens were trained on, but the budget allows {budget.training_tokens}")


def _check_training_tokens(record: AuditedRecord, ledger: Use) -> Iterator[Discrepancy]:
    """An on-policy phase logs its tokens step by step; that of a supervised one says nothing of them."""
    for name, steps in (record.logs or {}).items():
        for kind in ("forward_tokens", "backward_tokens"):
            logged = [step[kind] for step in steps if isinstance(step.get(kind), (int, float))]
            if logged:
                charged = getattr(ledger[name], kind) if name in ledger else 0
                yield from compare("ledger.json", f"{name}.{kind}", charged, round(sum(logged)), f"training/{name}.jsonl has")
