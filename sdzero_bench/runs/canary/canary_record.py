"""What the canary records of the embedded model, and the stack that it was recorded on."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import ValidationError

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.folder import write_atomic
from sdzero_bench.records.part import Digest, Part

PACKAGES = ("torch", "transformers", "tokenizers", "trl", "numpy", "math-verify")
"""Those that decide what a policy computes, draws and earns."""


class ScoredCompletion(Part):
    """A fixed completion of a fixed user turn, and the log-probability of each of its tokens, in nats."""

    prompt: str
    completion: str
    prompt_ids: list[int]
    token_ids: list[int]
    logprobs: list[float]


class SampledCompletion(Part):
    """What the engine `transformers` draws at temperature 1 with this seed."""

    prompt: str
    seed: int
    token_ids: list[int]


class JudgedAnswer(Part):
    """The reward of a fixed response, by our verifier and by math-verify; None where math-verify is not installed."""

    gold: str
    response: str
    reward: float
    math_verify: float | None


class CanaryRecord(Part):
    """Everything that is compared, and the stack: versions, device, dtype, threads. Only the figures are compared; the stack
    says what may have moved them."""

    weights: Digest
    stack: dict[str, str | None]
    scored: list[ScoredCompletion]
    sampled: list[SampledCompletion]
    judged: list[JudgedAnswer]

    def write(self, path: Path) -> None:
        """As JSON with one completion per line, so that a diff shows which of them moved."""
        fields = self.model_dump(mode="json")
        lists = {name: value for name, value in fields.items() if isinstance(value, list)}
        parts = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in fields.items() if name not in lists]
        for name, rows in lists.items():
            parts.append(f"{json.dumps(name)}: [\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]")
        write_atomic(path, "{\n" + ",\n".join(parts) + "\n}\n")


def committed() -> CanaryRecord:
    """The record that comes with the package."""
    return read_canary(Path(str(resources.files("sdzero_bench.runs.canary").joinpath("canary.json"))))


def read_canary(path: Path) -> CanaryRecord:
    """Raises `UserError` if there is no such record, or if it is damaged."""
    try:
        return CanaryRecord.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"cannot read the canary's record {str(path)!r}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(
            f"{str(path)!r} is not a record of the canary: {where}: {first['msg'].lower()}; write it anew with "
            f"`sdzero-bench doctor --canary --write {path}`"
        ) from error


def stack_here(device: str, dtype: str, threads: int) -> dict[str, str | None]:
    """Versions of `PACKAGES`, None for those that are not installed, and what a policy computes on."""
    found: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found | {"device": device, "dtype": dtype, "threads": str(threads)}


def weights_digest(folder: Path) -> str:
    """SHA-256 of the model's weights."""
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
