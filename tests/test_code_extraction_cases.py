"""What of a response counts as its program: responses as models write them, from a file, and hostile ones."""

from __future__ import annotations

import json
import time
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from sdzero_bench.verifiers.code.extraction import after_prelude, extract_program
from sdzero_bench.verifiers.code.fences import Syntax, fenced_blocks, lines_of


def cases(name: str) -> list[dict[str, Any]]:
    path = Path(__file__).parent / "data" / f"{name}_cases.jsonl"
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


@pytest.mark.parametrize("case", cases("extract"), ids=lambda case: case["why"])
def test_the_program_is_found(case: dict[str, Any]) -> None:
    assert extract_program(case["response"], case["language"]) == case["program"]


@pytest.mark.parametrize(
    "response",
    [
        " " * 16_000,
        "`" * 100_000,
        "`" * 100_000 + "x",
        "```" + " " * 100_000 + "`",
        "```\n" * 10_000,
        "```python\n" * 10_000,
        '```python\n"""\n' * 3_000,
        '```python\n"""\n```\n' * 3_000,
        ">" * 50_000 + "```python\n" + ">" * 50_000,
        "- " * 50_000 + "```python\n" + "x\n" * 100,
        "a```" * 25_000,
        "x\n```" + "<a>" * 30_000 + "!",
        "<think></think>" * 7_000,
        "<think>" * 15_000,
        '"</think>' * 10_000,
        "\n<think></think>" * 7_000,
        "<|im_end|>" * 10_000,
        "[BEGIN]\n" * 10_000,
        "```cpp\nmain" + " " * 100_000 + "\n```",
        "```python\n" + "(" * 50_000 + "\n```",
        "```python\nx = " + "-" * 50_000 + "1\n```",
        "```python\ndef f():\n    return g()\n```\n" * 1_000,
        "```python\n\0\ud800\n```",
    ],
    ids=lambda response: repr(response[:20]),
)
def test_hostile_responses_cost_little(response: str) -> None:
    start = time.process_time()
    for language in ("python", "cpp"):
        extract_program(response, language)
    assert time.process_time() - start < 2.0


def test_plain_fences_are_those_of_commonmark() -> None:
    parser = MarkdownIt("commonmark")
    opening = ["```", "~~~", "````py a=b", "~~~ x `y`", "  ```py", "``", "> ```py", "```a`b"]
    middle = ["code", "   ~~~~", "> more", "", "\tx", "``` "]
    closing = ["```", "~~~", " `````", "> ```", "", "code\n    ```"]
    for lines in product(opening, middle, middle, closing):
        text = "\n".join(lines)
        if "    ```" in text and (lines[0] in ("``", "```a`b", "  ```py") or {"``` ", "   ~~~~"} & set(lines)):
            continue  # to CommonMark an indented fence is no opening one; models write them in lists
        if "> " in lines[0] and not all(line.startswith(">") for line in lines[1:]):
            continue  # CommonMark opens another block with a fence after the block quote
        theirs = [(t.info.strip(), t.content) for t in parser.parse(text) if t.type == "fence" and t.content.strip()]
        ours = [(block.info, block.text) for block in fenced_blocks(lines_of(text), Syntax("#")) if block.text.strip()]
        assert [(info, c.split()) for info, c in ours] == [(info, c.split()) for info, c in theirs], text


@pytest.mark.parametrize(
    "program",
    [
        "from __future__ import annotations\nprint(pi > 3)\n",
        '"""Text."""\nfrom __future__ import annotations\nimport os\nprint(pi > 3)\n',
        "# a\nfrom __future__ import (\n    annotations,\n    division,\n)\nprint(pi > 3)\n",
        "from __future__ import annotations; x = 1\nprint(pi > 3)",
        "print(pi > 3)\n",
    ],
)
def test_future_imports_stay_in_front_of_a_prelude(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(after_prelude("from math import *", program), "program.py", "exec"), {})
    assert capsys.readouterr().out == "True\n"
