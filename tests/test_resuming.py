"""Which settings a resumed run may change, and what its record says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_runs import command, finished, run_json

from sdzero_bench.core.dotted import flatten
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.record_files import read_manifest
from sdzero_bench.records.schema import QuestionFiles
from sdzero_bench.runs.config import MAY_CHANGE, resolve
from sdzero_bench.runs.resuming import resume_session
from sdzero_bench.runs.session import Session
from tools.torture.small_settings import FEW

ON_VLLM = ["engine.name=vllm", "engine.max_model_len=800"]


def begin(session: Session, folder: RunFolder) -> None:
    """What a run writes before its first sample."""
    files = QuestionFiles(train=None, test=folder.write_question_set(session.test_questions, with_details=False))
    folder.write_config(session.config)
    folder.start_session(session.manifest(folder, files), session.changed)


def resumed(path: Path, *assignments: str, file: Path | None = None) -> Session:
    session, folder = resume_session(path, ProgressDisplay(), file=file, assignments=assignments)
    begin(session, folder)
    return session


def test_a_limit_of_the_engine_may_be_raised_and_the_record_says_so(tmp_path: Path) -> None:
    begin(Session(resolve("base", assignments=ON_VLLM), ProgressDisplay()), RunFolder(tmp_path))
    resumed(tmp_path, "engine.max_model_len=1000", "verifying.workers=1")
    # The next session keeps them without being told, and changes nothing.
    assert resumed(tmp_path).config.engine.max_model_len == 1000
    manifest = read_manifest(tmp_path)
    assert [[(c.key, c.before, c.after) for c in session.changed] for session in manifest.sessions] == [
        [],
        [("engine.max_model_len", 800, 1000), ("verifying.workers", None, 1)],
        [],
    ]
    assert manifest.config.engine.max_model_len == 1000


def test_an_edited_config_file_may_change_the_same(tmp_path: Path) -> None:
    begin(Session(resolve("base", assignments=ON_VLLM), ProgressDisplay()), RunFolder(tmp_path))
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text().replace("max_model_len: 800", "max_model_len: 900"))
    assert [(c.key, c.after) for c in resumed(tmp_path).changed] == [("engine.max_model_len", 900)]


@pytest.mark.parametrize("change", ["evaluation.seed=3", "sampling.batch_size=3", "optimizer.micro_batch_size=1", "seed=2"])
def test_what_decides_samples_is_refused(tmp_path: Path, change: str) -> None:
    begin(Session(resolve("base", assignments=ON_VLLM), ProgressDisplay()), RunFolder(tmp_path))
    with pytest.raises(UserError, match=rf"{change.split('=')[0]} \(began with .* except for .*engine\.max_model_len"):
        resumed(tmp_path, change, "engine.max_model_len=1000")


def test_other_tests_of_the_same_questions_are_refused(tmp_path: Path) -> None:
    config = resolve("base", assignments=["questions.test=2"], task="micro-code")
    session = Session(config, ProgressDisplay())
    files = QuestionFiles(train=None, test=RunFolder(tmp_path).write_question_set(session.test_questions, with_details=True))
    RunFolder(tmp_path).start_session(session.manifest(RunFolder(tmp_path), files))
    resume_session(tmp_path, ProgressDisplay())
    manifest = tmp_path / "manifest.json"
    manifest.write_text(manifest.read_text().replace(files.test, f"{files.test[:16]}-00000000"))
    with pytest.raises(UserError, match=r"verified by, is not the one that .*manifest\.json"):
        resume_session(tmp_path, ProgressDisplay())


def test_other_gold_solutions_of_the_same_questions_are_refused(tmp_path: Path) -> None:
    """They are in no fingerprint, and a method that learns from them would go on with others."""
    rows = [{"question": f"{i} + {i} = ?", "answer": str(2 * i), "solution": f"It is {2 * i}."} for i in range(10, 40)]
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "runs"
    few = [part for text in (*FEW, "evaluation.revise=false", "questions.train=8") for part in ("--set", text)]
    run_json(command("run", "--method", "sft", "--task", f"file:{data}", "--out", str(out), "--json", *few))
    (folder,) = out.iterdir()
    again = command("run", "--resume", str(folder), "--json")
    assert finished(again).returncode == 0
    data.write_text(data.read_text().replace("It is", "It must be"))
    refused = finished(again)
    assert refused.returncode == 2
    assert "gold solutions that" in refused.stderr.splitlines()[-1]


def test_settings_that_may_change_exist() -> None:
    assert set(MAY_CHANGE) <= set(flatten(resolve("base").model_dump()))
