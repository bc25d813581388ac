"""Our tasks as lm-eval YAML: what is written, and that plain lm-eval comes to the same verdicts on the same policy."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from small_runs import command, run_json

from sdzero_bench.core.errors import UserError
from sdzero_bench.questions.harness import lm_eval_tasks
from sdzero_bench.runs.config import make_task, resolve
from sdzero_bench.runs.export import lm_eval_exported as exported
from sdzero_bench.runs.export.lm_eval_export import export_tasks, lm_eval_name

QUESTIONS = 8
TOKENS = 28  # too few for the longer sums, so that some answers are wrong: greedy, the embedded model makes no slips


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    out = tmp_path / "exported"
    export_tasks(out, ["micro-arith"], "test", QUESTIONS, TOKENS, [])
    return out


@pytest.fixture
def manager(folder: Path) -> Any:
    """lm-eval's, without the thousands of tasks of its own, which take it seconds to look through."""
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=str(folder), include_defaults=False)


def test_questions_and_prompts_are_ours(folder: Path, manager: Any) -> None:
    (task,) = manager.load(["sdzero_micro_arith"])["tasks"].values()
    ours = make_task(resolve("base", task="micro-arith"))
    questions = ours.load("test").head(QUESTIONS)
    assert [task.doc_to_text(document) for document in task.eval_docs] == [ours.prompt(q)[-1]["content"] for q in questions]
    assert [task.doc_to_target(document) for document in task.eval_docs] == [q.answer for q in questions]
    assert task.config.metadata["question_set"] == questions.fingerprint


def test_the_folder_can_be_moved(folder: Path, tmp_path: Path) -> None:
    from lm_eval.tasks import TaskManager

    moved = folder.rename(tmp_path / "elsewhere")
    (task,) = TaskManager(include_path=str(moved), include_defaults=False).load(["sdzero_micro_arith"])["tasks"].values()
    assert len(task.eval_docs) == QUESTIONS


def test_plain_lm_eval_says_of_a_policy_what_we_say(folder: Path, manager: Any, micro_path: str, tmp_path: Path) -> None:
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM

    theirs = simple_evaluate(
        model=HFLM(pretrained=micro_path, dtype="float32", device="cpu", batch_size=4),
        tasks=["sdzero_micro_arith"],
        task_manager=manager,
        apply_chat_template=True,
        bootstrap_iters=0,
    )
    settings = {"evaluation.temperature": 0, "evaluation.max_new_tokens": TOKENS, "sampling.batch_size": 4}
    assigned = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    asked = ["--task", "micro-arith", "--k", "1", "--limit", str(QUESTIONS), *assigned]
    ours = run_json(command("eval", micro_path, *asked, "--out", str(tmp_path / "runs"), "--json"))
    evaluation = json.loads((Path(ours["folder"]) / "evaluation.json").read_text())
    verdicts = {row["doc"]["id"]: row["acc"] for row in theirs["samples"]["sdzero_micro_arith"]}
    assert verdicts == evaluation[0]["per_question"]["avg"]
    assert 0 < sum(verdicts.values()) < QUESTIONS  # right and wrong ones are among them
    assert theirs["results"]["sdzero_micro_arith"]["acc,none"] == ours["evaluation"][0]["avg_at_k"]


def test_our_own_command_runs_an_exported_task_as_a_task_of_lm_eval(
    folder: Path, manager: Any, micro_path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sdzero_bench.core.progress import ProgressDisplay
    from sdzero_bench.report.audit.audit import check_record
    from sdzero_bench.runs.evaluation.standalone import settings_for, subject
    from sdzero_bench.runs.session import Session

    monkeypatch.setattr(lm_eval_tasks, "task_manager", lambda include_path: manager)
    options = [f"task.include_path={folder}", "sampling.batch_size=4", "verifying.workers=1", "task.timeout_seconds=3000"]
    session = Session(settings_for(subject(micro_path), "micro", "lm-eval:sdzero_micro_arith", options), ProgressDisplay())
    assert session.config.evaluation.max_new_tokens == TOKENS  # as the task says
    result = session.execute(session.new_folder(tmp_path))
    (entry,) = result.evaluation
    assert result.harness is not None
    assert result.harness.startswith("lm-eval ")
    assert entry.harness is not None
    assert entry.harness.results["sdzero_micro_arith"]["acc,none"] == entry.avg_at_k
    assert check_record(Path(result.folder)).findings == []


def test_a_response_that_could_not_be_verified_is_left_out() -> None:
    assert exported.mean_of_verified([1.0, None, 0.0]) == 0.5
    assert math.isnan(exported.mean_of_verified([None]))


def test_what_cannot_be_exported_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'micro-arith'"):
        export_tasks(tmp_path, ["micro-arit"], "test", None, TOKENS, [])
    with pytest.raises(UserError, match="test or validation"):
        export_tasks(tmp_path, ["micro-arith"], "train", None, TOKENS, [])
    assert list(tmp_path.iterdir()) == []


def test_names_are_what_lm_eval_takes_for_a_name() -> None:
    assert lm_eval_name("rg:chain_sum") == "sdzero_rg_chain_sum"
