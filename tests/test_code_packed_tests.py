"""Tests as LiveCodeBench packs them; a pickle is never trusted."""

from __future__ import annotations

import base64
import json
import os
import pickle
import zlib
from typing import Any

import pytest

from sdzero_bench.verifiers.code.packed_tests import as_forms, unpack

STDIN = [{"input": "1 2\n", "output": "3\n", "testtype": "stdin"}]
FUNCTIONAL = [{"input": '[1, 2]\n"a"', "output": "[true, null]", "testtype": "functional"}]


def packed(value: Any) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(value))).decode()


@pytest.mark.parametrize("tests", [STDIN, FUNCTIONAL, []])
def test_json_and_its_compressed_pickle_are_the_same_tests(tests: list[dict[str, str]]) -> None:
    assert unpack(json.dumps(tests)) == unpack(packed(json.dumps(tests))) == tests


class Hostile:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


def test_a_pickle_that_would_run_something_is_refused_and_runs_nothing(tmp_path: Any) -> None:
    target = tmp_path / "made"
    with pytest.raises(ValueError, match=r"it names (posix|os)\.mkdir"):
        unpack(packed(Hostile(str(target))))
    with pytest.raises(ValueError, match="it names"):
        unpack(packed([Hostile(str(target)), "[]"]))
    assert not target.exists()
    pickle.loads(pickle.dumps(Hostile(str(target))))
    assert target.exists()  # it was a real one


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no base64!",
        base64.b64encode(b"no zlib").decode(),
        base64.b64encode(zlib.compress(b"no pickle")).decode(),
        base64.b64encode(zlib.compress(pickle.dumps("[]"))[:-6]).decode(),
        packed(["a", "list"]),
        packed("no JSON"),
        packed('{"an": "object"}'),
        packed('[{"input": "1", "output": 2, "testtype": "stdin"}]'),
        "[1]",
    ],
)
def test_anything_else_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(not |neither|a pickle|truncated)"):
        unpack(text)


def test_a_bomb_is_not_unpacked() -> None:
    bomb = zlib.compress(b"\0" * 50_000_000, 9)
    import sdzero_bench.verifiers.code.packed_tests as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LARGEST", 1_000_000)
        with pytest.raises(ValueError, match="larger than 1000000"):
            unpack(base64.b64encode(bomb).decode())


def test_arguments_are_one_json_value_a_line() -> None:
    form = as_forms(FUNCTIONAL, "Solution.f")
    assert form["calls"] == ["[[1, 2], 'a']"]
    assert form["expected"] == ["[True, None]"]
    assert as_forms(STDIN, None)["inputs"] == ["1 2\n"]
    with pytest.raises(ValueError, match="'functional'"):
        as_forms(STDIN, "f")
