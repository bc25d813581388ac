"""Doctor finds what works by trying it, and reports what does not instead of failing."""

from __future__ import annotations

import subprocess

import pytest
from small_runs import command
from vllm_stub import serving

from sdzero_bench.cli import doctor
from sdzero_bench.cli.commands.tables import print_table


@pytest.mark.bwrap
@pytest.mark.cpp
def test_everything_works_here() -> None:
    checks = {check.name: check for check in doctor.examine()}
    assert all(check.ok is not False for check in checks.values()), checks
    assert {name for name, check in checks.items() if check.ok is None} <= {
        "engine vllm",
        "vLLM servers",
        "several devices",
    }  # options
    assert "tokens at" in checks["engine transformers"].found
    assert "torch" in checks["versions"].found


def test_names_of_extras_are_shown_as_they_are_typed(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["found"], [["pip install 'sdzero-bench[vllm]'"]])
    assert "pip install 'sdzero-bench[vllm]'" in capsys.readouterr().out


def test_what_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_device", lambda: 1 / 0)
    checks = {check.name: check for check in doctor.examine()}
    assert not checks["device"].ok
    assert "ZeroDivisionError" in checks["device"].found
    assert checks["writing here"].ok


def test_a_server_says_what_it_is_and_whether_it_is_free() -> None:
    with serving() as server:
        found, free = doctor.examine_server(server.url)
        assert (found.name, found.ok) == (f"server {server.url}", True)
        assert found.found == "m in float32, up to 16 tokens; vLLM 0.32.0"
        assert (free.ok, free.found) == (True, "no run has set its weights yet")
        server.held = "a run's policy"
        taken = doctor.examine_server(server.url)[1]
        assert taken.ok is None
        assert "a run has set its weights; starting another run" in taken.found
        server.answers["/collective_rpc"] = 404
        (plain,) = doctor.examine_server(server.url)
        assert not plain.ok
        assert "cannot load the weights of a policy; start it with `sdzero-bench serve`" in plain.found


def test_a_server_that_cannot_be_reached_is_exit_code_1() -> None:
    with serving() as server:
        asked = command("doctor", "--server", server.url, "--server", "http://127.0.0.1:9")
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert "up to 16 tokens" in done.stdout
    assert "http://127.0.0.1:9 does not answer" in " ".join(done.stdout.replace("│", " ").split())


def test_servers_need_vllm_where_they_run_and_nothing_where_the_run_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from sdzero_bench.policies.engines import vllm_setup

    monkeypatch.setattr(vllm_setup, "installed_version", lambda: "0.32.0")
    assert doctor._servers().startswith("`sdzero-bench serve` starts one here, with vLLM 0.32.0; ")
    monkeypatch.undo()
    monkeypatch.setattr(vllm_setup, "version", lambda package: "0.9.1")
    with pytest.raises(doctor.NotInstalled, match=r"needs vLLM here \(.*pip install 'sdzero-bench\[vllm\]'.*--server URL"):
        doctor._servers()
