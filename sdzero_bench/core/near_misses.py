"""Which known name a wrong one stands for: what other projects call a setting, else how it is spelled."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

SYNONYMS = {
    "learning_rate": ("lr", "learn_rate", "base_lr", "peak_lr"),
    "schedule": ("scheduler", "lr_scheduler", "lr_scheduler_type", "lr_schedule"),
    "batch_size": ("bs", "train_batch_size", "global_batch_size", "effective_batch_size", "mini_batch_size"),
    "micro_batch_size": ("mbs", "per_device_train_batch_size", "per_device_batch_size", "ppo_micro_batch_size"),
    "weight_decay": ("wd",),
    "warmup_ratio": ("warmup", "warmup_steps", "warmup_fraction"),
    "max_grad_norm": ("grad_clip", "clip_grad", "clip_grad_norm", "gradient_clipping"),
    "gradient_checkpointing": ("activation_checkpointing", "grad_checkpointing"),
    "save_every": ("save_steps", "save_freq"),
    "epochs": ("n_epochs", "num_epochs", "num_train_epochs", "max_epochs", "total_epochs"),
    "updates": ("num_iterations", "ppo_epochs", "mu"),
    "temperature": ("temp", "t"),
    "max_new_tokens": ("max_tokens", "max_completion_length", "max_response_length", "max_length", "max_gen_toks"),
    "max_model_len": ("max_seq_len", "max_seq_length", "context_length"),
    "kl_weight": ("kl_coef", "kl_coeff", "kl_beta", "kl_loss_coef", "init_kl_coef", "beta"),
    "group_size": ("num_generations", "n_rollouts", "rollout_n", "rollouts", "generations"),
    "samples": ("k", "n", "num_samples", "repeats", "num_return_sequences"),
    "samples_per_question": ("sample_budget",),
    "rank": ("r", "lora_r", "lora_rank"),
    "alpha": ("lora_alpha",),
    "gpu_memory": ("gpu_memory_utilization", "gpu_mem"),
    "attention": ("attn_implementation", "attn"),
    "dtype": ("torch_dtype", "precision"),
    "train": ("n_train", "num_train", "max_train_samples"),
    "test": ("n_test", "num_test", "max_eval_samples"),
    "workers": ("num_workers", "n_workers", "num_proc"),
    "timeout_seconds": ("timeout",),
}
"""What verl, TRL, lm-eval and others call a setting, by the last part of our name for it."""


def meant(name: str, known: Iterable[str]) -> list[str]:
    """The known names of which one is meant. Of dotted keys, those of the same section come first."""
    known = sorted(known)
    section, _, last = name.rpartition(".")
    ours = {key for key, theirs in SYNONYMS.items() if last.lower() in theirs} | {last}
    beside = {key.removeprefix(f"{section}."): key for key in known if key.rpartition(".")[0] == section} if section else {}
    if same := [key for own, key in beside.items() if own in ours]:
        return same
    if near := difflib.get_close_matches(last, beside, n=1, cutoff=0.5):
        return [beside[near[0]]]
    if elsewhere := [key for key in known if "." in key and key.rpartition(".")[2] in ours]:
        sections = {key.rpartition(".")[0]: key for key in elsewhere}
        return [sections[near] for near in difflib.get_close_matches(section, sections, n=1, cutoff=0.5)] or elsewhere
    return [] if beside else difflib.get_close_matches(name, known, n=1, cutoff=0.5)


def listed(name: str, known: Iterable[str]) -> list[str]:
    """The known names that are worth listing: those of the section of a dotted key, if it is known, or else all."""
    section = name.rpartition(".")[0]
    known = sorted(known)
    return [key for key in known if section and key.startswith(f"{section}.")] or known
