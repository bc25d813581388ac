"""A run's files are read as one typed record, whatever version wrote them, and its config.yaml starts it again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from record_edits import value
from small_runs import command, finished, small_run
from synthetic_records import write_record

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.folder import CONFIG, RunFolder
from sdzero_bench.records.migrations import MIGRATIONS, migrate
from sdzero_bench.records.own_digests import record_digest
from sdzero_bench.records.packed_lines import read_lines
from sdzero_bench.records.question_sets import read_questions
from sdzero_bench.records.record_files import format_of, read_evaluation, read_ledger, read_manifest, read_result
from sdzero_bench.records.recorded_journal import RecordedJournal, journal_digest
from sdzero_bench.records.schema import FORMAT_VERSION
from sdzero_bench.report.audit.audit import check_record
from sdzero_bench.runs.config import config_in, differing_settings, resolve, with_changes
from sdzero_bench.runs.plan.plan_check import compared, plan_of

OLD = Path(__file__).parent / "data" / "format_1"
"""A record of format 1, the first without engines, adapters, origin and sandbox in its manifest."""


def old_records() -> list[Path]:
    return sorted(path.parent for path in OLD.rglob("manifest.json"))


def test_a_committed_record_of_format_1_is_read_through_its_migration() -> None:
    assert old_records()
    for record in old_records():
        raw = json.loads((record / "manifest.json").read_text())
        assert "format_version" not in raw
        assert format_of(record) == 1
        manifest, result = read_manifest(record), read_result(record)
        assert manifest.format_version == FORMAT_VERSION
        assert manifest.question_files is None
        assert (manifest.origin, manifest.harness, manifest.left_out_tests) == (None, None, 0)
        assert result.ledger == read_ledger(record)
        assert [entry.avg_at_k for entry in result.evaluation] == [entry.avg_at_k for entry in read_evaluation(record)]
        questions = read_questions(record, manifest)
        assert len(questions.test) == result.evaluation[0].questions
        journal = RecordedJournal(record)
        for phase, said in (manifest.journal or {}).items():
            rows = list(journal.rows(phase))
            assert (said.samples, said.texts_sha256) == (len(rows), None)
            assert journal_digest(rows, with_texts=True) == said.sha256
        assert json.loads((record / "manifest.json").read_text()) == raw  # reading writes nothing


def test_each_format_has_one_migration_to_the_next() -> None:
    assert list(MIGRATIONS) == list(range(1, FORMAT_VERSION))


def test_a_record_of_a_later_version_is_refused_in_words(tmp_path: Path) -> None:
    record = write_record(tmp_path / "rft-s0")
    manifest = json.loads((record / "manifest.json").read_text())
    (record / "manifest.json").write_text(json.dumps({**manifest, "format_version": FORMAT_VERSION + 1}))
    with pytest.raises(UserError, match=r"has format 3, and this version reads up to 2; upgrade sdzero-bench"):
        read_manifest(record)
    assert "upgrade sdzero-bench" in str(check_record(record).findings[0])
    assert migrate({"manifest.json": manifest}, FORMAT_VERSION) == {"manifest.json": manifest}


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("manifest.json", "[]", "manifest.json': the whole file: input should be"),
        ("manifest.json", "{}", "manifest.json': run_id: field required"),
        ("ledger.json", '{"rft": {"samples": -1}}', r"ledger.json': rft.samples: input should be greater"),
        ("evaluation.json", '[{"policy": 3}]', r"evaluation.json': 0.questions: field required"),
        ("result.json", "{", "result.json' is not JSON"),
    ],
)
def test_a_damaged_file_is_one_line_with_its_name_and_key(tmp_path: Path, file: str, content: str, message: str) -> None:
    record = write_record(tmp_path / "rft-s0")
    (record / file).write_text(content)
    readers = {"manifest": read_manifest, "ledger": read_ledger, "evaluation": read_evaluation, "result": read_result}
    with pytest.raises(UserError, match=message):
        readers[file.partition(".")[0]](record)


@pytest.mark.parametrize(
    ("file", "keys", "new", "said"),
    [
        ("manifest.json", "run_id", "\ud800", "is not JSON"),
        ("manifest.json", "bench_version", "1" * 5000, "bench_version: string should match"),
        ("manifest.json", "question_files/test", "t" * 5000, "question_files.test: string should match"),
        ("manifest.json", "question_files/test", "../test", "question_files.test: string should match"),
        ("evaluation.json", "0/per_question/avg/test-0", 1e308, "avg.test-0: input should be less than or equal to 1"),
        ("evaluation.json", "0/per_question/avg", {}, "per_question.avg: dictionary should have at least 1 item"),
        ("evaluation.json", "0/mean_tokens", float("nan"), "is not JSON"),
    ],
)
def test_a_crafted_value_is_refused_by_every_reader(tmp_path: Path, file: str, keys: str, new: Any, said: str) -> None:
    record = write_record(tmp_path / "rft-s0")
    value(file, keys, new)(record)
    for reader in ("validate", "report"):
        done = finished(command(reader, str(record)))
        assert "Traceback" not in done.stderr
        assert done.returncode in (1, 2)
        assert said in done.stdout + done.stderr


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    record = write_record(tmp_path / "rft-s0")
    (record / "result.json").unlink()
    os.mkfifo(record / "result.json")
    with pytest.raises(UserError, match=r"result.json': it is not a file"):
        read_result(record)
    assert "result.json: cannot be read (it is not a file)" in str(check_record(record).findings[0])


def test_a_line_that_is_nested_too_deeply_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{}\n" + '{"a":' + "[" * 100_000 + "\n")
    with pytest.raises(UserError, match=r"a.jsonl', line 2: not JSON"):
        list(read_lines(tmp_path / "a.jsonl"))


def test_config_yaml_holds_every_setting_to_the_letter(tmp_path: Path) -> None:
    for preset in ("micro", "smol", "paper-qwen3-4b"):
        config = resolve("sdzero", preset, assignments=["questions.decontaminate=off", "optimizer.learning_rate=1e-6"])
        folder = RunFolder.create(tmp_path, preset)
        folder.write_config(config)
        assert config_in(folder.path / CONFIG) == config
        assert resolve(None, None, folder.path / CONFIG) == config
    assert config_in(tmp_path / "none.yaml") is None


def test_settings_that_differ_are_named() -> None:
    one = resolve("rft", seed=0)
    other = with_changes(one, None, ["seed=3", "method.samples=2", "evaluation.top_p=0.9"])
    assert differing_settings(one, other) == [("seed", 0, 3), ("method.samples", 4, 2), ("evaluation.top_p", 1.0, 0.9)]
    assert differing_settings(one, with_changes(one, None, ["seed=0"])) == []


@pytest.mark.slow
def test_a_run_starts_again_from_its_config_and_resumes_under_its_own_settings_alone(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return finished(command("run", *arguments))

    alone = subprocess.run(small_run("rft", tmp_path), capture_output=True, text=True, check=True)
    first = json.loads(alone.stdout)
    folder = Path(first["folder"])
    again = run("--config", str(folder / CONFIG), "--out", str(tmp_path / "again"), "--json")
    assert again.returncode == 0, again.stderr
    second = json.loads(again.stdout)
    assert (second["evaluation"], second["question_set"]) == (first["evaluation"], first["question_set"])
    # Its peak of memory was measured in a process of its own. What the plan adds to it is that of larger batches.
    (peak,) = (row for row in compared(*plan_of(folder)) if row.what == "bytes of memory at the peak")
    assert peak.planned == pytest.approx(peak.used, rel=0.4)

    refused = run("--resume", str(folder), "--seed", "7", "--set", "optimizer.learning_rate=0.5")
    assert refused.returncode == 2
    assert "seed (began with 0, given 7), optimizer.learning_rate (began with" in refused.stderr
    assert run("--resume", str(folder), "--seed", "0", "--json").returncode == 0

    settings = yaml.safe_load((folder / CONFIG).read_text())
    settings["evaluation"]["samples"] = 5
    (folder / CONFIG).write_text(yaml.safe_dump(settings))
    edited = run("--resume", str(folder))
    assert edited.returncode == 2
    assert (
        "config.yaml, held against manifest.json, has other settings than the run began with: evaluation.samples"
        in edited.stderr
    )
    shutil.rmtree(folder)


def test_a_record_with_a_line_that_is_no_sample_has_no_digest(tmp_path: Path) -> None:
    record = write_record(tmp_path / "run", questions=4, train=2, intervals=False)
    (record / "journal/rft.sample.jsonl").write_text("{}\n")
    with pytest.raises(UserError, match=r"rft\.sample\.jsonl' has a line that is not a sample \(it lacks 'question_id'\)"):
        record_digest(record)
