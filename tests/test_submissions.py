"""Entries of others: what `submit` refuses, what a card says, how a leaderboard shows it, and what `--verify` does."""

from __future__ import annotations

import importlib
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from record_edits import every, read, value, write
from small_runs import command, finished, run_json
from synthetic_records import write_record
from test_dishonest_records import FINAL, another_seed_throughout, better_text, remade
from test_submitted_entries import page

from sdzero_bench.core.bench_version import BENCH_VERSION
from sdzero_bench.core.errors import UserError
from sdzero_bench.records.own_digests import with_own_digest
from sdzero_bench.records.packing import pack
from sdzero_bench.records.reader import load_run
from sdzero_bench.records.record_files import dump, read_manifest
from sdzero_bench.report.audit import check_together
from sdzero_bench.report.audit.audit import check_record
from sdzero_bench.report.submissions.card import read_card
from sdzero_bench.report.submissions.check_card import check_card
from sdzero_bench.report.submissions.rerun import agreement
from sdzero_bench.report.submissions.rules import broken_rules, digest_of_files, submitted
from sdzero_bench.runs.method_source import source_digest

HEAD = subprocess.run(["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RFT on three seeds, as by a commit of this project."""
    out = tmp_path_factory.mktemp("rft")
    for seed in range(3):
        settings = ["--preset", "tiny", "--seed", str(seed), "--set", "verifying.workers=1"]
        made = Path(run_json(command("run", "--method", "rft", "--out", str(out), "--json", *settings))["folder"])
        by_commit(run := made.rename(out / f"s{seed}"), HEAD or "a" * 40)
        write(run, "manifest.json", dump(with_own_digest(read_manifest(run))))
    return out


@pytest.fixture
def runs(originals: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(originals, tmp_path / "runs"))


def by_commit(run: Path, commit: str | None) -> None:
    """What the tests run from may have uncommitted changes."""
    manifest = read(run, "manifest.json")
    for versions in (manifest["versions"], *(session["versions"] for session in manifest["sessions"])):
        versions["commit"] = commit
    write(run, "manifest.json", manifest)


def submit(records: Path, place: Path, *more: str) -> subprocess.CompletedProcess[str]:
    options = ["--name", "ada-rft", "--by", "Ada", "--place", str(place), "--jobs", "1", *more]
    return finished(command("submit", str(records), *options))


def verify(place: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    options = ["--by", "Grace", "--place", str(place), "--out", str(out), "--jobs", "1", *more]
    return finished(command("submit", "--verify", "ada-rft", *options))


# From records to a verified entry


def test_an_honest_submission_is_shown_as_unverified_until_a_seed_was_run_again(runs: Path, tmp_path: Path) -> None:
    place = tmp_path / "submissions"
    done = submit(runs, place, "--link", "https://example.org/rft")
    assert done.returncode == 0, done.stderr
    entry, digest = place / "ada-rft", finished(command("validate", str(runs), "--digest"), check=True).stdout.strip()
    assert digest in done.stdout
    card = read_card(entry)
    assert (card.status, card.by, card.method) == ("unverified", "Ada", "rft")
    assert (card.seeds, card.tasks) == ([0, 1, 2], ["micro-arith"])
    assert (card.settings, card.source, card.not_checked, card.digest) == ({}, [], [], digest)
    assert (card.paper, card.link, card.bench_version) == ("arXiv 2308.01825", "https://example.org/rft", BENCH_VERSION)
    checked = finished(command("validate", str(entry)))
    assert checked.returncode == 0, checked.stdout
    assert ", 1 submission: every figure follows from its journal" in checked.stdout
    assert "| (1) unverified |  | rft [ada-rft] |" in page(entry)
    assert "exists; choose another --name" in submit(runs, place).stderr

    done = verify(place, tmp_path / "again")
    assert done.returncode == 0, done.stderr
    check = read_card(entry).verification
    assert check is not None
    assert (read_card(entry).status, check.agreement, check.by, check.seed) == ("verified", "identical samples", "Grace", 0)
    assert list(check_card(entry)) == []
    assert "| rft [ada-rft] |" in page(entry)
    assert "unverified" not in page(entry)
    assert "submitted by Ada" in page(entry)
    assert "; seed 0 was run again by Grace on " in page(entry)

    # The samples of the base policy, said to be those of the final one: what is packed does not contradict it.
    rows = (runs / "s0/journal/evaluation.base.jsonl").read_text()
    (runs / "s0" / FINAL).write_text(rows.replace('"evaluation.base', '"evaluation.final').replace('"base"', '"rft"'))
    remade(runs / "s0")
    others = tmp_path / "others"
    assert submit(packed(runs), others).returncode == 0
    # The run that repeats it is there already.
    shutil.copytree(tmp_path / "again", tmp_path / "again too")
    done = verify(others, tmp_path / "again too")
    assert done.returncode == 1
    assert "other token ids in evaluation.final on the same versions and CPU" in done.stderr
    assert read_card(others / "ada-rft").status == "not reproduced"
    assert "| (1) not reproduced |  | rft [ada-rft] |" in page(others)


def packed(runs: Path) -> Path:
    for run in sorted(runs.iterdir()):
        pack(run, runs.parent / "packed")
    return runs.parent / "packed"


def test_doctored_records_are_refused_with_the_reasons(runs: Path, tmp_path: Path) -> None:
    """Each after everything else was made to follow."""
    every(FINAL, lambda row: row["verdict"].update(reward=1.0))(runs / "s0")
    remade(runs / "s0")
    assert check_record(runs / "s0").findings == []
    every(FINAL, better_text)(runs / "s1")
    remade(runs / "s1")
    value("evaluation.json", "1/avg_at_k", 0.99)(runs / "s2")
    done = submit(packed(runs), tmp_path / "submissions")
    assert done.returncode == 1
    assert not (tmp_path / "submissions").exists()
    assert done.stderr.splitlines()[-1].startswith("  s")
    for reason in (
        "verdicts are not what the verifier says of the text",
        "  s1: journal/evaluation.final.jsonl: 16 texts are not what their token ids say",
        "  s2: evaluation.json: final.avg_at_k: recorded 0.99",
    ):
        assert reason in done.stderr


def test_a_cloned_seed_is_refused(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_together, "FEWEST_TOKENS", 100)  # these runs are small
    shutil.rmtree(runs / "s2")
    shutil.copytree(runs / "s0", runs / "s2")
    another_seed_throughout(runs / "s2", 2)
    remade(runs / "s2")
    assert check_record(runs / "s2").findings == []
    done = submit(packed(runs), tmp_path / "submissions")
    assert done.returncode == 1
    assert "s2: journal/evaluation.final.jsonl: has the samples of " in done.stderr
    assert "samples are not what their policy draws with their seed" in done.stderr


# The rules


def config(key: str, new: object) -> Callable[[Path], object]:
    return lambda runs: [value("manifest.json", f"config/{key}", new)(run) for run in sorted(runs.iterdir())]


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "two seeds": (lambda runs: shutil.rmtree(runs / "s2"), "micro-arith has 2 seeds (0, 1); at least 3 are needed"),
    "chosen seeds": (
        lambda runs: value("manifest.json", "config/seed", 7)(runs / "s2"),
        "micro-arith has the seeds 0, 1, 7; they have to be 0 to 2",
    ),
    "a seed twice": (
        lambda runs: shutil.copytree(runs / "s0", runs / "s3"),
        "seed 0 of micro-arith is there 2 times",
    ),
    "uncommitted code": (
        lambda runs: by_commit(runs / "s1", f"{'b' * 40}+changes"),
        "made by uncommitted code (commit bbbbbbb+changes)",
    ),
    "an unknown commit": (lambda runs: by_commit(runs / "s1", None), "the commit is not known"),
    "a commit of nobody's": (
        lambda runs: by_commit(runs / "s1", "b" * 40),
        "made by commit bbbbbbb, which is not in the history of this checkout",
    ),
    "another bench version": (
        lambda runs: value("manifest.json", "bench_version", "0")(runs / "s1"),
        f"bench version 0, and the leaderboard is of {BENCH_VERSION}",
    ),
    "fewer questions measured": (config("questions/test", 4), "questions.test is 4, and the preset tiny has null"),
    "another way to measure": (config("evaluation/temperature", 0.5), "evaluation.temperature is 0.5, and the preset tiny has"),
    "a larger budget": (
        config("budget/samples_per_question", 8),
        "budget.samples_per_question is 8, and",
    ),
    "a setting of one seed": (
        lambda runs: value("manifest.json", "config/method/epochs", 9)(runs / "s1"),
        "differ in method.epochs; seeds of one entry share all settings",
    ),
    "less than the budget": (
        lambda runs: value("ledger.json", "rft.sample/samples", 60)(runs / "s1") or in_result(runs / "s1", 60),
        "60 of 64 samples of the budget were used; say why with --unused-budget",
    ),
    "another source of the method": (
        lambda runs: value("manifest.json", "digests/method", "0" * 64)(runs / "s1"),
        "its source of 'rft' is not that of the suite",
    ),
    "questions of one's own": (
        config("task", {"name": "file:sums.jsonl"}),
        "the task 'file:sums.jsonl' is not one of the suite",
    ),
    "a trial without its run": (
        lambda runs: value("manifest.json", "config/evaluation/split", "validation")(runs / "s2"),
        "is on validation questions, and no run names it as a trial",
    ),
}


def in_result(run: Path, samples: int) -> None:
    result = read(run, "result.json")
    result["ledger"]["rft.sample"]["samples"] = samples
    write(run, "result.json", result)


@pytest.mark.parametrize("name", BROKEN)
def test_a_rule_that_is_broken_is_said_in_words(runs: Path, name: str) -> None:
    edit, expected = BROKEN[name]
    assert broken_rules(submitted(runs)) == []
    edit(runs)
    if name == "a commit of nobody's" and not HEAD:
        pytest.skip("what runs here is no checkout")
    reasons = broken_rules(submitted(runs))
    assert any(expected in reason for reason in reasons), reasons


def test_what_may_differ(runs: Path) -> None:
    """The settings of the method, what decides no figure, and the budget, if it is said why."""
    config("method/epochs", 9)(runs)
    config("evaluation/revise", True)(runs)
    config("verifying/workers", 7)(runs)
    in_result(runs / "s0", 8)
    assert broken_rules(submitted(runs, unused_budget="it stops at the first correct sample")) == []


def test_the_digest_of_files_is_that_of_the_method_they_define(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one module, and of a package."""
    (tmp_path / "own_one.py").write_text("from sdzero_bench.methods.rft import RFT\n\nclass Own(RFT):\n    name = 'own'\n")
    package = tmp_path / "own_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "own_two.py").write_text("from own_package.helper import best\nfrom own_one import Own\nclass Two(Own): ...\n")
    (package / "helper.py").write_text("def best(): ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    one, two = importlib.import_module("own_one").Own, importlib.import_module("own_package.own_two").Two
    assert digest_of_files([tmp_path / "own_one.py"]) == source_digest(one)
    assert digest_of_files([package / "own_two.py", package / "helper.py"]) == source_digest(two)


# On a leaderboard


def test_two_source_files_of_one_name_and_other_things_than_files_are_refused(runs: Path, tmp_path: Path) -> None:
    files = [tmp_path / folder / "m.py" for folder in ("a", "b")]
    for file in files:
        file.parent.mkdir()
        file.write_text("")
    assert any("2 files named m.py" in reason for reason in broken_rules(submitted(runs, files)))
    (tmp_path / "link.py").symlink_to("/dev/zero")
    with pytest.raises(UserError, match="is not a plain file"):
        digest_of_files([tmp_path / "link.py"])


# Whether a run agrees with its record


def test_on_another_stack_the_accuracy_has_to_lie_within_the_interval(tmp_path: Path) -> None:
    recorded = load_run(write_record(tmp_path / "recorded", "rft", 0, 0.6, questions=80))
    near = load_run(write_record(tmp_path / "near", "rft", 0, 0.61, questions=80))
    far = load_run(write_record(tmp_path / "far", "rft", 0, 0.95, questions=80))
    assert agreement(recorded, recorded)[0] == "identical samples"
    kind, said = agreement(recorded, near)
    assert kind == "accuracy within the interval"
    assert "other token ids on another stack (the CPU of the record is not known); avg (%) " in said
    assert agreement(recorded, far)[0] == "differs"
    hardware = recorded.manifest.hardware.model_copy(update={"cpu": "made up"})
    known, same = (replace(r, manifest=r.manifest.model_copy(update={"hardware": hardware})) for r in (recorded, near))
    kind, said = agreement(known, same)
    assert kind == "differs"
    assert "other token ids in evaluation.final on the same versions and CPU" in said
    gpu = near.manifest.hardware.model_copy(update={"accelerators": ["H100"]})
    kind, said = agreement(known, replace(near, manifest=near.manifest.model_copy(update={"hardware": gpu})))
    assert kind == "accuracy within the interval"
    assert "H100 for no GPU, not deterministic" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give either RECORDS and --name to submit, or --verify NAME"),
        (["."], "give the entry a name with --name, and say with --by who submits it"),
        ([".", "--name", "../x", "--by", "me"], "--name '../x': use up to 64 lower-case letters"),
        ([".", "--name", "x", "--by", "me", "--seed", "1"], "--seed is for --verify"),
        (["--verify", "nothing"], "is not a submission: submission.json cannot be read"),
    ],
)
def test_what_the_command_refuses(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = finished(command("submit", *arguments), tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
