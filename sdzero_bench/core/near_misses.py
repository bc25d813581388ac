"""Which known name a wrong one stands for: what other projects call a setting, else how it is spelled."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LIMITS = ("limit", "questions.n", "questions.limit", "task.n", "task.limit")
"""Of questions."""

SYNONYMS = {
    "engine.name": ("use_vllm", "vllm", "backend", "inference_engine"),
    "model.dtype": ("bf16", "fp16"),
    "lora.rank": ("use_peft", "use_lora"),
    "optimizer.name": ("optim", "optimizer.optim", "optimizer_type"),
    "machine.count": ("machine.gpus", "machine.devices", "gpus"),
    "loss": ("loss_type", "policy_loss"),
    "clip_low": ("clip_ratio", "cliprange", "clip_range", "epsilon"),
    "clip_high": ("epsilon_high", "clip_ratio_high"),
    "learning_rate": ("lr", "learn_rate", "base_lr", "peak_lr"),
    "schedule": ("scheduler", "lr_scheduler", "lr_scheduler_type", "lr_schedule"),
    "batch_size": (
        "ppo_mini_batch_size",
        "bs",
        "train_batch_size",
        "global_batch_size",
        "effective_batch_size",
        "mini_batch_size",
    ),
    "micro_batch_size": (
        "gradient_accumulation_steps",
        "grad_accum",
        "accumulation_steps",
        "mbs",
        "per_device_train_batch_size",
        "per_device_batch_size",
        "ppo_micro_batch_size",
    ),
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
    "group_size": (
        "rollout.n",
        "actor_rollout_ref.rollout.n",
        "num_generations",
        "n_rollouts",
        "rollout_n",
        "rollouts",
        "generations",
    ),
    "samples": ("k", "n", "num_samples", "repeats", "num_return_sequences"),
    "samples_per_question": ("sample_budget", "sampling.n", "sampling.k", "sampling.samples", "budget.samples", "budget.n"),
    "rank": ("r", "lora_r", "lora_rank"),
    "alpha": ("lora_alpha",),
    "gpu_memory": ("gpu_memory_utilization", "gpu_mem"),
    "attention": ("attn_implementation", "attn"),
    "dtype": ("torch_dtype", "precision"),
    "train": ("n_train", "num_train", "max_train_samples", *LIMITS),
    "test": ("n_test", "num_test", "max_eval_samples", *LIMITS, "evaluation.limit", "evaluation.questions", "evaluation.test"),
    "name": ("model_name_or_path", "model.path", "model.dir", "model.id", "model.checkpoint", "pretrained"),
    "workers": ("num_workers", "n_workers", "num_proc"),
    "timeout_seconds": ("timeout",),
}
"""What verl, TRL, lm-eval and others call a setting, by our name for it: whole, or its last part. Dotted names are whole."""


def meant(name: str, known: Iterable[str]) -> list[str]:
    """The known names of which one is meant. Of dotted keys, those of the same section come first."""
    known = sorted(known)
    section, _, last = name.rpartition(".")
    ours = _own_names(name)
    beside = {key.removeprefix(f"{section}."): key for key in known if key.rpartition(".")[0] == section} if section else {}
    if same := [key for own, key in beside.items() if own in ours or key in ours]:
        return same
    meant_ones = [key for key in known if "." in key and (key in ours or key.rpartition(".")[2] in ours)]
    if below := [key for key in meant_ones if section and key.startswith(f"{section}.")]:
        return below
    elsewhere = [key for key in meant_ones if key in ours] or meant_ones
    if any(name in theirs for theirs in SYNONYMS.values()) and elsewhere:
        return elsewhere
    if near := difflib.get_close_matches(last, beside, n=1, cutoff=0.5):
        return [beside[near[0]]]
    if elsewhere:
        sections = {key.rpartition(".")[0]: key for key in elsewhere}
        return [sections[near] for near in difflib.get_close_matches(section, sections, n=1, cutoff=0.5)] or elsewhere
    return [] if beside else difflib.get_close_matches(name, known, n=1, cutoff=0.6)


def _own_names(name: str) -> set[str]:
    """The last parts of settings that are meant by a name: by the whole of it if there are any, or else by its last part."""
    last = name.rpartition(".")[2]
    whole = {key for key, theirs in SYNONYMS.items() if name.lower() in theirs}
    return whole or {key for key, theirs in SYNONYMS.items() if last.lower() in theirs} | {last}


def listed(name: str, known: Iterable[str]) -> list[str]:
    """The known names that are worth listing: those of the section of a dotted key, if it is known, or else all."""
    section = name.rpartition(".")[0]
    known = sorted(known)
    return [key for key in known if section and key.startswith(f"{section}.")] or known
