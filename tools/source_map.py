"""The map of the source tree in CONTRIBUTING.md: `python -m tools.source_map CONTRIBUTING.md`, or `make map`.

Each room of the package, in the order in which they may import each other, and each package directly inside a room, with the
first line of its docstring.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "sdzero_bench"
BEGIN, END = "<!-- map: written by `make map` -->", "<!-- end of the map -->"


def source_map() -> str:
    """The map as an indented block of Markdown, one line per package."""
    lines = [line for room in room_order() for line in _room(room)]
    width = max(len(name) for name, _ in lines) + 2
    return "\n".join(f"    {name:<{width}}{sentence}" for name, sentence in lines)


def with_map(page: str) -> str:
    """The page with the text between the two markers replaced. Raises `ValueError` unless each marker occurs once, in order."""
    parts = re.fullmatch(rf"(.*{re.escape(BEGIN)}\n).*(\n{re.escape(END)}.*)", page, re.DOTALL)
    if parts is None or page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError(f"the page needs one line {BEGIN} and, below it, one line {END}")
    return f"{parts[1]}\n{source_map()}\n{parts[2]}"


def room_order() -> tuple[str, ...]:
    """`ORDER` of tests/test_house.py, which enforces it. Raises `ValueError` if it is not there."""
    for node in ast.parse((ROOT / "tests" / "test_house.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ORDER":
            return tuple(ast.literal_eval(node.value))
    raise ValueError("tests/test_house.py does not define ORDER")


def _room(name: str) -> Iterator[tuple[str, str]]:
    room = PACKAGE / name
    # methods/ and tasks/ are folders at the top of the repository, linked into the package.
    yield (f"{name}/" if room.is_symlink() else f"sdzero_bench/{name}/"), _sentence(room)
    for inner in sorted(room.glob("*/__init__.py")):
        yield f"  {inner.parent.name}/", _sentence(inner.parent)


def _sentence(package: Path) -> str:
    """The first line of the package's docstring. Raises `ValueError` if it has none."""
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8")))
    if not text:
        raise ValueError(f"{package.relative_to(ROOT)}/__init__.py needs a docstring of one sentence")
    return text.splitlines()[0]


if __name__ == "__main__":
    contributing = Path(sys.argv[1])
    contributing.write_text(with_map(contributing.read_text(encoding="utf-8")), encoding="utf-8")
