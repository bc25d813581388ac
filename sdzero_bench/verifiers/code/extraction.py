"""Which part of a response is its program.

1. Thinking is left out (thinking.py), and fenced blocks are read (fences.py). A block that is never closed ends with the
   response.
2. The program is the last block tagged with the language that is a solution; if there is none, the last one without a tag. An
   empty last block means that there is no program. In Python (python_blocks.py), examples of use, outputs and fragments are no
   solutions, and earlier blocks that define what the solution lacks are put before it. In other languages, a solution has what
   `Language.whole` says: in C++ an `#include` or a `main`, in JavaScript a call that prints.
3. The text before the first fence, or all of it, is like a block without a tag if it is a program: prompts often end with the
   opening fence. Python has to parse and contain a statement with an effect, so that a plain word or number does not count.
4. If no block is a solution: the last block tagged with the language, or the last one without a tag. It is run, and fails.

Nothing else is accepted: no block in another language, no lines picked out of prose. Only what is extracted here is run, and it
has to pass every test: which block is chosen decides nothing else.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Sequence

from sdzero_bench.verifiers.code.fences import Block, Syntax, fenced_blocks, lines_of
from sdzero_bench.verifiers.code.python_blocks import ends_in_string, parsed, python_block, solution
from sdzero_bench.verifiers.sandbox.languages import LANGUAGES
from sdzero_bench.verifiers.thinking import after_thinking

_TAG = re.compile(r"(?:language-|lang[=:]|sourcecode[:=])?([a-z][a-z+]*)(?:[-_.]?\d[\w.]*)?(?=$|[^\w.+-])")
_DIRECTIVE = re.compile(r"\{?code(?:-cell|-block)?\}?[ \t]+(?=\S)")
"""Of MyST and Sphinx, before the language."""
_FILE = re.compile(r"\S*?\.(py|cpp|cc|cxx|js|mjs|cjs)(?=$|[\s:,;}\]])")
_WRAPPER = re.compile(
    r"^[ \t]*(?:<(answer|code|solution|python|cpp|javascript)>|\[(ANSWER|CODE|PYTHON|SOLUTION|BEGIN)\])", re.MULTILINE
)
_PYTHON = Syntax("#", ends_in_string, lambda text: parsed(text) is not None)
_OTHER = Syntax("//")
_ENDING = re.compile(r"<\|\w{1,40}\|>|</s>|<eos>|<end_of_turn>")


def extract_program(response: str, language: str) -> str | None:
    """The text of the program, or None if the response has none. See the rules above. Linear in the length of the response.

    language:
        A name in `sdzero_bench.verifiers.sandbox.languages.LANGUAGES`.
    """
    # A byte order mark before a program is no part of it: interpreters and compilers drop it too.
    lines = [line.removeprefix("\ufeff") for line in lines_of(after_thinking(response))]
    blocks = _blocks(lines, language)
    before = _unwrapped("\n".join([*lines[: blocks[0].first], ""] if blocks else lines))
    tagged = [block for block in blocks if _is_tagged(block.info, language)]
    untagged = [block for block in blocks if not block.info]
    if tagged and not tagged[-1].text.strip():
        return None
    if not tagged and not untagged:  # a whole response inside of a Markdown block
        blocks = [
            inner for block in blocks if block.info in ("markdown", "md") for inner in _blocks(lines_of(block.text), language)
        ]
        tagged = [block for block in blocks if _is_tagged(block.info, language)]
    if _is_program(before, language):
        blocks = [first := Block("", before, -1), *blocks]
        untagged = [first, *untagged]
    if language == "python":
        chosen = _python_solution(blocks, tagged) or _python_solution(blocks, untagged)
    else:
        chosen = _last_whole(tagged, language) or _last_whole(untagged, language)
    return chosen or next((block.text for block in [*reversed(tagged), *reversed(untagged)] if block.text.strip()), None)


def _blocks(lines: list[str], language: str) -> list[Block]:
    return fenced_blocks(lines, _PYTHON if language == "python" else _OTHER)


def after_prelude(prelude: str, program: str) -> str:
    """The Python program after a prelude, such as imports; its `from __future__` imports stay in front, as Python demands."""
    tree = parsed(program)
    future = [s for s in tree.body if isinstance(s, ast.ImportFrom) and s.module == "__future__"] if tree else []
    if not future:
        return f"{prelude}\n{program}"
    lines = program.split("\n")
    head = "\n".join(lines[: future[-1].end_lineno])
    rest = "\n".join(lines[future[-1].end_lineno :])
    return f"{head}\n{prelude}\n{rest}"


def python_statements(text: str) -> list[ast.stmt] | None:
    """The statements of a Python program, or None if the text is not one."""
    tree = parsed(text)
    return None if tree is None else tree.body


def _is_tagged(info: str, language: str) -> bool:
    """Whether an info string names the language, such as `Python 3`, `python:a.py`, `{.python .x}`, `src/a.py` or `c++17`."""
    text = info.lower().lstrip("{. ")
    if directive := _DIRECTIVE.match(text):
        text = text[directive.end() :]
    if file := _FILE.match(text):
        return file[1] in LANGUAGES[language].fences
    tag = _TAG.match(text)
    return tag is not None and tag[1] in LANGUAGES[language].fences


def _python_solution(blocks: Sequence[Block], choosable: Sequence[Block]) -> str | None:
    readable = [b for b in blocks if (not b.info or _is_tagged(b.info, "python")) and b.text.strip()]
    chosen = {block.first for block in choosable}
    return solution([(python_block(_python_text(block)), block.first in chosen) for block in readable])


def _python_text(block: Block) -> str:
    """The text of a block; with the rest of the line of its opening fence, or without a common indentation, if only that is
    Python."""
    rest = block.info.partition(" ")[2]
    if (rest or block.text[0] in " \t") and parsed(block.text) is None:
        for other in (f"{rest}\n{block.text}" if rest else "", textwrap.dedent(block.text)):
            if other and parsed(other) is not None:
                return other
    return block.text


def _last_whole(choosable: Sequence[Block], language: str) -> str | None:
    return next((block.text for block in reversed(choosable) if _has(LANGUAGES[language].whole, block.text)), None)


def _has(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.MULTILINE) is not None


def _unwrapped(text: str) -> str:
    """The text without special tokens at its end, and without tags such as `<answer>` around the last part of it."""
    bare = text.rstrip()
    while bare.endswith(">") and (ending := _ENDING.fullmatch(bare, max(bare.rfind("<"), 0))):
        bare = bare[: ending.start()].rstrip()
    if bare != text.rstrip():
        text = f"{bare}\n"
    wrapper = next(reversed(list(_WRAPPER.finditer(text))), None)
    if wrapper is None:
        return text
    closing = f"</{wrapper[1]}>" if wrapper[1] else "[DONE]" if wrapper[2] == "BEGIN" else f"[/{wrapper[2]}]"
    return text[wrapper.end() :].partition(closing)[0].removeprefix("\n")


def _is_program(text: str, language: str) -> bool:
    if language != "python":
        rules = LANGUAGES[language]
        return bool(rules.unfenced) and _has(rules.unfenced, text) and _has(rules.whole, text)
    return any(map(_has_effect, python_statements(text) or ()))


def _has_effect(statement: ast.stmt) -> bool:
    """A word, a value or a line such as `Answer: x` has none."""
    if isinstance(statement, ast.Expr | ast.AnnAssign):
        return isinstance(statement.value, ast.Call)
    return True
