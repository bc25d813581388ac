"""The JSON files of a run or record as typed models, whatever format they were written in."""

from __future__ import annotations

import errno
import json
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import TypeAdapter, ValidationError

from sdzero_bench.core.errors import DamagedError, UserError
from sdzero_bench.records.compressed import content_of, stored
from sdzero_bench.records.curve_record import CURVE_FILE, LearningCurveFile
from sdzero_bench.records.measured import PolicyEvaluation
from sdzero_bench.records.migrations import migrate, version_of
from sdzero_bench.records.schema import FORMAT_VERSION, Manifest, PhaseUse, RunResult

MANIFEST, LEDGER, EVALUATION_FILE, RESULT = "manifest.json", "ledger.json", "evaluation.json", "result.json"

KINDS: dict[str, Any] = {
    MANIFEST: Manifest,
    LEDGER: dict[str, PhaseUse],
    EVALUATION_FILE: list[PolicyEvaluation],
    RESULT: RunResult,
}

Model = TypeVar("Model")


@cache
def adapter(file: str) -> TypeAdapter[Any]:
    return TypeAdapter(KINDS[file])


def has_manifest(folder: Path) -> bool:
    """Whether this is the folder of a run or record."""
    return stored(folder / MANIFEST) is not None


def require_run(folder: Path) -> None:
    """Raises `UserError` unless this is the folder of a run or record; it says whether runs are inside it."""
    if has_manifest(folder):
        return
    if not folder.is_dir():
        raise UserError(no_folder(folder))
    inside = next(filter(has_manifest, folder.iterdir()), None)
    hint = f"; it holds runs, such as {str(inside)!r}" if inside else ""
    raise UserError(f"{str(folder)!r} is not a run folder: {MANIFEST} is missing{hint}")


def no_folder(folder: Path) -> str:
    """Why there is no folder at this path, in words."""
    return f"{str(folder)!r} is a file, not a folder" if folder.is_file() else f"the folder {str(folder)!r} does not exist"


def read_manifest(folder: Path) -> Manifest:
    """Raises `UserError` if it is missing, is not JSON or does not hold what it must; it names file and key."""
    return _typed(folder, MANIFEST, Manifest)


def is_finished(run: Path) -> bool:
    """Whether a run has come to its end. Raises `UserError` if its manifest cannot be read."""
    return read_manifest(run).state == "finished" and stored(run / RESULT) is not None


def read_ledger(folder: Path) -> dict[str, PhaseUse]:
    """Use by phase. Raises `UserError` as `read_manifest` does."""
    return _typed(folder, LEDGER, dict)


def read_evaluation(folder: Path) -> list[PolicyEvaluation]:
    """The measured policies. Raises `UserError` as `read_manifest` does."""
    return _typed(folder, EVALUATION_FILE, list)


def read_result(folder: Path) -> RunResult:
    """Raises `UserError` as `read_manifest` does."""
    return _typed(folder, RESULT, RunResult)


def read_curve(folder: Path) -> LearningCurveFile:
    """The learning curve. Raises `UserError` as `read_manifest` does."""
    try:
        return LearningCurveFile.model_validate(parsed(folder / CURVE_FILE))
    except ValidationError as error:
        raise _damaged(folder / CURVE_FILE, error) from error


def dump(content: Any, kind: str | None = None) -> Any:
    """JSON data of a model, or of a list or mapping of models."""
    return TypeAdapter(KINDS[kind] if kind else type(content)).dump_python(content, mode="json", by_alias=True)


def migrated(folder: Path, file: str, content: Any) -> Any:
    """What a file of `folder` holds, in the present format, unchecked. Raises `UserError` for a format of a later version."""
    version = version_of(content) if file == MANIFEST else format_of(folder)
    if version > FORMAT_VERSION:
        raise UserError(
            f"{str(folder)!r} has format {version}, and this version reads up to {FORMAT_VERSION}; upgrade sdzero-bench"
        )
    return migrate({file: content}, version)[file]


def format_of(folder: Path) -> int:
    """The format version of a run or record; the current one if there is no manifest."""
    return version_of(parsed(folder / MANIFEST)) if has_manifest(folder) else FORMAT_VERSION


def parsed(path: Path) -> Any:
    """The content of a JSON file, plain or packed (`stored`).

    Raises `UserError` if it cannot be read, `DamagedError` if it is not JSON.
    """
    try:
        return strict_json(path)
    except FileNotFoundError as error:
        raise UserError(f"{str(path)!r} is missing; this is not a complete run") from error
    except OSError as error:
        raise UserError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{str(path)!r} is not JSON: {error}") from error


def strict_json(path: Path) -> Any:
    """The content of a file, plain or packed, that is JSON as we write it.

    Raises `OSError`, `UserError` for a damaged xz file, and `ValueError` or `RecursionError` for what is not such JSON.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is not a file")  # a pipe would be waited for
    content = json.loads(content_of(stored(path) or path).decode(), parse_constant=_refuse)
    json.dumps(content, ensure_ascii=False).encode()  # half of a surrogate pair could not be written again
    return content


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"it has {constant}")


def _typed(folder: Path, file: str, kind: type[Model]) -> Model:
    content = migrated(folder, file, parsed(folder / file))
    try:
        typed: Model = adapter(file).validate_python(content)
        return typed
    except ValidationError as error:
        raise _damaged(folder / file, error) from error


def _damaged(path: Path, error: ValidationError) -> DamagedError:
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"])) or "the whole file"
    message = first["msg"][:1].lower() + first["msg"][1:]
    return DamagedError(f"{str(path)!r}: {where}: {message}; the record is damaged")
