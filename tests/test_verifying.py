"""Answers are read strictly, failures are told from wrong answers, and nothing depends on the number of workers."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from small_runs import finished, small_run

from sdzero_bench.cli.doctor import HangingTask
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.questions.proofs.proof import unreadable
from sdzero_bench.runs import registry
from sdzero_bench.verifiers import pool
from sdzero_bench.verifiers.equip import require_readable
from sdzero_bench.verifiers.math_answer import LONGEST_ANSWER, check_math, final_answer
from sdzero_bench.verifiers.pool import VerifierPool


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (r"so \boxed{42}", "42"),
        (r"\boxed{1} no, wait: \boxed{2}", "2"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\fbox{7}", "7"),
        (r"\boxed{}", None),
        (r"\boxed{1} and then \boxed{2", None),  # cut in the middle of its answer: the first box does not count
        ("The answer is 12.", "12"),
        ("We add.\n#### 18", "18"),
        ("Final answer: 3/4", "3/4"),
        ("The answer is 12.\nBut let me think", None),  # not on the last line
        ("42", "42"),
        ("1,234.5.", "1,234.5"),
        ("42 apples", None),
        ("7 + 5 = 12", "12"),
        ("$7 + 5 = 12$.", "12"),
        ("7 + 5 = 12 = x", None),
        ("7 + 5 = 12\n12 + 1 = 13", None),  # the end of a working, perhaps not its result
        ("The final answer to this arithmetic problem is 7.", "7"),
        ("The final answer is 8. There are 8 in all.", None),
        (r"**The answer is:** \frac{1}{2}.", r"\frac{1}{2}"),
        ("Answer: 3.5", "3.5"),
        ("4 + 5 is 9", None),  # a last number is no answer
        ("The answer is 3. \\boxed{4}", "4"),  # where there is a box, nothing beside it counts
        ("", None),
    ],
)
def test_final_answer(response: str, answer: str | None) -> None:
    assert final_answer(response) == answer


@pytest.mark.parametrize(
    ("response", "gold", "reward"),
    [
        (r"\boxed{42}", "42", 1.0),
        (r"\boxed{042}", "42", 1.0),
        (r"\boxed{1,234}", "1234", 1.0),
        (r"\boxed{43}", "42", 0.0),
        (r"\boxed{-42}", "42", 0.0),
        (r"\boxed{0.5}", r"\frac{1}{2}", 1.0),
        (r"\boxed{\sqrt{8}}", r"2\sqrt{2}", 1.0),
        (r"\boxed{x^2+2x+1}", "(x+1)^2", 1.0),
        (r"\boxed{x^2+2x+2}", "(x+1)^2", 0.0),
        (r"\boxed{\text{no idea}}", "42", 0.0),
        ("42", "42", 1.0),
        ("42 apples", "42", 0.0),
        ("\\boxed{" + "9" * (LONGEST_ANSWER + 1) + "}", "9", 0.0),
    ],
)
def test_check_math(response: str, gold: str, reward: float) -> None:
    assert check_math(response, gold).reward == reward


def test_gold_answers_that_cannot_be_read_are_named_before_a_run() -> None:
    task = registry.task("math500")()
    golds = {"a": "12", "b": r"\frac{1}{", "c": r"\text{odd}", "d": "2^"}
    questions = QuestionSet("some", tuple(Question(id, f"question {id}", gold) for id, gold in golds.items()))
    with pytest.raises(UserError, match=r"2 of 4 gold answers of some cannot be read: b \(.*\); d \(.*unreadable=drop"):
        require_readable(task, questions)
    assert [finding.state for finding in unreadable(task, {"test": questions})] == ["failed"]


def test_an_unreadable_gold_answer_is_an_error_and_not_a_wrong_response() -> None:
    with VerifierPool(HangingTask(), workers=1) as pool:
        (verdict,) = pool.verify([(Question("q", "q", ""), r"\boxed{\pi}")])
    assert verdict.status == "error"
    assert verdict.reward is None


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (lambda q: {}[q.id], "raises KeyError: 'b'"),
        (lambda q: -1, "returns -1, which is no number of seconds"),
        (lambda q: "5", "returns '5', which is no number of seconds"),
        (lambda q: float("nan"), "returns nan, which is no number of seconds"),
        (lambda q: float("inf"), "returns inf, which is no number of seconds"),
    ],
)
def test_a_time_limit_that_is_none_is_named_before_a_run(limit: Any, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HangingTask, "time_limit", lambda _, q: 3.0 if q.id == "a" else limit(q))
    questions = QuestionSet("some", tuple(Question(id, f"question {id}", "1") for id in "abc"))
    with pytest.raises(UserError, match=f"question 'b' of some: time_limit of the task '.*' {said}"):
        require_readable(HangingTask(), questions)


class WithoutAKey(HangingTask):
    def verdict_key(self, question: Question, response: str) -> Any:
        return {"raise": None, "number": 7}[response]


def test_a_response_whose_verdict_has_no_key_is_verified_on_its_own() -> None:
    with VerifierPool(WithoutAKey(), workers=1) as pool:
        verdicts = pool.verify([(Question("q", "q", "1"), r) for r in (r"\boxed{1}", "number", r"\boxed{2}")])
    assert [v.reward for v in verdicts] == [1.0, 0.0, 0.0]


def test_failures_are_told_from_wrong_answers_and_the_pool_survives_them() -> None:
    question = Question("q", "q", "1")
    responses = ["hang", r"\boxed{1}", "die", r"\boxed{2}", "raise", "hang", r"\boxed{1}"]
    started = time.monotonic()
    with VerifierPool(HangingTask(), workers=2, timeout_seconds=0.2) as pool:
        verdicts = pool.verify([(question, r) for r in responses])
        again = pool.verify([(question, r"\boxed{1}")] * 4)
    assert [v.status for v in verdicts] == ["timeout", "ok", "error", "ok", "error", "timeout", "ok"]
    assert [v.reward for v in verdicts] == [None, 1.0, None, 0.0, None, None, 1.0]
    assert "exit code 7" in verdicts[2].detail
    assert "as requested" in verdicts[4].detail
    assert [v.reward for v in again] == [1.0] * 4
    assert time.monotonic() - started < 60


class Spinning(HangingTask):
    """A verifier that computes without end, for the response `spin` or for any response to the question `spin`."""

    def prepare_worker(self) -> None:
        time.sleep(1.5)  # imports, which no limit includes

    def verify(self, question: Question, response: str) -> Verdict:
        while "spin" in (question.id, response):
            pass
        return Verdict(float(9 ** (9**9) > 0)) if response == "tower" else check_math(response, question.answer)


def test_a_response_that_takes_too_much_cpu_time_is_wrong_unless_the_question_is_to_blame() -> None:
    question, unverifiable = Question("q", "q", "1"), Question("spin", "q", "1")
    pairs = [(question, "spin"), (question, r"\boxed{1}"), (question, "tower"), (unverifiable, r"\boxed{1}")]
    with VerifierPool(Spinning(), workers=2, timeout_seconds=0.5) as pool:
        verdicts = pool.verify(pairs)
    assert [(v.status, v.reward) for v in verdicts] == [("refused", 0.0), ("ok", 1.0), ("refused", 0.0), ("timeout", None)]
    assert verdicts[0].detail == "no verdict within 0.5 s of CPU time"


def test_three_towers_do_not_leave_one_right_answer_alone() -> None:
    question = Question("q", "q", "5")
    with VerifierPool(HangingTask(), workers=1) as pool:
        verdicts = pool.verify([(question, rf"\boxed{{{answer}}}") for answer in ("5", "9^{9^9}", "3:", "5^{5^{5^{5^5}}}")])
    assert [v.reward for v in verdicts] == [1.0, 0.0, 0.0, 0.0]
    assert [v.status for v in verdicts] == ["ok", "refused", "refused", "refused"]


def test_a_limit_in_cpu_time_is_kept_by_a_verifier_that_waits_for_a_processor() -> None:
    with VerifierPool(Waiting(), workers=1, timeout_seconds=0.3) as pool:
        (verdict,) = pool.verify([(Question("q", "q", "1"), r"\boxed{1}")])
    assert verdict.reward == 1.0


class Waiting(HangingTask):
    """A verifier whose processor is busy with something else for a second."""

    def verify(self, question: Question, response: str) -> Verdict:
        time.sleep(1)
        return check_math(response, question.answer)


def test_verdicts_do_not_depend_on_the_number_of_workers() -> None:
    pairs = [(Question(str(i), "q", "1/2"), rf"\boxed{{{i}/6}}") for i in range(12)]
    verdicts = []
    for workers in (1, 3):
        with VerifierPool(HangingTask(), workers=workers) as pool:
            verdicts.append(pool.verify(pairs))
    assert verdicts[0] == verdicts[1]
    assert [v.reward for v in verdicts[0]] == [float(i == 3) for i in range(12)]


class LoadedHereAlone(HangingTask):
    """Unpickled only in the process that made it, as a class of a notebook is."""

    def __setstate__(self, state: object) -> None:
        raise AttributeError("Can't get attribute 'LoadedHereAlone' on <module '__main__' (built-in)>")


class Unprepared(HangingTask):
    def prepare_worker(self) -> None:
        raise RuntimeError("no such file")


class Leaves(HangingTask):
    def prepare_worker(self) -> None:
        raise SystemExit(0)


class Unpickled(HangingTask):
    def __getstate__(self) -> object:
        raise RuntimeError("not now")


class Slow(HangingTask):
    def prepare_worker(self) -> None:
        time.sleep(60)


def test_a_task_that_no_worker_can_load_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Local(HangingTask):
        pass

    monkeypatch.setattr(pool, "LOADING_SECONDS", 10)
    question = Question("q", "Which?", "1")
    for task, found in (
        (LoadedHereAlone(), r"'LoadedHereAlone' \(AttributeError: Can't get .*\): define its class at the top level of a file"),
        (Unprepared(), r"'Unprepared' \(RuntimeError: no such file\)"),
        (Leaves(), r"'Leaves' \(SystemExit: 0\)"),
        (Unpickled(), r"'Unpickled' cannot be copied .*\(RuntimeError: not now\)"),
        (Slow(), r"'Slow' \(it takes more than 10 s\)"),
        (Local(), r"Local' cannot be copied .*; define its class at the top level of a file"),
    ):
        with pytest.raises(UserError, match=found), VerifierPool(task, workers=1) as workers:
            workers.verify([(question, "1")])


class Unruly(HangingTask):
    """Does in `verify` what its question says."""

    def verify(self, question: Question, response: str) -> Verdict:
        given: dict[str, Any] = {
            "half": Verdict(0.5),
            "two": Verdict(2.0),
            "not a number": Verdict(float("nan")),
            "text": Verdict("1"),  # type: ignore[arg-type]
            "status": Verdict(1.0, "fine"),  # type: ignore[arg-type]
            "right and late": Verdict(1.0, "timeout"),
            "none": None,
            "a number": 1.0,
            "surrogate": Verdict(0.0, answer="\ud800"),
            "tests": Verdict(1.0, tests=3),  # type: ignore[arg-type]
            "integer": Verdict(1),
            "own class": OwnVerdict(1.0, more=3),
            "unpicklable verdict": OwnVerdict(1.0, more=lambda: None),
        }
        match question.text:
            case "exit":
                sys.exit(0)
            case "interrupt":
                raise KeyboardInterrupt
            case "generator":
                raise GeneratorExit
            case "silent":
                os._exit(0)
            case "unpicklable":
                raise ValueError(lambda: None)
            case "mute":
                raise Mute
            case "fork":
                os.fork()
            case "print":
                print("hello")
                os.write(1, b"hello")
        return cast(Verdict, given.get(question.text, Verdict(1.0)))


@dataclass(frozen=True)
class OwnVerdict(Verdict):
    more: Any = None


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("half", "the reward 0.5; it must be 0.0, 1.0 or None"),
        ("two", "the reward 2.0"),
        ("not a number", "the reward nan"),
        ("text", "the reward '1'"),
        ("status", "the reward 1.0 with the status 'fine'"),
        ("right and late", "the reward 1.0 with the status 'timeout'"),
        ("none", "None, which is not a Verdict"),
        ("a number", "1.0, which is not a Verdict"),
        ("tests", "tests that are not a ProgramReport: 3"),
        ("exit", "SystemExit: 0"),
        ("interrupt", "KeyboardInterrupt"),
        ("generator", "GeneratorExit"),
        ("silent", "died with exit code 70"),
        ("unpicklable", "ValueError: <function"),
        ("mute", "Mute"),
        ("unpicklable verdict", "ickle"),
    ],
)
def test_whatever_verify_does_is_an_error_of_this_sample_alone(unruly: VerifierPool, what: str, said: str) -> None:
    bad, good = unruly.verify([(Question("q", what, "1"), "a"), (Question("r", "fine", "1"), "b")])
    assert (bad.reward, bad.status) == (None, "error")
    assert said in bad.detail
    assert good == Verdict(1.0)


def test_a_verifier_that_fails_on_every_sample_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not the model that is wrong."""

    def verify(pool: VerifierPool, pairs: Sequence[object], *_: object) -> list[Verdict]:
        return [Verdict.failed("error", "there is no compiler")] * len(pairs)

    monkeypatch.setattr(VerifierPool, "verify", verify)
    done = finished(small_run("rft", tmp_path))
    assert done.returncode == 2
    assert "rft.sample: the verifier has failed on every sample (error: there is no compiler)" in done.stderr


def test_what_a_journal_can_hold_is_kept(unruly: VerifierPool) -> None:
    surrogate, whole, forked, own = unruly.verify(
        [(Question(str(n), what, "1"), "a") for n, what in enumerate(("surrogate", "integer", "fork", "own class"))]
    )
    assert own == OwnVerdict(1.0, more=3)
    assert surrogate.answer == r"\ud800"
    assert whole == forked == Verdict(1.0)


def test_what_a_task_prints_is_not_output_of_the_command(capfd: pytest.CaptureFixture[str]) -> None:
    with VerifierPool(Unruly(), workers=1) as workers:
        assert workers.verify([(Question("q", "print", "1"), "a")]) == [Verdict(1.0)]
    said = capfd.readouterr()
    assert said.out == ""
    assert "hello" in said.err


@pytest.fixture(scope="module")
def unruly() -> Iterator[VerifierPool]:
    with VerifierPool(Unruly(), workers=1) as workers:
        yield workers
