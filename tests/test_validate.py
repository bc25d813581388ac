"""A record as it was written passes; a record in which anything was edited does not, and the finding names the place."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from record_edits import Edit, lines, questions, read, removed, row, says, text, value, write, write_revised_record
from small_runs import command, finished
from synthetic_records import write_record

from sdzero_bench.records.packing import pack
from sdzero_bench.report.audit.audit import check_record, check_records


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_revised_record(tmp_path_factory.mktemp("records") / "rft-s0")


@pytest.fixture
def record(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "rft-s0"))


# What passes


def test_a_record_as_it_was_written_passes(record: Path) -> None:
    report = check_record(record)
    assert says(report) == ""
    assert report.samples == 4 * 4 + 6 * 2 + 6 * 2


@pytest.mark.parametrize(
    "options",
    [
        {"method": "base"},
        {"base": 0.4},
        {"answers": False},
        {"failures": 3},
        {"config": {"evaluation": {"split": "validation"}}},
    ],
    ids=str,
)
def test_records_of_all_kinds_pass(tmp_path: Path, options: dict[str, Any]) -> None:
    assert says(check_record(write_record(tmp_path / "run", questions=8, **options))) == ""


def test_the_order_of_a_journal_does_not_matter(record: Path) -> None:
    """Samples are journaled batch by batch: another batch size is another order of the same samples."""
    lines("journal/evaluation.final.jsonl", lambda rows: rows.reverse())(record)
    assert says(check_record(record)) == ""


def test_another_name_of_the_folder_does_not_matter(record: Path) -> None:
    value("result.json", "folder", "/home/somebody/else")(record)
    assert says(check_record(record.rename(record.with_name("renamed")))) == ""


def test_an_unfinished_run_is_no_failure(tmp_path: Path) -> None:
    report = check_record(write_record(tmp_path / "run", state="running"))
    assert not report.finished
    assert not report.findings


# What does not

FINAL = "journal/evaluation.final.jsonl"
OVERLAP = {"train": "train-1", "test": "test-9", "kind": "exact", "passage": "a"}
TRAINING = "journal/rft.sample.jsonl"
EDITS: dict[str, tuple[Edit, str]] = {
    "an average of the result": (
        value("result.json", "evaluation/0/avg_at_k", 0.99),
        "result.json: evaluation.final.avg_at_k: recorded 0.99, evaluation.json has",
    ),
    "an average": (value("evaluation.json", "0/avg_at_k", 0.99), "evaluation.json: final.avg_at_k: recorded 0.99, recomputed"),
    "one question's average": (
        value("evaluation.json", "0/per_question/avg/test-3", 0.123),
        "evaluation.json: final.per_question.avg.test-3: recorded 0.123, recomputed",
    ),
    "an interval": (value("evaluation.json", "0/interval/0", 0.0123), "evaluation.json: final.interval: recorded [0.0123, "),
    "pass@k": (value("evaluation.json", "0/pass_at_k", 0.123), "evaluation.json: final.pass_at_k: recorded 0.123"),
    "maj@k": (value("evaluation.json", "0/maj_at_k", 0.123), "evaluation.json: final.maj_at_k: recorded 0.123"),
    "a correction rate": (
        value("evaluation.json", "0/revision/correction_rate", 0.5),
        "evaluation.json: final.revision.correction_rate: recorded 0.5",
    ),
    "a lead over a base that was not measured": (
        value("evaluation.json", "0/over_base", {"difference": 0.2, "interval": [0.1, 0.3], "questions": 6}),
        "evaluation.json: final.over_base: there is no base policy",
    ),
    "a policy that was never measured": (
        lambda folder: write(
            folder,
            "evaluation.json",
            [*read(folder, "evaluation.json"), {**read(folder, "evaluation.json")[0], "policy": "srt"}],
        ),
        "evaluation.json: srt: its figures cannot be computed again",
    ),
    "a policy left out": (lambda folder: write(folder, "evaluation.json", []), f"evaluation.json: has no policy for {FINAL}"),
    "an average that is text": (
        value("evaluation.json", "0/avg_at_k", "0.99"),
        "evaluation.json: 0.avg_at_k: input should be a valid number (it is '0.99')",
    ),
    "a key that is gone": (
        lambda folder: write(folder, "result.json", {"run_id": "rft-s0"}),
        "result.json: method: field required",
    ),
    "a count of the ledger": (
        value("ledger.json", "rft.sample/samples", 8),
        "ledger.json: rft.sample.samples: recorded 8, recomputed 16",
    ),
    "generated tokens": (
        value("ledger.json", "rft.sample/generated_tokens", 8),
        "ledger.json: rft.sample.generated_tokens: recorded 8, recomputed",
    ),
    "training tokens in one file": (
        value("ledger.json", "rft/backward_tokens", 10),
        "result.json: ledger.rft.backward_tokens: recorded 1000, ledger.json has 10",
    ),
    "the budget's samples": (
        value("result.json", "budget/samples", 99),
        "result.json: budget.samples: recorded 99, recomputed 16",
    ),
    "a smaller budget in the settings": (
        value("manifest.json", "config/budget/samples_per_question", 2),
        "journal: 16 training samples were drawn, but the budget allows 8",
    ),
    "a budget of training tokens": (
        value("manifest.json", "config/budget/training_tokens", 999),
        "ledger.json: 1000 tokens were trained on, but the budget allows 999",
    ),
    "fewer new tokens": (
        value("manifest.json", "config/sampling/max_new_tokens", 4),
        f"{TRAINING}: 16 samples are longer than sampling.max_new_tokens=4",
    ),
    "fewer new tokens in evaluation": (
        value("manifest.json", "config/evaluation/max_new_tokens", 4),
        f"{FINAL}: 12 samples are longer than evaluation.max_new_tokens=4",
    ),
    "another seed": (value("result.json", "seed", 5), "result.json: seed: recorded 5, the config in manifest.json has 0"),
    "another supervision": (
        value("result.json", "supervision", "none"),
        'result.json: supervision: recorded "none", manifest.json has "verifier rewards"',
    ),
    "tuning concealed": (
        value("manifest.json", "tuning", {"grid": {}, "split": "test", "trials": [], "chosen": {}}),
        'result.json: tuning: recorded null, manifest.json has {"grid": {}',
    ),
    "a method that is not installed": (
        value("manifest.json", "config/method/name", "our-own"),
        'result.json: method: recorded "rft", the config in manifest.json has "our-own"',
    ),
    "an option that does not exist": (
        value("manifest.json", "config/sampling/temprature", 2),
        "manifest.json: config: unknown key 'sampling.temprature'",
    ),
    "more evaluation samples asked for": (
        value("manifest.json", "config/evaluation/samples", 3),
        f"{FINAL}: lacks 6 samples, such as test-0/2",
    ),
    "fewer evaluation samples asked for": (
        lambda folder: ([value("manifest.json", f"config/evaluation/{name}", 1)(folder) for name in ("samples", "pass_at")]),
        f"{FINAL}: has, beyond what was asked for, 6 samples, such as test-0/1",
    ),
    "a base that was to be measured": (
        value("manifest.json", "config/evaluation/base", True),
        "evaluation.json: has no base policy",
    ),
    "a reward": (
        lines(FINAL, lambda rows: rows[3]["verdict"].update(reward=1 - rows[3]["verdict"]["reward"])),
        "manifest.json: journal.evaluation.final.sha256: recorded",
    ),
    "a reward beyond 1": (
        lines(FINAL, lambda rows: rows[3]["verdict"].update(reward=2.0)),
        f"{FINAL}: sample 4 is not one (ValueError: the reward is 2.0 where the status is 'ok')",
    ),
    "a sample removed": (lines(FINAL, lambda rows: rows.pop(3)), f"{FINAL}: lacks 1 sample, such as test-1/1"),
    "a training sample removed": (
        lines(TRAINING, lambda rows: rows.pop(3)),
        "manifest.json: journal.rft.sample.samples: recorded 16, journal/rft.sample.jsonl has 15",
    ),
    "a sample twice": (
        lines(FINAL, lambda rows: rows.append(rows[0])),
        f"{FINAL}: 1 sample occurs more than once, such as test-0/0",
    ),
    "a sample of another question": (
        lines(TRAINING, lambda rows: rows[0].update(question_id="test-0")),
        f"{TRAINING}: 1 question is not among the training questions of question_sets, such as 'test-0'",
    ),
    "a training question measured": (
        lines(FINAL, lambda rows: rows[0].update(question_id="train-0")),
        f"{FINAL}: 1 question is not among the measured questions of question_sets, such as 'train-0'",
    ),
    "a sample of another phase": (
        row(FINAL, 0, phase="rft.sample"),
        f"{FINAL}: sample test-0/0 says that it is of phase 'rft.sample'",
    ),
    "a sample of another policy": (
        row(FINAL, 0, policy="base"),
        f"{FINAL}: its samples, revisions included, are of several policies",
    ),
    "a text": (row(FINAL, 0, text="\\boxed{1}"), "manifest.json: journal.evaluation.final.texts_sha256: recorded"),
    "what was revised": (
        row("journal/evaluation.final.revision.jsonl", 0, prefix="Another response."),
        "journal/evaluation.final.revision.jsonl: 1 revision does not begin with the first response, such as test-0/0",
    ),
    "a length": (row(FINAL, 0, token_ids=[1]), "evaluation.json: final.mean_tokens: recorded"),
    "a prompt's length": (
        row(TRAINING, 0, prompt_tokens=1),
        "ledger.json: rft.sample.prompt_tokens: recorded 192, recomputed 181",
    ),
    "a text that is none": (row(FINAL, 0, text=None), f"{FINAL}: sample 1 is not one (ValueError: text is not text)"),
    "a line torn": (
        lambda folder: (folder / FINAL).write_text((folder / FINAL).read_text()[:-9]),
        f"{FINAL}: '",
    ),
    "a journal gone": (removed(TRAINING), f"{TRAINING}: is missing, though the manifest has its digest"),
    "a journal added": (
        lambda folder: Path(shutil.copy(folder / FINAL, folder / "journal" / "evaluation.best.jsonl")),
        "journal/evaluation.best.jsonl: is not in the manifest's list of journals",
    ),
    "a digest": (
        value("manifest.json", "journal/rft.sample/sha256", "0" * 64),
        "manifest.json: journal.rft.sample.sha256: recorded",
    ),
    "a question's text": (row(questions("test"), 1, text="1 + 1 = ?"), "manifest.json: test_set: recorded"),
    "a question's answer": (row(questions("train"), 0, answer="7"), "manifest.json: question_set: recorded"),
    "the order of the questions": (
        lines(questions("train"), lambda rows: rows.insert(0, rows.pop(1))),
        "manifest.json: question_set: recorded",
    ),
    "a question twice": (
        lines(questions("test"), lambda rows: rows.append(rows[-1])),
        "question_sets: question set 'test' has",
    ),
    "a test question in training": (
        lines(questions("train"), lambda rows: rows[0].update(text="50000 + 0 = ?")),
        "question_sets: 1 training question is a test question too, such as 'train-0'",
    ),
    "a question without an answer": (row(questions("test"), 2, answer=None), "question_sets: '"),
    "questions that were removed": (
        value(
            "manifest.json",
            "decontamination/removed",
            [{"train": "train-1", "test": "test-9", "kind": "exact", "passage": "a"}],
        ),
        "question_sets: 1 train question is present though removed as overlapping, such as 'train-1'",
    ),
    "a fingerprint": (value("manifest.json", "test_set", "0" * 16), 'manifest.json: test_set: recorded "0000000000000000"'),
    "a fingerprint of the result": (value("result.json", "question_set", "0" * 16), "result.json: question_set: recorded"),
    "a state": (value("manifest.json", "state", "running"), 'manifest.json: state is "running", though result.json exists'),
    "a state that does not exist": (value("manifest.json", "state", "done"), "manifest.json: state: input should be"),
    "no manifest": (removed("manifest.json"), "manifest.json: is missing"),
    "no result": (removed("result.json"), "result.json: is missing"),
    "no questions": (removed(questions("test")), "question_sets: a question set of"),
    "no ledger": (removed("ledger.json"), "ledger.json: is missing"),
    "no evaluation": (removed("evaluation.json"), "evaluation.json: is missing"),
    "a broken manifest": (text("manifest.json", "{"), "manifest.json: is not JSON"),
    "another kind of result": (text("result.json", "[1, 2]"), "result.json: the whole file: input should be"),
    "bytes that are no text": (
        lambda folder: (folder / "ledger.json").write_bytes(b"\xff\xfe"),
        "ledger.json: is not JSON",
    ),
    "another training log": (
        lambda folder: (
            [(folder / "training").mkdir(), (folder / "training" / "rft.jsonl").write_text('{"backward_tokens": 7}\n')]
        ),
        "ledger.json: rft.backward_tokens: recorded 1000, training/rft.jsonl has 7",
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_found_and_named(record: Path, name: str) -> None:
    edit, expected = EDITS[name]
    edit(record)
    report = check_record(record)
    assert any(str(finding).startswith(expected) for finding in report.findings), says(report)
    assert "could not be finished" not in says(report)


@pytest.mark.parametrize("file", ["result.json", "evaluation.json", "ledger.json"])
def test_no_value_of_a_file_can_be_changed_unseen(record: Path, file: str) -> None:
    """Every leaf, one after the other. Only where the run lay on the disk is its owner's affair."""
    whole = read(record, file)
    unseen = []
    for keys, leaf in leaves(whole):
        if keys == ("folder",):
            continue
        changed = json.loads(json.dumps(whole))
        place = changed
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = another(leaf)
        write(record, file, changed)
        if not check_record(record).findings:
            unseen.append(keys)
    assert unseen == []


def leaves(content: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(content, (dict, list)):
        for key, below in content.items() if isinstance(content, dict) else enumerate(content):
            yield from leaves(below, (*above, key))
    else:
        yield above, content


def another(leaf: Any) -> Any:
    if leaf is None:
        return {"trials": 1}
    if isinstance(leaf, str):
        return leaf[::-1] if leaf[::-1] != leaf else leaf + "x"
    return leaf / 2 if isinstance(leaf, float) and leaf else leaf + 1


# Many records, and the command


def test_processes_share_the_work_and_keep_the_order(tmp_path: Path) -> None:
    folders = [write_record(tmp_path / f"rft-s{seed}", seed=seed, questions=4, train=2) for seed in range(9)]
    value("result.json", "seed", 77)(folders[4])
    heard: list[Path] = []
    reports = check_records(folders, 2, lambda report: heard.append(report.folder))
    assert [report.folder for report in reports] == heard == folders
    assert [len(report.findings) for report in reports] == [0, 0, 0, 0, 1, 0, 0, 0, 0]


def validated(*arguments: str) -> subprocess.CompletedProcess[str]:
    return finished(command("validate", *arguments))


def test_the_command_does_not_say_that_all_is_well_where_it_checked_nothing(tmp_path: Path) -> None:
    write_record(tmp_path / "running", state="running")
    assert validated(str(tmp_path)).stdout.splitlines()[-1] == "no run is finished: nothing was checked"


def test_a_digest_leaves_out_no_finished_run_and_hides_no_check(record: Path) -> None:
    assert "cannot be combined with" in validated(str(record), "--digest", "--json").stderr
    (record / "result.json").unlink()
    done = validated(str(record), "--digest")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"'{record / 'result.json'}' is missing; validate the record" in done.stderr


def test_the_command_says_that_all_is_well_or_what_is_not(record: Path, tmp_path: Path) -> None:
    write_record(tmp_path / "running", state="running")
    done = validated(str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{tmp_path}/running: not finished, not checked" in done.stdout
    assert done.stdout.endswith("1 record, 40 samples: every figure follows from its journal\n")

    value("evaluation.json", "0/avg_at_k", 0.99)(record)
    done = validated(str(tmp_path), "--reverify")
    assert done.returncode == 1
    assert f"{record}\n  result.json: evaluation.final.avg_at_k: recorded" in done.stdout
    assert "  evaluation.json: final.avg_at_k: recorded 0.99, recomputed" in done.stdout
    assert done.stdout.endswith("1 record, 40 samples: 2 findings in 1 of them\n")


def test_json_is_one_document(record: Path) -> None:
    value("ledger.json", "rft.sample/samples", 8)(record)
    done = validated(str(record), "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert document["findings"] == len(document["records"][0]["findings"]) == 2
    finding = next(f for f in document["records"][0]["findings"] if f["file"] == "ledger.json")
    assert finding["what"] == "rft.sample.samples"
    assert (finding["recorded"], finding["recomputed"]) == (8, 16)


def test_a_folder_without_records_is_refused(tmp_path: Path) -> None:
    done = validated(str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == f"sdzero-bench: there is no run or record below '{tmp_path}'\n"


def test_a_packed_record_passes_and_fails_as_its_run(original: Path, record: Path, tmp_path: Path) -> None:
    assert says(check_record(pack(original, tmp_path / "packed"))) == ""
    for edit, expected in (EDITS["a reward"], EDITS["a question's answer"], EDITS["an average"], EDITS["what was revised"]):
        edited = Path(shutil.copytree(original, tmp_path / "edited" / "rft-s0"))
        edit(edited)
        assert expected in says(check_record(pack(edited, tmp_path / "packed")))
        assert says(check_record(tmp_path / "packed" / "rft-s0")) == says(check_record(edited))
        shutil.rmtree(edited)
