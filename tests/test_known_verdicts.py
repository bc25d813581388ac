"""Equal programs are run once: within a run, and, over a shared file, within a sweep."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Messages, Split, Task
from sdzero_bench.core.verdict import ProgramReport, Verdict
from sdzero_bench.verifiers.pool import KNOWN_VERDICTS, VerifierPool
from sdzero_bench.verifiers.verdict_cache import KnownVerdicts

QUESTION = Question("q", "count", "")


class Counting(Task):
    """Writes a line to the file that the question names whenever it verifies; the first word of a response decides."""

    name = "counting"
    summary = source = verifier = "counts how often it verifies"

    def load(self, split: Split) -> QuestionSet:
        return QuestionSet(self.name, (QUESTION,))

    def prompt(self, question: Question) -> Messages:
        return [{"role": "user", "content": question.text}]

    def verify(self, question: Question, response: str) -> Verdict:
        with Path(question.answer).open("a") as file:
            file.write(response + "\n")
        if "fail" in response:
            raise RuntimeError("as asked")
        return Verdict(float("right" in response))

    def verdict_key(self, question: Question, response: str) -> str | None:
        return response.split()[0] if response.startswith("key") else None


@pytest.fixture
def question(tmp_path: Path) -> Question:
    return Question("q", "count", str(tmp_path / "verified"))


def verified(question: Question) -> list[str]:
    return sorted(Path(question.answer).read_text().split("\n"))[1:]


def test_responses_of_one_key_are_verified_once_and_those_without_each_time(question: Question) -> None:
    with VerifierPool(Counting(), workers=1) as pool:
        responses = ["key1 right", "key2 wrong", "key1 right again", "right", "right"]
        heard: list[Verdict] = []
        verdicts = pool.verify([(question, response) for response in responses], heard.append)
        again = pool.verify([(question, "key1 once more"), (question, "key3 right")])
    assert [v.reward for v in verdicts] == [1, 0, 1, 1, 1]
    assert heard == verdicts
    assert [v.reward for v in again] == [1, 1]
    assert verified(question) == ["key1 right", "key2 wrong", "key3 right", "right", "right"]


def test_workers_that_were_still_starting_end_silently(question: Question, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        with VerifierPool(Counting(), workers=4) as pool:
            pool.verify([(question, "right")])
    assert capfd.readouterr().err == ""


def test_a_failure_of_the_verifier_is_not_remembered(question: Question) -> None:
    with VerifierPool(Counting(), workers=1) as pool:
        for _ in range(2):
            (verdict,) = pool.verify([(question, "key fail")])
            assert verdict.status == "error"
    assert verified(question) == ["key fail", "key fail"]


def test_runs_of_a_sweep_share_what_they_know(question: Question, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KNOWN_VERDICTS, str(tmp_path / "verdicts.sqlite"))
    for _ in range(2):
        with VerifierPool(Counting(), workers=1) as pool:
            assert pool.verify([(question, "key right")])[0].reward == 1
    assert verified(question) == ["key right"]


def test_what_is_known_comes_back_as_it_was(tmp_path: Path) -> None:
    verdict = Verdict(0.0, detail="7", tests=ProgramReport(3, 8, 4, "wrong answer"))
    known = KnownVerdicts(tmp_path / "verdicts.sqlite")
    known.add({"a": verdict, "b": Verdict.failed("timeout", "too long")})
    known.close()
    known = KnownVerdicts(tmp_path / "verdicts.sqlite")
    assert known.get(["a", "b", "c"]) == {"a": verdict}
    known.close()


def test_threads_share_the_file(tmp_path: Path) -> None:
    known = KnownVerdicts(tmp_path / "verdicts.sqlite")
    thread = threading.Thread(target=known.add, args=({"a": Verdict(1.0)},))
    thread.start()
    thread.join()
    known.close()
    assert KnownVerdicts(tmp_path / "verdicts.sqlite").get(["a"]) == {"a": Verdict(1.0)}


@pytest.mark.parametrize(("old", "new"), [(b'"reward": 1.0', b'"reward": 0.0'), (b'"reward"', b'"reword"'), (b'{"', b'["')])
def test_a_verdict_that_is_not_as_it_was_written_is_not_known(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = tmp_path / "verdicts.sqlite"
    known = KnownVerdicts(path)
    known.add({"a": Verdict(1.0)})
    known.close()
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    known = KnownVerdicts(path)
    assert known.get(["a"]) == {}
    known.add({"a": Verdict(1.0)})
    known.close()
    assert KnownVerdicts(path).get(["a"]) == {"a": Verdict(1.0)}


def test_a_file_that_cannot_be_used_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "verdicts.sqlite").write_text("no data base")
    for path in (tmp_path / "verdicts.sqlite", tmp_path / "no folder" / "verdicts.sqlite"):
        known = KnownVerdicts(path)
        known.add({"a": Verdict(1.0)})
        assert known.get(["a"]) == {"a": Verdict(1.0)}
        known.close()
