"""Doctor finds what works by trying it, and reports what does not instead of failing."""

from __future__ import annotations

import pytest

from sdzero_bench import doctor
from sdzero_bench.cli import _print_table


def test_everything_works_here() -> None:
    checks = {check.name: check for check in doctor.examine()}
    assert all(check.ok is not False for check in checks.values()), checks
    assert {name for name, check in checks.items() if check.ok is None} <= {"engine vllm", "several devices"}  # options
    assert "tokens at" in checks["engine transformers"].found
    assert "torch" in checks["versions"].found


def test_names_of_extras_are_shown_as_they_are_typed(capsys: pytest.CaptureFixture[str]) -> None:
    _print_table(["found"], [["pip install 'sdzero-bench[vllm]'"]])
    assert "pip install 'sdzero-bench[vllm]'" in capsys.readouterr().out


def test_what_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_device", lambda: 1 / 0)
    checks = {check.name: check for check in doctor.examine()}
    assert not checks["device"].ok
    assert "ZeroDivisionError" in checks["device"].found
    assert checks["writing here"].ok
