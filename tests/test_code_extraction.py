"""What of a response counts as its program."""

from __future__ import annotations

import pytest

from sdzero_bench.verifiers.code.extraction import extract_program

PYTHON = "def f():\n    return 1\n"
OTHER = "def g():\n    return 2\n"


def block(text: str, tag: str = "", mark: str = "```") -> str:
    return f"{mark}{tag}\n{text}{mark}\n"


@pytest.mark.parametrize("tag", ["python", "py", "Python", "python3", "python title='a.py'", "{.python}", " python"])
def test_a_tagged_block_is_the_program(tag: str) -> None:
    assert extract_program(f"Here it is:\n{block(PYTHON, tag)}Done.", "python") == PYTHON


def test_a_byte_order_mark_is_no_part_of_a_program() -> None:
    program = "def f(s):\n    return s.lstrip('\ufeff')\n"
    assert extract_program(block("\ufeff" + program, "python"), "python") == program
    assert extract_program("\ufeff" + program, "python") == program


@pytest.mark.parametrize("tag", ["cpp", "c++", "C++"])
def test_the_tag_of_another_language_has_its_own_names(tag: str) -> None:
    program = "#include <cstdio>\nint main() {}\n"
    assert extract_program(block(PYTHON, "python") + block(program, tag), "cpp") == program
    assert extract_program(block(PYTHON, "python") + block(program, tag), "python") == PYTHON


JS = "const n = Number(require('fs').readFileSync(0));\nconsole.log(n + 1);\n"


@pytest.mark.parametrize("tag", ["javascript", "js", "JavaScript", "node", "js title=a.js", "src/a.js", "mjs", "{.js}"])
def test_javascript(tag: str) -> None:
    assert extract_program(block(PYTHON, "python") + block(JS, tag) + block("3 -> 4\n"), "javascript") == JS
    assert extract_program(block(JS, tag), "python") is None
    assert extract_program(block(JS, tag), "cpp") is None


def test_javascript_without_a_tag_or_a_fence() -> None:
    assert extract_program(block(JS) + "It prints 4:\n" + block("4\n"), "javascript") == JS
    assert extract_program(JS, "javascript") == JS
    assert extract_program("let us think: the console. Then we print.", "javascript") is None
    assert extract_program("I would use console.log for that.", "javascript") is None
    assert extract_program(block(JS, "js") + "Run it:\n" + block("npm i\n", "bash"), "javascript") == JS
    assert extract_program(block(JS, "js") + "The idea:\n" + block("n => n + 1\n", "js"), "javascript") == JS
    assert extract_program(block(JS, "json") + block(JS, "typescript"), "javascript") is None


def test_the_last_tagged_block_wins_and_then_the_last_untagged_one() -> None:
    assert extract_program(block(OTHER, "python") + block(PYTHON, "python") + block("5\n"), "python") == PYTHON
    assert extract_program(block(OTHER) + block(PYTHON) + block("{}\n", "json"), "python") == PYTHON


def test_blocks_of_other_languages_are_never_taken() -> None:
    assert extract_program(block("ls -l\n", "bash"), "python") is None
    assert extract_program(block(PYTHON, "python"), "cpp") is None
    assert extract_program(block("print(1)\n", "javascript") + "print(1)", "python") is None


def test_a_block_that_is_never_closed_ends_with_the_response() -> None:
    assert extract_program("```python\ndef f():\n    return 1", "python") == PYTHON
    cut = block(OTHER, "python") + "Better:\n```python\ndef f():\n    return ("
    assert extract_program(cut, "python") == "def f():\n    return (\n"  # which fails, whatever came before it
    assert extract_program(block(OTHER, "python") + "Better:\n```python\n", "python") is None


def test_a_block_that_ends_with_the_response_needs_no_line_after_it() -> None:
    assert extract_program(f"```python\n{PYTHON}```", "python") == PYTHON


def test_fences_inside_of_a_block_do_not_end_it() -> None:
    program = 'TEXT = """\n```\n"""\n'
    assert extract_program(block(program, "python", "````"), "python") == program
    assert extract_program(block(program, "python", "~~~"), "python") == program
    commented = "x = 1  # ```\n"
    assert extract_program(block(commented, "python"), "python") == commented


def test_an_indented_block_loses_the_indentation_of_its_fence_and_no_more() -> None:
    response = "1. So:\n   ```python\n   def f():\n       return 1\n   ```\n"
    assert extract_program(response, "python") == PYTHON
    ragged = "   ```python\ndef f():\n    return 1\n```\n"
    assert extract_program(ragged, "python") == PYTHON


def test_a_fence_right_after_a_tag_of_html_is_one() -> None:
    assert extract_program(f"<think>\nhm\n</think>\n{block(PYTHON, 'python')}", "python") == PYTHON


def test_a_whole_response_is_taken_only_if_it_is_a_program() -> None:
    assert extract_program(PYTHON, "python") == PYTHON
    assert extract_program("print(sum(map(int, input().split())))", "python")
    for prose in ("", "   ", "42", "yes", "'text'", "I would sort the list.", "def f(:", "\0"):
        assert extract_program(prose, "python") is None
    assert extract_program("#include <iostream>\nint main() {}", "cpp")
    assert extract_program("int main() {}", "cpp") is None


def test_an_empty_block_is_no_program_and_hides_no_earlier_one() -> None:
    assert extract_program(block("\n", "python"), "python") is None
    assert extract_program(block(PYTHON, "python") + block("", "python"), "python") is None


def test_whatever_is_found_stands_in_the_response() -> None:
    pieces = [block(PYTHON, "python"), block(OTHER), "prose\n", block("x\n", "sh"), "```python\n", block(PYTHON, "py", "~~~~")]
    for first in pieces:
        for second in pieces:
            for third in pieces:
                response = first + second + third
                program = extract_program(response, "python")
                assert program is None or program in response
