"""Build the worlds of the dial, train on each, and write its page: `python -m tools.dial`.

Each world is a model of its own, trained on texts about sums alone (15 to 25 minutes on 2 cores). The base, RFT, GRPO,
ReST-EM, SRT and SD-Zero are run on each. Finished models and runs are kept, so the same command resumes an interrupted one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.folder import write_atomic
from sdzero_bench.report.rendering.formats import is_written_by, markdown
from tools.dial.advantages import OTHERS, OURS, PRESET, measured
from tools.dial.dial_worlds import HABIT_FROM, NAMES, SECOND_LOOKS, dial_worlds
from tools.dial.figures import against_gap, against_second_look
from tools.dial.other_model import both_models
from tools.dial.page import COMMAND, FIGURES, as_data, blocks
from tools.micro_model.build import asked, build

BOARDS = Path("results/micro")
"""Runs of the leaderboards' model, for comparison with that of the last world."""

SETTINGS = ("task.test=300", "evaluation.curve_questions=0", "evaluation.kl=0")


def make(out: Path, texts: int, seeds: int, jobs: int, only: list[str]) -> None:
    """Build what is missing and run what is not finished. Revisions are measured for the base alone, in a run of its own."""
    for name, world in dial_worlds().items():
        if only and name not in only:
            continue
        model = out / "models" / name
        if not model.is_dir():
            print(f"{name}: building its model", flush=True)
            begun = out / "models" / f".{name}"
            build(begun, world, texts, 0, asked())
            begun.rename(model)
        where = ["--preset", PRESET, "--tasks", "micro-arith", "--model", str(model), "--out", str(out / "runs" / name)]
        for methods, settings in ((["base"], SETTINGS), ([*OTHERS, OURS], (*SETTINGS, "evaluation.revise=false"))):
            what = ["--methods", ",".join(methods), "--seeds", str(seeds), "--jobs", str(jobs)]
            what += [part for setting in settings for part in ("--set", setting)]
            subprocess.run([sys.executable, "-m", "sdzero_bench", "sweep", *where, *what], check=True)


def write(records: Path, out: Path, boards: Path = BOARDS) -> None:
    """The page, its figures and its data, from the runs or packed records below `records`, and those of the leaderboards."""
    errors = [f"from-{first}" for first in HABIT_FROM]
    looks = {errors[-1]: 0.0, **{f"second-look-{share:g}": share for share in SECOND_LOOKS}}
    worlds = {world.name: world for world in measured(records, [*errors, *looks])}
    page = out / "README.md"
    if page.is_file() and not is_written_by(page.read_text(encoding="utf-8", errors="replace"), COMMAND):
        raise UserError(f"{str(page)!r} is not a page of {COMMAND}; move it away, or choose another folder with --page")
    by_error = [worlds[name] for name in errors if name in worlds]
    by_look = [worlds[name] for name in looks if name in worlds]
    images = {FIGURES[0]: against_gap(by_error)}
    if len(by_look) > 1:
        images[FIGURES[1]] = against_second_look(by_look, [looks[world.name] for world in by_look])
    out.mkdir(parents=True, exist_ok=True)
    for figure, both in images.items():
        for ending, content in both.items():
            (out / f"{figure}.{ending}").write_bytes(content)
    made = dial_worlds()
    models = both_models(records, errors[-1], boards) if errors[-1] in worlds and boards.is_dir() else None
    write_atomic(page, markdown(blocks(by_error, by_look, made, models), COMMAND))
    data = [as_data(world, made[world.name]) for world in worlds.values()]
    write_atomic(out / "dial.json", json.dumps(data, indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog=COMMAND, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--out", type=Path, default=Path("runs/dial"), help="folder of models and runs")
    parser.add_argument("--page", type=Path, default=Path("results/dial"), help="folder of the page")
    parser.add_argument("--records", type=Path, help="write the page of these records alone; nothing is built or run")
    parser.add_argument(
        "--worlds", nargs="*", default=[], choices=NAMES, metavar="WORLD", help="which to build and run; default: all"
    )
    parser.add_argument("--texts", type=int, default=133_000, help="texts per model; default: as many about sums as habits has")
    parser.add_argument("--seeds", type=int, default=3, help="runs per method")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    options = parser.parse_args()
    try:
        if options.records is None:
            make(options.out, options.texts, options.seeds, options.jobs, options.worlds)
        write(options.records or options.out / "runs", options.page)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
