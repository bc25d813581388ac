"""Lengths: everything that a run will ask for is held against the model's context and the engine's limit, beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from vllm_stub import serving

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.policies.engines.length_limit import server_limit
from sdzero_bench.records.reader import load_runs
from sdzero_bench.records.recorded_journal import RecordedJournal
from sdzero_bench.runs.config import preset_names, resolve
from sdzero_bench.runs.length_checks import require_fitting
from sdzero_bench.runs.plan.assumptions import assumptions
from sdzero_bench.runs.plan.estimate import estimate
from sdzero_bench.runs.registry import methods
from sdzero_bench.runs.session import Session
from sdzero_bench.runs.sweep.grid import planned
from sdzero_bench.runs.sweep.preflight import refuse_early

RUN = Path(__file__).parent.parent / "results" / "run"


def session(config: RunConfig) -> None:
    Session(config, ProgressDisplay())


def sweep(config: RunConfig) -> None:
    refuse_early([planned(config, Path("sweeps"))])


def plan(config: RunConfig, assumed: tuple[str, ...] = ("machine.tokens_per_second=100",)) -> None:
    found = assumptions(config, assumed)
    estimate(config, found.typical, found.machine, found.questions, found.test_questions)


@pytest.mark.parametrize("preset", preset_names())
@pytest.mark.parametrize("method", methods())
def test_every_preset_has_room_for_every_method(method: str, preset: str) -> None:
    """With prompts of 2,500 tokens on the paper's tasks, where a mean prompt has 200."""
    plan(resolve(method, preset), ("typical.prompt=2500",) if preset.startswith("paper") else ())


@pytest.mark.parametrize("asks", [session, sweep, plan])
@pytest.mark.parametrize(
    ("method", "settings", "said"),
    [
        # 55 tokens of the longest prompt, or 47 of a typical one, and 320 new ones: enough for training, not for evaluation.
        ("rft", ["engine.max_model_len=400"], r"its revision \(evaluation.revise\) may take \d+ tokens, but engine.max_model_"),
        ("rft", ["engine.max_model_len=360", "evaluation.revise=false"], r"prompt with its response may take 3\d\d tokens"),
        ("base", ["evaluation.max_new_tokens=500"], r"the model reads 1024; lower evaluation.revision_tokens"),
        ("srt", ["evaluation.revise=false", "engine.max_model_len=600"], r"raise engine.max_model_len to 7\d\d, or lower samp"),
        ("sdzero", ["method.distill.max_teacher_tokens=2000", "sampling.max_new_tokens=490"], r"a prompt with a response and"),
        ("sdft", ["method.max_teacher_tokens=2000", "sampling.max_new_tokens=960"], r"gold reference .* method.max_teacher_t"),
        ("sdpo", ["method.max_teacher_tokens=2000", "sampling.max_new_tokens=500"], r"a teacher's prompt with two responses"),
        ("base", ["evaluation.localise=5", "evaluation.max_new_tokens=500", "evaluation.revise=false"], "evaluation.localise"),
        ("base", ["engine.max_model_len=2048"], r"engine.max_model_len is 2048, but the model reads 1024; lower it"),
    ],
)
def test_run_sweep_and_plan_refuse_what_will_not_fit(method: str, settings: list[str], said: str, asks: Any) -> None:
    config = resolve(method, assignments=["engine.name=vllm", "engine.gpu_memory=0.01", *settings])
    with pytest.raises(UserError, match=said):
        asks(config)


def test_shorter_revisions_make_room() -> None:
    """The advice works: 500 tokens of a response leave room for 400 of its revision in a context of 1,024."""
    session(resolve("base", assignments=["evaluation.max_new_tokens=500", "evaluation.revision_tokens=400"]))


def test_the_limit_of_servers_is_asked_for(micro_path: str) -> None:
    with serving() as server:
        config = resolve("rft", assignments=["engine.name=vllm-server", f"engine.urls=[{server.url}]"])
        limit = server_limit(config)
        with pytest.raises(UserError, match=rf"{server.url} is limited to 16; restart it with a --max-model-len of at least 7"):
            require_fitting(Session(config, ProgressDisplay()).needs, None, limit)


def test_no_sample_of_a_recorded_run_was_longer_than_declared() -> None:
    """SD-Zero's prompts, in training and evaluation, with the new tokens that they may be given."""
    (run,) = (run for run in load_runs(RUN) if run.task == "micro-arith")
    longest = max(need.tokens for need in Session(run.config, ProgressDisplay()).needs if need.sampled)
    journal = RecordedJournal(run.folder)
    for phase in journal.phases:
        prompts = [row["prompt_tokens"] for row in journal.rows(phase)]
        assert max(prompts) + run.config.sampling.max_new_tokens <= longest, phase
