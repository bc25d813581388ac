"""Programs that are broken on purpose, made from right ones: nothing returned, constants off by one, comparisons swapped."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

SWAPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


def without_body(source: str, function: str) -> str:
    """The function does nothing, and returns None."""
    tree = ast.parse(source)
    for node in _functions(tree, function):
        node.body = [ast.Pass()]
    return ast.unparse(tree)


def mutants(source: str, function: str) -> Iterator[tuple[str, str]]:
    """Name and source of each program that differs from this one in a single constant or comparison of the function."""
    tree = ast.parse(source)
    places = sum(1 for _ in _places(tree, function))
    for number in range(places):
        changed = copy.deepcopy(tree)
        node = list(_places(changed, function))[number]
        if isinstance(node, ast.Compare):
            node.ops[0] = SWAPPED[type(node.ops[0])]()
            kind = "comparison"
        else:
            node.value += 1
            kind = "constant"
        yield f"{kind} {number}", ast.unparse(changed)


def _functions(tree: ast.AST, function: str) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == function)


def _places(tree: ast.AST, function: str) -> Iterator[ast.Compare | ast.Constant]:
    for found in _functions(tree, function):
        for statement in found.body:
            for node in ast.walk(statement):
                comparison = isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPPED
                if comparison or (isinstance(node, ast.Constant) and type(node.value) in (int, float)):
                    yield node
