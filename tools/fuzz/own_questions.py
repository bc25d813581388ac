"""Question files of users in every format, and task files: valid ones that are damaged, and made-up ones."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from sdzero_bench.core.errors import NoSuchSplit
from sdzero_bench.runs import registry
from sdzero_bench.tasks.own.files import SPLITS
from sdzero_bench.tasks.question_file import _task
from sdzero_bench.verifiers.equip import require_readable
from tools.fuzz.bounded import BOUND, YAML_BOUND, fault
from tools.fuzz.hunting import Target

FIELDS = [
    "question",
    "answer",
    "prompt",
    "tests",
    "id",
    "split",
    "solution",
    "language",
    "entry_point",
    "limits",
    "setup",
    "input",
]
TASK_FILE = """name: mine
summary: some questions
paper: nobody
hub: {name: none/none, splits: {train: train, test: test}}
fields: {question: question, answer: answer}
answer: {after: "####"}
held_out: {validation: 1}
prompt: "{question}"
"""

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**80), 2**80),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["1 + 1?", "2", "#### 3", "\\frac{1}{", "train", "assert f(1) == 2", "def f(x): return x", "python", " ", "\ud800"]
    ),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
rows = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=8), values, max_size=6)
right = st.builds(
    lambda n, answer: {"question": f"{n} + 1?", "answer": answer}, st.integers(0, 99), st.sampled_from(["1", "2/3", 4])
)
tested = st.builds(lambda n, tests: {"prompt": f"Add {n}.", "tests": tests}, st.integers(0, 99), values)


def _as_lines(those: list[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in those)


lines = st.lists(st.one_of(right, tested, rows, values), max_size=8).map(_as_lines)
arrays = st.lists(right | rows, max_size=8).map(lambda those: json.dumps(those).encode())
strange = st.one_of(
    st.sampled_from(
        [b"[" * 5_000, b'{"question": ' * 30_000, b"1" * 5000, b"NaN\n", b"\xef\xbb\xbf{}\n", b"PAR1PAR1", b"\x1f\x8b\x08"]
    ),
    st.binary(max_size=60),
    st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")),
)


@st.composite
def damaged(draw: st.DrawFn, contents: st.SearchStrategy[bytes]) -> bytes:
    """Content with a part cut out, doubled or overwritten, or as it is."""
    content = draw(contents)
    how = draw(st.sampled_from(["whole", "whole", "cut", "doubled", "overwritten"]))
    start = draw(st.integers(0, len(content)))
    end = draw(st.integers(start, len(content)))
    middle = {
        "whole": content[start:end],
        "cut": b"",
        "doubled": content[start:end] * 2,
        "overwritten": draw(st.binary(max_size=8)),
    }
    return content[:start] + middle[how] + content[end:]


files = st.one_of(
    st.tuples(st.sampled_from(["a.jsonl", "b.txt"]), damaged(lines) | strange),
    st.tuples(st.just("c.json"), damaged(arrays) | strange),
    st.tuples(st.just("d.jsonl.gz"), damaged(lines.map(lambda content: gzip.compress(content, mtime=0))) | strange),
    st.tuples(st.just("e.parquet"), strange),
    st.tuples(st.sampled_from(["f.yaml", "g.yml"]), damaged(st.just(TASK_FILE.encode())) | strange),
)


class QuestionFiles:
    """Writes each file, and loads the task that it defines as a run would."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._rows = Path(self._folder.name) / "rows"
        self._rows.mkdir()
        (self._rows / "train.jsonl").write_bytes(_as_lines([{"question": f"{n}?", "answer": f"#### {n}"} for n in range(4)]))

    def fault(self, case: tuple[str, bytes]) -> str | None:
        name, content = case
        path = Path(self._folder.name) / name
        path.write_bytes(content)
        own = name.endswith(("yaml", "yml"))

        def load() -> None:
            _task.cache_clear()  # every case is another file of the same name
            cls = registry.task(str(path) if own else f"file:{path}")
            task = cls(cls.Options(**({"path": str(self._rows)} if own else {})))
            for split in SPLITS:
                try:
                    questions = task.load(split)
                except NoSuchSplit:
                    continue
                require_readable(task, questions)
                for question in questions:
                    task.prompt(question)
                    task.demonstration(question)

        return fault(load, bound=YAML_BOUND if own else BOUND)


def target() -> Target:
    return Target("question files and task files", files, QuestionFiles().fault, 0.15)
