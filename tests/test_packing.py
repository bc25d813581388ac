"""A packed record is small and says the same; packing it twice gives the same bytes, and what is no record is refused."""

from __future__ import annotations

import errno
import json
import lzma
import os
import random
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from record_edits import read, says, write, write_revised_record
from small_runs import command, finished
from synthetic_records import write_record

from sdzero_bench.core.completion import sample_seed
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.policies.loading import model_path
from sdzero_bench.records import compressed
from sdzero_bench.records.own_digests import record_digest
from sdzero_bench.records.packed_folder import pack_folder, packed_folder
from sdzero_bench.records.packed_lines import pack_lines, phases_in, read_lines
from sdzero_bench.records.packing import pack, run_folders
from sdzero_bench.records.question_sets import read_questions
from sdzero_bench.records.record_files import read_evaluation, read_manifest, read_result
from sdzero_bench.records.recorded_journal import RecordedJournal, journal_digest, journal_manifest
from sdzero_bench.records.texts import Texts, without_texts
from sdzero_bench.report.audit.audit import check_record
from sdzero_bench.runs.resuming import resume_session


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows_of(folder: Path, name: str) -> list[dict[str, Any]]:
    return list(read_lines(folder / name))


def sampled(count: int, stream: tuple[int, str] = (7, "rft.sample")) -> list[dict[str, Any]]:
    """Rows as a journal has them, seeds and all."""
    rng = random.Random(0)
    return [
        {
            "phase": "rft.sample",
            "question_id": f"train-{i // 4}",
            "index": str(i % 4),
            "seed": sample_seed(*stream, f"train-{i // 4}", str(i % 4)),
            "policy": "base",
            "prompt_tokens": 12,
            "token_ids": [rng.randrange(400) for _ in range(20)],
            "text": "ü {} = \\boxed{3} and\nmore",
            "finish": "stop",
            "verdict": {"reward": 0.1 + 0.2, "status": "ok", "answer": None, "detail": ""},
        }
        for i in range(count)
    ]


def written(folder: Path, data: bytes) -> Path:
    (folder / "rows.jsonl.xz").write_bytes(data)
    return folder / "rows.jsonl"


def test_a_record_has_every_line_of_its_run_and_nothing_of_the_machine(tmp_path: Path) -> None:
    run = write_record(tmp_path / "rft-s0")
    for left_out in ("checkpoints/final/model.safetensors", "learning_curve.png", ".lock"):
        (run / left_out).parent.mkdir(parents=True, exist_ok=True)
        (run / left_out).write_bytes(b"large")
    (run / "training").mkdir()
    (run / "training" / "rft.jsonl").write_text('{"step": 1, "loss": 0.5}\n')
    record = pack(run, tmp_path / "results", alone=True)

    assert record == tmp_path / "results" / "rft-s0"
    sets = [f"question_sets/{path.stem}" for path in (run / "question_sets").iterdir()]
    assert len(sets) == 2
    assert contents(record).keys() == {
        "manifest.json.xz",
        "result.json.xz",
        "ledger.json.xz",
        "evaluation.json.xz",
        *(f"{name}.jsonl.xz" for name in sets),
        *(f"question_sets/{path.name}" for path in (record / "question_sets").glob("prompts-*.jsonl.xz")),
        "training.jsonl.xz",
        "journal.jsonl.xz",
    }
    for name in (*(f"{name}.jsonl" for name in sets), "training/rft.jsonl"):
        assert rows_of(record, name) == [json.loads(line) for line in (run / name).read_text().splitlines()]
    for phase in ("rft.sample", "evaluation.final"):
        rows = [json.loads(line) for line in (run / "journal" / f"{phase}.jsonl").read_text().splitlines()]
        assert list(RecordedJournal(record).whole_rows(phase)) == rows
    assert str(tmp_path).encode() not in b"".join(contents(record).values())
    assert read_result(record).folder == "rft-s0"
    assert journal_manifest(record) == journal_manifest(run) == read_manifest(run).journal


def test_packing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    run = write_record(tmp_path / "rft-s0")
    first = contents(pack(run, tmp_path / "one"))
    assert contents(pack(run, tmp_path / "one")) == first
    assert contents(pack(tmp_path / "one" / "rft-s0", tmp_path / "two")) == first
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["question_sets", "rft-s0"]
    assert contents(tmp_path / "one" / "question_sets") == contents(tmp_path / "two" / "question_sets")


def test_long_tables_are_compressed_and_read_as_before(tmp_path: Path) -> None:
    """Also those of a record that was packed when they were not."""
    run = write_record(tmp_path / "rft-s0")
    record = pack(run, tmp_path / "one")
    assert read_evaluation(record) == read_evaluation(run)
    assert record_digest(record) == record_digest(run)
    packed = contents(record)
    (record / "evaluation.json.xz").unlink()
    shutil.copy(run / "evaluation.json", record)
    shutil.copytree(tmp_path / "one" / "question_sets", record / "question_sets")
    assert contents(pack(record, tmp_path / "two")) == packed


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a complete xz file"),
        (b"[]", "not a complete xz file"),
        (lzma.compress(b"[]" * 99)[:-20], "not a complete xz file"),
        (lzma.compress(b"[]", format=lzma.FORMAT_ALONE), "not a complete xz file"),
        (lzma.compress(b"[]") + b"more", "has data after the end of its xz stream"),
        (lzma.compress(b"[]") + lzma.compress(b"[]"), "has data after the end of its xz stream"),
        (lzma.compress(b"["), "is not JSON"),
        (lzma.compress(b"\xff\xfe"), "is not JSON"),
        (lzma.compress(b"[NaN]"), "is not JSON"),
        (lzma.compress(b"[3]"), "0: "),
    ],
)
def test_a_damaged_table_is_refused_and_found(tmp_path: Path, content: bytes, message: str) -> None:
    record = pack(write_record(tmp_path / "rft-s0"), tmp_path / "out")
    (record / "evaluation.json.xz").write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_evaluation(record)
    assert message in says(check_record(record))
    done = finished(command("report", str(record)))
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_file_that_is_there_in_both_forms_is_found(tmp_path: Path) -> None:
    """One of them is not read, and could say anything."""
    run = write_record(tmp_path / "rft-s0")
    record = pack(run, tmp_path / "out")
    shutil.copy(run / "evaluation.json", record)
    assert "evaluation.json: exists both plain and compressed" in says(check_record(record))


def test_records_side_by_side_share_their_question_sets(tmp_path: Path) -> None:
    for seed in (0, 1):
        pack(write_record(tmp_path / f"rft-s{seed}", seed=seed), tmp_path / "out")
    assert len([path for path in (tmp_path / "out" / "question_sets").iterdir() if "prompts" not in path.name]) == 2
    record = tmp_path / "out" / "rft-s1"
    assert read_questions(record, read_manifest(record)) == read_questions(
        tmp_path / "rft-s0", read_manifest(tmp_path / "rft-s0")
    )
    shutil.rmtree(tmp_path / "out" / "question_sets")
    with pytest.raises(UserError, match=r"a question set of .* is missing: question_sets/"):
        read_questions(record, read_manifest(record))


def test_texts_are_left_out_where_token_ids_decode_to_them(tmp_path: Path, tokenizer: Any) -> None:
    """Of the first sample and its revision; a text that is not what its token ids decode to stays."""
    run = write_record(tmp_path / "rft-s0")
    said = ["7-0=7\n\\boxed{7}", "7-0=7\n\\boxed{8}"]
    rows = [json.loads(line) for line in (run / "journal" / "evaluation.final.jsonl").read_text().splitlines()[:2]]
    for row, text in zip(rows, said, strict=True):
        row |= {"text": text, "token_ids": tokenizer(text, add_special_tokens=False)["input_ids"]}
    rows[1]["token_ids"] = [1]
    again = [{**row, "phase": "evaluation.final.revision", "prefix": f"{row['text']}\n\nOnce more.\n\n"} for row in rows]
    journals = {"evaluation.final": rows, "evaluation.final.revision": again}

    def decode(ids: Any) -> str:
        return str(tokenizer.decode(list(ids), skip_special_tokens=True))

    short = without_texts(journals, decode)
    assert ["text" in row for row in short["evaluation.final"]] == [False, True]
    assert [row["continues"][2] for row in short["evaluation.final.revision"]] == ["\n\nOnce more.\n\n"] * 2
    texts = Texts(lambda phase: short[phase], lambda: decode)
    for phase, whole in journals.items():
        assert list(texts.restored(short[phase])) == [{**row, "prefix": row.get("prefix", "")} for row in whole]
        assert journal_digest(short[phase]) == journal_digest(whole)


def test_the_record_of_a_model_in_a_folder_of_ones_own_can_be_read_without_that_folder(tmp_path: Path) -> None:
    """Texts stay; of revisions, whose prefixes repeat them, only the phrase does."""
    model = tmp_path / "model"
    shutil.copytree(model_path("package:sdzero_bench.tasks/micro_world/slips"), model)
    run = write_revised_record(tmp_path / "rft-s0")
    manifest = read(run, "manifest.json")
    manifest["config"]["model"]["name"] = str(model)
    write(run, "manifest.json", manifest)
    record = pack(run, tmp_path / "results")
    shutil.rmtree(model)
    first, revised = (
        [list(RecordedJournal(folder).samples(phase)) for folder in (run, record)]
        for phase in ("evaluation.final", "evaluation.final.revision")
    )
    assert first[0] == first[1]
    assert revised[0] == revised[1]
    rows = list(RecordedJournal(record).rows("evaluation.final.revision"))
    assert all("prefix" not in row and row["continues"][2] == "\n\nOnce more." for row in rows)


@pytest.mark.parametrize(
    ("key", "broken"),
    [
        ("verdict", []),
        ("verdict", "ok"),
        ("verdict", {"reward": 1.0, "status": ["ok"], "answer": None, "detail": ""}),
        ("token_ids", [-1]),
        ("token_ids", [2**40]),
        ("token_ids", ["a"]),
        ("token_ids", 7),
        ("token_ids", None),
        ("text", 5),
        ("prefix", ["a"]),
        ("phase", 3),
        ("continues", 5),
        ("continues", [1, 2]),
        ("continues", {"a": 1}),
        ("continues", ["evaluation.final", "0", 5]),
        ("continues", [["x"], "0", "y"]),
        ("question_id", ["q"]),
    ],
)
def test_a_line_that_is_no_sample_is_a_finding_and_an_error_in_words(tmp_path: Path, key: str, broken: object) -> None:
    record = pack(write_record(tmp_path / "rft-s0"), tmp_path / "results", alone=True)
    journals = {phase: rows_of(record, f"journal/{phase}.jsonl") for phase in phases_in(record / "journal")}
    rows = journals["rft.sample"]
    rows[1] = {name: value for name, value in rows[1].items() if name != "text" or key not in ("token_ids", "text")} | {
        key: broken
    }
    packed_folder(record / "journal").write_bytes(pack_folder(journals))
    assert check_record(record).findings
    with pytest.raises(UserError):
        list(RecordedJournal(record).samples("rft.sample"))


def test_a_newer_run_replaces_its_record_and_a_broken_one_does_not(tmp_path: Path) -> None:
    run = write_record(tmp_path / "rft-s0", accuracy=0.3)
    before = contents(pack(run, tmp_path / "out"))
    write_record(tmp_path / "new" / "rft-s0", accuracy=0.9)
    with (tmp_path / "new" / "rft-s0" / "journal" / "rft.sample.jsonl").open("a") as file:
        file.write("{torn")
    with pytest.raises(UserError, match=r"rft.sample.jsonl', line 41: not JSON"):
        pack(tmp_path / "new" / "rft-s0", tmp_path / "out")
    assert contents(tmp_path / "out" / "rft-s0") == before
    write_record(tmp_path / "newer" / "rft-s0", accuracy=0.9)
    assert contents(pack(tmp_path / "newer" / "rft-s0", tmp_path / "out")) != before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["question_sets", "rft-s0"]


def test_what_cannot_become_a_record_is_refused(tmp_path: Path) -> None:
    running = write_record(tmp_path / "running", state="running")
    finished = write_record(tmp_path / "finished")
    (tmp_path / "out" / "finished").mkdir(parents=True)
    with pytest.raises(UserError, match="is not finished; resume it with"):
        pack(running, tmp_path / "out")
    with pytest.raises(UserError, match="exists and is not a record"):
        pack(finished, tmp_path / "out")
    with pytest.raises(UserError, match="into the run"):
        pack(finished, tmp_path)


def test_a_record_replaces_neither_an_unpacked_run_nor_the_record_of_another(tmp_path: Path) -> None:
    """Source and destination are easily swapped: a run has checkpoints that nothing brings back."""
    run = write_record(tmp_path / "runs" / "rft-s0", accuracy=0.3)
    (run / "checkpoints" / "rft").mkdir(parents=True)
    before = contents(run)
    record = pack(run, tmp_path / "records")
    with pytest.raises(UserError, match=r"'.*runs/rft-s0' exists and is an unpacked run; move it away"):
        pack(record, tmp_path / "runs")
    assert contents(run) == before
    packed = contents(record)
    srt = write_record(tmp_path / "srt-s0", "srt")
    srt.rename(tmp_path / "rft-s0")
    with pytest.raises(UserError, match="is the record of another run, rft-s0"):
        pack(tmp_path / "rft-s0", tmp_path / "records")
    assert contents(record) == packed


def test_the_digest_is_of_what_the_samples_say(tmp_path: Path) -> None:
    rows = sampled(40)
    digest = journal_digest(rows)
    assert journal_digest(random.Random(1).sample(rows, len(rows))) == digest
    assert journal_digest(read_lines(written(tmp_path, pack_lines(rows)))) == digest
    changed = {"index": "9", "seed": 1, "prompt_tokens": 13, "token_ids": [1], "finish": "length", "verdict": {}}
    changes = [{name: changed.get(name, "x")} for name in rows[0] if name != "text"]
    assert journal_digest([{**rows[0], "text": "x"}, *rows[1:]]) == digest
    assert journal_digest([{**rows[0], "text": "x"}, *rows[1:]], with_texts=True) != journal_digest(rows, with_texts=True)
    digests = {journal_digest([{**rows[0], **change}, *rows[1:]]) for change in changes}
    assert len(digests - {digest}) == len(changes)
    assert journal_digest(rows[1:]) != digest
    assert journal_digest([*rows, rows[0]]) != digest


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"not xz", "is not a complete xz file"),
        (lzma.compress(b'{"a": 1}\n' * 100)[:-20], "is not a complete xz file"),
        (lzma.compress(b'{"a": 1}\n{"a": \n'), "line 2: not JSON"),
        (lzma.compress(b'{"a": 1}\n[1]\n'), "line 2: not JSON"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, data: bytes, message: str) -> None:
    path = written(tmp_path, data)
    with pytest.raises(UserError, match=rf"rows.jsonl.xz'.*{message}"):
        list(read_lines(path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"does not exist, nor does"):
        list(read_lines(tmp_path / "none.jsonl"))


def test_the_command_packs_what_is_finished_where_it_lies(tmp_path: Path) -> None:
    """Tuning trials too: a tuned leaderboard can then be audited. What is packed already is not packed again."""
    write_record(tmp_path / "runs" / "rft-s0")
    write_record(tmp_path / "runs" / "tuning" / "rft" / "trial-0")
    write_record(tmp_path / "runs" / "rft-s1", state="running")
    out = tmp_path / "runs" / "packed"
    for _ in range(2):
        done = finished(command("pack", str(tmp_path / "runs"), "--out", str(out)), check=True)
        assert "2 records" in done.stdout
        assert "1 unfinished run skipped" in done.stdout
        assert [str(path.relative_to(out)) for path in run_folders(out)] == ["rft-s0", "tuning/rft/trial-0"]
        assert [path.parent.relative_to(out) for path in out.rglob("question_sets")] == [Path()]
        assert all(read_questions(path, read_manifest(path)).test for path in run_folders(out))


def _without_its_journal(run: Path) -> None:
    shutil.rmtree(run / "journal")


def _with_a_short_journal(run: Path) -> None:
    path = run / "journal" / "rft.sample.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:10]))


def _with_another_phase(run: Path) -> None:
    (run / "journal" / "more.jsonl").write_text('{"question_id": "q"}\n')


def _with_both_forms(run: Path) -> None:
    packed_folder(run / "journal").write_bytes(pack_folder({"rft.sample": []}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_without_its_journal, r"journal of evaluation.final in .* has 0 samples, and manifest.json says"),
        (_with_a_short_journal, r"journal of rft.sample in .* has 10 samples, and manifest.json says 40"),
        (_with_another_phase, r"journal of more in .* has 1 samples, and manifest.json says 0"),
        (_with_both_forms, r"journal' exists also as journal.jsonl.xz; remove one"),
    ],
)
def test_a_run_that_is_not_whole_replaces_no_record(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    run = write_record(tmp_path / "rft-s0")
    before = contents(pack(run, tmp_path / "out"))
    damage(run)
    with pytest.raises(UserError, match=message):
        pack(run, tmp_path / "out")
    assert contents(tmp_path / "out" / "rft-s0") == before


def test_a_record_finds_its_questions_however_deep_it_lies(tmp_path: Path) -> None:
    write_record(tmp_path / "runs" / "a" / "b" / "c" / "d" / "e" / "rft-s0")
    finished(command("pack", str(tmp_path / "runs"), "--out", str(tmp_path / "out")), check=True)
    (record,) = run_folders(tmp_path / "out")
    assert check_record(record).findings == []


def test_names_that_would_be_lost_or_misread(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a record cannot be called 'question_sets'"):
        pack(write_record(tmp_path / "question_sets"), tmp_path / "out", alone=True)
    run = write_record(tmp_path / "runs" / "x[" / "red]y[/red]")
    done = finished(command("pack", str(tmp_path / "runs"), "--out", str(tmp_path / "out")), check=True)
    assert str(run.relative_to(tmp_path / "runs")) in done.stdout


def test_packing_at_once_leaves_whole_files(tmp_path: Path) -> None:
    """Of two seeds, whose records share their files of questions and prompts."""
    runs = [write_record(tmp_path / f"rft-s{seed}", seed=seed) for seed in range(2)]
    with ThreadPoolExecutor() as pool:
        packed = list(pool.map(lambda run: pack(run, tmp_path / "out"), runs))
    assert [check_record(record).findings for record in packed] == [[], []]
    assert not list((tmp_path / "out").rglob("*.partial"))


@pytest.mark.parametrize("left", ["journal.jsonl.xz", "result.json.xz", "question_sets"])
def test_what_is_left_of_a_record_is_not_resumed(tmp_path: Path, left: str) -> None:
    record = pack(write_record(tmp_path / "rft-s0"), tmp_path / "out", alone=True)
    path = record / left
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(UserError, match="is a packed record"):
        resume_session(record, ProgressDisplay())


def test_a_journal_of_an_earlier_form_is_refused_in_words(tmp_path: Path) -> None:
    path = written(tmp_path, lzma.compress(b'{"seeds": {"run_seed": 0, "stream": "rft"}}\n{"a": 1}\n'))
    with pytest.raises(UserError, match=r"rows.jsonl.xz' was packed by an earlier version; pack its run again"):
        list(read_lines(path))


def test_a_file_that_holds_more_than_fits_into_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is held."""
    monkeypatch.setattr(compressed, "MOST", 1_000_000)
    with pytest.raises(UserError, match=r"holds 0.0 GB or more, a quarter of this machine"):
        list(read_lines(written(tmp_path, lzma.compress(b" " * 300_000_000, preset=0))))


def test_the_samples_of_a_policy_that_repeats_one_token_are_read(tmp_path: Path) -> None:
    """They shrink to a thousandth."""
    rows = [{"question_id": "q", "token_ids": [7] * 8192, "text": "!" * 8192}] * 1000
    data = pack_folder({"rft": rows})
    assert 1000 * len(data) < 1000 * 8192 * 2
    packed_folder(tmp_path / "journal").write_bytes(data)
    assert list(read_lines(tmp_path / "journal" / "rft.jsonl")) == rows


def test_one_run_is_packed_under_its_own_name(tmp_path: Path) -> None:
    run = write_record(tmp_path / "runs" / "rft-s0")
    finished(command("pack", str(run), "--out", str(tmp_path / "out")), check=True)
    assert run_folders(tmp_path / "out") == [tmp_path / "out" / "rft-s0"]
    finished(command("pack", str(run), "--out", str(tmp_path / "alone"), "--alone"), check=True)
    assert sorted(path.name for path in (tmp_path / "alone").iterdir()) == ["rft-s0"]
    assert check_record(tmp_path / "alone" / "rft-s0").findings == []


@pytest.mark.parametrize(("error", "refused"), [(errno.EACCES, True), (errno.ENOENT, False)])
def test_a_folder_that_cannot_be_listed_is_named_and_one_that_vanished_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int, refused: bool
) -> None:
    write_record(tmp_path / "rft-s0")
    (tmp_path / "other").mkdir()
    listing = os.scandir

    def scandir(path: str) -> Any:
        if Path(path).name == "other":
            raise OSError(error, os.strerror(error), path)
        return listing(path)

    monkeypatch.setattr(os, "scandir", scandir)
    if refused:
        with pytest.raises(UserError, match=r"cannot list '.*other': Permission denied"):
            run_folders(tmp_path)
    else:
        assert run_folders(tmp_path) == [tmp_path / "rft-s0"]


def test_records_may_lie_above_the_runs(tmp_path: Path) -> None:
    write_record(tmp_path / "runs" / "rft-s0")
    finished(command("pack", str(tmp_path / "runs"), "--out", str(tmp_path)), check=True)
    assert run_folders(tmp_path) == [tmp_path / "rft-s0", tmp_path / "runs" / "rft-s0"]


@pytest.mark.parametrize(("out", "message"), [("out", "there is no run below"), (".", "choose another folder")])
def test_there_is_nothing_to_pack(tmp_path: Path, out: str, message: str) -> None:
    arguments = command("pack", str(tmp_path), "--out", str(tmp_path / out))
    done = finished(arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
