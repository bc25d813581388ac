"""Reads which module of the project imports which, from the source alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = "sdzero_bench"


@dataclass(frozen=True)
class Import:
    importer: str
    imported: str
    for_types_only: bool
    """Inside `if TYPE_CHECKING:`, so that it is not there when the program runs."""
    deferred: bool
    """Inside a function, so that it happens when the function is called."""


def modules() -> dict[str, Path]:
    """Every module of the distribution by its dotted name, methods and tasks included."""
    found = {}
    for top, prefix in (("sdzero_bench", PACKAGE), ("methods", f"{PACKAGE}.methods"), ("tasks", f"{PACKAGE}.tasks")):
        for path in sorted((ROOT / top).rglob("*.py")):
            if top == "sdzero_bench" and path.relative_to(ROOT / top).parts[0] in ("methods", "tasks"):
                continue  # the links to the folders at the top
            parts = [part for part in path.relative_to(ROOT / top).with_suffix("").parts if part != "__init__"]
            found[".".join([prefix, *parts])] = path
    return found


def imports() -> list[Import]:
    known = modules()
    return [found for name, path in known.items() for found in _of_module(name, path, known)]


def room(module: str) -> str:
    """`sdzero_bench.records.journal` -> `records`; empty for the package itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def _of_module(name: str, path: Path, known: dict[str, Path]) -> Iterator[Import]:
    for node, for_types_only, deferred in _statements(ast.parse(path.read_text(encoding="utf-8")), False, False):
        for target in _targets(node, name, path.name == "__init__.py"):
            while target not in known and "." in target:  # `from module import name`
                target = target.rpartition(".")[0]
            if target in known and target != name:
                yield Import(name, target, for_types_only, deferred)


def _statements(tree: ast.AST, for_types: bool, deferred: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool, bool]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, for_types, deferred
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _statements(node, True, deferred)
        else:
            yield from _statements(node, for_types, deferred or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _targets(node: ast.Import | ast.ImportFrom, importer: str, is_package: bool) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        above = importer.split(".") if is_package else importer.split(".")[:-1]
        above = above[: len(above) - node.level + 1]
        base = ".".join([*above, *([node.module] if node.module else [])])
    return [f"{base}.{alias.name}" for alias in node.names]
