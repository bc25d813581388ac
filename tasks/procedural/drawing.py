"""Draws questions from reasoning-gym: the same ones in every process, no question twice, none in two splits.

Some data sets go through Python sets of text, whose order depends on the hash seed of the process. So questions are drawn in a
process of their own with a fixed one: `python -m sdzero_bench.tasks.procedural.drawing REQUEST RESULT`, two JSON files.
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
from typing import Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.tasks.procedural.data_sets import data_set, known_data_set, settings
from sdzero_bench.tasks.procedural.scoring import EVALUATED
from sdzero_bench.verifiers.code.literals import write_literal

CHUNK = 256
"""Items a data set is made with. A few data sets make others when asked for more, so that the size must not vary."""
RANGE = 10_000_000
"""Seeds that a split has for itself. numpy takes none above 2**32."""
HIGHEST_SEED = 100
PATIENCE = 20
"""Draws in a row that may bring nothing new, times the questions found so far and 50."""

Item = dict[str, Any]
"""question, answer (None where the data set gives none), metadata (a Python literal)."""
Splits = dict[str, list[Item]]


def draw(name: str, config: dict[str, Any], level: int | None, seed: int, counts: dict[str, int]) -> Splits:
    """So many different questions for each split, in the order of `counts`: a later split has none of an earlier one.

    Raises `UserError` if the options are refused, or if the data set has not so many.
    """
    settings(known_data_set(name), config, level)  # said here, where it costs no process
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
            raise UserError(f"reasoning-gym failed to make the questions of {request}: {last}")
        answer = json.loads(result.read_text())
    if "refused" in answer:
        raise UserError(answer["refused"])
    return answer


def drawn_here(
    name: str, config: dict[str, Any], level: int | None, seed: int, counts: dict[str, int]
) -> dict[str, list[Item]]:
    """As `draw`, in this process; reproducible only where the hash seed is fixed."""
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
                    f"rg:{name} has hardly more than {len(taken)} different questions with these options; lower task.train, "
                    f"task.validation or task.test, or choose a harder task.level or task.config"
                )
            continue
        idle = 0
        taken.add(text)
        found.append(item)
    return found


def _items(name: str, config: dict[str, Any], level: int | None, first: int) -> Iterator[Item]:
    import numpy

    for seed in range(first, first + RANGE, CHUNK):
        random.seed(seed)  # a data set or two draw from the process's own generators
        numpy.random.seed(seed)
        chunk = data_set(name, config, level, seed, CHUNK)
        for i in range(CHUNK):
            entry = chunk[i]
            answer = None if entry["answer"] is None else str(entry["answer"])
            if answer is not None and name in EVALUATED and not EVALUATED[name](answer):
                continue  # intermediate_integration has gold answers that repeat the question, as Integral(...)
            yield {"question": entry["question"], "answer": answer, "metadata": write_literal(_plain(entry["metadata"]))}


def _plain(value: Any) -> Any:
    """Plain data, kept as it is; subclasses of text and numbers as their bases; None for the rest, which no scorer reads."""
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
    answer: dict[str, Any]
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # some data sets print
            answer = drawn_here(name, config, level, seed, counts)
    except UserError as error:
        answer = {"refused": str(error)}
    Path(result).write_text(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
