"""Publishes a run's policy on the Hugging Face Hub: the checkpoint, a model card with its figures, and the run's record."""

from __future__ import annotations

import shutil
from pathlib import Path

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.packing import pack
from sdzero_bench.records.record_files import is_finished, read_manifest, read_result
from sdzero_bench.records.schema import Manifest, RunResult

RECORD = "record"


def stage(run: Path, into: Path) -> None:
    """Fill the folder `into` with what is published: weights, tokenizer, README.md, and the packed record below `record/`.

    Raises `UserError` for a run that is not finished, that trained nothing, or whose checkpoint does not exist.
    """
    if not is_finished(run):
        raise UserError(f"{str(run)!r} is not finished; resume with: sdzero-bench run --resume {run}")
    folder = RunFolder.open(run)
    result, manifest = read_result(run), read_manifest(run)
    final = next((e for e in result.evaluation if e.policy == "final"), None)
    if final is None:
        raise UserError(f"{str(run)!r} trained nothing: there is no policy to publish")
    checkpoint = folder.checkpoint(final.checkpoint)
    if checkpoint is None:
        raise UserError(f"{str(run)!r} has no checkpoint {final.checkpoint!r}; packed records do not include checkpoints")
    shutil.copytree(checkpoint, into, dirs_exist_ok=True)
    pack(run, into / RECORD, alone=True)
    shutil.copy(run / "learning_curve.svg", into)
    (into / "README.md").write_text(model_card(result, manifest, (run / "summary.md").read_text(encoding="utf-8")))


def model_card(result: RunResult, manifest: Manifest, summary: str) -> str:
    """The model card: figures in the Hub's format, the run's summary, and the commands that check them."""
    from huggingface_hub import EvalResult, ModelCardData

    final = result.evaluation[-1]
    k = final.samples_per_question
    evaluations = [
        EvalResult(
            task_type="text-generation",
            dataset_type=result.task.split(":")[0],
            dataset_name=result.task,
            dataset_args={"questions": final.questions, "fingerprint": result.test_set},
            metric_type=f"avg@{k}",
            metric_name=f"avg@{k}",
            metric_value=round(100 * final.avg_at_k, 2),
            metric_args={"interval_95": [round(100 * bound, 2) for bound in final.interval]},
        )
    ]
    base = result.model
    data = ModelCardData(
        # A local directory means nothing on the hub.
        base_model=base if base.count("/") == 1 and not base.startswith((".", "/", "~", "package:")) else None,
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["sdzero-bench", result.method],
        model_name=result.run_id,
        eval_results=evaluations,
    )
    version, commit = manifest.versions["sdzero-bench"], manifest.versions["commit"]
    text = f"""---
{data.to_yaml()}
---

{summary.strip()}

## Check the figures

The record of the run is in `{RECORD}/`: every sample with its verdict, and every setting. It was written by sdzero-bench
{version} (commit {commit}).

    sdzero-bench validate {RECORD}        # recomputes every figure above from the samples
    sdzero-bench report {RECORD}          # the leaderboard, together with other records
"""
    return text


def require_login() -> str:
    """The user's name on the Hub. Raises `UserError` if there is no valid login, so that it is noticed before a run starts."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    try:
        return str(HfApi().whoami()["name"])
    except LocalTokenNotFoundError as error:
        raise UserError("publishing needs a token for the Hub; log in with `hf auth login`, or set HF_TOKEN") from error
    except HfHubHTTPError as error:
        raise UserError(
            f"the Hub refused the token: {str(error).strip().splitlines()[0]}; log in with `hf auth login`"
        ) from error
    except OSError as error:
        raise UserError(f"the Hub cannot be reached: {type(error).__name__}; publish later with `sdzero-bench push`") from error


def push(run: Path, repository: str, private: bool) -> str:
    """Publish a run's final policy as `OWNER/NAME`; returns its address.

    Raises `UserError` as `stage` and `require_login` do, and if the Hub does not accept it.
    """
    import tempfile

    from huggingface_hub import HfApi

    require_login()
    with tempfile.TemporaryDirectory(prefix="sdzero-bench-push-") as into:
        stage(run, Path(into))
        api = HfApi()
        try:
            address = api.create_repo(repository, private=private, exist_ok=True)
            api.upload_folder(repo_id=repository, folder_path=Path(into), commit_message=f"sdzero-bench run {run.name}")
        except (OSError, ValueError) as error:
            raise UserError(
                f"the Hub did not accept {repository!r}: {str(error).strip().splitlines()[0]}; nothing is lost, retry with: "
                f"sdzero-bench push {run} --to {repository}"
            ) from error
    return str(address)
