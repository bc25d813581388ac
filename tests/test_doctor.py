"""Doctor finds what works by trying it, and reports what does not instead of failing."""

from __future__ import annotations

import pytest

from sdzero_bench import doctor


def test_everything_works_here() -> None:
    checks = {check.name: check for check in doctor.examine()}
    assert all(check.ok is not False for check in checks.values()), checks
    assert [name for name, check in checks.items() if check.ok is None] in ([], ["engine vllm"])  # vLLM is an option
    assert "tokens at" in checks["engine transformers"].found
    assert "torch" in checks["versions"].found


def test_what_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_device", lambda: 1 / 0)
    checks = {check.name: check for check in doctor.examine()}
    assert not checks["device"].ok
    assert "ZeroDivisionError" in checks["device"].found
    assert checks["writing here"].ok
