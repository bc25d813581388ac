"""Which of several Python blocks of a response is the solution, and not an example of its use, its output or a fragment."""

from __future__ import annotations

import ast
import builtins
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

_BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}
_TRIAL = re.compile(r"(test|example|demo|main)", re.IGNORECASE)
"""Names of definitions that only try a solution out."""
_WRITES = frozenset(("print", "write", "writelines"))
_BROKEN = re.compile(r"^[ \t]*(?:async def|class|def|from|import)[ \t]|\binput\(|\bstdin\b", re.MULTILINE)
"""In a text that is not valid Python, but was meant as a program."""


@dataclass(frozen=True)
class PythonBlock:
    """What a block does, as far as it matters for choosing one."""

    text: str
    acts: bool
    """It defines, reads or writes something."""
    broken: bool = False
    """It is not valid Python, but meant as a program."""
    defines: frozenset[str] = frozenset()
    """Names that are bound at the top level."""
    makes: frozenset[str] = frozenset()
    """Those of them that are not imported."""
    reads: frozenset[str] = frozenset()
    """Names that it reads and binds nowhere."""
    imports: frozenset[str] = frozenset()
    """Names imported from modules."""
    adds: bool = False
    """It has definitions of its own, beside such that only try others out."""
    methods: bool = False
    """Its functions are methods without their class."""
    reads_input: bool = False
    runs: bool = False
    """Its top level calls something."""
    starts: bool = False
    """It only calls functions without arguments, such as `main()`."""

    @property
    def lacks(self) -> frozenset[str]:
        return self.reads - _BUILTINS


def parsed(text: str) -> ast.Module | None:
    """The syntax tree of a Python program, or None if the text is not one."""
    try:
        with warnings.catch_warnings():  # about invalid escapes in strings of the program
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def ends_in_string(text: str) -> bool:
    """Whether the text ends inside of a triple-quoted string."""
    if '"""' not in text and "'''" not in text:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        return "unterminated triple-quoted" in error.msg or "unterminated f-string" in error.msg
    except (ValueError, RecursionError, MemoryError):
        pass
    return False


def python_block(text: str) -> PythonBlock:
    tree = parsed(text)
    if tree is None:
        return PythonBlock(text, acts=False, broken=_BROKEN.search(text) is not None)
    nodes = list(ast.walk(tree))
    bound: set[str] = set()
    read: set[str] = set()
    imports: set[str] = set()
    reads_input = writes = False
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=context):
                (read if isinstance(context, ast.Load) else bound).add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.arg(arg=name) | ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                bound.add(name)
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                bound.add(name)
            case ast.Import(names=names):
                bound.update((name.asname or name.name).partition(".")[0] for name in names)
            case ast.ImportFrom(names=names):
                imports.update(name.asname or name.name for name in names)
            case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called)):
                writes = writes or called in _WRITES
                reads_input = reads_input or (called == "open" and _is_zero(node))
        reads_input = reads_input or (isinstance(node, ast.Attribute) and node.attr == "stdin")
    reads_input = reads_input or bool({"input", "stdin", "fileinput"} & (read | bound | imports))
    definitions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    made, imported = _top_level(tree)
    functions = any(isinstance(node, ast.Lambda) for node in nodes)
    return PythonBlock(
        text,
        acts=not all(map(_is_stub, tree.body)) and (bool(definitions) or functions or writes or reads_input),
        defines=frozenset(made | imported),
        makes=frozenset(made),
        reads=frozenset() if "*" in imports else frozenset(read - bound - imports),
        imports=frozenset(imports),
        adds=any(not _TRIAL.match(name) for name in definitions),
        methods=any(map(_is_method, tree.body)),
        reads_input=reads_input,
        runs=any(_runs(statement) for statement in tree.body),
        starts=bool(tree.body) and all(_starts(statement) for statement in tree.body),
    )


def solution(blocks: Sequence[tuple[PythonBlock, bool]]) -> str | None:
    """The program that consists of the last block that is a solution, after those before it that define what it lacks.

    blocks:
        All Python blocks, and whether each may be chosen.

    None if no block is a solution. One that only tries out what earlier ones define, or reads names
    that nothing defines, is none.
    """
    chosen: int | None = None
    start: PythonBlock | None = None
    defined: set[str] = set()
    made: set[str] = set()
    reads_input = False
    for number, (block, choosable) in enumerate(blocks):
        uses = (block.reads & defined) | (block.imports & made)
        later = chosen is not None
        fragment = bool(uses) or (bool(block.lacks) and later) or reads_input
        whole = block.acts and (block.adds or block.reads_input or not fragment) and not (block.methods and later)
        if (whole or block.broken) and choosable:
            chosen, start = number, None
        elif chosen is not None and block.starts and uses & blocks[chosen][0].defines:
            start = block
        defined |= block.defines
        made |= block.makes
        reads_input = reads_input or block.reads_input
    if chosen is None:
        return None
    main = blocks[chosen][0]
    parts, lacks = [main.text], set(main.lacks)
    for block, _ in reversed(blocks[:chosen]):
        if lacks & block.defines:
            parts.append(block.text)
            lacks = (lacks - block.defines) | block.lacks
    parts.reverse()
    if start is not None and main.reads_input and not main.runs:
        parts.append(start.text)
    return "\n".join(parts)


def _top_level(tree: ast.Module) -> tuple[set[str], set[str]]:
    """The names that the top level makes and imports."""
    made: set[str] = set()
    imported: set[str] = set()
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            made.add(statement.name)
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            imported.update((name.asname or name.name).partition(".")[0] for name in statement.names)
        else:
            made.update(n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    return made, imported


def _is_stub(statement: ast.stmt) -> bool:
    """Whether it only shows a signature, or imports what the signature needs."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return True
    if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    return all(
        isinstance(s, ast.Pass) or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)) for s in statement.body
    )


def _is_method(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    return bool(statement.args.args) and statement.args.args[0].arg == "self"


def _is_zero(call: ast.Call) -> bool:
    return bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0


def _runs(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
        return False
    return any(isinstance(node, ast.Call) for node in ast.walk(statement))


def _starts(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.If):
        return all(_starts(inner) for inner in statement.body)
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and not call.args and not call.keywords
