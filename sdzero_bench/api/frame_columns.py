"""The columns of the data frames: dtype and meaning of each. docs/python.md shows them.

Shares are between 0 and 1; `_low` and `_high` are the ends of a 95 % interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

Columns = dict[str, tuple[str, str]]
"""Dtype and meaning by name."""


def _with_interval(name: str, meaning: str) -> Columns:
    ends = {f"{name}_low": "lower", f"{name}_high": "upper"}
    return {name: ("float64", meaning), **{end: ("float64", f"{word} end of its interval") for end, word in ends.items()}}


RUN: Columns = {
    "run_id": ("str", "name of the run"),
    "method": ("str", "method; eval for a policy that was measured by itself"),
    "task": ("str", "task that it was trained and measured on"),
    "seed": ("int64", "training seed"),
}
"""The first columns of every frame of runs."""

RUNS: Columns = RUN | {
    "preset": ("str", "preset"),
    "model": ("str", "base policy"),
    "state": ("str", "finished, running or failed"),
    "bench_version": ("str", "version of the benchmark when it began"),
    "question_set": ("str", "fingerprint of the training questions"),
    "test_set": ("str", "fingerprint of the test questions"),
    "train_questions": ("Int64", "training questions"),
    "budget_samples": ("Int64", "training samples that the budget allows"),
    "training_samples": ("Int64", "training samples drawn"),
    "avg_at_k": ("float64", "avg@k of the final policy, or of the base if nothing was trained; share"),
    "origin": ("str", "of `evaluate`: the run and checkpoint that was measured, or the model; missing for a run that trains"),
    "folder": ("str", "folder of the record"),
}

EVALUATION: Columns = RUN | {
    "policy": ("str", "base, final, or the name of a policy on the way"),
    "checkpoint": ("str", "its weights"),
    "questions": ("int64", "questions that it was measured on"),
    "samples_per_question": ("int64", "n of avg@n and maj@n"),
    "k": ("int64", "k of pass@k"),
    **_with_interval("avg_at_k", "avg@n, share"),
    **_with_interval("pass_at_k", "pass@k, share"),
    **_with_interval("maj_at_k", "maj@n, share; missing where there are no answers to vote on"),
    **_with_interval("mean_tokens", "response tokens"),
    **_with_interval("truncated", "share of responses that reached the token limit"),
    **_with_interval("over_base", "avg@n - avg@n of the base, paired by question; share"),
    "unverified": ("int64", "samples whose verification failed; neither right nor wrong"),
    "accuracy_revised": ("float64", "accuracy of its revised responses, share"),
    "correction_rate": ("float64", "wrong→right: share of its wrong responses whose revision is right"),
    "kept_rate": ("float64", "right→right: share of its right responses whose revision is right"),
    "kl_to_base": ("float64", "kl(policy, base) at its own responses, nats per token"),
}

BY_QUESTION: Columns = RUN | {
    "policy": ("str", "measured policy"),
    "question_id": ("str", "test question"),
    "avg_at_k": ("float64", "share of right samples"),
    "pass_at_k": ("float64", "pass@k"),
    "maj_at_k": ("float64", "maj@n; missing where there are no answers to vote on"),
    "mean_tokens": ("float64", "response tokens, mean over samples"),
}

LEDGER: Columns = RUN | {
    "phase": ("str", "phase; those that measure are called evaluation.POLICY"),
    "charged": ("bool", "whether its samples count against the budget"),
    "samples": ("int64", "samples drawn"),
    "prompt_tokens": ("int64", "tokens of their prompts"),
    "generated_tokens": ("int64", "tokens sampled"),
    "verifier_calls": ("int64", "responses verified"),
    "verifier_failures": ("int64", "verifications that failed"),
    "refused_responses": ("int64", "responses that could not be read or compared; wrong"),
    "forward_tokens": ("int64", "tokens through a model in training without a gradient, such as the teacher's"),
    "backward_tokens": ("int64", "tokens through the student, forward and backward"),
    "cut_responses": ("int64", "responses truncated to fit the teacher"),
    "wall_seconds": ("float64", "seconds"),
    "accelerator_seconds": ("float64", "seconds times accelerators in use"),
}

TRAINING: Columns = RUN | {
    "phase": ("str", "phase that trains"),
    "step": ("int64", "optimizer step, from 1"),
    "loss": ("float64", "training loss"),
    "learning_rate": ("float64", "learning rate"),
    "grad_norm": ("float64", "norm of the gradient before clipping"),
}

LOGGED: Columns = {
    "epoch": ("float64", "share of the phase's steps that are done: 1 at its end"),
    "num_tokens": ("float64", "tokens trained on so far, prompts included"),
    "runtime_seconds": ("float64", "seconds since the phase began, those of killed sessions included"),
    "step_time": ("float64", "seconds of the step"),
    "mean_token_accuracy": ("float64", "share of target tokens that are the most likely one (supervised fine-tuning)"),
    "entropy": ("float64", "mean entropy of the next-token distribution, in nats"),
    "reward": ("float64", "mean reward of the step's rollouts that have a verdict"),
    "reward_std": ("float64", "mean standard deviation of rewards within a group"),
    "frac_reward_zero_std": ("float64", "share of groups whose rewards are all equal"),
    "rollouts": ("float64", "rollouts of the step"),
    "unverified": ("float64", "rollouts on which the verifier failed"),
    "taught": ("float64", "rollouts that a teacher scores (self-distillation)"),
    "cut": ("float64", "rollouts shortened so that the teacher's input fits (self-distillation)"),
    "sampler_ratio": ("float64", "mean ratio of trainer's to sampler's probabilities, where they compute in different dtypes"),
    "backward_tokens": ("float64", "tokens of the step through the policy, forward and backward"),
    "forward_tokens": ("float64", "tokens of the step through a model without a gradient"),
}
"""What trainers log besides, each where it applies."""

SAMPLES: Columns = {name: ("int64" if dtype == "int64" else "category", meaning) for name, (dtype, meaning) in RUN.items()} | {
    "phase": ("category", "phase that drew it"),
    "policy": ("category", "policy that drew it; NAME@STEP is one in training"),
    "question_id": ("category", "question"),
    "index": ("str", "which sample of this question and phase"),
    "question": ("category", "text of the question"),
    "gold_answer": ("category", "gold answer"),
    "prefix": ("str", "what stood in the assistant's turn before the completion; empty unless it is a revision"),
    "completion": ("str", "text that was sampled"),
    "reward": ("float64", "1 right, 0 wrong; missing if the verification failed"),
    "status": ("category", "ok, refused (unreadable, wrong), timeout or error (verification failed)"),
    "answer": ("str", "final answer that was extracted"),
    "prompt_tokens": ("int64", "tokens of the prompt"),
    "completion_tokens": ("int64", "tokens sampled, the end of the turn included"),
    "truncated": ("bool", "whether it reached the token limit"),
}

_TABLE: Columns = {
    "leaderboard": ("str", "tasks of the leaderboard, and what distinguishes it from others"),
    "task": ("str", "task"),
}

STANDINGS: Columns = _TABLE | {
    "rank": ("Int64", "1 + the number of methods that are significantly better; missing for controls"),
    "group": ("str", "methods that share a letter do not differ significantly"),
    "method": ("str", "method, or variant of it"),
    "samples_per_question": ("int64", "n of avg@n and maj@n"),
    **_with_interval("avg", "avg@n over questions and seeds, share"),
    "reference": ("str", "row that the difference is relative to"),
    **_with_interval("difference", "avg - avg of the reference, paired by question; share"),
    "p": ("float64", "its p-value, not corrected"),
    "p_holm": ("float64", "its p-value, Holm-corrected over the family of comparisons"),
    "decision": ("str", "higher, lower, equivalent or underpowered"),
    **_with_interval("pass", "pass@k, share"),
    **_with_interval("maj", "maj@n, share"),
    **_with_interval("tokens", "response tokens"),
    "seeds": ("str", "training seeds"),
    "supervision": ("str", "what the method learns from besides the questions"),
    "unverified": ("int64", "samples whose verification failed, all seeds together"),
    "question_set": ("str", "fingerprint of the training questions"),
    "test_set": ("str", "fingerprint of the test questions"),
}

PAIRS: Columns = _TABLE | {
    "before": ("str", "method"),
    "after": ("str", "method of the higher mean"),
    **_with_interval("difference", "after - before, avg@n paired by question; share"),
    "p": ("float64", "p-value, not corrected: exploratory"),
    "p_equivalent": ("float64", "p-value of equivalence within the margin"),
    "decision": ("str", "higher, lower, equivalent or underpowered, at p < 0.005"),
    "seeds": ("str", "paired where the runs of a seed share samples, else independent"),
}

COSTS: Columns = _TABLE | {
    "method": ("str", "method"),
    "samples": ("float64", "training samples, mean over seeds"),
    "generated_tokens": ("float64", "tokens sampled in training, mean over seeds"),
    "training_tokens": ("float64", "tokens through a model in training, mean over seeds"),
    "hours": ("float64", "hours of training, mean over seeds"),
    "unit": ("str", "what the hours are of: accelerator or CPU (threads)"),
    "gain_per_thousand": ("float64", "points of avg@n over the base per 1,000 training samples"),
    "tuning_samples": ("int64", "training samples of tuning trials"),
    "evaluation_samples": ("float64", "samples of evaluation, mean over seeds"),
    "evaluation_tokens": ("float64", "tokens sampled in evaluation, mean over seeds"),
    "verifier_failures": ("int64", "failed verifications in training, all seeds together"),
}

QUESTIONS: Columns = {
    "question_id": ("str", "test question"),
    "before": ("float64", "share of right samples before, mean over seeds"),
    "after": ("float64", "the same after"),
    "difference": ("float64", "after - before"),
}


def frame(rows: Iterable[Mapping[str, Any]], columns: Columns) -> pd.DataFrame:
    """One row per mapping. Rows are not kept: a few hundred bytes each would be gigabytes for the samples of many runs."""
    import pandas as pd

    found: dict[str, list[Any]] = {name: [] for name in columns}
    for row in rows:
        for name, values in found.items():
            values.append(row.get(name))
    return pd.DataFrame({name: pd.Series(values, dtype=columns[name][0]) for name, values in found.items()})
