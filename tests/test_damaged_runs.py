"""A run whose files were damaged or edited: resuming it says which file, in one line, or has a good copy to go on with."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_runs import SAVING, command, finished, run_json, small_run
from transformers import TrainerControl, TrainerState, TrainingArguments

import sdzero_bench
from sdzero_bench.core.full_disk import means_full_disk
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.records.file_sums import damaged_file, sums_of
from sdzero_bench.records.folder import RunFolder, write_atomic
from sdzero_bench.records.journal import Journal, Sample
from sdzero_bench.testing.forked import Forked
from sdzero_bench.training import callbacks
from sdzero_bench.training.callbacks import (
    COMPLETE,
    KeepLastTwo,
    SaveByTime,
    checkpoint_folder,
    last_complete_checkpoint,
)

MICRO_MODEL = Path(sdzero_bench.__file__).parent / "tasks/micro_world/slips"

MANIFEST, LEDGER, CONFIG, LOG = "manifest.json", "ledger.json", "config.yaml", "training/rft.jsonl"
JOURNAL = "journal/rft.sample.jsonl"
LITTLE = ("task.train=8", "method.epochs=2", "evaluation.revise=false", "evaluation.base=false")

Damage = Callable[[Path], object]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed after its training."""
    out = tmp_path_factory.mktemp("begun")
    run_json(small_run("rft", out, *LITTLE))
    (folder,) = out.iterdir()
    return unfinished(folder)


def unfinished(folder: Path) -> Path:
    for name in ("result.json", "evaluation.json", "summary.md"):
        (folder / name).unlink()
    for path in folder.glob("journal/evaluation.*"):
        path.unlink()
    edited(MANIFEST, lambda manifest: manifest.update(state="running", journal=None))(folder)
    return folder


def resumed(begun: Path, folder: Path, *damages: Damage) -> str:
    """What resuming a damaged copy of the run ends with: its refusal in one line, or nothing if it came to its end."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(begun, folder)
    for damage in damages:
        damage(folder)
    done = finished(command("run", "--resume", str(folder), "--json"))
    assert "Traceback" not in done.stderr
    if done.returncode == 0:
        return ""
    assert (done.returncode, done.stdout) == (2, "")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("sdzero-bench: ")
    return last.removeprefix("sdzero-bench: ").replace(str(folder), "RUN")


def content(name: str, damaged: Callable[[bytes], bytes]) -> Damage:
    return lambda folder: (folder / name).write_bytes(damaged((folder / name).read_bytes()))


def edited(name: str, edit: Callable[[Any], object]) -> Damage:
    def damage(folder: Path) -> None:
        data = json.loads((folder / name).read_text())
        edit(data)
        (folder / name).write_text(json.dumps(data))

    return damage


def line(damaged: Callable[[bytes], bytes]) -> Damage:
    """The fourth line of the journal."""

    def damage(folder: Path) -> None:
        lines = (folder / JOURNAL).read_bytes().splitlines(keepends=True)
        lines[3] = damaged(lines[3])
        (folder / JOURNAL).write_bytes(b"".join(lines))

    return damage


def sample(**values: Any) -> Damage:
    return line(lambda old: json.dumps({**json.loads(old), **values}, ensure_ascii=False).encode() + b"\n")


def without(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        (lambda old: b"", "line 1 column 1"),
        (lambda old: old[: len(old) // 2], "is not JSON"),
        (lambda old: b"[]", "input should be a valid dictionary"),
        (lambda old: b"null", "input should be a valid dictionary"),
        (lambda old: b"\0" * 64 + b"\n", "is not JSON"),
        (lambda old: b"\xff\xfe" + old, "can't decode byte 0xff"),
        (lambda old: b"[" * 100_000, "recursion"),
    ],
)
@pytest.mark.parametrize("file", [MANIFEST, LEDGER])
def test_a_damaged_json_file(begun: Path, tmp_path: Path, file: str, damaged: Callable[[bytes], bytes], said: str) -> None:
    refusal = resumed(begun, tmp_path / "run", content(file, damaged))
    assert f"'RUN/{file}'" in refusal
    assert said in refusal
    assert "Nothing is lost" not in refusal


@pytest.mark.parametrize(
    ("file", "edit", "said"),
    [
        (MANIFEST, lambda m: m.pop("config"), "config: field required"),
        (MANIFEST, lambda m: m.update(format_version=-1), "format_version: input should be 2"),
        (MANIFEST, lambda m: m["config"]["task"].update(name=3), "task.name: input should be a name (given: 3)"),
        (MANIFEST, lambda m: m["config"].update(seed=5), "seed (began with 5, given 0)"),
        (LEDGER, lambda use: use["rft"].update(wall_seconds=-1.0), "rft.wall_seconds: input should be greater"),
        (LEDGER, lambda use: use["rft"].update(wall_seconds=float("nan")), "is not JSON: it has NaN"),
        (LEDGER, lambda use: use.update(grpo={}), "'grpo' is no phase of this run"),
        (LEDGER, lambda use: use.clear(), "lacks what 'rft' has used"),
    ],
)
def test_an_edited_json_file(begun: Path, tmp_path: Path, file: str, edit: Callable[[Any], object], said: str) -> None:
    sums = [without(".ledger.sums")] if file == LEDGER else []  # as if it came from before there were any
    assert said in resumed(begun, tmp_path / "run", edited(file, edit), *sums)


@pytest.mark.parametrize("file", [MANIFEST, CONFIG])
def test_settings_that_are_none_are_named_with_their_file(begun: Path, tmp_path: Path, file: str) -> None:
    refusal = resumed(begun, tmp_path / "run", content(file, lambda old: old.replace(b"rft", b"rfu")))
    assert refusal.startswith(f"'RUN/{file}': unknown method 'rfu'; did you mean 'rft'")


def test_an_edit_of_the_ledger_that_its_checksum_alone_knows(begun: Path, tmp_path: Path) -> None:
    refusal = resumed(begun, tmp_path / "run", edited(LEDGER, lambda use: use["rft"].update(backward_tokens=7)))
    assert refusal.startswith(f"'RUN/{LEDGER}' is damaged or was edited, as .ledger.sums says")
    before = edited(LEDGER, lambda use: use["rft"].update(wall_seconds=7.0))
    known = content(".ledger.sums", lambda old: b"00000000\n" + old)  # killed before the ledger that it announces was written
    assert resumed(begun, tmp_path / "again", known) == ""
    assert "is damaged" in resumed(begun, tmp_path / "both", known, before)


@pytest.mark.parametrize(
    ("damage", "number", "said"),
    [
        (content(JOURNAL, lambda old: b"{}\n"), 1, "not a sample (KeyError: 'token_ids')"),
        (content(JOURNAL, lambda old: old + b"\0" * 40 + b"\n"), 33, "not JSON"),
        (content(JOURNAL, lambda old: old.replace(b"\n", b"\r\n")), 1, "not as it was written"),
        (line(lambda old: old[: len(old) // 2] + b"\n"), 4, "not JSON"),
        (line(lambda old: b"null\n"), 4, "not a JSON object"),
        (line(lambda old: b"\n"), 4, "not JSON"),
        (line(lambda old: old * 2), 5, "is there twice"),
        (line(lambda old: old.replace(b'"finish": "stop"', b'"finish": "stopp"')), 4, "finish is 'stopp'"),
        (sample(token_ids=[7, 8, 9]), 4, "not as it was written"),
        (sample(verdict={"reward": 0.5, "status": "ok", "answer": None, "detail": ""}), 4, "the reward is 0.5"),
        (sample(question_id="nobody"), 4, "not as it was written"),
        (sample(index=7), 4, "index is not text"),
        (sample(phase="sft"), 4, "it is a sample of the phase 'sft'"),
        (sample(more=1), 4, "unexpected keyword argument 'more'"),
    ],
)
def test_a_damaged_line_of_a_journal(begun: Path, tmp_path: Path, damage: Damage, number: int, said: str) -> None:
    refusal = resumed(begun, tmp_path / "run", damage)
    assert refusal.startswith(f"'RUN/{JOURNAL}', line {number}: ")
    assert said in refusal


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (sample(question_id="nobody"), "line 4: sample nobody/"),
        (sample(seed=5), "was drawn with another seed, policy or prompt"),
        (sample(policy="final"), "was drawn with another seed, policy or prompt"),
        (sample(prefix="Well, "), "was drawn with another seed, policy or prompt"),
        (edited(MANIFEST, lambda m: m["config"].update(seed=5)), "was drawn with another seed, policy or prompt"),
    ],
)
def test_a_journal_without_checksums_is_held_against_the_run(begun: Path, tmp_path: Path, damage: Damage, said: str) -> None:
    """Such as one from before there were any, or a run whose seed was edited wherever it stands."""
    assert said in resumed(begun, tmp_path / "run", without(CONFIG), without("journal/rft.sample.crc"), damage)


@pytest.mark.parametrize(
    "verdict",
    [Verdict(1.0, answer="7"), Verdict(0.0), Verdict.refused("unreadable"), *map(Verdict.failed, ("timeout", "error"), "ab")],
)
def test_a_sample_with_any_verdict_is_read_again(tmp_path: Path, verdict: Verdict) -> None:
    drawn = Sample("rft.sample", "q", "0", 1, "base", "0" * 16, 3, (7, 8), "text", "stop", verdict, "engine 1")
    journal = Journal(tmp_path)
    journal.append([drawn])
    journal.close()
    assert Journal(tmp_path).phases["rft.sample"]["q/0"] == drawn


def test_a_stray_file_among_the_journals(begun: Path, tmp_path: Path) -> None:
    copied = resumed(begun, tmp_path / "run", lambda f: shutil.copy(f / JOURNAL, f / "journal/copy.jsonl"))
    assert copied.startswith("'RUN/journal/copy.jsonl', line 1: it is a sample of the phase 'rft.sample'")
    empty = resumed(begun, tmp_path / "run", lambda f: (f / "journal/sdpo.jsonl").write_text(""))
    assert "'RUN/journal/sdpo.jsonl' belongs to no phase of this run" in empty


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_damaged_policy_is_named_and_can_be_trained_again(begun: Path, tmp_path: Path, file: str) -> None:
    where = f"checkpoints/rft/{file}"
    refusal = resumed(begun, tmp_path / "run", content(where, lambda old: old[:-30] + bytes(30)))
    assert f"'RUN/{where}' is damaged or was edited" in refusal
    assert "delete 'RUN/checkpoints/rft' and resume" in refusal


def test_what_can_be_had_again_is_recovered(begun: Path, tmp_path: Path) -> None:
    """A torn line, lost samples and a deleted policy: drawn and trained again, they are the same."""
    whole = resumed(begun, tmp_path / "whole")
    torn = resumed(
        begun,
        tmp_path / "torn",
        content(JOURNAL, lambda old: old[: old.index(b"\n", len(old) // 2) + 40]),
        content("journal/rft.sample.crc", lambda old: old[:-100] + bytes(7)),
        lambda folder: shutil.rmtree(folder / "checkpoints/rft"),
    )
    assert (whole, torn) == ("", "")
    weights = "checkpoints/rft/model.safetensors"
    assert (tmp_path / "torn" / weights).read_bytes() == (begun / weights).read_bytes()
    for file in (JOURNAL, "journal/rft.sample.crc", "journal/evaluation.final.jsonl"):
        lines = [sorted((tmp_path / name / file).read_text().splitlines()) for name in ("whole", "torn")]
        assert lines[0] == lines[1], file


def test_a_damaged_training_log(begun: Path, tmp_path: Path) -> None:
    refusal = resumed(
        begun,
        tmp_path / "run",
        lambda folder: shutil.rmtree(folder / "checkpoints/rft"),
        content(LOG, lambda old: old.replace(b'{"step": 2', b'{"stop": 2')),
    )
    assert refusal.startswith(f"'RUN/{LOG}', line 2: not a step of training ('step')")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            content(LOG, lambda old: old.replace(b'"step": 2', b'"step": 3')),
            "line 2: not a step of training (it is not as it was",
        ),
        (content("training/rft.crc", lambda old: b"0" * 8 + old[8:]), "or rft.crc is not)"),
        (content(LOG, lambda old: old[: old.index(b"\n") + 1]), "has lost lines"),
        (without(LOG), "has lost lines, or is missing"),
    ],
)
def test_the_training_log_of_a_finished_policy_is_held_against_its_checksums(
    begun: Path, tmp_path: Path, damage: Damage, said: str
) -> None:
    refusal = resumed(begun, tmp_path / "run", damage)
    assert refusal.startswith(f"'RUN/{LOG}'")
    assert said in refusal


def test_steps_that_the_log_of_a_killed_training_has_lost_are_trained_again(tmp_path: Path) -> None:
    """What an on-policy phase has used is counted from the log."""
    settings = ("evaluation.revise=false", "evaluation.base=false", SAVING)
    whole = run_json(small_run("sdft", tmp_path / "whole", *settings))
    cut = tmp_path / "cut"
    process = Forked(small_run("sdft", cut, *settings)[len(command()) :], tmp_path / "said")
    assert process.wait_for(lambda: any(path.read_bytes().count(b"\n") > 1 for path in cut.glob("*/training/sdft.jsonl")))
    process.kill()
    (folder,) = cut.iterdir()
    content("training/sdft.jsonl", lambda old: old[: old.index(b"\n") + 9])(folder)
    again = run_json(command("run", "--resume", str(folder), "--json"))
    used = [{key: n for key, n in r["ledger"]["sdft"].items() if not key.endswith("seconds")} for r in (whole, again)]
    assert used[0] == used[1]
    assert again["evaluation"] == whole["evaluation"]


def test_training_goes_on_from_the_last_checkpoint_that_is_whole(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        folder = tmp_path / f"checkpoint-{step}"
        (folder / "rng").mkdir(parents=True)
        (folder / "rng/state.pth").write_bytes(bytes([step]) * 9)
        if step < 3:  # killed while it wrote the third
            (folder / COMPLETE).write_text(sums_of(folder))
    assert last_complete_checkpoint(tmp_path) == str(tmp_path / "checkpoint-2")
    assert last_complete_checkpoint(tmp_path, until=1) == str(tmp_path / "checkpoint-1")
    (tmp_path / "checkpoint-2/rng/state.pth").write_bytes(b"\1" * 9)
    assert last_complete_checkpoint(tmp_path) == str(tmp_path / "checkpoint-1")
    (tmp_path / "checkpoint-1/rng/state.pth").unlink()
    assert last_complete_checkpoint(tmp_path) is None


def test_what_a_killed_process_had_not_written_to_its_end_is_removed(tmp_path: Path) -> None:
    """By the next process that holds the folder."""
    left = [tmp_path / ".ledger.json.x1.partial", tmp_path / "training/.rft.jsonl.x2.partial"]
    kept = [tmp_path / "ledger.json", tmp_path / "checkpoints/.rft.sums"]
    for path in (*left, *kept):
        path.parent.mkdir(exist_ok=True)
        path.write_text("{")
    folder = RunFolder(tmp_path)
    folder.lock()
    assert [path.exists() for path in (*left, *kept)] == [False, False, True, True]


def test_states_of_a_trainer_whose_phase_is_done_are_removed(begun: Path, tmp_path: Path) -> None:
    """The process was killed as it removed them."""
    left = tmp_path / "run/checkpoints/.rft.trainer"
    assert resumed(begun, tmp_path / "run", lambda folder: (left / "checkpoint-3").mkdir(parents=True)) == ""
    assert not left.exists()


def test_a_write_that_is_cut_off_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomic(tmp_path / "ledger.json", "old")
    monkeypatch.setattr(os, "replace", lambda *names: os._exit(9))
    if (pid := os.fork()) == 0:
        write_atomic(tmp_path / "ledger.json", "new")
    os.waitpid(pid, 0)
    assert sorted(path.name for path in tmp_path.glob("ledger*")) == ["ledger.json"]
    assert (tmp_path / "ledger.json").read_text() == "old"
    assert len(list(tmp_path.glob(".ledger.json.*.partial"))) == 1


@pytest.mark.parametrize("sums", ["{", "[1]", "null", '"x"'])
def test_damaged_checksums_are_damage(tmp_path: Path, sums: str) -> None:
    (tmp_path / COMPLETE).write_text(sums)
    assert damaged_file(tmp_path, tmp_path / COMPLETE) == tmp_path / COMPLETE


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EFBIG, "File too large"), True),
        (OSError(errno.EACCES, "Permission denied"), False),
        (RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"), True),
        (RuntimeError("Error while serializing: I/O error: Disk quota exceeded (os error 122)"), True),
        (RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 41280 vs 41172"), True),
        (RuntimeError("PytorchStreamWriter failed writing file data/3: file write failed"), True),
        (RuntimeError("CUDA out of memory"), False),
        (ValueError("Is a directory (os error 21)"), False),
    ],
)
def test_a_full_disk_in_the_words_of_libraries(error: Exception, full: bool) -> None:
    assert means_full_disk(error) is full
    later = KeyError("partial")
    later.__context__ = error
    assert means_full_disk(later) is full


def unsound(folder: Path) -> Path:
    """The embedded model with a weight that is not a number."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(MICRO_MODEL, folder)
    weights = load_file(folder / "model.safetensors")
    next(iter(weights.values()))[:] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize(
    ("method", "said"),
    [("sft", "sft, step 1: loss is nan and grad_norm is nan; its batch is in"), ("rft", "probabilities that are not numbers")],
)
def test_figures_that_are_not_finite_end_a_run(tmp_path: Path, method: str, said: str) -> None:
    model = unsound(tmp_path / "model")
    done = finished(small_run(method, tmp_path / "runs", *LITTLE[:1], f"model.name={model}"))
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert said in last
    assert "resume" not in last, "the same step would end alike"
    if method == "sft":
        (kept,) = tmp_path.glob("runs/*/training/sft.step-1.json")
        assert len(json.loads(kept.read_text())["batch"]["input_ids"]) == 8


def test_a_run_that_was_moved_goes_on(begun: Path, tmp_path: Path) -> None:
    assert resumed(begun, tmp_path / "Läufe 1 – “neu”" / "run 2") == ""


@pytest.mark.parametrize(
    ("updates", "seconds_of_saving", "saved"),
    [
        (1, 0, [2, 4, 6, 8, 10]),  # every 600 seconds, where a step takes 300
        (4, 0, [4, 8]),
        (1, 30, [2, 7]),  # then so seldom that 30 seconds are 2 % of the time: every 1,500
    ],
)
def test_slow_steps_are_saved_by_time(updates: int, seconds_of_saving: float, saved: list[int], tmp_path: Path) -> None:
    now = 0.0
    args, control, state = TrainingArguments(str(tmp_path)), TrainerControl(), TrainerState()
    saving, found = SaveByTime(updates, clock=lambda: now), []
    saving.on_train_begin(args, state, control)
    for step in range(1, 11):
        state.global_step = step
        now += 300
        saving.on_step_end(args, state, control)
        if control.should_save:
            control.should_save = False
            found.append(step)
            now += seconds_of_saving
            saving.on_save(args, state, control)
    assert found == saved


def test_time_based_checkpoints_are_complete_and_between_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long before the fiftieth step."""
    steps: list[int] = []
    monkeypatch.setattr(callbacks, "SAVE_AFTER", 0.0)
    monkeypatch.setattr(callbacks, "SAVING_SHARE", math.inf)
    mark = KeepLastTwo.on_save

    def marked(self: KeepLastTwo, args: Any, state: TrainerState, control: Any, **kwargs: object) -> None:
        mark(self, args, state, control, **kwargs)
        steps.append(state.global_step)
        assert last_complete_checkpoint(Path(args.output_dir)) == str(checkpoint_folder(args, state))

    monkeypatch.setattr(KeepLastTwo, "on_save", marked)
    sdzero_bench.run("grpo", preset="tiny", out=tmp_path, quiet=True, **{"method.updates": 2})
    assert steps == list(range(2, steps[-1] + 1, 2))


@pytest.mark.parametrize(
    ("complete", "incomplete", "kept"),
    [
        ([2, 4], [], [4, 6]),
        ([4, 8, 10], [], [4, 6]),  # 8 and 10 are of a training that was begun again from 4
        ([2, 4], [5], [4, 6]),
        ([], [2, 4, 8], [6]),
        ([], [], [6]),
        ([2, 4, 10], [12], [4, 6]),
        ([9, 11], [5, 10, 100], [6]),
    ],
)
def test_the_last_two_checkpoints_are_kept_by_step_not_by_clock(
    complete: list[int], incomplete: list[int], kept: list[int], tmp_path: Path
) -> None:
    """Where the clock was set back, the newest folder looks older than the ones before it."""
    for step in (6, *complete, *incomplete):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "weights").write_text(f"of step {step}")
        if step in complete:
            (folder / callbacks.COMPLETE).write_text("")
    os.utime(tmp_path / "checkpoint-6", (0, 0))
    for name in ("006", "final", "٦"):  # a user's
        (tmp_path / f"checkpoint-{name}").mkdir()
    KeepLastTwo().on_save(TrainingArguments(str(tmp_path)), TrainerState(global_step=6), TrainerControl())
    assert {path.name for path in tmp_path.iterdir()} == {f"checkpoint-{name}" for name in (*kept, "006", "final", "٦")}
    assert last_complete_checkpoint(tmp_path) == str(tmp_path / "checkpoint-6")


def test_a_step_that_is_saved_again_is_complete(tmp_path: Path) -> None:
    """As after a resumption from below it."""
    folder = tmp_path / "checkpoint-6"
    folder.mkdir()
    for text in ("first", "again, and longer"):
        (folder / "weights").write_text(text)
        KeepLastTwo().on_save(TrainingArguments(str(tmp_path)), TrainerState(global_step=6), TrainerControl())
        assert last_complete_checkpoint(tmp_path) == str(folder)
