"""The languages that programs may be written in. To add one, add an entry to `LANGUAGES`."""

from __future__ import annotations

from dataclasses import dataclass

from sdzero_bench.core.errors import unknown

_WRAPPED = [f"-Wl,--wrap={name}" for name in ("malloc", "calloc", "realloc")]
_PRELUDE = """\
extern "C" {
int sandbox_attr_init(void *) __asm__("pthread_attr_init") __attribute__((weak));
int sandbox_attr_stack(void *, unsigned long) __asm__("pthread_attr_setstacksize") __attribute__((weak));
int sandbox_attr_default(const void *) __asm__("pthread_setattr_default_np") __attribute__((weak));
long sandbox_write(int, const void *, unsigned long) __asm__("write");
void *__real_malloc(unsigned long);
void *__real_calloc(unsigned long, unsigned long);
void *__real_realloc(void *, unsigned long);
static void *sandbox_said(void *found) {
    if (!found) sandbox_write(2, "\\nbad_alloc: malloc failed\\n", 27);
    return found;
}
void *__wrap_malloc(unsigned long size) { return sandbox_said(__real_malloc(size)); }
void *__wrap_calloc(unsigned long count, unsigned long size) { return sandbox_said(__real_calloc(count, size)); }
void *__wrap_realloc(void *old, unsigned long size) {
    void *found = __real_realloc(old, size);
    return size ? sandbox_said(found) : found;
}
__attribute__((constructor)) static void sandbox_threads() {
    alignas(16) char attributes[256];
    if (sandbox_attr_init && sandbox_attr_stack && sandbox_attr_default && !sandbox_attr_init(attributes)) {
        sandbox_attr_stack(attributes, 8 << 20);
        sandbox_attr_default(attributes);
    }
}
}
"""
"""Says on standard error when malloc fails, since the crash that follows does not; and gives threads a stack of 8 MB, not the
main thread's, which may take all the memory."""


_NODE_PRELUDE = """\
const fs = require("fs");
for (const name of ["readFileSync", "readFile", "openSync"]) {
    const original = fs[name];
    const stdin = name === "openSync" ? () => 0 : (...rest) => original(0, ...rest);
    fs[name] = (path, ...rest) => (path === "/dev/stdin" ? stdin(...rest) : original(path, ...rest));
}
const stream = fs.createReadStream;
fs.createReadStream = (path, ...rest) => (path === "/dev/stdin" ? process.stdin : stream(path, ...rest));
"""
"""There is no /dev/stdin in the sandbox, by which many programs read their input."""


@dataclass(frozen=True)
class Language:
    """A compiled language has `compile`, the compiler's command, in which `{source}`, `{binary}` and `{prelude}` stand for
    paths; an interpreted one `run`, with `{source}`, `{prelude}` and `{memory_mb}`. Python has neither: the sandbox runs it.
    """

    name: str
    fences: tuple[str, ...]
    """Tags of fenced code blocks in this language, in lower case and without a version."""
    file_name: str
    hello: str
    """A program that prints `hello`."""
    install: str
    compile: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    prelude: str = ""
    """What the compiler or interpreter reads before the source, from the file `{prelude}`."""
    whole: str = ""
    """A pattern that a block with a whole program has, unlike one with a fragment or an output."""
    unfenced: str = ""
    """A pattern that text without a fence has to have, besides `whole`, to be a program; empty: none is."""
    nothing: str = ""
    """A program that does nothing, which no tests should accept."""
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
            nothing="pass",
            install="reinstall Python",
        ),
        Language(
            name="cpp",
            fences=("cpp", "c++", "cc", "cxx", "g++", "gnu++"),
            file_name="program.cpp",
            hello='#include <cstdio>\nint main() { std::puts("hello"); }\n',
            install="install g++ 10 or later under /usr (Debian, Ubuntu: `apt install g++`)",
            compile=("g++", "-std=c++20", "-O2", "-pipe", "-include", "{prelude}", *_WRAPPED, "-o", "{binary}", "{source}"),
            prelude=_PRELUDE,
            whole=r"^[ \t]*#[ \t]*include\b|\bmain[ \t]*\(",
            unfenced=r"^[ \t]*#[ \t]*include\b",
            nothing="int main() { return 0; }",
        ),
        Language(
            name="javascript",
            fences=("javascript", "js", "node", "nodejs", "cjs", "mjs"),
            file_name="program.js",
            hello='console.log("hello");\n',
            install="install Node.js 18 or later under /usr (Debian, Ubuntu: `apt install nodejs`)",
            run=("node", "--max-old-space-size={memory_mb}", "--require", "{prelude}", "{source}"),
            prelude=_NODE_PRELUDE,
            whole=r"\bconsole\s*\.\s*\w+\s*\(|\bprocess\s*\.\s*stdout\b",
            unfenced=r"^(?:(?:const|let|var)\s+[\w{\[$].*=|(?:async\s+)?function\b|['\"]use strict['\"]|import\b.*\bfrom\b)",
            nothing=";",
        ),
    )
}


def language(name: str) -> Language:
    """The language of that name. Raises `UserError` if there is none."""
    if name not in LANGUAGES:
        raise unknown("language", name, LANGUAGES)
    return LANGUAGES[name]
