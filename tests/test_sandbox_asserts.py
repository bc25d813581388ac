"""Assert scripts judge a program in another process as they would in their own, but for what could be forged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from local_tasks import DATA
from sandboxes import QUICK, best

from sdzero_bench.verifiers.sandbox import Limits, TestUnsupportedError
from sdzero_bench.verifiers.sandbox.free_names import free_names, made

PROGRAM = """
from collections import namedtuple
from typing import List

LIMIT = 10
Point = namedtuple("Point", "x y")

class Node:
    def __init__(self, value, left=None):
        self.value, self.left = value, left
    def __len__(self): return 1 + (len(self.left) if self.left else 0)
    def __getitem__(self, i): return [self.value][i]

class Leaf(Node): pass

class TooLarge(ValueError): pass

def depth(node: Node) -> int: return len(node)
def numbers(n):
    yield from range(n)
def half(n: int) -> float:
    if n > LIMIT: raise TooLarge(f"{n} is too large")
    return n / 2
def move(p: Point, by=1) -> Point: return Point(p[0] + by, p[1])
def sort(values: List[int]) -> List[int]: return sorted(values)
def maker(n): return lambda m: n + m
def own_assert(n): assert n == 0
def tree(): return [Node(1), Node(2, Node(1))]
"""

SCRIPTS = [
    ("assert half(4) == 2.0", "ok"),
    ("assert half(4) == 2.5", "assertion"),
    ("assert half(4) == 2.5, 'not quite'", "assertion"),
    ("half(11)", "exception"),
    ("try:\n    half(11)\n    assert False\nexcept ValueError as error:\n    assert 'too large' in str(error)", "ok"),
    ("own_assert(1)", "exception"),
    ("missing(1)", "exception"),
    ("assert list(numbers(4)) == [0, 1, 2, 3] and sum(numbers(5)) == 10", "ok"),
    ("assert numbers(2) == [0, 1]", "assertion"),
    ("assert move((1, 2)) == (2, 2) and move((1, 2), by=5) == (6, 2)", "ok"),
    ("assert move(Point(1, 2))[0] == 2", "ok"),
    ("assert sort([3, 1, 2]) == [1, 2, 3] and list(map(half, [2, 4])) == [1, 2] and max([3, 9, 5], key=half) == 9", "ok"),
    ("assert depth(Node(1, Node(2))) == 2", "ok"),
    ("root = Node(1)\nroot.left = Node(2)\nassert depth(root) == 2 and root.left.value == 2 and len(root) == 2", "ok"),
    ("assert isinstance(Leaf(1), Node) and not isinstance(Node(1), Leaf) and not isinstance(3, Node)", "ok"),
    ("assert Node(5)[0] == 5 and Node(1) != Node(1)", "ok"),
    ("assert [node.value for node in tree()] == [1, 2]", "ok"),
    ("assert maker(3)(4) == 7", "ok"),
    ("assert LIMIT == 10", "ok"),
    ("import math\nassert math.isclose(half(1), 0.5)", "ok"),
    ("def helper(n): return half(n) + 1\nassert helper(2) == 2", "ok"),
    ("assert abs(half(3) - 1.5) < 1e-9", "ok"),
]


def in_process(script: str) -> str:
    """The reference: both in one namespace, as it is commonly done."""
    names: dict[str, Any] = {"__name__": "program"}
    exec(PROGRAM, names)
    inside: list[BaseException] = []
    names["own_assert"] = _noting(names["own_assert"], inside)
    try:
        exec(script, names)
    except AssertionError as error:
        return "exception" if error in inside else "assertion"
    except Exception:
        return "exception"
    return "ok"


def _noting(function: Any, raised: list[BaseException]) -> Any:
    def wrapper(*args: Any) -> Any:
        try:
            return function(*args)
        except AssertionError as error:
            raised.append(error)
            raise

    return wrapper


def test_scripts_come_out_as_they_do_in_one_process() -> None:
    scripts = [script for script, _ in SCRIPTS]
    found = [execution.outcome for execution in best().asserts(PROGRAM, scripts, ["half"], QUICK).executions]
    assert found == [outcome for _, outcome in SCRIPTS]
    assert found == [in_process(script) for script in scripts]


PATTERNS = [json.loads(line) for line in (DATA / "assert_scripts.jsonl").read_text().splitlines()]
"""Programs, and assert scripts that hold for them in one process."""


@pytest.mark.parametrize("pattern", PATTERNS, ids=[str(number) for number in range(len(PATTERNS))])
def test_what_holds_in_one_process_holds_in_two(pattern: dict[str, Any]) -> None:
    program, scripts = pattern["program"], pattern["tests"]
    result = best().asserts(program, scripts, [], Limits(cpu_seconds=2))
    failed = {s: e.detail for s, e in zip(scripts, result.executions, strict=True) if e.outcome != "ok"}
    assert failed == {}


def test_details_say_what_was_wrong() -> None:
    scripts = ["assert half(4) == 2.5, 'not quite'", "\nassert half(4) == 3", "half(11)", "nobody(1)"]
    details = [execution.detail for execution in best().asserts(PROGRAM, scripts, ["half"], QUICK).executions]
    assert details[0] == "not quite"
    assert "line 2" in details[1]
    assert details[2] == "TooLarge: 11 is too large"
    assert "'nobody' is not defined" in details[3]


def test_setup_and_tests_share_their_names_and_win_over_the_programs() -> None:
    setup = "import math\nLIMIT = 3\ndef check(candidate):\n    assert candidate(LIMIT) == 1.5 and math.pi > 3"
    program = PROGRAM + "def check(candidate): pass\ndef abs(x): return 0\n"
    result = best().asserts(program, ["check(half)", "assert LIMIT == 3", "assert abs(-7) == 7"], ["half"], QUICK, setup)
    assert [execution.outcome for execution in result.executions] == ["ok"] * 3


def test_the_programs_endless_answer_ends_the_test_and_not_the_tester() -> None:
    program = "def f():\n    while True: yield 1\ndef g(): return 1"
    result = best().asserts(program, ["list(f())", "assert g() == 1"], ["f"], QUICK)
    assert [execution.outcome for execution in result.executions] == ["time", "time"]


def test_a_test_that_never_ends_by_itself_is_stopped() -> None:
    result = best().asserts("def f(): return 1", ["while f() == 1: pass", "n = f()\nwhile n: pass"], ["f"], QUICK)
    assert [execution.outcome for execution in result.executions] == ["time", "time"]


@pytest.mark.parametrize(
    ("script", "setup", "reason"),
    [
        ("import numpy\nassert f(1)", "", "numpy"),
        ("f(1)", "import numpy", "numpy"),
        ("assert f(", "", "is not valid Python"),
        ("import sys\nsys.exit(f(0))", "", "SystemExit"),
    ],
)
def test_a_test_that_cannot_be_run_is_not_the_programs_failure(script: str, setup: str, reason: str) -> None:
    with pytest.raises(TestUnsupportedError, match=reason):
        best().asserts("def f(x): return x", [script], ["f"], QUICK, setup)


@pytest.mark.parametrize(
    ("scripts", "names"),
    [
        (["assert f(x) == y"], ["f", "x", "y"]),
        (["x = 1\nassert f(x)"], ["f"]),
        (["import math\ndef g(a): return h(a) + math.pi\nassert len(g(1))"], ["h"]),
        (["a = 1", "assert f(a)"], ["f"]),  # one namespace
        (["assert all(f(i) for i in range(n))"], ["f", "n"]),
        (["class A(Base):\n    z = other\n    def m(self): return self.z + free"], ["Base", "free", "other"]),
        (["def g():\n    global made\n    made = f()\ng()\nassert made"], ["f"]),
        (["assert (lambda q: q + r)(1)"], ["r"]),
        (["try: f()\nexcept Own as e: print(e)"], ["Own", "f"]),
    ],
)
def test_free_names(scripts: list[str], names: list[str]) -> None:
    assert free_names(scripts) == names


def test_a_program_cannot_learn_what_it_is_compared_with() -> None:
    """It keeps all that it is asked, and returns it: what comes is the arguments, and nothing else."""
    program = """
heard = []
class Spy:
    def __getattribute__(self, name):
        if name != "__class__":  # as isinstance asks
            heard.append(name)
        return object.__getattribute__(self, name)
    def __eq__(self, other):
        heard.append(other)
        return True
    __ne__ = __lt__ = __gt__ = __contains__ = __sub__ = __radd__ = __eq__
def f(*args):
    heard.extend(args)
    return Spy()
def report(): return heard
"""
    tests = ["assert f(1) == 'expected'", "assert f(2) != 'expected' and 'expected' != f(2)", "f(3) < 77", "'expected' in f(4)"]
    result = best().asserts(program, [*tests, "assert report() == [1, 2, 2, 3, 4], report()"], ["f"], QUICK)
    assert result.executions[-1].outcome == "ok", result.executions[-1].detail
    assert result.executions[0].outcome == "assertion"


@pytest.mark.parametrize("operation", ["getattr", "inherited", "subclass", "names", "with"])
def test_a_program_does_not_get_at_the_variables_of_the_tests(operation: str) -> None:
    """It asks for them as the tests ask for its own: with what it was handed over, and with the conversation that it finds."""
    program = f"""
import gc
def f(callback):
    talk = next(o for o in gc.get_objects() if type(o).__name__ == "Conversation")
    kind = type(callback)
    arguments = {{
        "getattr": (callback, "__globals__"),
        "inherited": (callback, kind, "__globals__"),
        "subclass": ("Mine", (kind,), ()),
        "names": ("SECRET",),
        "with": (((callback, "__globals__", 1),), "call", (callback,), {{}}),
    }}
    try:
        return repr(talk.ask({operation!r}, *arguments[{operation!r}]))
    except BaseException as error:
        return "refused"
"""
    setup = "SECRET = 'expected'\ndef callback(x=0): return x"
    (execution,) = best().asserts(program, ["assert f(callback) == 'refused', f(callback)"], ["f"], QUICK, setup).executions
    assert execution.outcome == "ok", execution.detail


@pytest.mark.parametrize(
    ("scripts", "names"),
    [
        (["assert Vector(1) * 2 == Vector(2)"], ["Vector"]),
        (["assert Extract([1]) == [1]"], []),  # compared with a literal: a function, whatever its name
        (["assert 5 in Range()"], ["Range"]),
        (["assert vector(1) + 2"], []),
    ],
)
def test_classes_of_which_the_tests_make_objects(scripts: list[str], names: list[str]) -> None:
    assert made(free_names(scripts), scripts) == names


LIAR = """
class Liar:
    __eq__ = __lt__ = __gt__ = __contains__ = lambda self, other: True
    __sub__ = __rsub__ = __abs__ = __mul__ = lambda self, *other: 0.0
    __float__ = __round__ = lambda self, *n: 0.0
    __hash__ = lambda self: 0
class Extract(Liar):
    def __new__(cls, *args): return object.__new__(cls)
    def __init__(self, *args): pass
f = Extract
class Meta(type):
    __contains__ = lambda self, other: True
class Everything(metaclass=Meta): pass
class Solution(Liar):
    __le__ = __ge__ = lambda self, other: True
    solve = lambda self, x: self
    value = property(lambda self: self)
class Text(str):
    startswith = endswith = lambda self, *affix: True
class math:
    isclose = staticmethod(lambda *numbers, **tolerance: True)
everything = lambda: Everything
text = lambda: Text("xyz")
"""


@pytest.mark.parametrize(
    "script",
    [
        "assert f(1) == 7.5",
        "assert abs(f(1) - 7.5) < 1e-6",
        "assert Extract(1) == 7.5",
        "assert 7.5 in [f(1)]",
        "assert abs(Extract(1) - 7.5) < 1e-6",
        "r = Extract(1)\nassert abs(r - 7.5) < 1e-6",
        "import math\nassert math.isclose(f(1), 7.5)",
        "assert f(1) > 7 and f(1) < 8",
        "assert round(f(1) - 7.5, 3) == 0",
        "import unittest\nunittest.TestCase().assertAlmostEqual(f(1), 7.5)",
        "class Mine(Extract): pass\nassert Mine(1) == 7.5",
        "class Mine(Extract): pass\nassert abs(Mine(1) - 7.5) < 1e-6",
        "assert 5 in everything()",
        "assert Solution().solve(3) <= 10",
        "assert Solution().value <= 10",
        "assert 5 in Solution().solve(3)",
        "assert text().startswith('abc')",
        "assert math.isclose(f(1), 7.5)",
    ],
)
def test_a_class_that_lies_passes_nothing(script: str) -> None:
    (execution,) = best().asserts(LIAR, [script], ["f"], QUICK).executions
    assert execution.outcome in ("assertion", "exception")


def test_what_the_tests_make_themselves_may_be_compared() -> None:
    program = """
class Bag:
    def __init__(self, *items): self.items = list(items)
    def __contains__(self, item): return item in self.items
    def __lt__(self, most): return len(self.items) < most
    def more(self, item): return Bag(*self.items, item)
    def __eq__(self, other): return self.items == other.items
"""
    scripts = ["assert 2 in Bag(1, 2) and Bag(1) < 2", "assert Bag(1).more(2) == Bag(1, 2)", "assert not Bag(1, 2) < 2"]
    assert [e.outcome for e in best().asserts(program, scripts, ["Bag"], QUICK).executions] == ["ok"] * 3


def test_numbers_of_numpy_are_numbers_and_a_bare_object_is_itself() -> None:
    program = "import numpy\ndef total(x): return numpy.sum(x)\ndef sums(x): return numpy.cumsum(x)\ndef same(x): return x"
    scripts = ["assert total([1, 2]) == 3", "assert list(sums([1, 2])) == [1, 3]", "x = object()\nassert same(x) is x"]
    assert [e.outcome for e in best().asserts(program, scripts, ["total"], QUICK).executions] == ["ok"] * 3
    (execution,) = best().calls(program, "total", [([1, 2],)], QUICK).executions
    assert execution.value == 3


def test_what_a_test_computes_with_a_result_takes_no_longer_than_the_program_may() -> None:
    limits = Limits(cpu_seconds=0.2, total_cpu_seconds=0.2)
    result = best().asserts("def f(): return 10**12", ["sum(range(f()))"], ["f"], limits)
    assert [execution.outcome for execution in result.executions] == ["time"]
