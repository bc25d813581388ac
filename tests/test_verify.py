"""sdzero-bench verify: verdicts on responses from elsewhere are those of a run, in order, and no line is passed over."""

from __future__ import annotations

import gzip
import io
import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from local_tasks import DATA, sandbox
from typer.testing import CliRunner

from sdzero_bench.cli.app import app
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question
from sdzero_bench.core.settings import VerifyingConfig
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.runs import registry
from sdzero_bench.runs.verify import verify_file
from sdzero_bench.runs.verify.given_task import TimedTask, TimedVerdict
from sdzero_bench.runs.verify.response_lines import GivenResponse
from sdzero_bench.runs.verify.result_rows import result_line
from sdzero_bench.verifiers.pool import VerifierPool

ADD = "```python\ndef add(a, b):\n    return a + b\n```"
ADD_CPP = "```cpp\n#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b; }\n```"
STDIO = {"form": "stdio", "inputs": ["2 3\n"], "outputs": ["5\n"]}
CALLS = {"form": "calls", "function": "add", "calls": ["(2, 3)", "(0, 1)"], "expected": ["5", "2"]}


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def verified(*arguments: object, stdin: str | None = None) -> tuple[list[dict[str, Any]], str]:
    """The verdicts on standard output, and standard error."""
    command = ["verify", *map(str, arguments), "--allow-weaker-sandbox", "--jobs", "1"]
    done = CliRunner().invoke(app, command, catch_exceptions=False, input=stdin)
    assert done.exit_code == 0
    return [json.loads(line) for line in done.stdout.split("\n") if line], done.stderr


def test_every_form_has_a_verdict_in_the_order_of_the_file(tmp_path: Path) -> None:
    rows = [
        {"answer": "1/2", "response": r"So it is \boxed{0.5}.", "id": "a"},
        {"answer": 42, "response": r"\boxed{41}", "id": 7, "metadata": {"model": "m", "epoch": 2}},
        {"answer": 42, "response": "I give up"},
        {"tests": ["assert add(2, 3) == 5"], "response": ADD},
        {"tests": STDIO, "response": "print(sum(map(int, input().split())))"},
        {"tests": CALLS, "response": ADD},
        {"tests": CALLS, "response": "no program"},
        {"tests": STDIO, "limits": {"cpu_seconds": 0.2}, "response": "```python\nwhile True: pass\n```"},
    ]
    (tmp_path / "responses.jsonl").write_text(lines(*rows).replace("\n", "\n\n", 2))
    verdicts, said = verified(tmp_path / "responses.jsonl")
    assert [(row["reward"], row["outcome"]) for row in verdicts] == [
        (1, "right"),
        (0, "wrong"),
        (0, "no answer"),
        (1, "passed"),
        (1, "passed"),
        (0, "wrong answer"),
        (0, "no program"),
        (0, "time"),
    ]
    assert verdicts[0]["id"] == "a"
    assert (verdicts[1]["id"], verdicts[1]["metadata"]) == (7, {"model": "m", "epoch": 2})
    assert verdicts[1]["detail"] == "answer: 41"
    assert verdicts[5]["detail"] == "passed 1 of 2; test 2: wrong answer (1)"
    assert all(row["seconds"] >= 0 for row in verdicts)
    assert "programs run in the sandbox: tier" in said
    assert "8/8 responses" in said
    assert [line.split()[1:6:2] for line in said.split("\n") if line.startswith("| passed")] == [["passed", "2", "25.0"]]


@pytest.mark.cpp
def test_answers_of_every_kind(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    cities = {"kind": "choice", "options": ["Rome", "Paris"]}
    path.write_text(
        lines(
            {**cities, "answer": "B", "response": "Answer: Paris"},
            {**cities, "answer": 1, "response": "The answer is (A)."},
            {**cities, "answer": "C", "response": "Answer: Paris"},
            {"kind": {"kind": "number", "relative": 0.01}, "answer": 9.81, "response": "Answer: 9.8"},
            {"kind": "json", "answer": {"a": True}, "response": '{"a": true}'},
            {"kind": "regex", "answer": "(a+)+", "response": "Answer: " + "a" * 60 + "b"},
        )
    )
    verdicts, said = verified(path)
    assert [verdict["reward"] for verdict in verdicts] == [1, 0, None, 1, 1, 0]
    assert "gold answers that cannot be read: 1" in said


def test_a_program_in_another_language(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(lines({"tests": STDIO, "language": "cpp", "response": ADD_CPP}))
    assert [row["outcome"] for row in verified(tmp_path / "a.jsonl")[0]] == ["passed"]


def test_questions_of_a_task_are_found_in_whichever_split_has_them(tmp_path: Path) -> None:
    path = f"task.path={DATA / 'gsm8k'}"
    task = registry.task("gsm8k")(registry.task("gsm8k").Options(path=str(DATA / "gsm8k"), validation=5))
    questions = [task.load(split)[0] for split in ("train", "test", "validation")]
    given = lines(*({"question_id": q.id, "response": rf"\boxed{{{q.answer}}}"} for q in questions))
    options = ("--task", "gsm8k", "--set", path, "--set", "task.validation=5")
    assert [row["reward"] for row in verified("-", *options, stdin=given)[0]] == [1, 1, 1]
    with pytest.raises(UserError, match=f"standard input:1: the task has no question '{questions[0].id}'; its ids look like"):
        verified("-", *options, "--split", "test", stdin=given)


def test_a_question_file_is_a_task(tmp_path: Path) -> None:
    file = tmp_path / "questions.jsonl"
    file.write_text(lines(*({"id": f"q{i}", "prompt": f"add {i}", "tests": ["assert add(2, 3) == 5"]} for i in range(9))))
    given = lines({"question_id": "q3", "response": ADD}, {"question_id": "q8", "response": ADD.replace("+", "-")})
    verdicts, _ = verified("-", "--task", file, stdin=given)
    assert [row["outcome"] for row in verdicts] == ["passed", "assertion"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"answer": 1', "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"answer": 1, "answer": 2, "response": ""}', "the key 'answer' is there twice"),
        ('{"answer": NaN, "response": ""}', "NaN is no number of JSON"),
        ('{"answr": 1, "response": ""}', "unknown key 'answr'; did you mean 'answer'?"),
        ('{"response": ""}', "one of the keys answer, tests, question_id (found: none of them)"),
        ('{"answer": 1, "tests": [], "response": ""}', "(found: answer and tests)"),
        ('{"answer": 1, "limits": {}, "response": ""}', "the key 'limits' does not go with 'answer'"),
        ('{"answer": true, "response": ""}', "the value of 'answer' is empty or not text"),
        ('{"answer": " ", "response": ""}', "the value of 'answer' is empty or not text"),
        ('{"answer": 1}', "the key 'response' is missing or not a string"),
        ('{"answer": 1, "response": ["a"]}', "the key 'response' is missing or not a string"),
        ('{"tests": ["assert f(1"], "response": ""}', "assert script 2 is not valid Python"),
        ('{"tests": {"form": "std"}, "response": ""}', "unknown form of tests 'std'; did you mean 'stdio'?"),
        ('{"tests": {"form": "stdio", "inputs": ["1"], "outputs": []}, "response": ""}', "1 inputs, but 0 outputs"),
        ('{"tests": ["assert f(1)"], "language": "rust", "response": ""}', "unknown language 'rust'"),
        ('{"tests": ["assert f(1)"], "language": "cpp", "response": ""}', "tests of the form 'asserts' are for Python"),
        ('{"tests": ["assert f(1)"], "limits": {"cpu": 1}, "response": ""}', "limits.cpu: Extra inputs are not permitted"),
        ('{"tests": ["assert f(1)"], "limits": {"cpu_seconds": -1}, "response": ""}', "limits.cpu_seconds: Input should be"),
        ('{"question_id": "a", "response": ""}', "needs --task NAME"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_before_any_verdict(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(lines({"answer": 1, "response": r"\boxed{1}"}) + "\n" + line + "\n")
    done = CliRunner().invoke(app, ["verify", str(file), "--allow-weaker-sandbox", "--jobs", "1"])
    assert isinstance(done.exception, UserError)
    assert f"{file}:3" in str(done.exception)
    assert message in str(done.exception)
    assert done.stdout == ""


def test_a_gold_answer_that_cannot_be_read_gives_no_reward_to_its_responses_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    golds = ("\\frac{", "\ud800", "\\frac{", "1")
    file.write_text(lines(*({"answer": gold, "response": "\\boxed{1} \ud800"} for gold in golds)))
    verdicts, said = verified(file)
    assert [verdict["reward"] for verdict in verdicts] == [None, None, None, 1]
    assert "cannot be read: something is missing at the end" in verdicts[0]["detail"]
    assert f"gold answers that cannot be read: 2, such as {file}:1: the gold answer" in said


def test_options_that_cannot_be_followed_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("")
    for arguments, message in (
        ([tmp_path / "none.jsonl"], "there is no file"),
        ([file], "has no responses"),
        ([file, "--split", "test"], "are for --task NAME"),
        ([file, "--set", "task.path=a"], "are for --task NAME"),
        ([file, "--task", "gsm9k"], "did you mean 'gsm8k'"),
    ):
        with pytest.raises(UserError, match=message):
            verified(*arguments)
    file.write_text(lines({"answer": 1, "response": "1"}))
    with pytest.raises(UserError, match="is the file of the responses"):
        verified(file, "--out", file)


def test_verdicts_go_to_a_file_and_responses_may_be_compressed(tmp_path: Path) -> None:
    row = {"answer": "3", "response": "\\boxed{3} \u2028 \ud83d\ude00", "id": "\u2028"}
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines(row).encode()))
    verdicts, said = verified(tmp_path / "a.jsonl.gz", "--out", tmp_path / "verdicts.jsonl")
    assert verdicts == []
    (verdict,) = map(json.loads, (tmp_path / "verdicts.jsonl").read_text().splitlines())
    assert (verdict["id"], verdict["reward"]) == ("\u2028", 1)
    assert "right" in said


def test_verdicts_are_exactly_those_of_a_run(tmp_path: Path) -> None:
    """Of the verifier that a run on the same question file uses, in the same pool."""
    math = [("1/2", "\\boxed{0.5}"), ("x+1", "\\boxed{1+x}"), ("7", "7"), ("7", "\\boxed{8}"), ("\\pi", "")]
    programs = [(["assert add(2, 3) == 5"], ADD), (CALLS, ADD), (STDIO, "print(5)"), (STDIO, "print(1/0)"), (CALLS, "x")]
    for kind, question, pairs in (("answer", "question", math), ("tests", "prompt", programs)):
        file = tmp_path / f"{kind}.jsonl"
        file.write_text(lines(*({question: f"q{i}", kind: gold} for i, (gold, _) in enumerate(pairs))))
        cls = registry.task(f"file:{file}")
        task = cls(cls.Options(test=1, validation=0))
        task.sandbox = sandbox()
        with VerifierPool(task, workers=1) as pool:
            answers = [response for _, response in pairs]
            expected = pool.verify(list(zip(task.load("test"), answers, strict=True)))
        given = tmp_path / "given.jsonl"
        given.write_text(lines(*({kind: gold, "response": response} for gold, response in pairs)))
        rows = verified(given)[0]
        assert [without_seconds(row) for row in rows] == [
            without_seconds(json.loads(result_line(verdict, {}, 1.0))) for verdict in expected
        ]


def without_seconds(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "seconds"}


def test_a_verifier_that_failed_gives_no_reward() -> None:
    timeout, error = (Verdict.failed(status, "why") for status in ("timeout", "error"))
    assert json.loads(result_line(timeout, {"id": 1}, 10.0)) == {
        "id": 1,
        "reward": None,
        "outcome": "timeout",
        "detail": "why",
        "seconds": 10.0,
    }
    assert json.loads(result_line(error, {}, 10.0))["seconds"] is None


def test_the_time_of_a_verdict_is_no_part_of_its_record() -> None:
    task = registry.task("micro-arith")()
    verdict = TimedTask(task).verify(Question("a", "", "7"), "7")
    assert isinstance(verdict, TimedVerdict)
    assert verdict.seconds is not None
    assert verdict.as_dict() == task.verify(Question("a", "", "7"), "7").as_dict()


def test_a_long_file_is_read_in_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_file, "_MOST", 10)
    source = io.BytesIO(lines(*({"answer": i % 3, "response": f"\\boxed{{{i % 7}}}"} for i in range(95))).encode())
    file = verify_file.read(source, "a.jsonl", None, None)
    seen: list[tuple[GivenResponse, Verdict]] = []
    settings = VerifyingConfig(workers=1)
    verify_file.verify(file, verify_file.verifier(file, settings), settings, pytest.fail, lambda *pair: seen.append(pair))
    assert [given.where for given, _ in seen] == [f"a.jsonl:{i}" for i in range(1, 96)]
    assert [verdict.reward for _, verdict in seen] == [float(i % 3 == i % 7) for i in range(95)]


def test_interrupted_it_ends_with_a_line_and_the_verdicts_so_far(tmp_path: Path) -> None:
    file, out = tmp_path / "a.jsonl", tmp_path / "out.jsonl"
    slow = {"tests": STDIO, "limits": {"cpu_seconds": 30}, "response": "```python\nwhile True: pass\n```"}
    file.write_text(lines({"answer": 1, "response": "1"}, slow))
    command = [sys.executable, "-m", "sdzero_bench", "verify", str(file), "--out", str(out), "--allow-weaker-sandbox"]
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # which whatever runs in the background ignores
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (out.exists() and out.read_text()):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130, said
    assert said.rstrip().endswith("sdzero-bench: interrupted; the verdicts so far have been written")
    assert [json.loads(line)["reward"] for line in out.read_text().splitlines()] == [1]
