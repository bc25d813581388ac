"""Runs in shared storage: machines that share no folder go on with each other's runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from small_runs import SAVING, SMALL, command, finished
from test_sweep import finish, folder, start, sweep, wait_for

from sdzero_bench.core.errors import UserError
from sdzero_bench.runs.sweep.grid import Grid, PlannedRun
from sdzero_bench.runs.sweep.storage import INDEX, Storage


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_json", ".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize("url", ["memory://runs-{name}", "file://{name}"])
def test_a_folder_comes_back_as_it_was_sent(url: str, tmp_path: Path) -> None:
    storage = Storage(url.format(name=tmp_path / "stored"))
    here, there = tmp_path / "here", tmp_path / "there"
    write(here, manifest_json="{}", journal__p="1\n", checkpoints__a__weights="w", checkpoints__old__weights="o")
    write(here / "checkpoints" / ".b.partial", weights="half")
    (here / ".lock").touch()
    sent: dict = {}
    storage.send("run", here, sent)
    write(here, journal__p="1\n2\n")
    (here / "checkpoints/old/weights").unlink()
    storage.send("run", here, sent)
    write(there, leftover="of an earlier attempt")
    again = storage.fetch("run", there)
    assert {path.relative_to(there).as_posix(): path.read_text() for path in there.rglob("*") if path.is_file()} == {
        "manifest.json": "{}",
        "journal/p": "1\n2\n",
        "checkpoints/a/weights": "w",
    }
    assert again.keys() == sent.keys()
    assert storage.fetch("another", tmp_path / "none") == {}
    assert not (tmp_path / "none").exists()


def test_only_what_changed_is_sent_and_the_manifest_goes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage, here, order = Storage(f"file://{tmp_path}/stored"), tmp_path / "here", []
    put, pipe = storage._fs.put_file, storage._fs.pipe_file
    monkeypatch.setattr(storage._fs, "put_file", lambda a, b: (order.append(Path(b).name), put(a, b)))
    monkeypatch.setattr(storage._fs, "pipe_file", lambda a, b: (order.append(Path(a).name), pipe(a, b)))
    write(here, manifest_json="{}", result_json="{}", training__t="1", checkpoints__a__weights="w")
    sent: dict = {}
    storage.send("run", here, sent)
    assert order == ["weights", "result.json", "t", INDEX, "manifest.json"]
    order.clear()
    write(here, training__t="1\n2")
    storage.send("run", here, sent)
    assert order == ["t", INDEX]


def test_a_url_that_cannot_be_used_is_said() -> None:
    with pytest.raises(UserError, match=r"--storage 'nowhere://x' cannot be used: Protocol not known: nowhere"):
        Storage("nowhere://x")
    done = finished(command("sweep", "--methods", "rft", "--storage", "memory://x"))
    assert "--storage has no effect with --launcher local" in done.stderr


CARRY_OUT = """
import pickle, sys
from sdzero_bench.runs.sweep import remote_run as remote
remote.SEND_SECONDS = 0.2
run, out, url = pickle.load(open(sys.argv[1], "rb"))
print(remote.RemoteRun(out, url)(run).how)
"""


@pytest.mark.slow
def test_another_machine_goes_on_with_a_run_whose_machine_died(tmp_path: Path) -> None:
    """Each machine has a folder of its own; the second finds in storage what the first had drawn."""
    import pickle

    url, settings = f"file://{tmp_path}/stored", [*SMALL, SAVING, "method.epochs=2", "evaluation.revise=false"]

    def on_machine(name: str) -> tuple[PlannedRun, list[str]]:
        out = tmp_path / name
        (run,) = [r for r in Grid(["rft"], [None], [0], [], "micro", None, None, settings).runs(out) if "rft" in r.name]
        (tmp_path / f"{name}.plan").write_bytes(pickle.dumps((run, out, None if name == "whole" else url)))
        return run, [sys.executable, "-c", CARRY_OUT, str(tmp_path / f"{name}.plan")]

    first, command_of_first = on_machine("first")
    process = subprocess.Popen(command_of_first, start_new_session=True)
    stored = tmp_path / "stored" / first.name
    wait_for(lambda: (stored / INDEX).is_file() and "training/rft.jsonl" in (stored / INDEX).read_text())
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    second, command_of_second = on_machine("second")
    assert not second.folder.exists()
    assert subprocess.run(command_of_second, capture_output=True, text=True, check=True).stdout.strip() == "done"
    whole, command_of_whole = on_machine("whole")
    subprocess.run(command_of_whole, capture_output=True, check=True)
    manifest = json.loads((second.folder / "manifest.json").read_text())
    assert (manifest["state"], len(manifest["sessions"])) == ("finished", 2)
    assert (second.folder / "evaluation.json").read_bytes() == (whole.folder / "evaluation.json").read_bytes()
    assert (stored / "result.json").read_bytes() == (second.folder / "result.json").read_bytes()
    assert (stored / "checkpoints" / "rft" / "model.safetensors").is_file()


@pytest.mark.slow
def test_a_sweep_on_ray_leaves_its_runs_in_storage_and_another_machine_finds_them(tmp_path: Path) -> None:
    stored = ["--launcher", "ray", "--storage", f"file://{tmp_path}/stored"]
    assert "2 runs: 2 done" in finish(start(sweep(tmp_path / "here", *stored)))
    assert "2 runs: 2 done" in finish(start(sweep(tmp_path / "there", *stored)))
    here, there = (folder(tmp_path / name, "rft") for name in ("here", "there"))
    assert (here / "evaluation.json").read_bytes() == (there / "evaluation.json").read_bytes()
    assert not (there / "checkpoints").exists()
    done = finished(command("validate", str(tmp_path / "there")))
    assert done.returncode == 0, done.stdout
