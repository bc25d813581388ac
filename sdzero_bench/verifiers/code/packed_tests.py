"""Tests as LiveCodeBench packs them: JSON text, or base64 of zlib of a pickle of JSON text."""

from __future__ import annotations

import base64
import binascii
import io
import json
import pickle
import zlib
from collections.abc import Sequence
from typing import Any

LARGEST = 2**30
"""Bytes of one problem's tests, unpacked: more is a bomb, not a test."""


class _TextOnly(pickle.Unpickler):
    """A pickle can name any function to call. This one may name none, and so can hold nothing but plain data."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it names {module}.{name}, where a text has to be")

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to something outside of it")


def unpack(packed: str) -> list[dict[str, str]]:
    """The tests, each with `input`, `output` and `testtype`. Raises `ValueError` for anything else; runs nothing."""
    text = packed if packed.lstrip().startswith("[") else _unpickled(packed)
    try:
        tests = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON: {error}") from error
    fields = ("input", "output", "testtype")
    if not isinstance(tests, list) or not all(
        isinstance(t, dict) and all(isinstance(t.get(f), str) for f in fields) for t in tests
    ):
        raise ValueError(f"no list of tests with the texts {', '.join(fields)}")
    return tests


def _unpickled(packed: str) -> str:
    try:
        inflater = zlib.decompressobj()
        data = inflater.decompress(base64.b64decode(packed, validate=True), LARGEST)
        if not inflater.eof:
            raise ValueError(f"cut off, or larger than {LARGEST} bytes")
        text = _TextOnly(io.BytesIO(data)).load()
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"neither a JSON list nor a compressed pickle: {error}") from error
    except (pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError, TypeError, MemoryError) as error:
        raise ValueError(f"a pickle that holds no plain text: {error}") from error
    if not isinstance(text, str):
        raise ValueError("a pickle that holds no plain text")
    return text


def as_forms(tests: Sequence[dict[str, str]], function: str | None) -> dict[str, Any]:
    """The tests in a form of tests.py: calls of `function`, whose arguments are one JSON value a line, or standard streams.

    Raises `ValueError` for calls that are no JSON, or where the tests are not all of the kind that is due.
    """
    kind = "stdin" if function is None else "functional"
    if {test["testtype"] for test in tests} != {kind}:
        raise ValueError(f"they are not all of the type {kind!r}")
    inputs, outputs = [test["input"] for test in tests], [test["output"] for test in tests]
    if function is None:
        return {"form": "stdio", "inputs": inputs, "outputs": outputs, "compare": "floats", "tolerance": 1e-9}
    calls = [repr([json.loads(line) for line in text.split("\n")]) for text in inputs]
    expected = [repr(json.loads(text)) for text in outputs]
    return {"form": "calls", "function": function, "calls": calls, "expected": expected, "rule": "json"}
