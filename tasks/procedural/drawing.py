"""Generates questions with reasoning-gym: reproducibly in every process, without repeats, and disjoint between splits.

Some data sets iterate over Python sets of strings, whose order depends on the hash seed of the process. Questions are therefore
generated in a separate process with a fixed hash seed: `python -m sdzero_bench.tasks.procedural.drawing REQUEST RESULT`, where
both are JSON files.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, TypedDict, cast

from sdzero_bench.core.errors import UserError
from sdzero_bench.tasks.procedural.data_sets import data_set, known_data_set, settings
from sdzero_bench.tasks.procedural.scoring import EVALUATED
from sdzero_bench.verifiers.code.literals import write_literal

CHUNK = 256
"""Size of each generated data set. For a few data sets the items depend on the size, so it must not vary."""
RANGE = 10_000_000
"""Number of seeds reserved for each split; numpy accepts seeds below 2**32."""
HIGHEST_SEED = 100
PATIENCE = 20
"""Give up after this many draws in a row without a new question, times the number of questions found so far plus 50."""


class Item(TypedDict):
    """A generated question."""

    question: str
    answer: str | None
    """None if the data set has no gold answers."""
    metadata: str
    """A Python literal."""


Splits = dict[str, list[Item]]


def draw(name: str, config: dict[str, object], level: int | None, seed: int, counts: dict[str, int]) -> Splits:
    """`counts[split]` different questions for each split, in that order; no question is in two splits.

    Raises `UserError` if the options are invalid, or if the data set does not have enough different questions.
    """
    settings(known_data_set(name), config, level)  # reports invalid options without starting a process
    return _drawn(json.dumps([name, config, level, seed, counts]))


@lru_cache(maxsize=4)
def _drawn(request: str) -> Splits:
    with tempfile.TemporaryDirectory() as folder:
        asked, result = Path(folder) / "request.json", Path(folder) / "result.json"
        asked.write_text(request)
        environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, "-m", __name__, str(asked), str(result)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if not result.is_file():
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise UserError(f"reasoning-gym failed to generate the questions of {request}: {last}")
        answer = json.loads(result.read_text())
    if "refused" in answer:
        raise UserError(answer["refused"])
    return cast(Splits, answer)


def drawn_here(name: str, config: dict[str, object], level: int | None, seed: int, counts: dict[str, int]) -> Splits:
    """Like `draw`, but in this process; reproducible only with a fixed hash seed."""
    taken: set[str] = set()
    splits = {}
    for place, (split, count) in enumerate(counts.items()):
        first = (3 * seed + place) * RANGE
        splits[split] = _new(name, _items(name, config, level, first), count, taken)
    return splits


def _new(name: str, items: Iterator[Item], count: int, taken: set[str]) -> list[Item]:
    found: list[Item] = []
    idle = 0
    while len(found) < count:
        item = next(items)
        text = " ".join(item["question"].lower().split())
        if text in taken:
            idle += 1
            if idle > PATIENCE * (len(found) + 50):
                raise UserError(
                    f"rg:{name} has few more than {len(taken)} different questions with these options; lower task.train, "
                    f"task.validation or task.test, or choose a harder task.level or task.config"
                )
            continue
        idle = 0
        taken.add(text)
        found.append(item)
    return found


def _items(name: str, config: dict[str, object], level: int | None, first: int) -> Iterator[Item]:
    import numpy

    for seed in range(first, first + RANGE, CHUNK):
        random.seed(seed)  # some data sets use the global random generators
        numpy.random.seed(seed)
        chunk = data_set(name, config, level, seed, CHUNK)
        for i in range(CHUNK):
            entry = chunk[i]
            answer = None if entry["answer"] is None else str(entry["answer"])
            if answer is not None and name in EVALUATED and not EVALUATED[name](answer):
                continue  # some gold answers of intermediate_integration just repeat the question, as Integral(...)
            yield {"question": entry["question"], "answer": answer, "metadata": write_literal(_plain(entry["metadata"]))}


def _plain(value: object) -> object:
    """Plain data unchanged; instances of subclasses of str and numbers as their base class; None for the rest, which no scorer
    reads."""
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return type(value)(_plain(item) for item in value)
    kind: Any
    for kind in (bool, int, float, complex, str, bytes):
        if isinstance(value, kind):
            return kind(value)
    return None


def main(request: str, result: str) -> None:
    name, config, level, seed, counts = json.loads(Path(request).read_text())
    answer: Splits | dict[str, str]
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # some data sets print
            answer = drawn_here(name, config, level, seed, counts)
    except UserError as error:
        answer = {"refused": str(error)}
    Path(result).write_text(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
