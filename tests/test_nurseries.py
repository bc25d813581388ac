"""Tier 1 starts one Python for many programs: none finds anything of those before it, and none outlives its job."""

from __future__ import annotations

import os
import threading
from dataclasses import replace

import psutil
import pytest
from sandboxes import QUICK, best

from sdzero_bench.verifiers.sandbox import Sandbox, nurseries, tiers
from sdzero_bench.verifiers.sandbox.conformance import run_conformance
from sdzero_bench.verifiers.sandbox.payload import NURSE, modules
from sdzero_bench.verifiers.sandbox.tier_search import find_sandbox

pytestmark = pytest.mark.bwrap


@pytest.fixture
def sandbox() -> Sandbox:
    assert best().forks
    return best()


def pid() -> int:
    """Of this thread's nursery."""
    process: int = nurseries._own.nursery._process.pid
    return process


def value(sandbox: Sandbox, program: str) -> object:
    (execution,) = sandbox.calls(program, "f", [[]], QUICK).executions
    assert execution.outcome == "ok", execution.detail
    return execution.value


def test_many_programs_have_one_process(sandbox: Sandbox) -> None:
    value(sandbox, "def f(): return 1")
    first = pid()
    for _ in range(3):
        sandbox.calls("import os\nos._exit(3)", "f", [[]], QUICK)
        sandbox.calls("def f(): return 'x' * 10**6", "f", [[]], QUICK)
        sandbox.stdio("python", "print(1)", ["", ""], QUICK)
        sandbox.asserts("def f(): return 1", ["assert f() == 2"], ["f"], QUICK)
        assert value(sandbox, "def f(): return 2") == 2
    assert pid() == first


LEFT = {
    "a file": (
        "open('/tmp/left', 'w').write('x')\ndef f(): pass",
        "import os\ndef f(): return os.listdir('/tmp') + os.listdir('.')",
        [],
    ),
    "a patched module": (
        "import collections, typing, math\ncollections.Counter = typing.List = math.sqrt = None\ndef f(): pass",
        "import collections, typing, math\ndef f(): return None in (collections.Counter, typing.List, math.sqrt)",
        False,
    ),
    "a patched builtin": (
        "import builtins\nbuiltins.sorted = builtins.left = 7\ndef f(): pass",
        "import builtins\ndef f(): return sorted('ba'), 'left' in vars(builtins)",
        (["a", "b"], False),
    ),
    "an environment variable": (
        "import os\nos.environ['LEFT'] = os.environ['PATH'] = 'x'\ndef f(): pass",
        "import os\ndef f(): return 'LEFT' in os.environ or os.environ['PATH'] == 'x'",
        False,
    ),
    "a thread that goes on": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\ndef f(): pass",
        "import threading\ndef f(): return threading.active_count()",
        1,
    ),
    "an answer in memory": (
        "left = 'left-' + 'in-memory'\ndef f(): return left",
        "import gc\nwanted = 'left-' + 'in-memory'\n"
        "def f(): return sum(type(o) is str and o == wanted and o is not wanted for d in gc.get_objects()"
        " if isinstance(d, dict) for o in list(d.values()))",
        0,
    ),
    "a working directory": (
        "import os\nos.mkdir('deep')\nos.chdir('deep')\ndef f(): pass",
        "import os\ndef f(): return os.getcwd()",
        "/tmp",
    ),
}


@pytest.mark.parametrize("kind", LEFT)
def test_a_program_finds_nothing_of_the_one_before(sandbox: Sandbox, kind: str) -> None:
    before, after, expected = LEFT[kind]
    value(sandbox, before)
    first = pid()
    assert value(sandbox, after) == expected
    assert pid() == first


def test_programs_do_not_share_their_random_numbers(sandbox: Sandbox) -> None:
    program = "import random, uuid, os\ndef f(): return random.random(), uuid.uuid4().hex, os.urandom(4).hex()"
    found = [value(sandbox, program) for _ in range(3)]
    assert len(set(map(str, found))) == 3


def test_a_test_of_an_earlier_job_is_not_in_reach(sandbox: Sandbox) -> None:
    secret = "secret-" + os.urandom(4).hex()
    sandbox.asserts("def f(): return 1", [f"assert f() == '{secret}'"], ["f"], QUICK)
    program = f"""
import gc
def f():
    found = []
    for thing in gc.get_objects():
        try: found += [v for v in (thing.values() if isinstance(thing, dict) else thing) if isinstance(v, (str, bytes))]
        except BaseException: pass
    secret = "-".join(["secret", {secret.partition("-")[2]!r}])
    return any(secret in str(v) for v in found)
"""
    (execution,) = sandbox.calls(program, "f", [[]], QUICK).executions
    assert execution.outcome == "ok"
    assert execution.value is False


def test_what_goes_wrong_ends_the_process_and_the_next_program_has_a_new_one(sandbox: Sandbox) -> None:
    value(sandbox, "def f(): return 1")
    first = psutil.Process(pid())
    first.children()[0].kill()
    first.wait(10)
    assert value(sandbox, "def f(): return 1") == 1
    assert pid() != first.pid


def test_a_thread_takes_its_process_with_it(sandbox: Sandbox) -> None:
    found: list[int] = []

    def work() -> None:
        value(sandbox, "def f(): return 1")
        found.append(pid())

    value(sandbox, "def f(): return 1")
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found[0] != pid()
    assert not psutil.pid_exists(found[0]) or psutil.Process(found[0]).status() == psutil.STATUS_ZOMBIE


def test_a_forked_process_has_its_own(sandbox: Sandbox) -> None:
    value(sandbox, "def f(): return 1")
    before, (ready, say) = pid(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(say, b"own" if value(sandbox, "def f(): return 1") == 1 and pid() != before else b"shared")
            nurseries.close_nursery()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(ready, 10) == b"own"
    assert value(sandbox, "def f(): return 1") == 1
    assert pid() == before


def test_where_it_cannot_fork_into_namespaces_python_is_started_for_each_program(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = NURSE.replace("sys.modules", "os.fork = None; sys.modules", 1)
    monkeypatch.setattr("sdzero_bench.verifiers.sandbox.sandbox.NURSE", broken)
    found = find_sandbox()
    assert (found.tier, found.forks) == (1, False)
    assert value(found, "def f(): return 1") == 1


def test_the_process_that_forks_ends_when_the_host_does() -> None:
    command = [*tiers.bubblewrap(), *tiers.interpreter(), "-c", NURSE.format(scratch=1 << 20)]
    alone = nurseries.Nursery(command, modules(True), tiers.ENVIRONMENT)
    alone._control.shutdown(1)
    assert alone._process.wait(20) == 0
    alone.close()


@pytest.mark.slow
def test_without_forking_tier_1_holds_all_of_it() -> None:
    findings = run_conformance(replace(best(), forks=False, other_processes=3))
    assert {finding.probe: finding.found for finding in findings if finding.held is not True} == {}
