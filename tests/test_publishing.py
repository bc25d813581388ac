"""What is published of a run: weights that load, a card whose figures are the record's, a record that validates elsewhere."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi, ModelCard
from small_runs import command, finished, run_json, small_run
from synthetic_records import write_record
from transformers import AutoModelForCausalLM, AutoTokenizer

from sdzero_bench.core.errors import UserError
from sdzero_bench.report.publishing import push, require_login, stage


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    result = run_json(small_run("rft", folder, "evaluation.revise=false"))
    return folder / result["run_id"]


def test_what_is_published_loads_says_what_was_measured_and_validates(run: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    done = finished(command("push", str(run), "--folder", str(there)), check=True)
    assert done.stdout.strip() == str(there)
    assert AutoModelForCausalLM.from_pretrained(there).num_parameters() == 918_912
    assert AutoTokenizer.from_pretrained(there).chat_template
    card, result = ModelCard.load(there / "README.md"), json.loads((run / "result.json").read_text())
    (figure,) = card.data.eval_results
    assert figure.metric_value == pytest.approx(100 * result["evaluation"][-1]["avg_at_k"], abs=0.01)
    assert figure.dataset_name == "micro-arith"
    assert card.data.base_model is None  # it is a directory of this package
    assert (run / "summary.md").read_text().strip() in card.text
    assert (there / "learning_curve.svg").is_file()
    moved = shutil.move(there / "record", tmp_path / "mailed")
    checked = finished(command("validate", str(moved)))
    assert checked.returncode == 0, checked.stdout
    assert "every figure follows" in checked.stdout


def test_the_hub_gets_the_folder_and_a_failure_says_how_to_go_on(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: dict[str, Any] = {}

    def upload(self: HfApi, *, repo_id: str, folder_path: Path, **_: Any) -> None:
        sent["to"], sent["files"] = repo_id, {str(p.relative_to(folder_path)) for p in folder_path.rglob("*")}

    monkeypatch.setattr(HfApi, "whoami", lambda self: {"name": "me"})
    monkeypatch.setattr(HfApi, "create_repo", lambda self, name, private, exist_ok: f"https://hub/{name}?private={private}")
    monkeypatch.setattr(HfApi, "upload_folder", upload)
    assert push(run, "me/policy", private=True) == "https://hub/me/policy?private=True"
    assert sent["to"] == "me/policy"
    assert {"README.md", "model.safetensors", "tokenizer.json", "record"} <= sent["files"]

    def full(self: HfApi, **_: Any) -> None:
        raise OSError("storage limit reached\nand more")

    monkeypatch.setattr(HfApi, "upload_folder", full)
    with pytest.raises(
        UserError, match=rf"storage limit reached; nothing is lost, retry with: sdzero-bench push {run} --to me/p"
    ):
        push(run, "me/policy", private=False)


def test_a_missing_login_is_said_before_the_run_begins(tmp_path: Path) -> None:
    environment = {"HF_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"}
    arguments = [*small_run("rft", tmp_path / "runs"), "--push-to-hub", "me/policy"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("log in with `hf auth login`, or set HF_TOKEN")
    assert not (tmp_path / "runs").exists()


def test_what_cannot_be_published_is_said(tmp_path: Path) -> None:
    record = write_record(tmp_path / "rft-s0")
    with pytest.raises(UserError, match="packed records do not include checkpoints"):
        stage(record, tmp_path / "a")
    with pytest.raises(UserError, match="trained nothing"):
        stage(write_record(tmp_path / "base-s0", method="base"), tmp_path / "b")
    with pytest.raises(UserError, match=r"is not finished; resume with: sdzero-bench run --resume"):
        stage(write_record(tmp_path / "cut-s0", state="running"), tmp_path / "c")


def test_a_hub_that_is_not_reached_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreached(self: HfApi) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(HfApi, "whoami", unreached)
    with pytest.raises(UserError, match="publish later with `sdzero-bench push`"):
        require_login()
