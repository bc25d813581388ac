"""Every tier that works here holds what it promises, and the suite would notice if one did not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sandboxes import best, every_tier, working

from sdzero_bench.verifiers.sandbox import Sandbox, SandboxError
from sdzero_bench.verifiers.sandbox.conformance import NOT_COVERED, PROBES, AttackOutcome, run_conformance
from sdzero_bench.verifiers.sandbox.conformance.probe import Probe
from sdzero_bench.verifiers.sandbox.filters import Filters
from sdzero_bench.verifiers.sandbox.result import ProgramResult

NAMED = {probe.name: probe for probe in PROBES}


@pytest.mark.bwrap
@pytest.mark.cpp
@pytest.mark.node
def test_tier_1_holds_all_of_it() -> None:
    findings = run_conformance(best())
    assert best().tier == 1
    assert {finding.probe: finding.found for finding in findings if finding.held is not True} == {}


@pytest.mark.cpp
@pytest.mark.node
@pytest.mark.parametrize("sandbox", [s for s in working() if s.tier > 1], ids=lambda sandbox: f"tier {sandbox.tier}")
@pytest.mark.slow
def test_weaker_tiers_hold_what_they_promise(sandbox: Sandbox) -> None:
    findings = run_conformance(sandbox)
    assert {finding.probe: finding.found for finding in findings if finding.held is False} == {}
    assert all(sandbox.name in finding.found for finding in findings if finding.held is None)


@pytest.mark.slow
@pytest.mark.cpp
@pytest.mark.node
@every_tier
def test_each_tier_without_a_filter_holds_what_it_promises(sandbox: Sandbox) -> None:
    findings = run_conformance(replace(sandbox, filters=Filters()))
    assert {finding.probe: finding.found for finding in findings if finding.held is False} == {}


@pytest.mark.bwrap
def test_a_weaker_tier_promises_less() -> None:
    promised = [{probe.name for probe in PROBES if probe.promised_by(sandbox)} for sandbox in working()]
    assert promised[0] == set(NAMED)
    assert promised[0] > promised[1] >= promised[2]
    for sandbox in working():
        bare = replace(sandbox, filters=Filters())
        assert {p.name for p in PROBES if p.promised_by(bare)} < {p.name for p in PROBES if p.promised_by(sandbox)}


@pytest.mark.parametrize(
    ("probe", "seen"),
    [("socket", "reached"), ("host files", "reached"), ("processes by /proc", "reached"), ("writing outside", "written")],
)
def test_the_suite_sees_what_tier_3_lets_through(probe: str, seen: str) -> None:
    """Without a filter, tier 3 is no sandbox: its programs reach the host, and that has to show."""
    found = NAMED[probe].attack(replace(working()[-1], filters=Filters()))
    assert found is not None
    assert seen in found


class Gullible(Sandbox):
    """Believes a program that prints that it passed: what a forger hopes for."""

    def asserts(self, source: str, tests: object, names: object, limits: object, setup: str = "") -> ProgramResult:
        result = super().asserts(source, tests, names, limits, setup)  # type: ignore[arg-type]
        return ProgramResult(tuple(replace(execution, outcome="ok") for execution in result.executions))


def test_the_suite_sees_a_forged_verdict() -> None:
    fields = {name: getattr(best(), name) for name in Sandbox.__dataclass_fields__}
    found = NAMED["forged: printing the verdict"].attack(Gullible(**fields))
    assert found is not None
    assert "passed" in found


def test_what_breaks_has_not_held() -> None:
    def broken(sandbox: Sandbox) -> str | None:
        raise SandboxError("gone")

    (finding,) = run_conformance(best(), [Probe("p", "tries", "expects", broken)])
    assert finding == AttackOutcome("p", False, "expects", "SandboxError: gone")


def test_probes_have_names_of_their_own_and_say_what_they_are() -> None:
    assert len(NAMED) == len(PROBES)
    assert all(probe.tries and probe.expects for probe in PROBES)
    assert NOT_COVERED
