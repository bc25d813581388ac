"""Tests in LiveCodeBench's format: JSON text, or base64 of zlib of a pickle of JSON text."""

from __future__ import annotations

import base64
import binascii
import io
import json
import pickle
import zlib
from collections.abc import Sequence
from typing import NoReturn

LARGEST = 2**30
"""Maximum size of one problem's tests in bytes, unpacked, against decompression bombs."""


class _TextOnly(pickle.Unpickler):
    """Unpickles plain data only: a pickle that refers to any class or function is rejected."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"it names {module}.{name}, but must hold text only")

    def persistent_load(self, pid: object) -> NoReturn:
        raise pickle.UnpicklingError("it refers to an external object")


def unpack(packed: str) -> list[dict[str, str]]:
    """The tests, each with `input`, `output` and `testtype`. Raises `ValueError` for anything else; executes nothing."""
    text = packed if packed.lstrip().startswith("[") else _unpickled(packed)
    try:
        tests = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    fields = ("input", "output", "testtype")
    if not isinstance(tests, list) or not all(
        isinstance(t, dict) and all(isinstance(t.get(f), str) for f in fields) for t in tests
    ):
        raise ValueError(f"not a list of tests with the strings {', '.join(fields)}")
    return tests


def _unpickled(packed: str) -> str:
    try:
        inflater = zlib.decompressobj()
        data = inflater.decompress(base64.b64decode(packed, validate=True), LARGEST)
        if not inflater.eof:
            raise ValueError(f"truncated, or larger than {LARGEST} bytes")
        text = _TextOnly(io.BytesIO(data)).load()
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"neither a JSON list nor a compressed pickle: {error}") from error
    except (pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError, TypeError, MemoryError) as error:
        raise ValueError(f"a pickle of something other than a string: {error}") from error
    if not isinstance(text, str):
        raise ValueError("a pickle of something other than a string")
    return text


def as_forms(tests: Sequence[dict[str, str]], function: str | None) -> dict[str, object]:
    """The tests in a form of test_forms.py: calls of `function`, whose arguments are one JSON value per line; standard input
    and output if it is None.

    Raises `ValueError` for calls that are not JSON, or if not all tests are of that kind.
    """
    kind = "stdin" if function is None else "functional"
    if {test["testtype"] for test in tests} != {kind}:
        raise ValueError(f"they are not all of the type {kind!r}")
    inputs, outputs = [test["input"] for test in tests], [test["output"] for test in tests]
    if function is None:
        return {"form": "stdio", "inputs": inputs, "outputs": outputs, "compare": "lines", "tolerance": 1e-6}
    calls = [repr([json.loads(line) for line in text.split("\n")]) for text in inputs]
    expected = [repr(json.loads(text)) for text in outputs]
    return {"form": "calls", "function": function, "calls": calls, "expected": expected, "rule": "json", "atol": 1e-6}
