"""The method gone through again on its journal: it must ask for the recorded samples, and for no others.

From the settings and the samples follow every sample's question, number, prompt, seed and policy, the phases and their order,
the steps and the learning rate of each phase, the tokens of supervised ones, and the policies that are measured.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping

from sdzero_bench.core.completion import sample_seed
from sdzero_bench.core.question import QuestionSet
from sdzero_bench.core.task import Task
from sdzero_bench.core.text import counted
from sdzero_bench.questions.harness.harness_task import HarnessTask
from sdzero_bench.records.discrepancy import Discrepancy, compare
from sdzero_bench.records.journal import Sample
from sdzero_bench.records.ledger import EVALUATION, TEST, VALIDATION, measures, other_task
from sdzero_bench.report.audit.at_hand import (
    NotAtHand,
    method_of,
    model_folder,
    questions_at_hand,
    task_of,
    tokenizer_of,
)
from sdzero_bench.report.audit.audited_record import AuditedRecord, journal_file
from sdzero_bench.report.audit.expected_use import Asked
from sdzero_bench.report.audit.not_recorded import DetailsNotRecorded
from sdzero_bench.report.audit.recorded_run import MissingSamples, RecordedRun, ask_to_measure, ask_to_measure_more
from sdzero_bench.runs.evaluation.curve_measuring import first, phases_of, samples_each
from sdzero_bench.runs.evaluation.other_tasks import own_task
from sdzero_bench.runs.method_source import source_digest
from sdzero_bench.runs.registry import is_built_in
from sdzero_bench.training.method import VERIFIER_REWARDS, Method


def check_method(record: AuditedRecord) -> Iterator[Discrepancy]:
    """A finding for what the method would not have asked for, or has not got."""
    config = record.config
    if config is None or record.questions is None:
        return
    method: Method | None = None
    try:
        method = method_of(config)
    except NotAtHand as missing:
        record.notes.append(f"training was not held against the method: {missing}")
    try:
        task, tokenizer = task_of(config), tokenizer_of(config.model)
        run = RecordedRun(record, task, tokenizer, _whole(record, "train"), str(model_folder(config.model.name)))
    except NotAtHand as missing:
        record.notes.append(f"prompts were not held against the settings: {missing}")
        yield from _check_seeds(record)
        if method is not None:
            yield from _check_phases(record, method)
        return
    record.expected = run.expected
    if method is None:
        yield from _check_seeds(record)
    else:
        yield from _check_against(record, method, run)
    yield from _check_measuring(record, run)
    yield from _check_measuring_more(record, run)


def _check_against(record: AuditedRecord, method: Method, run: RecordedRun) -> Iterator[Discrepancy]:
    found = list(_check_training(record, method, run))
    if not _is_another(record, method):
        yield from found
        return
    unlike = f", which would not have made this record: {found[0]}" if found else ""
    record.notes.append(f"the run's {method.name} has another source than the one here{unlike}")


def _is_another(record: AuditedRecord, method: Method) -> bool:
    """Whether the run had another version of its method than this one."""
    said = record.manifest.digests if record.manifest is not None else None
    return said is not None and said.method is not None and said.method != source_digest(type(method))


def _whole(record: AuditedRecord, split: str) -> QuestionSet:
    """The questions with their details, where the task gives the same questions here."""
    assert record.config is not None
    assert record.questions is not None
    questions = record.questions[split]
    try:
        train, test, _ = questions_at_hand(record.config)
    except NotAtHand:
        return questions
    loaded = train if split == "train" else test
    return loaded if loaded.fingerprint == questions.fingerprint else questions


def _check_seeds(record: AuditedRecord) -> Iterator[Discrepancy]:
    """What follows from the settings alone: the seed of each sample, by its question and number."""
    assert record.config is not None
    for phase, samples in record.samples.items():
        seed, stream = record.config.seed, phase
        if measures(phase):
            seed, stream = (
                record.config.evaluation.seed,
                f"{EVALUATION}.revision" if phase.endswith(".revision") else EVALUATION,
            )
        if wrong := [s for s in samples if s.seed != sample_seed(seed, stream, s.question_id, s.index)]:
            what = (
                f"{counted(len(wrong), 'seed does', 'seeds do')} not follow from the settings, such as that of {wrong[0].key}"
            )
            yield Discrepancy(journal_file(phase), what)


def _check_phases(record: AuditedRecord, method: Method) -> Iterator[Discrepancy]:
    """Samples are of phases that the method declares, no more than it plans; policies are of these phases or the base."""
    assert record.questions is not None
    count = len(record.questions["train"])
    phases = {phase.name: phase for phase in method.phases(count)} if count else {}
    for name in (name for name in record.samples if not measures(name)):
        planned = phases[name].samples if name in phases else 0
        if (drawn := len(record.samples[name])) > planned:
            yield Discrepancy(journal_file(name), f"has {drawn} samples, and {planned} were planned")
    trained = {"base", *(name for name, phase in phases.items() if phase.trains)}
    for entry in record.evaluation or []:
        known = {"base"} if entry.policy == "base" else trained
        if entry.checkpoint not in known:
            what = f"{entry.policy}: its checkpoint {entry.checkpoint!r} is of no phase of this run: {', '.join(sorted(known))}"
            yield Discrepancy("evaluation.json", what)


def _check_training(record: AuditedRecord, method: Method, run: RecordedRun) -> Iterator[Discrepancy]:
    config = run.config
    if config.questions.measure_only:
        yield from _check_policies(record, ["base"], {"base": "base"})
    else:
        try:
            plan = method.plan(len(run.questions))
            final = method.train(run)
        except MissingSamples as missing:
            phase, keys = missing.args
            yield Discrepancy(
                journal_file(phase), f"lacks {counted(len(keys), 'sample')} that the method asks for, such as {keys[0]}"
            )
            return
        except (DetailsNotRecorded, NotAtHand) as missing:
            record.notes.append(f"training was not held against the method: {missing}")
            return
        except Exception as error:
            what = f"the method cannot be gone through again on its journal ({type(error).__name__}: {error})"
            if not is_built_in(type(method)):  # it may draw by a rule that cannot be followed from outside its run
                record.notes.append(what)
                return
            yield Discrepancy("journal", what)
            return
        if run.read_gold and method.supervision == VERIFIER_REWARDS:
            yield Discrepancy("manifest.json", f"supervision: the method reads gold solutions, and says {VERIFIER_REWARDS!r}")
        kept = run.kept if config.evaluation.of_intermediate else {}
        policies = {"base": run.base.name, **{label: kept[label].name for label in kept}, "final": final.name}
        if final == run.base:
            del policies["final"]
        elif not config.evaluation.base:
            del policies["base"]
        yield from _check_policies(record, list(policies), policies)
        for phase, planned in plan.items():
            if (drawn := len(record.samples.get(phase, []))) > planned:
                yield Discrepancy(journal_file(phase), f"has {drawn} samples, and {planned} were planned")
    drawn_in = [phase for phase in record.samples if not measures(phase)]
    for phase in dict.fromkeys([*run.expected.draws, *drawn_in]):
        if phase not in record.unreadable:
            yield from _compare(journal_file(phase), record.samples.get(phase, []), run.expected.draws.get(phase, {}))
    yield from _check_trained(record, run)


def _check_policies(record: AuditedRecord, labels: list[str], policies: Mapping[str, str]) -> Iterator[Discrepancy]:
    """Which policies were measured, and that each comes from a phase of this run or is the base."""
    if record.evaluation is None:
        return
    measured = {entry.policy: entry.checkpoint for entry in record.evaluation}
    yield from compare("evaluation.json", "policies", sorted(measured), sorted(labels), "the method keeps")
    for label in labels:
        if label in measured:
            yield from compare("evaluation.json", f"{label}.checkpoint", measured[label], policies[label], "the method has")


def _check_trained(record: AuditedRecord, run: RecordedRun) -> Iterator[Discrepancy]:
    """Tokens of supervised phases, and the steps and the learning rate that the training logs state."""
    for phase, trained in run.expected.training.items():
        if record.ledger is not None and trained.backward_tokens is not None:
            charged = record.ledger[phase].backward_tokens if phase in record.ledger else 0
            yield from compare("ledger.json", f"{phase}.backward_tokens", charged, trained.backward_tokens)
        if record.logs is None:
            continue
        if phase not in record.logs:
            if record.manifest is not None and record.manifest.digests is not None:
                yield Discrepancy(f"training/{phase}.jsonl", "is missing, though the method trains in this phase")
            continue
        file = f"training/{phase}.jsonl"
        steps = record.logs[phase]
        yield from compare(file, "steps", len(steps), trained.steps, "the settings give")
        rates = [step["learning_rate"] for step in steps if isinstance(step.get("learning_rate"), (int, float))]
        if len(rates) >= 3:  # so that warming up is over
            yield from compare(file, "highest learning rate", max(rates), trained.learning_rate, "the settings give")


def _check_measuring(record: AuditedRecord, run: RecordedRun) -> Iterator[Discrepancy]:
    measured = _whole(record, "test")
    for entry in record.evaluation or []:
        try:
            phases = ask_to_measure(run, entry.policy, entry.checkpoint, measured)
        except DetailsNotRecorded as missing:
            record.notes.append(f"evaluation prompts were not held against the questions: {missing}")
            return
        for phase in phases:
            if phase not in record.unreadable:
                yield from _compare(journal_file(phase), record.samples.get(phase, []), run.expected.draws[phase])


def _check_measuring_more(record: AuditedRecord, run: RecordedRun) -> Iterator[Discrepancy]:
    """Seeds, prompts and policies of the learning curve's own samples, and of those on other tasks."""
    assert record.questions is not None
    if record.evaluation is None:
        return
    evaluated, each = {entry.policy for entry in record.evaluation}, samples_each(run.config.evaluation)
    asked: dict[str, tuple[str, QuestionSet, int, Task]] = {}
    for point in record.result.curve.points if record.result is not None and record.result.curve is not None else ():
        sets = (first(_whole(record, TEST), run.config.evaluation.of_curve), record.questions.get(VALIDATION))
        for phase, questions in zip(phases_of(point.policy, point.policy in evaluated), sets, strict=True):
            if questions is not None and phase not in {f"{EVALUATION}.{label}" for label in evaluated}:
                asked[phase] = (point.checkpoint, questions, each, run.task)
    others = [(entry, other) for entry in record.evaluation for other in entry.other_tasks or ()]
    for entry, other in others:
        on = other_task(other.task)
        if other.samples_per_question and on in record.questions:
            phase = f"{EVALUATION}.{entry.policy}.{on}"
            try:
                task = own_task(other.task)
            except Exception as error:  # not installed, or a plug-in's own
                record.notes.append(f"{journal_file(phase)} was not held against its task: {error}")
                continue
            if not isinstance(task, HarnessTask):  # its prompts need its data
                asked[phase] = (entry.checkpoint, record.questions[on], other.samples_per_question, task)
    for phase, (policy, questions, count, task) in asked.items():
        try:
            ask_to_measure_more(run, phase, policy, questions, count, task)
        except DetailsNotRecorded as missing:
            record.notes.append(f"prompts of {journal_file(phase)} were not held against its questions: {missing}")
            continue
        if phase not in record.unreadable:
            yield from _compare(journal_file(phase), record.samples.get(phase, []), run.expected.draws[phase])


def _compare(file: str, samples: list[Sample], asked: Mapping[str, Asked]) -> Iterator[Discrepancy]:
    """One finding for each way in which samples are not those that were asked for."""
    drawn = {s.key: s for s in samples}
    for what, keys in (
        ("lacks", asked.keys() - drawn.keys()),
        ("has, beyond what was asked for,", drawn.keys() - asked.keys()),
    ):
        if keys:
            yield Discrepancy(file, f"{what} {counted(len(keys), 'sample')}, such as {min(keys)}")
    both = [(s, asked[s.key]) for s in samples if s.key in asked]
    ways: tuple[tuple[str, str, Callable[[Sample], object], Callable[[Asked], object]], ...] = (
        ("seed does", "seeds do", lambda s: s.seed, lambda a: a.seed),
        (
            "prompt does",
            "prompts do",
            lambda s: (s.prompt_sha256, s.prompt_tokens),
            lambda a: (_digest(a.prompt.ids), len(a.prompt.ids)),
        ),
        ("prefix does", "prefixes do", lambda s: s.prefix, lambda a: a.prompt.prefix),
        ("policy does", "policies do", lambda s: s.policy, lambda a: a.policy),
    )
    for one, more, said, follows in ways:
        if wrong := [(s, a) for s, a in both if said(s) != follows(a)]:
            s, a = wrong[0]
            yield Discrepancy(
                file,
                f"{counted(len(wrong), one, more)} not follow from the settings, such as that of {s.key}",
                said(s),
                follows(a),
                "the settings give",
            )


def _digest(ids: tuple[int, ...]) -> str:
    return hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:16]
