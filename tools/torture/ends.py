"""Whether a command ended as it should."""

from __future__ import annotations

from sdzero_bench.testing.forked import Forked


def refusal(process: Forked, names: str | None = None) -> str | None:
    """What is wrong with a refusal: it has to be exit code 2 and one line, which `names` what is to blame."""
    said = process.stderr
    lines = [line for line in said.splitlines() if line.startswith("sdzero-bench: ")]
    if process.returncode != 2 or "Traceback" in said:
        return f"exit code {process.returncode}: {_last(said)}"
    if len(lines) != 1 or said.splitlines()[-1] != lines[0]:
        return f"{len(lines)} lines say what is wrong: {_last(said)}"
    if names is not None and names not in lines[0]:
        return f"the refusal does not name {names}: {lines[0]}"
    return None


def success(process: Forked) -> str | None:
    """What is wrong with the end of a command that was to succeed."""
    return f"exit code {process.returncode}: {_last(process.stderr)}" if process.returncode else None


def _last(text: str) -> str:
    return " / ".join(text.strip().splitlines()[-2:])[-400:]
