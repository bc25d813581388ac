"""Self-localisation of a run: which responses, against which reviser, what is written, and what an edit of it gives away."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from record_edits import says
from small_runs import command, run_json, small_run
from synthetic_records import write_record
from tiny import attempt, tiny_model

from sdzero_bench.methods.sdzero import SDZero, SDZeroOptions
from sdzero_bench.methods.srt import PHRASES
from sdzero_bench.records.folder import CONFIG
from sdzero_bench.records.packed_lines import read_lines
from sdzero_bench.records.packing import pack
from sdzero_bench.records.question_sets import read_questions
from sdzero_bench.records.reader import load_run
from sdzero_bench.records.record_files import parsed, read_manifest
from sdzero_bench.report.audit.audit import check_record
from sdzero_bench.report.leaderboard.conditions import conditions
from sdzero_bench.runs.config import validate
from sdzero_bench.runs.evaluation.localising import first_responses, students
from sdzero_bench.runs.registry import methods
from sdzero_bench.runs.sweep.grid import Grid, digest
from sdzero_bench.tasks.micro_arith import MicroArith
from sdzero_bench.training.token_kl import compare_tokens

COUNT = 8  # of 6 questions with 2 samples each


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of SD-Zero, with both of its policies looked at."""
    out = tmp_path_factory.mktemp("runs")
    settings = [
        f"evaluation.localise={COUNT}",
        "method.srt.phrases=code-qwen",
        "method.srt.epochs=1",
        "evaluation.revise=false",
    ]
    return Path(run_json(small_run("sdzero", out, *settings))["folder"])


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / finished.name))


# Which policies and responses


@pytest.mark.parametrize(
    ("measured", "looked_at"),
    [
        (["base", "srt", "final"], ["srt", "final"]),
        (["srt", "final"], ["srt", "final"]),
        (["base", "final"], ["final"]),
        (["base", "round1", "final"], ["final"]),
        (["base"], ["base"]),
    ],
)
def test_the_reviser_comes_first_and_is_a_student_too(measured: list[str], looked_at: list[str]) -> None:
    assert students(measured, "srt") == looked_at


def test_a_method_declares_its_reviser() -> None:
    for name, cls in methods().items():
        assert cls().reviser == {"srt": "srt", "sdzero": "srt"}.get(name)
    assert SDZero(SDZeroOptions(phases="distill")).reviser is None
    assert students(["base", "srt", "final"], None) == ["final"]


def test_each_question_has_its_turn_before_one_comes_twice() -> None:
    rewards = {"a/0": 1.0, "a/1": 0.0, "b/0": None, "b/1": 1.0, "c/0": 0.0, "c/1": None}
    samples = {key: attempt(key[0], [5], reward).sample for key, reward in rewards.items()}
    samples = {key: sample.__class__(**{**vars(sample), "index": key[2]}) for key, sample in samples.items()}
    for count, keys, unverified in (
        (2, ["a/0", "c/0"], 1),
        (3, ["a/0", "c/0", "a/1"], 1),
        (9, ["a/0", "c/0", "a/1", "b/1"], 2),
    ):
        chosen = first_responses("abc", samples, 2, count)
        assert ([s.key for s in chosen.samples], chosen.unverified) == (keys, unverified)


def test_the_phrases_are_those_that_the_method_trained_with() -> None:
    own = SDZero(SDZeroOptions.model_validate({"srt": {"phrases": "code-olmo"}}))
    assert own.phrases == PHRASES["code-olmo"] != SDZero().phrases


# What is computed


@pytest.mark.parametrize("at_once", [1, 3, 4, 100])
def test_divergence_and_reward_do_not_depend_on_how_many_tokens_are_read_at_once(tokenizer: Any, at_once: int) -> None:
    student, teacher = tiny_model(tokenizer, 1).eval(), tiny_model(tokenizer, 2).eval()
    context, other, ids = [5, 6, 7], [5, 6, 8, 9, 10], [20, 21, 22, 23, 24, 25, 26, 27]
    kl, reward = compare_tokens(student, teacher, context, other, ids, at_once)
    for position, token in enumerate(ids):  # each token by itself, from the start
        with torch.no_grad():
            p = student(torch.tensor([context + ids[:position]])).logits[0, -1].softmax(-1)
            q = teacher(torch.tensor([other + ids[:position]])).logits[0, -1].softmax(-1)
        assert float(kl[position]) == pytest.approx(float((p * (p / q).log()).sum()), abs=1e-5)
        assert float(reward[position]) == pytest.approx(float((p[token] / q[token]).log()), abs=1e-5)


def test_every_value_of_a_run_follows_from_its_checkpoints(finished: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    found = json.loads((finished / "localisation.json").read_text())
    assert (found["reviser"], found["phrases"]) == ("srt", PHRASES["code-qwen"].model_dump())
    assert [row["policy"] for row in found["responses"]] == ["srt"] * COUNT + ["final"] * COUNT
    questions = read_questions(finished, read_manifest(finished)).test
    order = [(q.id, index) for index in ("0", "1") for q in questions][:COUNT]
    assert [(row["question_id"], row["index"]) for row in found["responses"]] == order * 2
    tokenizer: Any = AutoTokenizer.from_pretrained(finished / "checkpoints" / "srt")
    models = {n: AutoModelForCausalLM.from_pretrained(finished / "checkpoints" / n) for n in ("srt", "distill")}
    chats = {q.id: MicroArith().prompt(q) for q in MicroArith().load("test")}
    for row in found["responses"]:
        journal = read_lines(finished / "journal" / f"evaluation.{row['policy']}.jsonl")
        sample = next(s for s in journal if (s["question_id"], s["index"]) == (row["question_id"], row["index"]))
        assert (row["right"], row["tokens"]) == (sample["verdict"]["reward"] == 1.0, len(sample["token_ids"]))
        x = tokenizer.apply_chat_template(chats[row["question_id"]], add_generation_prompt=True, return_dict=False)
        y = sample["token_ids"]
        phrase = "Let me rephrase the above solution." if row["right"] else "Wait, this response is wrong. Let me correct it."
        body = y[:-1] if y[-1] == tokenizer.eos_token_id else y
        before = [*x, *body, *tokenizer(f"\n\n{phrase}\n\n", add_special_tokens=False)["input_ids"]]
        student = models["srt" if row["policy"] == "srt" else "distill"]
        with torch.no_grad():
            log_p = student(torch.tensor([x + y])).logits[0, len(x) - 1 : -1].log_softmax(-1)
            log_q = models["srt"](torch.tensor([before + y])).logits[0, len(before) - 1 : -1].log_softmax(-1)
        kl = (log_p.exp() * (log_p - log_q)).sum(-1)
        reward = (log_p - log_q)[range(len(y)), y]
        assert row["kl"] == pytest.approx(kl.tolist(), abs=2e-5)
        assert row["reward"] == pytest.approx(reward.tolist(), abs=2e-5)
        assert row["kl"] == [round(value, 6) for value in row["kl"]]


# What becomes of the file


def test_a_resumed_run_measures_it_again(run: Path) -> None:
    before = (run / "localisation.json").read_bytes()
    for name in ("localisation.json", "result.json"):
        (run / name).unlink()
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**manifest, "state": "running"}))
    run_json(command("run", "--resume", str(run), "--json"))
    assert (run / "localisation.json").read_bytes() == before


def test_a_packed_record_has_it_and_is_valid(run: Path, tmp_path: Path) -> None:
    record = pack(run, tmp_path / "records")
    packed, whole = (parsed(folder / "localisation.json") for folder in (record, run))
    assert packed == whole
    assert not (record / "checkpoints").exists()
    assert says(check_record(run)) == says(check_record(record)) == ""


def edited(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        content = json.loads((folder / "localisation.json").read_text())
        change(content)
        (folder / "localisation.json").write_text(json.dumps(content))

    return edit


@pytest.mark.parametrize(
    ("edit", "finding"),
    [
        (lambda folder: (folder / "localisation.json").unlink(), "localisation.json: is missing"),
        (lambda folder: (folder / "localisation.json").write_text("{"), "localisation.json: is not JSON"),
        (edited(lambda c: c["responses"].pop()), "responses of final.7: recorded nothing, the journal has"),
        (edited(lambda c: c["responses"].insert(0, c["responses"][1])), "the journal has"),
        (edited(lambda c: c["responses"][3].update(right=not c["responses"][3]["right"])), "responses of srt.3.right"),
        (edited(lambda c: c["responses"][3]["kl"].pop()), "responses.3: has"),
        (edited(lambda c: [c["responses"][3][n].pop() for n in ("kl", "reward")]), "responses.3: has"),
        (edited(lambda c: c["responses"][0]["kl"].__setitem__(0, -0.1)), "greater than or equal to 0"),
        (edited(lambda c: c["responses"][0]["kl"].__setitem__(0, float("nan"))), "is not JSON (it has NaN)"),
        (edited(lambda c: c["responses"][0]["reward"].__setitem__(0, float("inf"))), "is not JSON (it has Infinity)"),
        (edited(lambda c: c["responses"][0].update(policy="base")), "has responses of 'base'"),
        (edited(lambda c: c.update(reviser="final")), 'reviser: recorded "final", evaluation.json has "srt"'),
        (edited(lambda c: c["phrases"].update(wrong="Oh.")), "phrases.wrong"),
        (edited(lambda c: c["unverified"].update(srt=1)), "unverified.srt: recorded 1, the journal has 0"),
    ],
)
def test_an_edit_is_found(run: Path, edit: Callable[[Path], object], finding: str) -> None:
    edit(run)
    assert finding in says(check_record(run))


def without_the_setting(run: Path) -> None:
    """The manifest as it was written before the setting existed."""
    manifest = json.loads((run / "manifest.json").read_text())
    del manifest["config"]["evaluation"]["localise"], manifest["digests"]
    (run / CONFIG).unlink(missing_ok=True)  # neither it nor digests were written then
    (run / "manifest.json").write_text(json.dumps(manifest))


def test_a_record_from_before_there_was_the_setting_is_valid(run: Path) -> None:
    without_the_setting(run)
    assert "exists, though config.evaluation.localise is 0" in says(check_record(run))
    (run / "localisation.json").unlink()
    assert says(check_record(run)) == ""


def test_rankings_do_not_ask_whether_it_was_measured(run: Path) -> None:
    before = conditions(load_run(run))
    without_the_setting(run)
    assert conditions(load_run(run)) == before


def test_a_sweep_finds_its_runs_from_before_there_was_the_setting(tmp_path: Path) -> None:
    planned = Grid(["rft"], [None], [0]).runs(tmp_path)[1]
    old = planned.config.model_dump(mode="json")
    del old["evaluation"]["localise"]
    as_it_was = SimpleNamespace(model_dump=lambda **options: {k: v for k, v in old.items() if k != "seed"})
    assert planned.folder.name.endswith(digest(as_it_was))  # type: ignore[arg-type]
    manifest = json.loads((write_record(planned.folder) / "manifest.json").read_text())
    (planned.folder / "manifest.json").write_text(json.dumps({**manifest, "config": old}))
    assert planned.is_finished()
    asked = Grid(["rft"], [None], [0], assignments=["evaluation.localise=3"]).runs(tmp_path)[1]
    assert asked.folder != planned.folder
    assert validate(old) == planned.config
