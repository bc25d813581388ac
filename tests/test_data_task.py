"""Tasks that are one YAML file: what they say is checked, and their splits are what they say."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import yaml
from local_tasks import DATA, local_task

from sdzero_bench.core.errors import NoSuchSplit, UserError
from sdzero_bench.core.question import QuestionSet
from sdzero_bench.questions.task_file import read_task_file
from sdzero_bench.runs import registry
from sdzero_bench.verifiers.answer_kinds.answer_kind import GoldAnswer
from sdzero_bench.verifiers.answer_kinds.mathematics import MathAnswer

TASKS = Path(__file__).parent.parent / "tasks"
SMALLEST: dict[str, Any] = {
    "name": "sums",
    "summary": "sums",
    "paper": "none",
    "hub": {"name": "a/b", "splits": {"test": "test"}},
}


def task_file(folder: Path, **keys: Any) -> Path:
    (folder / "sums.yaml").write_text(yaml.safe_dump({**SMALLEST, **keys}))
    return folder / "sums.yaml"


def sums(folder: Path, rows: list[dict[str, Any]], options: dict[str, Any] | None = None, **keys: Any) -> Any:
    """A task of the rows as its training split."""
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    cls = registry.task(str(task_file(folder, hub={"name": "a/b", "splits": {"train": "train"}}, **keys)))
    return cls(cls.Options(path=str(folder / "rows.jsonl"), **(options or {})))


def rows(count: int) -> list[dict[str, Any]]:
    return [{"question": f"{i} + {i}?", "answer": 2 * i} for i in range(count)]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"promt": "x"}, "unknown key 'promt'; did you mean 'prompt'"),
        ({"hub": {"name": "a/b", "splits": {"tests": "test"}}}, "hub.splits.tests"),
        ({"hub": {"name": "a/b", "splits": {}}}, "hub.splits: dictionary should have at least 1 item"),
        ({"name": "Sums!"}, "name: string should match pattern"),
        ({"prompt": "Answer!"}, "prompt: it must contain {question}"),
        ({"prompt": "{question} {anwser}"}, "unknown placeholder {anwser}"),
        ({"held_out": {"validation": 5}}, "no training split to hold questions out of"),
        (
            {"hub": {"name": "a/b", "splits": {"train": "t", "test": "u"}}, "held_out": {"test": 5}},
            "has a test split of its own",
        ),
        ({"answer": {"kind": "poem"}}, "answer.kind: unknown kind of answer 'poem'"),
        ({"answer": {"kind": "number", "relativ": 1}}, "unknown option 'relativ'; did you mean 'relative'"),
        ({"fields": {"correct": "flags"}}, "there are no solutions"),
    ],
)
def test_a_malformed_task_file_names_file_and_key(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        read_task_file(task_file(tmp_path, **keys))
    assert message in str(error.value)
    assert str(tmp_path / "sums.yaml") in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "is not YAML"),
        ("[" * 100_000, "is not YAML"),
        ("a: 2020-13-45", "is not YAML"),
        ("?", r"is not YAML: .*the key null is not text"),
        ("name: a\nname: b", "is there twice"),
        ("- a", "is not a task file"),
        (None, "cannot read"),
    ],
)
def test_what_is_no_task_file(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(UserError, match=message):
        registry.task(str(tmp_path / "x.yaml"))


def test_held_out_questions_are_the_last_and_training_ones_the_first(tmp_path: Path) -> None:
    task = sums(tmp_path, rows(10), held_out={"validation": 2, "test": 3, "train": 4})
    answers = {split: [q.answer for q in task.load(split)] for split in ("train", "validation", "test")}
    assert answers == {"train": ["0", "2", "4", "6"], "validation": ["10", "12"], "test": ["14", "16", "18"]}
    with pytest.raises(
        UserError, match=r"10 questions would leave none to train on after task.validation=2 and task.test=8; lower it"
    ):
        sums(tmp_path, rows(10), {"test": 8}, held_out={"validation": 2, "test": 3}).load("train")


def test_by_hash_the_order_of_the_file_decides_nothing(tmp_path: Path) -> None:
    held_out = {"validation": 5, "test": 5, "order": "hash"}
    one = sums(tmp_path, rows(30), held_out=held_out)
    sets = [{q.text for q in one.load(split)} for split in ("train", "validation", "test")]
    other = sums(tmp_path, rows(30)[::-1], held_out=held_out)
    assert [{q.text for q in other.load(split)} for split in ("train", "validation", "test")] == sets
    assert len(set.union(*sets)) == sum(map(len, sets)) == 30


def test_repeats_are_refused_or_dropped_as_the_file_says(tmp_path: Path) -> None:
    twice = [*rows(3), rows(3)[1]]
    with pytest.raises(UserError, match="more than once"):
        sums(tmp_path, twice).load("train")
    assert len(sums(tmp_path, twice, duplicates="drop").load("train")) == 3


@pytest.mark.parametrize(
    ("row", "rule", "message"),
    [
        ({"question": "q", "answer": "18"}, {"after": "####"}, "rows.jsonl', line 1: no gold answer after '####'"),
        ({"question": "q", "answer": "so ####  "}, {"after": "####"}, "no gold answer after '####'"),
        ({"question": "q", "answer": "18"}, {"boxed": True}, "no gold answer in"),
        ({"question": "q", "answer": r"\boxed{1"}, {"boxed": True}, "no gold answer in"),
        ({"question": "q", "answer": None}, {}, "the field 'answer' is missing"),
        ({"answer": "1"}, {}, "the field 'question' is missing"),
    ],
)
def test_a_row_without_question_or_answer_is_named(
    tmp_path: Path, row: dict[str, Any], rule: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as error:
        sums(tmp_path, [row], answer=rule).load("train")
    assert message in str(error.value)


def test_a_benchmark_has_no_training_questions_and_says_what_to_do() -> None:
    for split in ("train", "validation"):
        with pytest.raises(NoSuchSplit, match=r"has no .* questions, only test"):
            local_task("math500").load(split)
    with pytest.raises(NoSuchSplit, match="sdzero-bench eval MODEL --task aime24"):
        local_task("aime24").load("train")


def test_a_task_with_several_files_wants_their_folder(tmp_path: Path) -> None:
    cls = registry.task("gsm8k")
    with pytest.raises(UserError, match="give the folder that holds them"):
        cls(cls.Options(path=str(DATA / "gsm8k" / "test.jsonl"))).load("test")
    with pytest.raises(UserError, match="there is no question file"):
        cls(cls.Options(path=str(tmp_path))).load("test")


def test_openr1_has_contest_problems_once_each_with_solutions_that_are_right() -> None:
    task: Any = local_task("openr1_math")
    sets: list[QuestionSet] = [task.load(split) for split in ("train", "validation", "test")]
    assert [len(questions) for questions in sets] == [12, 4, 5]
    questions = [q for those in sets for q in those]
    assert all("contest" in q.text for q in questions)  # neither a proof, nor a school problem, nor the one in capitals
    with_solution = [q for q in questions if task.demonstration(q)]
    assert all(q.details["solution"].startswith("<think>\nAdd and subtract") for q in with_solution)
    assert len(questions) - len(with_solution) <= 1  # one problem has no right generation
    own = registry.task("openr1_math")
    human = own(own.Options(path=task.options.path, train=12, validation=4, test=5, solutions="solution"))
    assert human.load("train").fingerprint == sets[0].fingerprint
    assert all("so that the product is" in (human.demonstration(q) or "") for q in human.load("train"))


def test_amobench_leaves_out_what_no_parser_can_grade() -> None:
    questions = local_task("amobench").load("test")
    assert [(q.id, q.answer) for q in questions] == [("1", "44"), ("2", r"\{-7,7\}"), ("3", "n^2")]


def test_choices_in_the_forms_of_published_data(tmp_path: Path) -> None:
    arc = {"question": "Which?", "choices": {"text": ["ice", "sand"], "label": ["1", "2"]}, "answerKey": "sand"}
    fields = {"answer": "answerKey", "options": "choices"}
    (question,) = sums(tmp_path, [arc], fields=fields, answer={"kind": "choice"}).load("train")
    assert question.details["options"] == ["ice", "sand"]
    mmlu = [
        {"question": "Which?", "choices": ["ice", "sand"], "answer": 1},
        {"question": "Which?", "choices": ["a1", "b1"], "answer": 2},
    ]
    task = sums(
        tmp_path, mmlu, {"unreadable": "drop"}, fields={"options": "choices"}, answer={"kind": "choice"}, duplicates="drop"
    )
    (question,) = task.load("train")
    assert [task.verify(question, f"Answer: {letter}").reward for letter in "BA"] == [1, 0]
    columns = [{"question": "Which?", "A": "ice", "B": "sand", "answer": "A"}]
    task = sums(tmp_path, columns, fields={"options": ["A", "B"]}, answer={"kind": "choice"})
    assert task.load("train")[0].text == "Which?\n\nA. ice\nB. sand"


def test_gold_answers_of_other_kinds_are_read_from_their_field_alike(tmp_path: Path) -> None:
    rows = [{"question": "How far?", "answer": "3 + 4 is 7. #### 7 km"}]
    task = sums(tmp_path, rows, answer={"kind": "number", "after": "####", "unit": "km"}, fields={"solutions": ["answer"]})
    (question,) = task.load("train")
    assert (question.answer, task.unreadable([question])) == ("7 km", {})
    assert task.demonstration(question) == "3 + 4 is 7.\nAnswer: 7 km"
    assert task.prompt(question)[0]["content"].endswith("where X is a number, in km.")


def test_a_worked_solution_ends_in_its_answer_once() -> None:
    worked, three = MathAnswer().worked, GoldAnswer("3")
    assert worked(r"So \boxed{3}", three) == r"So \boxed{3}"
    assert worked(r"So \boxed{3.0}", three) == "So \\boxed{3.0}\nThe answer is \\boxed{3}."
    assert worked("1 + 2 = 3", three) == "1 + 2 = 3\nThe answer is \\boxed{3}."


def test_it_survives_the_way_into_a_worker(tmp_path: Path) -> None:
    task = sums(tmp_path, rows(4), {"revision": "abc"})
    again = pickle.loads(pickle.dumps(task))
    assert again.options.model_dump() == task.options.model_dump()
    assert again.load("train").fingerprint == task.load("train").fingerprint


def test_the_hub_is_asked_for_what_the_file_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    asked: list[Any] = []
    table = [{**row, "flags": [True], "extra": "x"} for row in rows(4)]

    def load(name: str, config: str | None, **more: Any) -> datasets.Dataset:
        asked.append((name, config, more))
        return datasets.Dataset.from_list(table)

    monkeypatch.setattr(datasets, "load_dataset", load)
    hub = {"name": "a/b", "config": "main", "revision": "abc", "splits": {"test": "train"}}
    cls = registry.task(str(task_file(tmp_path, hub=hub)))
    assert [q.answer for q in cls().load("test")] == ["0", "2", "4", "6"]
    assert asked == [("a/b", "main", {"split": "train", "revision": "abc"})]
    for row in table:
        del row["answer"]
    with pytest.raises(UserError, match="a/b has no field 'answer'; give a local copy"):
        cls().load("test")


def test_a_hub_out_of_reach_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def load(*_: Any, **__: Any) -> None:
        raise ConnectionError("Couldn't reach it\nmore lines")

    monkeypatch.setattr(datasets, "load_dataset", load)
    with pytest.raises(UserError, match=r"MATH-500 could not be loaded from the hub \(Couldn't reach it\); give a local copy"):
        registry.task("math500")().load("test")


@pytest.mark.parametrize("path", sorted(TASKS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_task_file_is_named_after_its_task(path: Path) -> None:
    assert read_task_file(path).name == path.stem
    assert len(path.read_text().splitlines()) < 40
