"""A task proves itself: it loads, gold answers earn 1 and others 0, nothing is asked twice, prompts fit, no test set leaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sdzero_bench.core.errors import NoSuchSplit, UserError
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.core.question import Question, QuestionSet, normalised
from sdzero_bench.core.settings import VerifyingConfig
from sdzero_bench.core.task import Split, Task
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.questions.decontamination import overlaps
from sdzero_bench.questions.proofs.lengths import lengths
from sdzero_bench.questions.proofs.problem import Problem, finding
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
) -> list[Problem]:
    """All findings. The task has its sandbox already, if it needs one.

    model:
        Its tokenizer measures the prompts, and its context is what they have to fit; None: they are counted in characters.
    against:
        Test questions that the task must not contain.
    limit:
        Answers are verified for the first so many questions of each split; None: for all.
    """
    findings, sets = load(task)
    if not sets:
        return findings
    findings += [repeated(sets), *shared(sets), *left_out(task, sets)]
    asked = {split: questions[:limit] for split, questions in sets.items()}
    findings += verified(task, asked, settings, display)
    findings.append(lengths(task, [q for questions in sets.values() for q in questions], model))
    if against is not None:
        findings.append(leaked(sets, against))
    return findings


def load(task: Task) -> tuple[list[Problem], Sets]:
    """Every split that there is, twice: it has to be the same."""
    findings, sets = [], Sets()
    for split in SPLITS:
        name = f"{split} questions"
        try:
            questions = task.load(split)
            again = task.load(split).fingerprint
        except NoSuchSplit as error:
            findings.append(Problem(name, "note", str(error)))
            continue
        except UserError as error:
            findings.append(Problem(name, "failed", str(error)))
            continue
        sets[split] = questions
        empty = [q.id for q in questions if not q.text.strip() or not task.prompt(q)[-1]["content"].strip()]
        if questions.fingerprint != again:
            findings.append(Problem(name, "failed", "loading them again gave others"))
        else:
            found = f"{len(questions):,}, fingerprint {questions.fingerprint}"
            findings.append(finding(name, found, f"{len(empty)} are empty", empty))
    return findings, sets


def repeated(sets: Sets) -> Problem:
    """Within a split; an exact repeat has been refused when the split was loaded."""
    twice = []
    for split, questions in sets.items():
        counts = Counter(normalised(q.text) for q in questions)
        twice += [f"{split}: {text[:100]}" for text, count in counts.items() if count > 1]
    return finding("duplicates", "none, up to case and white space", f"{len(twice)} questions are there again", twice)


def shared(sets: Sets) -> list[Problem]:
    """Between the splits. A passage in common is no fault: a run takes such questions out of one side."""
    findings = []
    pairs = [("train", "test"), ("train", "validation"), ("validation", "test")]
    for one, other in [(a, b) for a, b in pairs if a in sets and b in sets]:
        found = overlaps(sets[one], sets[other])
        same = [f"{o.train} is {o.test}" for o in found if o.kind == "exact"]
        alike = [f"{o.train} and {o.test}: {o.passage}" for o in found if o.kind == "ngram"]
        name = f"{one} and {other} apart"
        if same:
            findings.append(finding(name, "", f"{len(same)} questions are in both", same))
        else:
            findings.append(
                finding(name, "no question and no passage in common", f"{len(alike)} share a passage", alike, "note")
            )
    return findings


def left_out(task: Task, sets: Sets) -> list[Problem]:
    """Of the tests that the data has, where there are such."""
    counts = {split: task.left_out(questions) for split, questions in sets.items()}
    told = ", ".join(f"{count} of {split}" for split, count in counts.items() if count)
    return [Problem("tests left out", "note", f"{told}: what they have to return does not fit the limits")] if told else []


def leaked(sets: Sets, test: QuestionSet) -> Problem:
    """Questions that would be trained on, or all where there are none such, among those of a test set; a passage is a note."""
    questions = sets.get("train") or QuestionSet("all", tuple(q for those in sets.values() for q in those))
    found = overlaps(questions, test)
    same = [f"{o.train} is {o.test}" for o in found if o.kind == "exact"]
    alike = [f"{o.train} and {o.test}: {o.passage}" for o in found if o.kind == "ngram"]
    told = f"{len(same)} questions are in it, {len(alike)} share a passage with one"
    return finding(f"apart from {test.name}", f"from all {len(test):,}", told, same + alike, "failed" if same else "note")


def verified(
    task: Task, sets: dict[Split, Sequence[Question]], settings: VerifyingConfig, display: ProgressDisplay
) -> list[Problem]:
    """Right responses earn 1 and wrong ones 0. Where the verifier itself fails, that is told apart."""
    right, wrong, borrowed = _responses(task, sets)
    with (
        VerifierPool(task, settings.workers, settings.timeout_seconds) as pool,
        display.phase("verifying", len(right) + len(wrong) + len(borrowed), "responses") as bar,
    ):
        verdicts = iter(pool.verify(right + wrong + borrowed, lambda verdict: bar.advance()))
    told = [[(v, _told(*pair, v)) for pair, v in zip(pairs, verdicts, strict=False)] for pairs in (right, wrong, borrowed)]
    refused = [text for verdict, text in told[0] if verdict.reward != 1.0]
    passed, taken = ([text for verdict, text in those if verdict.reward == 1.0] for those in told[1:])
    broke = [text for those in told[1:] for verdict, text in those if verdict.reward is None]
    answered, asked = len({(q.id, q.text) for q, _ in right}), sum(map(len, sets.values()))
    earned = f"{len(right):,} right responses to {answered:,} of {asked:,} questions"
    findings = [
        finding("gold answers", f"{earned} earn 1", f"{earned}; {len(refused)} do not earn 1", refused)
        if right
        else Problem("gold answers", "note", "the data has none"),
        finding("wrong answers", f"{len(wrong):,} earn 0", f"{len(passed)} of {len(wrong):,} pass for right", passed),
    ]
    if borrowed:
        found = f"of {len(borrowed):,} programs, each run on the tests of another question,"
        findings.append(finding("borrowed answers", f"{found} none passes", f"{found} {len(taken)} pass", taken, "note"))
    if broke:
        findings.append(finding("verifier", "", f"it failed on {len(broke)} of {len(wrong) + len(borrowed):,} answers", broke))
    return findings


def _responses(task: Task, sets: dict[Split, Sequence[Question]]) -> tuple[list[Pair], list[Pair], list[Pair]]:
    """Right ones, wrong ones, and those of other questions; each with its question."""
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


def _told(question: Question, response: str, verdict: Verdict) -> str:
    outcome = {1.0: "right", 0.0: "wrong", None: f"the verifier failed ({verdict.status})"}[verdict.reward]
    given = " ".join((verdict.answer or response).split())[-80:]
    gold = " ".join(question.answer.split())[:80]
    return f"{question.id}: {outcome}: {given!r} for {gold!r}{'; ' + verdict.detail[:120] if verdict.detail else ''}"
