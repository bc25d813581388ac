"""Which part of a response counts as its program.

A fenced block starts with a line of three or more backticks or tildes and an optional tag, and ends with a line of the same
marks, at least as many, and nothing else. Both may be indented; if every line of the block has the indentation of its opening
fence, it is removed. The program is, in this order:

1. None, if the last fence is never closed, even if earlier blocks are complete: the response was truncated.
2. The last block tagged with the language or one of its aliases.
3. The last block without a tag.
4. Only if there is no block at all: the whole response, if it is a program. Python has to parse and contain a statement with
   an effect, so that a plain word or number does not count; C++ has to contain an `#include`.

Nothing else is accepted: no block in another language, no lines picked out of prose. These rules differ from a Markdown
parser's, in which an HTML tag such as `</think>` hides a fence on the next line, and a list item can end inside a block.
"""

from __future__ import annotations

import ast
import re
import warnings

from sdzero_bench.verifiers.sandbox.languages import LANGUAGES

_FENCE = re.compile(r"([ \t]*)(`{3,}|~{3,})[ \t]*([^`\n]*)")


def extract_program(response: str, language: str) -> str | None:
    """The text of the program, or None if the response has none. See the rules above.

    language:
        A name in `sdzero_bench.verifiers.sandbox.languages.LANGUAGES`.
    """
    blocks = _blocks(response)
    if blocks is None:
        return None
    for tags in (LANGUAGES[language].fences, ("",)):
        for tag, text in reversed(blocks):
            if tag in tags:
                return text if text.strip() else None
    return response if not blocks and _is_program(response, language) else None


def _blocks(response: str) -> list[tuple[str, str]] | None:
    """Tag and text of each block, in order; None if the last one is never closed."""
    blocks = []
    opened: re.Match[str] | None = None
    lines: list[str] = []
    for line in response.splitlines():
        fence = _FENCE.fullmatch(line)
        if opened is None:
            opened, lines = fence, []
        elif fence and fence[2].startswith(opened[2]) and not fence[3].strip():
            tag = opened[3].split()[0] if opened[3].split() else ""
            if all(text.startswith(opened[1]) for text in lines if text.strip()):
                lines = [text.removeprefix(opened[1]) for text in lines]
            blocks.append((tag.strip("{}.").lower(), "\n".join(lines) + "\n"))
            opened = None
        else:
            lines.append(line)
    return blocks if opened is None else None


def _is_program(text: str, language: str) -> bool:
    if language == "cpp":
        return re.search(r"^\s*#\s*include\b", text, re.MULTILINE) is not None
    if language != "python":
        return False
    statements = python_statements(text)
    return any(not isinstance(s, ast.Expr) or isinstance(s.value, ast.Call) for s in statements or ())


def python_statements(text: str) -> list[ast.stmt] | None:
    """The statements of a Python program, or None if the text is not one."""
    try:
        with warnings.catch_warnings():  # about invalid escapes in strings of the program
            warnings.simplefilter("ignore")
            return ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
