"""Hostile C++ that attacks the compiler or runs as a program."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from sdzero_bench.verifiers.sandbox.conformance.probe import LIMITS, Probe, script
from sdzero_bench.verifiers.sandbox.sandbox import Sandbox


def compiler_there() -> bool:
    return shutil.which("g++") is not None


def _compiling(source: str, forbidden: str = "") -> Callable[[Sandbox], str | None]:
    """A source that must not compile, and whose error must not contain `forbidden`."""

    def attack(sandbox: Sandbox) -> str | None:
        result = sandbox.stdio("cpp", source, [""], LIMITS)
        if result.compile_error is None:
            return f"compiled, and printed {result.executions[0].stdout[:100]!r}"
        return "the error shows a file of the host" if forbidden and forbidden in result.compile_error else None

    return attack


_TEMPLATES = """
template <int N, class... T> struct Bomb { using type = Bomb<N - 1, T..., T..., int>; static const int value = type::value; };
template <class... T> struct Bomb<0, T...> { static const int value = sizeof...(T); };
int main() { return Bomb<64>::value; }
"""
_FORKS = """
#include <cstdio>
#include <unistd.h>
int main() {
    for (int i = 0; i < 64; ++i) {
        auto pid = fork();
        if (pid < 0) return 3;
        if (pid == 0) pause();
    }
    std::puts("reached");
}
"""
_OLD_CALLS = """
#include <cstdio>
#include <cstdlib>
int main() {
#ifdef __x86_64__
    long result = 2;  // fork, by its number in the 32-bit interface
    asm volatile("int $0x80" : "+a"(result) : : "memory");
    if (result > 0) std::puts("reached");
#endif
    std::abort();
}
"""
_MEMORY = "#include <vector>\nint main() { std::vector<std::vector<int>> v; for (;;) v.emplace_back(1 << 20, 1); }"
_FILES = """
#include <cstdio>
int main() {
    const char *paths[] = {"/etc/passwd", "/proc/1/environ", "/root/.bashrc"};
    for (auto path : paths) if (std::fopen(path, "r")) std::puts("reached");
}
"""

COMPILING = (
    Probe(
        "C++: host files included",
        "#include of /etc/passwd",
        "not found",
        _compiling('#include "/etc/passwd"\nint main() {}', "root:"),
        (1,),
        (1,),
    ),
    Probe(
        "C++: host files embedded",
        ".incbin of /etc/passwd",
        "not found",
        _compiling('asm(".incbin \\"/etc/passwd\\"");\nint main() {}'),
        (1,),
        (1,),
    ),
    Probe(
        "C++: endless include",
        "#include of /dev/zero",
        "a compile error in time",
        _compiling('#include "/dev/zero"\nint main() {}'),
    ),
    Probe("C++: template bomb", "a recursion of ever longer types", "a compile error in time", _compiling(_TEMPLATES)),
    Probe("C++: fork bomb", "forks without end", "refused", script(_FORKS, "exit", language="cpp"), held_without_filter=()),
    Probe(
        "C++: 32-bit system calls",
        "forks through the 32-bit system call interface",
        "killed",
        script(_OLD_CALLS, "signal", language="cpp"),
        held_without_filter=(),
    ),
    Probe("C++: memory bomb", "allocates memory without end", "memory limit", script(_MEMORY, "memory", language="cpp")),
    Probe("C++: host files", "opens files of the host", "not found", script(_FILES, "ok", language="cpp"), (1,), (1,)),
    Probe(
        "C++: segmentation fault",
        "writes at address 0",
        "signal",
        script("int main() { *(volatile int*)0 = 1; }", "signal", language="cpp"),
    ),
)
