"""`tasks check` holds a task to what it promises: each fault that a task can have is found, and said where."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from small_runs import command, finished

from sdzero_bench.core.errors import NoSuchSplit, UserError
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.settings import VerifyingConfig
from sdzero_bench.core.task import Messages, Split, Task
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.questions.proofs.finding import Finding
from sdzero_bench.questions.proofs.lengths import lengths
from sdzero_bench.questions.proofs.proof import load, prove
from sdzero_bench.questions.proofs.responses import tampered
from sdzero_bench.questions.proofs.trial import described, few
from sdzero_bench.verifiers.math_answer import check_math

MICRO = "package:sdzero_bench.tasks/micro_world/slips"
LONG = "a train of twelve cars leaves the station at noon and reaches the coast in the evening of"


class Faulty(Task):
    """Sums, with whatever fault a test gives it."""

    name = "faulty"
    summary = source = verifier = "sums with a fault"

    def __init__(self, sets: dict[Split, list[Question]], verdict: Verdict | None = None) -> None:
        super().__init__()
        self.sets = sets
        self.verdict = verdict

    def load(self, split: Split) -> QuestionSet:
        if split not in self.sets:
            raise NoSuchSplit(f"no {split}")
        return QuestionSet(f"faulty/{split}", tuple(self.sets[split]))

    def prompt(self, question: Question) -> Messages:
        return [{"role": "user", "content": question.text}]

    def verify(self, question: Question, response: str) -> Verdict:
        return self.verdict or check_math(response, question.answer)

    def demonstration(self, question: Question) -> str | None:
        return question.details.get("solution")


def sums(name: str, *numbers: int) -> list[Question]:
    return [Question(f"{name}-{i}", f"{i} + {i}", str(2 * i)) for i in numbers]


def proven(task: Task, **more: Any) -> dict[str, Finding]:
    found = prove(task, VerifyingConfig(workers=1, timeout_seconds=60), ProgressDisplay(Console(quiet=True)), **more)
    return {finding.check: finding for finding in found}


def failed(findings: dict[str, Finding]) -> set[str]:
    return {name for name, finding in findings.items() if finding.state == "failed"}


def test_a_sound_task_holds() -> None:
    findings = proven(Faulty({"train": sums("a", 1, 2, 3), "test": sums("b", 4, 5)}), model=MICRO)
    assert failed(findings) == set()
    assert findings["validation questions"].state == "note"
    assert findings["gold answers"].found == "5 correct responses to 5 of 5 questions earn 1"
    assert findings["wrong answers"].found == "10 earn 0"
    assert "tokens; the context length of 1,024 leaves" in findings["prompt lengths"].found


def test_a_demonstration_that_does_not_earn_1() -> None:
    wrong = Question("w", "1 + 1", "2", {"solution": r"It is \boxed{3}"})
    findings = proven(Faulty({"test": [*sums("a", 5), wrong]}))
    assert failed(findings) == {"gold answers"}
    assert findings["gold answers"].examples == ("w: wrong: '3' for '2'",)


def test_a_verifier_that_takes_everything() -> None:
    findings = proven(Faulty({"test": sums("a", 1, 2)}, Verdict(1.0)))
    assert failed(findings) == {"wrong answers"}
    assert findings["wrong answers"].found == "4 of 4 earn 1"


def test_a_verifier_that_takes_nothing() -> None:
    assert failed(proven(Faulty({"test": sums("a", 1, 2)}, Verdict(0.0)))) == {"gold answers"}


def test_an_answer_that_the_verifier_cannot_read_is_told_from_a_wrong_one() -> None:
    """Letter by letter it is right; but whatever else a policy answers, there is no verdict."""
    findings = proven(Faulty({"test": [*sums("a", 1), Question("odd", "when?", "\\when{5}")]}))
    assert failed(findings) == {"verifier"}
    assert "odd: the verifier failed (error)" in findings["verifier"].examples[0]


def test_one_question_in_two_splits() -> None:
    findings = proven(Faulty({"train": sums("a", 1, 2), "test": [Question("b", " 2 +  2", "4")]}))
    assert failed(findings) == {"train and test disjoint"}
    assert findings["train and test disjoint"].examples == ("a-2 is b",)


def test_one_question_twice_in_a_split() -> None:
    findings = proven(Faulty({"test": [*sums("a", 1, 2), Question("b", "2  + 2", "4")]}))
    assert failed(findings) == {"duplicates"}
    assert failed(proven(Faulty({"test": [*sums("a", 1), *sums("b", 1)]}))) == {"test questions"}


def test_a_passage_in_two_splits_is_no_fault_but_is_said() -> None:
    sets: dict[Split, list[Question]] = {
        "train": [Question("a", f"{LONG} the 3rd of May. How far is it?", "1")],
        "test": [Question("b", f"{LONG} the 4th of May. How fast is it?", "2")],
    }
    findings = proven(Faulty(sets))
    assert failed(findings) == set()
    assert findings["train and test disjoint"].state == "note"


def test_a_test_set_that_is_trained_on() -> None:
    task = Faulty({"train": sums("a", 1, 2, 3), "test": sums("b", 4)})
    assert failed(proven(task, against=QuestionSet("other/test", tuple(sums("c", 7, 8))))) == set()
    findings = proven(task, against=QuestionSet("other/test", tuple(sums("c", 2, 8))))
    assert failed(findings) == {"disjoint from other/test"}
    assert findings["disjoint from other/test"].examples == ("a-2 is c-2",)


def test_questions_that_change_from_load_to_load() -> None:
    class Changing(Faulty):
        numbers: Iterator[int] = iter(range(100))

        def load(self, split: Split) -> QuestionSet:
            return QuestionSet("changing", (Question("a", f"{next(self.numbers)} + 1", "1"),))

    findings, _ = load(Changing({}))
    assert [(finding.state, finding.found) for finding in findings] == [
        ("failed", "loading them again gave different questions")
    ] * 3


def test_prompts_that_do_not_fit_the_model() -> None:
    long = Question("long", "1 + " * 600 + "1", "601")
    task = Faulty({"test": [*sums("a", 1), long]})
    finding = lengths(task, task.sets["test"], MICRO)
    assert finding.state == "failed"
    assert finding.examples[0].startswith("long: ")
    with pytest.raises(UserError, match="no model directory"):
        lengths(task, task.sets["test"], "./nowhere")


class Wordy(Faulty):
    """Asks for a word after `is`, and reads it."""

    def verify(self, question: Question, response: str) -> Verdict:
        return Verdict(float(response.rpartition(" is ")[2] == question.answer))


class Stated(Wordy):
    def stated(self, answer: str) -> str:
        return f"It is {answer}"


def test_a_task_that_reads_no_boxes_is_told_to_say_what_it_reads() -> None:
    sets = {"test": [Question("a", "Which colour?", "red"), Question("b", "Which animal?", "dog")]}
    assert "`stated(answer)`" in proven(Wordy(sets))["gold answers"].found
    assert failed(proven(Stated(sets))) == set()


def test_a_model_answers_a_few_questions() -> None:
    done = checked("micro-arith", "--json", "--model", MICRO, "--samples", "6", "--limit", "1", "--set", "task.train=2")
    (found,) = [finding for finding in json.loads(done.stdout)["findings"] if finding["check"] == "answers of the model"]
    right, of = map(int, re.findall(r"\d+", found["found"])[:2])
    assert of == 6
    assert found["state"] == ("ok" if right else "note")


def test_answers_that_were_not_found_are_told_from_wrong_ones() -> None:
    questions = sums("a", 1, 2, 3)
    verdicts = [Verdict(0.0, answer="5"), Verdict(0.0, detail="no final answer"), Verdict.refused("cannot be read")]
    found = described(questions, ["5", "hm", "?"], verdicts, [10, 20, 30], truncated=1)
    assert found.state == "note"
    assert found.found == "0 of 3 right; no answer could be extracted from 2; 20 tokens on average, 1 cut off"
    assert len(found.examples) == 4
    assert described(questions, ["2", "", ""], [Verdict(1.0), *verdicts[:2]], [1, 2, 3], 0).state == "ok"


def test_the_questions_that_a_model_answers_are_test_questions_first() -> None:
    sets: dict[Split, list[Question]] = {"train": sums("a", *range(20)), "test": sums("b", *range(4))}
    assert [q.id for q in few(sets, 2)] == ["b-0", "b-2"]
    assert [q.id for q in few(sets, 6)][:5] == ["b-0", "b-1", "b-2", "b-3", "a-0"]


@pytest.mark.parametrize(
    ("answer", "other"),
    [
        ("7", "17"),
        ("-0.5", "-3.5"),
        (r"\frac{1}{2}", r"\frac{5}{2}"),
        ("x", "y"),
        (r"\text{yes}", "no \\text{yes}"),
        ("_ _ Q _\nQ _ _ _", "_ _ Q _"),
        ("", None),
    ],
)
def test_tampering_makes_another_answer_of_the_kind(answer: str, other: str | None) -> None:
    others = ["y"] if answer == "x" else []
    assert tampered(answer, others) == other


def checked(*arguments: str) -> subprocess.CompletedProcess[str]:
    return finished(command("tasks", "check", *arguments))


def test_the_command_says_what_fails_and_exits_with_1(tmp_path: Path) -> None:
    rows = [{"question": f"{i} + {i}?", "answer": 2 * i, "solution": rf"\boxed{{{2 * i + (i == 3)}}}"} for i in range(6)]
    file = tmp_path / "sums.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    done = checked(str(file), "--json", "--against", "micro-arith", "--set", "against.test=5", "--set", "verifying.workers=1")
    assert done.returncode == 0, done.stderr  # the third solution ends in its own box, and gets the right one after it
    rows[4]["question"] = rows[5]["question"]
    file.write_text("\n".join(map(json.dumps, rows)))
    done = checked(str(file), "--set", "verifying.workers=1")
    assert done.returncode == 1
    assert "FAILED" in done.stdout
    found = json.loads(checked(str(file), "--json").stdout)
    assert not found["ok"]
    assert {"line 6: the same question as in" in finding["found"] for finding in found["findings"]} == {True}


def test_the_command_refuses_what_it_does_not_know() -> None:
    for arguments, message in (
        (["micro-arit"], "did you mean 'micro-arith'"),
        (["./nowhere.jsonl"], "unknown task"),
        (["micro-arith", "--set", "task.tests=3"], "did you mean 'task.test'"),
        (["micro-arith", "--model", "./nowhere", "--limit", "1", "--set", "task.train=2"], "no model directory"),
    ):
        done = checked(*arguments)
        assert done.returncode == 2
        assert message in done.stderr


def test_tasks_are_listed_with_their_families() -> None:
    listed = finished(command("tasks"), check=True).stdout
    for name in ("micro-arith", "openr1_math", "rg:NAME", "file:PATH"):
        assert name in listed
