"""Checks a task: it loads, gold answers earn 1 and wrong ones 0, no question is repeated, prompts fit, no test set leaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sdzero_bench.core.errors import NoSuchSplit, UserError
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.core.question import Question, QuestionSet, normalised
from sdzero_bench.core.settings import VerifyingConfig
from sdzero_bench.core.task import Split, Task
from sdzero_bench.core.text import counted
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.questions.decontamination import overlaps
from sdzero_bench.questions.proofs.finding import Finding, finding
from sdzero_bench.questions.proofs.lengths import lengths
from sdzero_bench.questions.proofs.responses import borrowed_response, right_responses, wrong_responses
from sdzero_bench.verifiers.pool import VerifierPool

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
Sets = dict[Split, QuestionSet]
Pair = tuple[Question, str]


def prove(
    task: Task,
    settings: VerifyingConfig,
    display: ProgressDisplay,
    model: str | None = None,
    against: QuestionSet | None = None,
    limit: int | None = None,
) -> list[Finding]:
    """All findings. The task must already have its sandbox, if it needs one.

    model:
        Prompts are measured with its tokenizer and must fit into its context; None: prompts are measured in characters.
    against:
        Test questions that the task must not contain.
    limit:
        Answers are verified for the first `limit` questions of each split; None: for all.
    """
    findings, sets = load(task)
    if not sets:
        return findings
    findings += [*unreadable(task, sets), repeated(sets), *shared(sets), *left_out(task, sets)]
    asked = {split: questions[:limit] for split, questions in sets.items()}
    findings += verified(task, asked, settings, display)
    findings.append(lengths(task, [q for questions in sets.values() for q in questions], model))
    if against is not None:
        findings.append(leaked(sets, against))
    return findings


def load(task: Task) -> tuple[list[Finding], Sets]:
    """Every split that the task has, loaded twice to check that it is reproducible."""
    findings, sets = [], Sets()
    for split in SPLITS:
        name = f"{split} questions"
        try:
            questions = task.load(split)
            again = task.load(split).fingerprint
        except NoSuchSplit as error:
            findings.append(Finding(name, "note", str(error)))
            continue
        except UserError as error:
            findings.append(Finding(name, "failed", str(error)))
            continue
        sets[split] = questions
        empty = [q.id for q in questions if not q.text.strip() or not task.prompt(q)[-1]["content"].strip()]
        if questions.fingerprint != again:
            findings.append(Finding(name, "failed", "loading them again gave different questions"))
        else:
            found = f"{len(questions):,}, fingerprint {questions.fingerprint}"
            findings.append(finding(name, found, f"{len(empty)} are empty", empty))
    return findings, sets


def unreadable(task: Task, sets: Sets) -> list[Finding]:
    """Gold answers that cannot be compared with responses."""
    found = [f"{split}: {id}: {why}" for split, questions in sets.items() for id, why in task.unreadable(questions).items()]
    return [finding("gold answers can be read", "", f"{len(found)} cannot", found)] if found else []


def repeated(sets: Sets) -> Finding:
    """Duplicates within a split, up to case and white space; exact ones are already refused when the split is loaded."""
    twice = []
    for split, questions in sets.items():
        counts = Counter(normalised(q.text) for q in questions)
        twice += [f"{split}: {text[:100]}" for text, count in counts.items() if count > 1]
    return finding(
        "duplicates",
        "none, up to case and white space",
        f"{_they_are(twice)} repeated",
        twice,
    )


def shared(sets: Sets) -> list[Finding]:
    """Questions shared between splits. A shared passage is only a note: a run removes such questions from one side."""
    findings = []
    pairs = [("train", "test"), ("train", "validation"), ("validation", "test")]
    for one, other in [(a, b) for a, b in pairs if a in sets and b in sets]:
        found = overlaps(sets[one], sets[other])
        same = [f"{o.train} is {o.test}" for o in found if o.kind == "exact"]
        alike = [f"{o.train} and {o.test}: {o.passage}" for o in found if o.kind == "ngram"]
        name = f"{one} and {other} disjoint"
        if same:
            findings.append(finding(name, "", f"{_they_are(same)} in both", same))
        else:
            findings.append(
                finding(
                    name,
                    "no shared question or passage",
                    _sharing(alike),
                    alike,
                    "note",
                )
            )
    return findings


def _they_are(questions: Sequence[str]) -> str:
    return counted(len(questions), "question is", "questions are")


def _sharing(pairs: Sequence[str]) -> str:
    return f"{counted(len(pairs), 'pair shares', 'pairs share')} a passage"


def left_out(task: Task, sets: Sets) -> list[Finding]:
    """Tests of the data set that are not run."""
    counts = {split: task.left_out(questions) for split, questions in sets.items()}
    listed = ", ".join(f"{count} of {split}" for split, count in counts.items() if count)
    return [Finding("tests left out", "note", f"{listed}: their expected results exceed the limits")] if listed else []


def leaked(sets: Sets, test: QuestionSet) -> Finding:
    """Training questions (or all questions, without a training split) that are in another task's test set. A shared passage is
    only a note."""
    questions = sets.get("train") or QuestionSet("all", tuple(q for those in sets.values() for q in those))
    found = overlaps(questions, test)
    same = [f"{o.train} is {o.test}" for o in found if o.kind == "exact"]
    alike = [f"{o.train} and {o.test}: {o.passage}" for o in found if o.kind == "ngram"]
    text = f"{_they_are(same)} in it, {_sharing(alike)}"
    passed = f"no overlap with its {counted(len(test), 'question')}"
    return finding(f"disjoint from {test.name}", passed, text, same + alike, "failed" if same else "note")


def verified(
    task: Task, sets: dict[Split, Sequence[Question]], settings: VerifyingConfig, display: ProgressDisplay
) -> list[Finding]:
    """Correct responses earn 1 and wrong ones 0. Failures of the verifier itself are reported separately."""
    right, wrong, borrowed = _responses(task, sets)
    with (
        VerifierPool(task, settings.workers, settings.timeout_seconds) as pool,
        display.phase("verifying", len(right) + len(wrong) + len(borrowed), "responses") as bar,
    ):
        verdicts = iter(pool.verify(right + wrong + borrowed, lambda verdict: bar.advance()))
    described = [
        [(v, _described(*pair, v)) for pair, v in zip(pairs, verdicts, strict=False)] for pairs in (right, wrong, borrowed)
    ]
    refused = [text for verdict, text in described[0] if verdict.reward != 1.0]
    passed, taken = ([text for verdict, text in those if verdict.reward == 1.0] for those in described[1:])
    broke = [text for those in described[1:] for verdict, text in those if verdict.reward is None]
    answered, asked = len({(q.id, q.text) for q, _ in right}), sum(map(len, sets.values()))
    earned = f"{counted(len(right), 'correct response')} to {answered:,} of {counted(asked, 'question')}"
    refusal = f"{earned}; {len(refused)} do not earn 1{_remedy(task, right) if refused else ''}"
    findings = [
        finding("gold answers", f"{earned} earn 1", refusal, refused)
        if right
        else Finding("gold answers", "note", "the data has none"),
        finding("wrong answers", f"{len(wrong):,} earn 0", f"{len(passed)} of {len(wrong):,} earn 1", passed),
    ]
    if borrowed:
        found = f"of {len(borrowed):,} programs, each run on the tests of another question,"
        findings.append(finding("borrowed answers", f"{found} none passes", f"{found} {len(taken)} pass", taken, "note"))
    if broke:
        findings.append(finding("verifier", "", f"it failed on {len(broke)} of {len(wrong) + len(borrowed):,} answers", broke))
    return findings


def _remedy(task: Task, right: Sequence[Pair]) -> str:
    """What to do about gold answers that were stated in a box, if the task may ask for another form."""
    if task.needs_sandbox or task.stated("X") != "\\boxed{X}" or all("\\boxed" not in response for _, response in right):
        return ""
    return (
        ". They were stated as \\boxed{ANSWER}: if the task asks for another form, define `stated(answer)` in its class, which "
        "returns a response with the answer in that form"
    )


def _responses(task: Task, sets: dict[Split, Sequence[Question]]) -> tuple[list[Pair], list[Pair], list[Pair]]:
    """Correct responses, wrong ones, and programs of other questions, each with the question it is a response to."""
    right: list[Pair] = []
    wrong: list[Pair] = []
    borrowed: list[Pair] = []
    for questions in sets.values():
        for i, question in enumerate(questions):
            others = [*questions[i + 1 : i + 20], *questions[:20]]
            right += [(question, text) for text in right_responses(task, question)]
            wrong += [(question, text) for text in wrong_responses(task, question, others)]
            if (program := borrowed_response(task, question, others)) is not None:
                borrowed.append((question, program))
    return right, wrong, borrowed


def _described(question: Question, response: str, verdict: Verdict) -> str:
    outcome = {1.0: "right", 0.0: "wrong", None: f"the verifier failed ({verdict.status})"}[verdict.reward]
    given = " ".join((verdict.answer or response).split())[-80:]
    gold = " ".join(question.answer.split())[:80]
    return f"{question.id}: {outcome}: {given!r} for {gold!r}{'; ' + verdict.detail[:120] if verdict.detail else ''}"
