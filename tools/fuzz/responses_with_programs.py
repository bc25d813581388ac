"""Responses that hold programs, in fences of all kinds, nested, unclosed and garbled."""

from __future__ import annotations

from hypothesis import strategies as st

from sdzero_bench.verifiers.code.extraction import after_prelude, extract_program, python_statements
from tools.fuzz.bounded import fault
from tools.fuzz.hunting import Target

FENCES = ["```", "```python", "```py", "```c++", "```cpp title=a.cpp", "````", "~~~", "~~~python", "   ```", "    ```", "> ```"]
TAGS = ["<think>", "</think>", "<answer>", "</answer>", "[PYTHON]", "[/PYTHON]", "[DONE]", "</s>", "<|im_end|>", "<code>"]
CODE = [
    *["def f(x):", "    return x", "import os", "from __future__ import annotations", "class A:", "print(1)", "match x:"],
    *["    case 1: pass", "async def f(): await g()", "f'{x!r:{y}}'", "x = '''", '"""', "#", "é = 1", "0x", "1_0j"],
    *["#include <iostream>", "int main() {", "}", 'R"(', "(" * 50, "x = [" * 30, "lambda: " * 40, "-" * 500 + "1"],
]
OTHER = ["Here is the program:", "", "\t", "\\", "\0", "\ud800", "\x0c", "\u2028"]

LONGEST = 100_000
"""Characters of a response, three times as many as are sampled in practice."""

line = st.sampled_from([*FENCES, *TAGS, *CODE, *OTHER]) | st.text(max_size=20)
responses = st.one_of(
    st.lists(line, max_size=25).map("\n".join),
    st.lists(line, max_size=10).map("\r\n".join),
    st.builds(lambda piece, times: (piece * times)[:LONGEST], line, st.integers(1, 2000)),
    st.text(max_size=200),
)


def wrong_extraction(case: tuple[str, str]) -> str | None:
    response, language = case

    def extract() -> None:
        program = extract_program(response, language)
        assert program is None or isinstance(program, str)
        assert extract_program(response, language) == program
        if program is not None and language == "python":
            after_prelude("import math", program)
            python_statements(program)

    return fault(extract)


def target() -> Target:
    inputs = st.tuples(responses, st.sampled_from(["python", "cpp"]))
    return Target("programs in responses", inputs, wrong_extraction, 0.25)
