"""The rooms of the project: each has one sentence, imports point one way, no two things share a name."""

from __future__ import annotations

import ast
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter

from imports import PACKAGE, ROOT, imports, modules, room

ORDER = (
    "testing",
    "cli",
    "api",
    "report",
    "runs",
    "methods",
    "training",
    "tasks",
    "questions",
    "records",
    "verifiers",
    "policies",
    "core",
)
"""A room may import from itself and from rooms further down."""


def test_rooms_are_those_of_the_order_and_nothing_lies_loose() -> None:
    inside = {path.name for path in (ROOT / PACKAGE).iterdir() if path.name != "__pycache__"}
    assert inside - {"__init__.py", "__main__.py", "py.typed"} == set(ORDER)


def test_imports_point_down_the_order() -> None:
    upward = [
        f"{found.importer} -> {found.imported}"
        for found in imports()
        if room(found.importer) in ORDER
        and room(found.imported) in ORDER
        and ORDER.index(room(found.imported)) < ORDER.index(room(found.importer))
    ]
    assert upward == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = defaultdict(set)
    for found in imports():
        # A package's `__init__` that gathers its own modules is no circle.
        if not found.for_types_only and not found.imported.startswith(f"{found.importer}."):
            graph[found.importer].add(found.imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None


def test_each_room_says_in_one_sentence_what_it_is_for() -> None:
    for name in ORDER:
        text = ast.get_docstring(ast.parse((ROOT / PACKAGE / name / "__init__.py").read_text(encoding="utf-8")))
        assert text, f"{name} has no sentence"
        assert text.endswith("."), text
        assert "\n" not in text, text


def test_no_two_files_share_a_name() -> None:
    """But for `__init__`, and for commands, which are named like what they start."""
    by_name: dict[str, list[str]] = defaultdict(list)
    for module, path in modules().items():
        if path.name not in ("__init__.py", "__main__.py") and not module.startswith(f"{PACKAGE}.cli.commands."):
            by_name[path.stem].append(module)
    assert {name: found for name, found in by_name.items() if len(found) > 1} == {}


def test_no_two_public_classes_share_a_name() -> None:
    by_name: dict[str, list[str]] = defaultdict(list)
    for module, path in modules().items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                by_name[node.name].append(module)
    assert {name: found for name, found in by_name.items() if len(found) > 1} == {}


def test_files_can_be_read_in_one_sitting() -> None:
    long = {module: count for module, path in modules().items() if (count := len(path.read_text().splitlines())) > 300}
    assert long == {}
