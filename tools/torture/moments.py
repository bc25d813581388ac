"""Moments at which a run is killed: seeded random points of its progress, in every kind of its phases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random


@dataclass(frozen=True)
class Moment:
    """When a file of lines has got so many of them, and a fraction of a second later."""

    file: str
    """Relative to the run folder."""
    lines: int
    later: float
    """Seconds, so that a kill also meets what happens between two lines."""

    @property
    def kind(self) -> str:
        """The kind of phase in which it comes."""
        if self.file.startswith("training/"):
            return "training"
        return "evaluation" if Path(self.file).name.startswith("evaluation.") else "sampling"

    def reached(self, folder: Path) -> bool:
        path = folder / self.file
        return path.is_file() and path.read_bytes().count(b"\n") >= self.lines


def moments(whole: Path, count: int, random: Random) -> list[Moment]:
    """`count` moments of a run that has been seen to its end in the folder `whole`, in the order in which they come.

    They take turns between sampling, training and evaluation, and within each kind between its files.
    """
    files = [*whole.glob("journal/*.jsonl"), *whole.glob("training/*.jsonl")]
    # The journal and the log of an on-policy phase grow together: they count as one, by when the later of them ended.
    ended: dict[str, int] = defaultdict(int)
    for path in files:
        ended[path.stem] = max(ended[path.stem], path.stat().st_mtime_ns)
    drawn: list[tuple[int, float, Moment]] = []
    for path in _in_turns(files, count, random):
        total = path.read_bytes().count(b"\n")
        lines = random.randint(1, max(1, total))
        moment = Moment(path.relative_to(whole).as_posix(), lines, random.choice((0, 0, 0.05, 0.3)))
        drawn.append((ended[path.stem], lines / total, moment))
    return [moment for *_, moment in sorted(drawn, key=lambda one: one[:2])]


def _in_turns(files: Sequence[Path], count: int, random: Random) -> list[Path]:
    kinds: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(files):
        kinds["evaluation" if path.name.startswith("evaluation.") else path.parent.name].append(path)
    for those in kinds.values():
        random.shuffle(those)
    order = sorted(kinds)
    random.shuffle(order)
    turns = [(number, kind) for number in range(count) for kind in order][:count]
    return [kinds[kind][number % len(kinds[kind])] for number, kind in turns]
