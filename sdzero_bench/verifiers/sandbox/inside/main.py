"""The tester: reads a job, runs the program, reports the results."""

from __future__ import annotations

import os
import resource

from .asking import NotCompiled, Program
from .calls import call
from .codec import decode, encode
from .compiling import compiled, loaded_bytes
from .confine import die_with_parent, drop_capabilities, protect_tester
from .forking import Broken
from .interpreting import interpret, require_interpreter, write_source
from .mounts import limit_files, read_only_but_for
from .program import run_script
from .scratch import emptied
from .stdio import CannotCompile, run
from .watch import sweep

TYPE_CHECKING = False  # not from `typing`, whose import takes as long as starting Python
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sdzero_bench.verifiers.sandbox.payload import HiddenAsserts, HiddenCalls, HiddenInput, Job

REPORT = 1


class Reports:
    """Numbers the reports on tests and sends them immediately."""

    def __init__(self) -> None:
        self.count = 0

    def test(self, *results: object) -> None:
        tell("test", self.count, *results)
        self.count += 1


def tell(*message: object) -> None:
    """Send a message to the host."""
    data = encode(message)
    view = memoryview(len(data).to_bytes(4, "big") + data)
    while view:
        view = view[os.write(REPORT, view) :]


def main(take: Callable[[int], bytes]) -> None:
    """`take` reads a number of bytes from standard input. The job comes in two parts; the program never sees the second one."""
    started = False
    try:
        job = _part(take)
        _settle(job)
        tell("began")
        started = True
        _work(job, lambda: _part(take))
        if job["tier"] == 3:
            sweep()
        tell("end")
    except Broken as error:
        tell("broken", str(error))
    except (CannotCompile, NotCompiled) as error:
        tell("compile", str(error)[:4000])
    except MemoryError:
        tell("lost", "memory", "the tester's memory is full of its answers")
    except BaseException as error:  # with the program running, only the program can have caused it
        text = _text(error)
        tell(*(("lost", "output") if started else ("broken",)), f"{text} (line {_line(error)})")
    os._exit(0)  # at once, without the interpreter's own clean-up


def _settle(job: Job) -> None:
    protect_tester()
    if job["tier"] == 1 and not os.path.exists("/proc/self"):  # else bubblewrap did nothing, and /tmp is the host's
        limit_files("/tmp", job["scratch"])
    if job["tier"] == 2:
        read_only_but_for("/tmp", job["scratch"])
    if job["tier"] > 1:
        die_with_parent()
    drop_capabilities()
    os.chdir(job["directory"])
    most = 2 * job["limits"]["memory"] + (768 << 20)
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _work(job: Job, read_hidden: Callable[[], Any]) -> None:
    limits, tests = job["limits"], Reports()
    if job["mode"] == "stdio":
        _stdio(job, read_hidden, tests)
        return
    program = Program(job["source"], limits, job["filter"], shares=job["mode"] == "asserts")
    if job["mode"] == "calls":
        calls: HiddenCalls = read_hidden()
        call(program, calls["function"], calls["calls"], tests.test)
    else:
        from .asserts import Script, Unsupported

        hidden: HiddenAsserts = read_hidden()
        _limit_own_time(limits["total_cpu"])
        try:
            script = Script(program, hidden)
            for source in hidden["tests"]:
                tests.test(*script.test(source))
        except Unsupported as error:
            tell("unsupported", tests.count, str(error))
    program.watch.kill("exit", "all done")


def _limit_own_time(most: float) -> None:
    """What a test does with a result takes the tester's time, and a signal's handler waits for C code: sum(range(10**12))."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime + most) + 5
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))


def _stdio(job: Job, read_hidden: Callable[[], Any], tests: Reports) -> None:
    limits = job["limits"]
    executables = [compiled(job, job["directory"])] if job["compile"] else []
    if job["run"]:
        require_interpreter(job["run"][0])
    image = "binary" if executables else "interpreter" if job["run"] else "python"

    def body(*executables: int) -> None:
        if job["run"]:
            interpret(job)
        if executables:
            os.execve(executables[0], ["program"], {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "2"})
        run_script(job["source"])

    too_large = bool(executables) and loaded_bytes(executables[0]) > limits["memory"]
    cpu = wall = 0.0
    for _ in range(job["tests"]):
        hidden: HiddenInput = read_hidden()
        text = hidden["input"]
        if too_large:
            tests.test("memory", b"", b"", "its data does not fit into its memory", 0.0, 0.0)
            continue
        if cpu > limits["total_cpu"] or wall > limits["total_wall"]:
            tests.test("time", b"", b"", "all tests together took longer than allowed", 0.0, 0.0)
            continue
        if job["run"]:
            write_source(job)
        asked = text.encode("utf-8", "surrogatepass")
        outcome, printed, detail, *spent = run(body, executables, asked, limits, job["filter"], image)
        if job["tier"] < 3:
            emptied(job["directory"])
        cpu, wall = cpu + spent[0], wall + spent[1]
        tests.test(outcome, b"", printed, detail, *spent)


def _part(take: Callable[[int], bytes]) -> Any:
    return decode(take(int.from_bytes(take(4), "big")), lambda *_: None)


def _text(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {str(error)[:500]}"
    except Exception:
        return type(error).__name__


def _line(error: BaseException) -> int:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_lineno if trace is not None else 0
