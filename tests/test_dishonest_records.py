"""Edits of a real run after which everything that follows from its journals is made to follow again: found, and named."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from record_edits import every, lines, questions, read, replaced, row, says, value, with_details, write
from small_runs import command, finished, run_json, small_run

from sdzero_bench.core.completion import sample_seed
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.journal import Journal
from sdzero_bench.records.ledger import Ledger
from sdzero_bench.records.measured import PolicyEvaluation, PolicyFigures
from sdzero_bench.records.own_digests import file_digests, policy_digest, with_own_digest
from sdzero_bench.records.packing import pack
from sdzero_bench.records.record_files import read_ledger, read_manifest, read_result
from sdzero_bench.records.recorded_journal import journal_manifest
from sdzero_bench.report.audit import check_digests, check_together
from sdzero_bench.report.audit.at_hand import model_folder
from sdzero_bench.report.audit.audit import check_record, check_records, open_record
from sdzero_bench.report.audit.redraw import redraw
from sdzero_bench.report.audit.thorough import check_thoroughly
from sdzero_bench.report.leaderboard.report_files import Report
from sdzero_bench.runs.evaluation.measures import measure, measure_revision, paired_difference
from sdzero_bench.runs.write_up.summary import markdown_summary

FINAL, TRAINING = "journal/evaluation.final.jsonl", "journal/rft.sample.jsonl"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    result = run_json(small_run("rft", tmp_path_factory.mktemp("runs")))
    return Path(result["folder"])


@pytest.fixture
def record(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / original.name))


def remade(folder: Path) -> None:
    """Everything that follows from the journals, with the project's own functions: what a careful forger does."""
    for sums in (folder / "journal").glob("*.crc"):
        sums.unlink()  # they are made anew
    run, journal = RunFolder(folder), Journal(folder / "journal").phases
    result, manifest = read_result(folder), read_manifest(folder)
    budget = result.budget.model_copy(update={"question_set": manifest.question_set})
    ledger = Ledger.recount(budget, journal, read_ledger(folder)).phases
    order = [json.loads(line)["id"] for line in (folder / questions("test")(folder)).read_text().splitlines()]
    entries: list[PolicyEvaluation] = []
    for label in ("base", "final"):
        first = sorted(journal[f"evaluation.{label}"].values(), key=lambda s: (order.index(s.question_id), int(s.index)))
        revised = journal.get(f"evaluation.{label}.revision")
        revision = measure_revision(first, [revised[s.key] for s in first]) if revised else None
        figures = dict(measure(first, manifest.config.evaluation.pass_at))
        entries.append(PolicyEvaluation(policy=label, checkpoint=first[0].policy, revision=revision, **figures))
    entries[1].over_base = paired_difference(entries[0].per_question.avg, entries[1].per_question.avg)
    repeated = {
        "seed": manifest.config.seed,
        "supervision": manifest.supervision,
        "tuning": manifest.tuning,
        "question_set": manifest.question_set,
        "test_set": manifest.test_set,
    }
    measured = [PolicyFigures(**dict(entry)) for entry in entries]
    made = result.model_copy(update={**repeated, "budget": budget, "ledger": ledger, "evaluation": measured})
    run.write("ledger.json", ledger)
    run.write("evaluation.json", entries)
    run.write("result.json", made)
    run.write_config(manifest.config)
    markdown_summary(run, made)
    again(folder)


def again(folder: Path) -> None:
    """The digests of everything."""
    manifest = read_manifest(folder)
    assert manifest.digests is not None
    checkpoints = {path.name: policy_digest(path) for path in RunFolder(folder).finished_checkpoints}
    digests = manifest.digests.model_copy(update={"files": file_digests(folder), "checkpoints": checkpoints})
    changed = {"journal": journal_manifest(folder), "digests": digests}
    RunFolder(folder).write("manifest.json", with_own_digest(manifest.model_copy(update=changed)))


def test_what_the_forger_makes_of_an_honest_run_passes(record: Path) -> None:
    remade(record)
    report = check_record(record)
    assert says(report) == ""
    assert report.notes == []


def test_another_base_model_is_noted_and_another_model_card_is_not(
    record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = shutil.copytree(model_folder(read_manifest(record).config.model.name), tmp_path / "model")
    monkeypatch.setattr(check_digests, "model_folder", lambda name: model)
    (model / "README.md").write_text("# Another card")
    assert check_record(record).notes == []
    with (model / "config.json").open("a") as file:
        file.write("\n")
    (note,) = check_record(record).notes
    assert "here is not the model that the run began with" in note


OF_WHAT_IS_RANKED = {
    "evaluation.json": value("evaluation.json", "0/avg_at_k", 0.99),
    "result.json": value("result.json", "evaluation/0/avg_at_k", 0.99),
    "manifest.json": value("manifest.json", "config/optimizer/learning_rate", 0.5),
}


@pytest.mark.parametrize("file", OF_WHAT_IS_RANKED)
def test_a_run_whose_figures_were_changed_is_not_ranked(record: Path, original: Path, tmp_path: Path, file: str) -> None:
    OF_WHAT_IS_RANKED[file](record)
    with pytest.raises(UserError, match=f"{file} of .*changed after the run had ended; see: .* validate .*{record.name}"):
        Report(record)
    again = shutil.copytree(original, tmp_path / "again")
    text = Report(tmp_path).text("md")["README.md"]
    assert f"{record.parent.name}/{record.name} is not ranked, since it was changed after the run had ended ({file})" in text
    assert f"{again.name} is not ranked" not in text
    pack(again, tmp_path / "packed")
    Report(tmp_path / "packed")


@pytest.mark.parametrize("file", ["curve.json", "localisation.json"])
def test_a_run_with_a_file_of_figures_that_it_did_not_write_is_not_ranked(record: Path, file: str) -> None:
    write(record, file, {})
    with pytest.raises(UserError, match=f"{file} of .*changed after the run had ended"):
        Report(record)


def better_text(row: Any) -> None:
    row.update(text=row["text"].replace("boxed{", "boxed{0"))


def another_seed(folder: Path, seed: int = 7) -> None:
    """Seed 0 as seed 7."""
    value("manifest.json", "config/seed", seed)(folder)


def another_seed_throughout(folder: Path, seed: int = 7) -> None:
    another_seed(folder, seed)
    every(TRAINING, lambda row: row.update(seed=sample_seed(seed, "rft.sample", row["question_id"], row["index"])))(folder)


def wrong_ones_deleted(folder: Path) -> None:
    lines(TRAINING, lambda rows: rows.__setitem__(slice(None), [row for row in rows if row["verdict"]["reward"] == 1]))(folder)


def questions_deleted(folder: Path) -> None:
    """All samples of the questions that have a wrong one."""

    def change(rows: list[Any]) -> None:
        wrong = {row["question_id"] for row in rows if row["verdict"]["reward"] != 1}
        rows[:] = [row for row in rows if row["question_id"] not in wrong]

    lines(TRAINING, change)(folder)


def measured_as(policy: str) -> Callable[[Path], None]:
    """The final policy's journals, as those of another run's policy are."""

    def edit(folder: Path) -> None:
        for name in (FINAL, "journal/evaluation.final.revision.jsonl"):
            every(name, lambda row: row.update(policy=policy))(folder)

    return edit


def other_test_questions(folder: Path) -> None:
    """Without the last question, in every file."""
    rows = [json.loads(line) for line in (folder / questions("test")(folder)).read_text().splitlines()]
    gone = rows.pop()["id"]
    for label in ("base", "final"):
        for more in ("", ".revision"):
            name = f"journal/evaluation.{label}{more}.jsonl"
            lines(name, lambda rows: rows.__setitem__(slice(None), [r for r in rows if r["question_id"] != gone]))(folder)
    with_test_questions(folder, rows)


def with_test_questions(folder: Path, rows: list[Any]) -> None:
    run, manifest = RunFolder(folder), read_manifest(folder)
    test = QuestionSet("test", tuple(Question(r["id"], r["text"], r["answer"]) for r in rows))
    assert manifest.question_files is not None
    files = manifest.question_files.model_copy(update={"test": run.write_question_set(test, with_details=False)})
    run.write("manifest.json", manifest.model_copy(update={"test_set": test.fingerprint, "question_files": files}))


def answers_of_the_policy(folder: Path) -> None:
    """The gold answer of each test question is what a wrong sample says, by a version that nobody has."""
    samples = [json.loads(line) for line in (folder / FINAL).read_text().splitlines()]
    given = {s["question_id"]: s["verdict"]["answer"] for s in samples if s["verdict"]["reward"] == 0}
    assert any(given.values())
    rows = [json.loads(line) for line in (folder / questions("test")(folder)).read_text().splitlines()]
    with_test_questions(folder, [{**row, "answer": given.get(row["id"]) or row["answer"]} for row in rows])
    value("manifest.json", "versions/numpy", "0.1")(folder)


def cut_short(sample: Any) -> None:
    """To its first token, with the text of that."""
    sample.update(token_ids=sample["token_ids"][:1], text=sample["text"][:1], finish="stop")


def spaces_by_another_version(folder: Path) -> None:
    """White space inside of words, by a version of the library that decodes which nobody has here."""
    every(FINAL, lambda row: row.update(text=row["text"].replace("boxed", "box ed")))(folder)
    value("manifest.json", "versions/transformers", "4.0.0")(folder)


def tuned(folder: Path) -> None:
    """Settings that were chosen, though another trial was better."""
    trials = [
        {"values": {"optimizer.learning_rate": rate}, "avg_at_k": avg, "run_id": f"t{avg}", "samples": 160}
        for rate, avg in ((1e-5, 0.9), (read(folder, "manifest.json")["config"]["optimizer"]["learning_rate"], 0.5))
    ]
    grid = {"optimizer.learning_rate": [trial["values"]["optimizer.learning_rate"] for trial in trials]}
    tuning = {"grid": grid, "split": "validation", "trials": trials, "chosen": trials[1]["values"]}
    value("manifest.json", "tuning", tuning)(folder)


def setting(key: str, new: Any) -> Callable[[Path], object]:
    return value("manifest.json", f"config/{key}", new)


EDITS: dict[str, tuple[Callable[[Path], object], str]] = {
    "texts whose token ids stay": (every(FINAL, better_text), f"{FINAL}: 12 texts are not what their token ids say"),
    "training texts": (every(TRAINING, better_text), f"{TRAINING}: 64 texts are not what their token ids say"),
    "a seed cloned": (another_seed, f"{TRAINING}: 64 seeds do not follow from the settings"),
    "another evaluation seed": (setting("evaluation/seed", 3), f"{FINAL}: 12 seeds do not follow from the settings"),
    "white space, by another version": (spaces_by_another_version, f"{FINAL}: 12 texts are not what their token ids say"),
    "samples cut short": (every(FINAL, cut_short), f"{FINAL}: 12 samples finished without a token that ends a turn"),
    "samples that go on": (
        every(FINAL, lambda row: row.update(token_ids=row["token_ids"] + row["token_ids"][-1:])),
        f"{FINAL}: 12 samples continued after a token that ends a turn",
    ),
    "another engine": (every(FINAL, lambda row: row.update(engine="vllm 0.9")), f"{FINAL}: 12 samples are of another engine"),
    "details of the questions": (
        lambda folder: with_details(folder, lambda id_: {"tests": [id_]}),
        "manifest.json: question_files.train: recorded",
    ),
    "a sample's seed": (lines(FINAL, lambda rows: rows[2].update(seed=5)), f"{FINAL}: 1 seed does not follow"),
    "prompts": (
        every(TRAINING, lambda row: row.update(prompt_sha256="0" * 16)),
        f"{TRAINING}: 64 prompts do not follow from the settings",
    ),
    "a prompt's length": (
        lines(FINAL, lambda rows: rows[2].update(prompt_tokens=5)),
        f"{FINAL}: 1 prompt does not follow from the settings",
    ),
    "wrong training samples deleted": (wrong_ones_deleted, f"{TRAINING}: lacks "),
    "hard training questions deleted": (questions_deleted, f"{TRAINING}: lacks "),
    "a policy of another run": (measured_as("sdzero"), 'evaluation.json: final.checkpoint: recorded "sdzero"'),
    "training samples of a better policy": (
        every(TRAINING, lambda row: row.update(policy="rft")),
        f"{TRAINING}: 64 policies do not follow from the settings",
    ),
    "gold answers, by another version": (answers_of_the_policy, "question_sets: test: "),
    "a smaller test set": (other_test_questions, "question_sets: test_set: recorded"),
    "fewer epochs": (setting("method/epochs", 1), "ledger.json: rft.backward_tokens: recorded"),
    "fewer samples kept": (setting("method/keep", "one"), "ledger.json: rft.backward_tokens: recorded"),
    "another learning rate": (setting("optimizer/learning_rate", 1e-5), "training/rft.jsonl: highest learning rate"),
    "another batch size": (setting("optimizer/batch_size", 16), "training/rft.jsonl: steps: recorded"),
    "more samples planned": (setting("method/samples", 3), f"{TRAINING}: has 64 samples, and 48 were planned"),
    "supervision": (
        value("manifest.json", "supervision", "gold solutions"),
        'manifest.json: supervision: recorded "gold solutions", the method has "verifier rewards"',
    ),
    "what decontamination removed": (
        value(
            "manifest.json",
            "decontamination/removed",
            [{"train": "train-99", "test": "test-0", "kind": "exact", "passage": "1 + 1"}],
        ),
        "manifest.json: decontamination.removed.0: the passage is not in the test question 'test-0'",
    ),
    "decontamination's rule": (value("manifest.json", "decontamination/rule", "none"), "manifest.json: decontamination.rule"),
    "a tuning choice": (tuned, "manifest.json: tuning.chosen.optimizer.learning_rate: recorded"),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_consistent_edit_is_found_and_named(record: Path, name: str) -> None:
    edit, expected = EDITS[name]
    edit(record)
    remade(record)
    report = check_record(record)
    assert any(str(finding).startswith(expected) for finding in report.findings), (says(report), report.notes)
    assert "could not be finished" not in says(report)
    assert [str(f) for f in check_record(pack(record, record.parent / "packed")).findings] == [str(f) for f in report.findings]


def test_a_figure_in_the_summary(record: Path) -> None:
    average = f"{100 * read(record, 'evaluation.json')[1]['avg_at_k']:.1f} ["
    replaced("summary.md", f"final | {average}", "final | 99.9 [")(record)
    assert "summary.md: is not as the run wrote it" in says(check_record(record))
    again(record)
    assert "summary.md: numbers.final: recorded" in says(check_record(record))


def test_settings_in_the_other_file(record: Path) -> None:
    replaced("config.yaml", "epochs: 3", "epochs: 2")(record)
    again(record)
    assert "config.yaml: config.method.epochs: recorded 2" in says(check_record(record))


def test_two_seeds_with_the_same_measurement(record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_together, "FEWEST_TOKENS", 100)  # this run is small
    clone = Path(shutil.copytree(record, tmp_path / "clone"))
    another_seed_throughout(clone)
    remade(clone)
    first, second = check_records([record, clone], 1)
    assert says(first) == ""
    assert f"{FINAL}: has the samples of '{record}', a run of seed 0" in says(second)


def test_two_seeds_with_nearly_the_same_measurement_are_a_note(
    record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two policies may agree by chance on nearly all samples."""
    monkeypatch.setattr(check_together, "FEWEST_TOKENS", 100)
    monkeypatch.setattr(check_together, "NEARLY_ALL", 0.9)
    clone = Path(shutil.copytree(record, tmp_path / "clone"))
    another_seed_throughout(clone)
    lines(FINAL, lambda rows: rows[0]["token_ids"].insert(0, 5))(clone)
    remade(clone)
    note = f"{FINAL}: has 91.7 % of the samples of '{record}', a run of seed 0"
    first, second = check_records([record, clone], 1)
    assert note in "\n".join(second.notes)
    assert note not in "\n".join(first.notes)
    assert "a run of seed" not in says(second)


def test_two_seeds_that_are_measured_greedily_may_agree(record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_together, "FEWEST_TOKENS", 100)
    setting("evaluation/temperature", 0)(record)
    clone = Path(shutil.copytree(record, tmp_path / "clone"))
    another_seed_throughout(clone)
    assert not any("a run of seed" in says(report) for report in check_records([record, clone], 1))


def test_another_policy_in_a_checkpoint(record: Path) -> None:
    weights = next((record / "checkpoints" / "rft").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert says(check_record(record)) == "checkpoints/rft: is not the policy that the run has written: its digest is another"


@pytest.mark.parametrize("name", ["training/rft.jsonl", "config.yaml"])
def test_a_file_that_was_changed_afterwards(record: Path, name: str) -> None:
    with (record / name).open("a") as file:
        file.write('{"step": 99}\n' if name.endswith("jsonl") else "# changed\n")
    assert f"{name}: is not as the run wrote it" in says(check_record(record))


def test_the_digest_is_that_of_the_packed_record_and_of_no_other(record: Path, tmp_path: Path) -> None:
    def digest(folder: Path) -> str:
        return finished(command("validate", str(folder), "--digest"), check=True).stdout

    before = digest(record)
    assert before.startswith("sha256:")
    assert before.endswith(" 1 record\n")
    assert before.count("\n") == 1
    assert digest(pack(record, tmp_path / "packed")) == before
    setting("evaluation/seed", 3)(record)
    remade(record)
    assert digest(record) != before


@pytest.mark.parametrize("keys", ["digests/method", "digests/manifest", "digests/base", "hardware/machine"])
def test_a_manifest_that_was_changed_alone(record: Path, keys: str) -> None:
    value("manifest.json", keys, "0" * 64 if keys == "digests/method" else "x" if "hardware" in keys else None)(record)
    assert "manifest.json: is not as the run wrote it" in says(check_record(record))
    with pytest.raises(UserError, match="changed after the run had ended"):
        Report(record)


def test_digests_that_were_removed_are_missed(record: Path) -> None:
    value("manifest.json", "digests", None)(record)
    value("manifest.json", "hardware/accelerators", ["NVIDIA H200"])(record)
    assert "its digests were removed" in "\n".join(check_record(record).notes)
    assert "1 run without digests" in Report(record).text("md")["README.md"]


def test_another_version_of_the_method_is_a_note(record: Path) -> None:
    """What a run with another source has drawn cannot be held against this one."""
    manifest = read(record, "manifest.json")
    manifest["digests"]["method"] = "0" * 64
    write(record, "manifest.json", manifest)
    wrong_ones_deleted(record)
    remade(record)
    report = check_record(record)
    assert says(report) == ""
    assert any("the run's rft has another source than the one here" in note for note in report.notes)


def drawn_again(folder: Path) -> tuple[str, str]:
    """Findings and notes of drawing all samples again, without those of the other checks."""
    _, record = open_record(folder)
    assert record is not None
    known = len(record.notes)
    findings = list(redraw(record, 10**6))
    return "\n".join(map(str, findings)), "\n".join(record.notes[known:])


def test_honest_samples_are_drawn_again(original: Path) -> None:
    assert drawn_again(original) == ("", "112 samples were drawn again, of 112 whose policies are at hand")


def test_of_a_packed_record_those_of_the_base_are_drawn_again(original: Path, tmp_path: Path) -> None:
    packed = pack(original, tmp_path)
    assert drawn_again(packed) == ("", "88 samples were drawn again, of 88 whose policies are at hand")


def test_samples_of_another_policy_are_not(record: Path) -> None:
    """The base's samples, said to be the final policy's."""
    for more in ("", ".revision"):
        rows = (record / f"journal/evaluation.base{more}.jsonl").read_text()
        rows = rows.replace('"evaluation.base', '"evaluation.final').replace('"base"', '"rft"')
        (record / f"journal/evaluation.final{more}.jsonl").write_text(rows)
    remade(record)
    assert says(check_record(record)) == ""
    assert re.search("not what (their|its) policy draws with (their|its) seed, such as test-", drawn_again(record)[0])


def test_tokens_that_the_model_does_not_have_are_not_drawn(record: Path) -> None:
    row(FINAL, 0, token_ids=[10**6, 10**6])(record)
    row(FINAL, 1, token_ids=[])(record)
    findings, notes = drawn_again(record)
    assert "at token 0" in findings
    assert notes == "111 samples were drawn again, of 111 whose policies are at hand"


def test_samples_that_cannot_be_drawn_again_are_counted(record: Path) -> None:
    lines(FINAL, lambda rows: [row.update(engine="vllm 0.9") for row in rows[:5]])(record)
    assert drawn_again(record)[1].endswith("at hand; 5 more are of an engine that cannot repeat its samples")


def test_a_policy_that_cannot_be_loaded_does_not_hide_what_else_is_found(record: Path) -> None:
    next((record / "checkpoints" / "rft").glob("*.safetensors")).write_bytes(b"no weights")
    row("journal/evaluation.base.jsonl", 0, policy="rft")(record)
    (report,) = check_thoroughly([record], 1, False, 10**6, ProgressDisplay(quiet=True))
    assert "checkpoints/rft: its samples cannot be drawn again: " in says(report)
    assert "1 policy does not follow from the settings" in says(report)


def test_a_cloned_seed_draws_something_else(record: Path) -> None:
    another_seed_throughout(record)
    remade(record)
    assert says(check_record(record)) == ""
    assert f"{TRAINING}: " in drawn_again(record)[0]
