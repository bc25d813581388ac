"""Every file of a run's folder, damaged in every way, at several points of its life; then the run is resumed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random

from sdzero_bench.testing.forked import Forked
from sdzero_bench.testing.same_end import differences
from tools.torture import small_run
from tools.torture.corruptions import CORRUPTIONS
from tools.torture.ends import refusal
from tools.torture.outcome import Outcome

METHOD = "rft"
LITTLE = ("task.train=8", "evaluation.revise=false", "evaluation.base=false", "method.epochs=2")
DRAWN_ANEW = ("learning_curve.png", "learning_curve.svg", ".lock")
"""What nothing is read from."""


def damaged_runs(folder: Path, random: Random, share: float, outcome: Outcome) -> None:
    whole = small_run.finished(METHOD, folder / "whole", *LITTLE)
    other = small_run.finished(METHOD, folder / "other", *LITTLE, "seed=1")
    lives = {
        "a finished run": whole,
        "a run cut off in evaluation": _unmeasured(whole, folder / "unmeasured" / whole.name),
        "a run cut off in training": cut_off(folder / "cut", f"training/{METHOD}.jsonl", 2, *LITTLE),
    }
    for life, (file, damage) in _in_one_life(lives, random, share, other):
        copy = folder / "copy" / lives[life].name
        shutil.rmtree(copy.parent, ignore_errors=True)
        shutil.copytree(lives[life], copy)
        damaged(copy / file, damage, random, other / file)
        process = small_run.resume(copy)
        process.wait()
        what, wrong = _judged(process, whole, copy, file)
        outcome.expect(f"{life}, {kind_of(file)}", what, f"{file} {damage}: {wrong}" if wrong else None)


def _in_one_life(lives: Mapping[str, Path], random: Random, share: float, strange: Path) -> list[tuple[str, tuple[Path, str]]]:
    """Every damage to every file, each at one of the points of the run's life at which the file is there."""
    found = [(life, pair) for life, run in lives.items() for pair in chosen(run, random, share, strange)]
    random.shuffle(found)
    once = {pair: life for life, pair in found}
    return sorted((life, pair) for pair, life in once.items())


def _judged(process: Forked, whole: Path, copy: Path, file: Path) -> tuple[str, str | None]:
    """What came of resuming a damaged run, and what is wrong with that."""
    if process.returncode:
        return "refused", refusal(process, names=file.name)
    if "Traceback" in process.stderr:
        return "", "a traceback was printed"
    return "ended alike", next(iter(differences(whole, copy)), None)


def chosen(folder: Path, random: Random, share: float, strange: Path | None = None) -> Iterator[tuple[Path, str]]:
    """Files below a folder, relative to it, and how each is to be damaged: all of both, or a random share of the pairs."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        file = path.relative_to(folder)
        ways = [way for way in CORRUPTIONS if path.stat().st_size or way == "deleted"]
        if strange is not None and (strange / file).is_file() and (strange / file).read_bytes() != path.read_bytes():
            ways.append("replaced")
        for way in ways if path.name not in DRAWN_ANEW else ways[-1:]:
            if random.random() < share:
                yield file, way


def damaged(path: Path, way: str, random: Random, strange: Path | None = None) -> None:
    """Damage a file; `replaced`: by that of another run, `strange`."""
    if way == "replaced" and strange is not None:
        shutil.copy(strange, path)
    else:
        CORRUPTIONS[way](path, random)


def kind_of(file: Path) -> str:
    """The kind of a file, for the table."""
    if file.parts[0] == "checkpoints":
        return "a trainer's checkpoint" if ".trainer" in str(file) else "a policy"
    return f"{file.parts[0]}/" if len(file.parts) > 1 else file.name


def cut_off(out: Path, file: str, lines: int, *settings: str) -> Path:
    """A run that was killed when a file had so many lines."""
    process = small_run.begin(METHOD, out, *settings)

    def reached() -> bool:
        return any(path.read_bytes().count(b"\n") >= lines for path in out.glob(f"*/{file}"))

    if not process.wait_for(reached):
        raise RuntimeError(f"the run ended before it was to be killed: {process.stderr[-2000:]}")
    process.kill()
    return small_run.only_folder(out)


def _unmeasured(whole: Path, copy: Path) -> Path:
    """The run as it was when its training had ended and its evaluation had begun."""
    shutil.copytree(whole, copy)
    for name in ("result.json", "evaluation.json", "summary.md"):
        (copy / name).unlink()
    journal = copy / "journal/evaluation.final.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:5]))
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest |= {"state": "running", "journal": None, "digests": None}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy
