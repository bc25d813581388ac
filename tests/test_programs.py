"""Programs of all kinds, hostile and right, each with the verdict that it has to get."""

from __future__ import annotations

import json
from typing import Any

import pytest
from local_tasks import sandbox

from tools.torture.programs import HostileProgram, hostile_programs


def cases() -> list[Any]:
    return [pytest.param(program, id=program.name, marks=marks(program)) for program in hostile_programs()]


def marks(program: HostileProgram) -> list[pytest.MarkDecorator]:
    slow = [pytest.mark.slow] if program.slow else []
    return [*slow, pytest.mark.bwrap, *([pytest.mark.cpp] if program.row["language"] == "cpp" else [])]


@pytest.mark.parametrize("program", cases())
def test_each_program_gets_its_verdict(program: HostileProgram) -> None:
    verdict = program.verdict(sandbox())
    assert program.expects(verdict), verdict
    json.dumps(verdict.as_dict(), ensure_ascii=False).encode("utf-8")  # it can be written into a journal
