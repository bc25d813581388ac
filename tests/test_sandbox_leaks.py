"""Nothing is left behind: no process, no file, no descriptor, however a program or its worker ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from sandboxes import QUICK, best, every_tier

from sdzero_bench.verifiers.sandbox import Limits, Sandbox
from sdzero_bench.verifiers.sandbox.nurseries import close_nursery

PROGRAMS = [
    "def f(): return 1",
    "while True: pass",
    "import os\nos.kill(os.getppid(), 9)\ndef f(): pass",
    "def f(): raise SystemExit",
    "import os\nos.closerange(0, 99)\ndef f(): pass",
    "def f(: ",
]


def descendants(pid: int | None = None) -> list[psutil.Process]:
    return [process for process in psutil.Process(pid).children(recursive=True) if process.is_running()]


def gone(processes: list[psutil.Process], seconds: float = 20) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def open_files() -> list[str]:
    return os.listdir("/proc/self/fd")


def sandbox_files() -> set[str]:
    return {name for name in os.listdir(tempfile.gettempdir()) if name.startswith("sandbox-")}


@pytest.fixture
def clean() -> Iterator[None]:
    fds, files, processes = open_files(), sandbox_files(), set(descendants())
    yield
    close_nursery()
    assert len(open_files()) <= len(fds)
    assert sandbox_files() <= files
    # Helpers of the standard library and of joblib stay for the life of the test session: they are not of a sandbox.
    assert gone([process for process in descendants() if process not in processes])


@pytest.mark.cpp
@every_tier
@pytest.mark.usefixtures("clean")
def test_after_programs_of_all_kinds(sandbox: Sandbox) -> None:
    for program in PROGRAMS:
        sandbox.calls(program, "f", [[]], QUICK)
        sandbox.stdio("python", program, ["", "x"], QUICK)
        sandbox.asserts(program, ["assert f() == 1"], ["f"], QUICK)
    sandbox.stdio("cpp", "int main() { for (;;); }", [""], QUICK)
    sandbox.stdio("cpp", "int main() { nothing }", [""], QUICK)


@pytest.mark.usefixtures("clean")
def test_many_at_once() -> None:
    program = "import sys\nn = int(input())\nprint(n * n)"
    with ThreadPoolExecutor(8) as pool:
        results = pool.map(lambda n: best().stdio("python", program, [str(n)], Limits()), range(64))
    assert [result.executions[0].stdout for result in results] == [f"{n * n}\n" for n in range(64)]


WORKER = """
import pickle, sys
sandbox = pickle.load(sys.stdin.buffer)
print("ready", flush=True)
from sdzero_bench.verifiers.sandbox import Limits
sandbox.calls("import time\\ntime.sleep(600)\\ndef f(): pass", "f", [[]], Limits(cpu_seconds=300))
"""


@every_tier
def test_a_worker_that_is_killed_takes_its_sandbox_with_it(sandbox: Sandbox) -> None:
    import pickle

    worker = subprocess.Popen([sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert worker.stdin is not None
    assert worker.stdout is not None
    with worker, worker.stdin as stdin:
        stdin.write(pickle.dumps(sandbox))
        stdin.close()
        assert worker.stdout.readline() == b"ready\n"
        until = time.monotonic() + 60
        # bubblewrap is two processes, unshare one; then the tester, then the program.
        enough = {1: 4, 2: 3, 3: 2}[sandbox.tier]
        while len(running := descendants(worker.pid)) < enough and time.monotonic() < until:
            time.sleep(0.05)
        assert len(running) >= enough
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        assert gone(running)


def test_a_program_that_hangs_costs_its_worker_nothing() -> None:
    from pebble import ProcessPool

    hanging = "import time\ntime.sleep(600)\ndef f(): pass"
    with ProcessPool(max_workers=2) as pool:
        programs = [hanging, "def f(): return 1", hanging, "def f(): return 1", "def f(): return 1"]
        futures = [pool.schedule(_outcome, args=(best(), program)) for program in programs]
        assert [future.result() for future in futures] == ["time", "ok", "time", "ok", "ok"]


def _outcome(sandbox: Sandbox, program: str) -> str:
    return sandbox.calls(program, "f", [[]], QUICK).executions[0].outcome


@pytest.mark.cpp
@every_tier
def test_the_compilers_directory_is_empty_when_the_program_runs(sandbox: Sandbox) -> None:
    program = (
        '#include <filesystem>\n#include <iostream>\nint main() { for (auto &e : std::filesystem::directory_iterator("."))'
        " std::cout << e.path() << '\\n'; }"
    )
    (execution,) = sandbox.stdio("cpp", program, [""], Limits()).executions
    assert (execution.outcome, execution.stdout) == ("ok", ""), execution
    assert not list(Path(tempfile.gettempdir()).glob("sandbox-*/program*"))
