"""The languages that programs may be written in. To add one, add an entry to `LANGUAGES`."""

from __future__ import annotations

from dataclasses import dataclass

from sdzero_bench.core.errors import unknown


@dataclass(frozen=True)
class Language:
    """`compile` is the compiler's command, in which `{source}` and `{binary}` stand for paths; empty for Python."""

    name: str
    fences: tuple[str, ...]
    """Tags of fenced code blocks in this language, in lower case and without a version."""
    file_name: str
    hello: str
    """A program that prints `hello`."""
    install: str
    compile: tuple[str, ...] = ()
    compile_seconds: float = 10.0
    """CPU seconds, before scaling by the machine's slowness."""
    compile_memory_mb: int = 1024


LANGUAGES = {
    language.name: language
    for language in (
        Language(
            name="python",
            fences=("python", "py", "ipython", "pypy"),
            file_name="program.py",
            hello="print('hello')\n",
            install="reinstall Python",
        ),
        Language(
            name="cpp",
            fences=("cpp", "c++", "cc", "cxx", "g++", "gnu++"),
            file_name="program.cpp",
            hello='#include <cstdio>\nint main() { std::puts("hello"); }\n',
            install="install g++ 10 or later under /usr (Debian, Ubuntu: `apt install g++`)",
            compile=("g++", "-std=c++20", "-O2", "-pipe", "-o", "{binary}", "{source}"),
        ),
    )
}


def language(name: str) -> Language:
    """The language of that name. Raises `UserError` if there is none."""
    if name not in LANGUAGES:
        raise unknown("language", name, LANGUAGES)
    return LANGUAGES[name]
