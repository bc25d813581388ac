"""One step of on-policy self-distillation: tokens per second, share of the device's peak, and peak memory, with random weights.

    python benchmarks/distillation_step.py [--shape qwen3-4b|small] [--peak-tflops 989] [--json FILE]

Beside the package's step, the same divergence from logits that are whole in memory: those of student and teacher in full, as
trl.experimental.sdpo.loss_utils takes them, and the loss of TRL's own SDPOTrainer, which keeps those of the completion alone.
All have the same batch, gradient checkpointing and optimizer; each runs in a process of its own. Then how fast the engine
`transformers` samples. On a GPU the shape is Qwen3-4B's as a run trains it: float32 weights under bfloat16 autocast, a
teacher in bfloat16, AdamW with 8-bit moments, 8,192 tokens of the student and 16,640 of the teacher. On CPUs it is a small one
in float32, which shows that all run and agree, and nothing of a GPU.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"

KINDS = ("ours", "whole logits", "SDPOTrainer")

STEPS = 3
"""Measured, after one that is not."""


@dataclass(frozen=True)
class Shape:
    config: dict[str, Any]
    student: int
    """Tokens of the student's input, and of the teacher's."""
    teacher: int
    prompt: int
    sampled: tuple[int, int]
    """Sequences, and new tokens of each, that are sampled."""


SMALL = {
    "model_type": "qwen3",
    "vocab_size": 65_536,
    "hidden_size": 64,
    "intermediate_size": 192,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 16_384,
    "tie_word_embeddings": True,
}
SHAPES = {
    "qwen3-4b": Shape({}, 8192, 16640, 192, (64, 512)),
    "small": Shape(SMALL, 4096, 8256, 32, (8, 32)),
    "tiny": Shape(SMALL | {"vocab_size": 512}, 48, 96, 16, (2, 4)),
}


def models(shape: Shape, *dtypes: torch.dtype) -> list[Any]:
    """Models of that shape with random weights, one for each dtype."""
    from transformers import AutoConfig, AutoModelForCausalLM

    from sdzero_bench.policies.architecture import KNOWN

    on = "cuda" if torch.cuda.is_available() else "cpu"
    made = []
    for seed, dtype in enumerate(dtypes):
        torch.manual_seed(seed)
        with torch.device(on):
            config = AutoConfig.for_model(**(shape.config or KNOWN["Qwen/Qwen3-4B-Instruct-2507"]))
            made.append(AutoModelForCausalLM.from_config(config, dtype=dtype))
    return made


def tokenizer() -> Any:
    from sdzero_bench.policies.loading import load_tokenizer, model_path

    return load_tokenizer(model_path("package:sdzero_bench.tasks/micro_world/habits"))


def distillation_trainer(shape: Shape, student: Any, teacher: Any, bf16: bool) -> tuple[Any, dict[str, torch.Tensor]]:
    """The package's trainer with these models, and a batch of one rollout of the shape's lengths."""
    from datasets import Dataset

    from sdzero_bench.core.question import Question
    from sdzero_bench.core.verdict import Verdict
    from sdzero_bench.records.journal import Sample
    from sdzero_bench.training.on_policy import Attempt
    from sdzero_bench.training.options import SelfDistillationOptions
    from sdzero_bench.training.self_distillation import self_distillation_trainer

    student.gradient_checkpointing_enable({"use_reentrant": False})
    completion = [5 + i % 50 for i in range(shape.student - shape.prompt)]
    before = [5 + i % 50 for i in range(shape.teacher - len(completion))]
    sample = Sample("p", "q", "0", 0, "base", "0", shape.prompt, tuple(completion), "", "length", Verdict(1.0), "none")
    with tempfile.TemporaryDirectory() as folder:
        trainer: Any = self_distillation_trainer(
            SelfDistillationOptions(),
            lambda attempt, ids: before,
            teacher,
            len(completion),
            {
                "output_dir": folder,
                "per_device_train_batch_size": 1,
                "bf16": bf16,
                "use_cpu": not torch.cuda.is_available(),
                "report_to": "none",
            },
            model=student,
            train_dataset=Dataset.from_list([{"prompt": [{"role": "user", "content": "x"}], "question_id": "q"}]),
            processing_class=tokenizer(),
            rollout=lambda model, number, rows: [Attempt(Question("q", "x", "1"), sample)],
        )
        batch = trainer._generate_and_score_completions([trainer.train_dataset[0]])
    # A prompt of the length that is asked for.
    ids = torch.tensor([[5 + i % 50 for i in range(shape.prompt)]], device=student.device)
    batch |= {"prompt_ids": ids, "prompt_mask": torch.ones_like(ids)}
    student.train()
    return trainer, batch


def step(name: str, kind: str) -> dict[str, float]:
    """Loss of the first step, seconds of one and the peak of memory; `kind` is one of KINDS."""
    from trl.experimental.sdpo.loss_utils import compute_full_logit_self_distillation_loss

    shape, on_gpu = SHAPES[name], torch.cuda.is_available()
    student, teacher = models(shape, torch.float32, torch.bfloat16 if on_gpu else torch.float32)
    trainer, batch = distillation_trainer(shape, student, teacher, bf16=on_gpu)
    completions = batch["completion_ids"].shape[1]

    def whole_logits() -> torch.Tensor:
        hidden = []
        for model, seen in ((student, "prompt"), (teacher, "teacher")):
            with torch.set_grad_enabled(model is student):
                output = model(
                    torch.cat([batch[f"{seen}_ids"], batch["completion_ids"]], dim=1),
                    attention_mask=torch.cat([batch[f"{seen}_mask"], batch["completion_mask"]], dim=1),
                )
                hidden.append(output.logits[:, -completions - 1 : -1][batch["completion_mask"].bool()])
        return compute_full_logit_self_distillation_loss(*hidden, distillation_alpha=1.0).mean()

    compute: Callable[[], torch.Tensor] = {
        "ours": lambda: lambda: trainer.compute_loss(student, batch),
        "whole logits": lambda: whole_logits,
        "SDPOTrainer": lambda: sdpo_trainer_loss(student, teacher, batch),
    }[kind]()
    optimizer: torch.optim.Optimizer = torch.optim.AdamW(student.parameters(), lr=1e-6)
    if on_gpu:
        from bitsandbytes.optim import AdamW8bit

        optimizer = AdamW8bit(student.parameters(), lr=1e-6)
    seconds, loss = [], 0.0
    for _ in range(STEPS + 1):
        _synchronise()
        started = time.perf_counter()
        with torch.autocast(student.device.type, torch.bfloat16, enabled=on_gpu):
            value = compute()
        value.backward()
        optimizer.step()
        optimizer.zero_grad()
        _synchronise()
        seconds.append(time.perf_counter() - started)
        loss = loss or value.item()
    return {"loss": loss, "seconds": sorted(seconds[1:])[STEPS // 2], "peak_gb": _peak_gb()}


def sdpo_trainer_loss(student: Any, teacher: Any, batch: dict[str, torch.Tensor]) -> Callable[[], torch.Tensor]:
    """What TRL's trainer computes of the batch, set to the same divergence: kl(student, teacher) over the whole vocabulary."""
    from datasets import Dataset
    from trl.experimental.sdpo import SDPOConfig, SDPOTrainer

    with tempfile.TemporaryDirectory() as folder:
        trainer: Any = SDPOTrainer(
            student,
            reward_funcs=lambda completions, **_: [1.0] * len(completions),
            args=SDPOConfig(
                output_dir=folder,
                per_device_train_batch_size=2,
                num_generations=2,
                gradient_checkpointing=False,  # the student has it already
                bf16=torch.cuda.is_available(),
                use_cpu=not torch.cuda.is_available(),
                report_to="none",
                distillation_mode="full_logits",
                distillation_alpha=1.0,
                distillation_is_clip=None,
                distillation_weight=1.0,
                teacher_model_kind="live",  # it would load another from the hub
            ),
            train_dataset=Dataset.from_list([{"prompt": "x"}] * 2),
            processing_class=tokenizer(),
        )
    trainer.teacher_model = teacher
    trainer.current_gradient_accumulation_steps = 1  # which its training loop sets
    # There the teacher's input has the completion in it already.
    inputs = {
        **batch,
        "teacher_input_ids": torch.cat([batch["teacher_ids"], batch["completion_ids"]], dim=1),
        "teacher_attention_mask": torch.cat([batch["teacher_mask"], batch["completion_mask"]], dim=1),
    }
    return lambda: trainer.compute_loss(student, inputs)


def sampling(name: str, dtype: str = "float32") -> float:
    """New tokens per second of the engine `transformers`, with weights in this dtype."""
    from sdzero_bench.core.completion import Request, SamplingParameters
    from sdzero_bench.policies.engines.transformers_engine import TransformersEngine

    shape = SHAPES[name]
    (model,) = models(shape, getattr(torch, dtype))
    sequences, new = shape.sampled
    engine = TransformersEngine(model, tokenizer(), sequences)
    requests = [Request(tuple(5 + i % 50 for i in range(shape.prompt)), seed) for seed in range(sequences)]
    engine.generate(requests, SamplingParameters(1.0, 1.0, 4))
    started = time.perf_counter()
    drawn = engine.generate(requests, SamplingParameters(1.0, 1.0, new))
    _synchronise()
    return sum(len(c.token_ids) for c in drawn) / (time.perf_counter() - started)


def _synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _peak_gb() -> float:
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def operations(name: str) -> float:
    """Of one step without what checkpointing computes again: the student forward and backward, the teacher forward."""
    from transformers import AutoConfig

    from sdzero_bench.policies.architecture import KNOWN, architecture_of

    shape = SHAPES[name]
    a = architecture_of(AutoConfig.for_model(**(shape.config or KNOWN["Qwen/Qwen3-4B-Instruct-2507"])))
    return shape.student * a.flops(shape.student, backward=True) + shape.teacher * a.flops(shape.teacher, backward=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    on_gpu = torch.cuda.is_available()
    parser.add_argument("--shape", choices=sorted(SHAPES), default="qwen3-4b" if on_gpu else "small")
    parser.add_argument("--peak-tflops", type=float, help="of the device, dense bfloat16: 989 for an H100 or H200")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    tokens = SHAPES[options.shape].student
    device = torch.cuda.get_device_name() if on_gpu else "CPU"
    table = Table("step", "loss", "seconds", "student tokens per second", "% of peak", "peak memory, GB", title=device)
    figures: dict[str, Any] = {
        "device": device,
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "shape": options.shape,
        "torch": torch.__version__,
    }
    work = operations(options.shape)
    for kind in KINDS:
        with multiprocessing.get_context("spawn").Pool(1) as alone:
            try:
                found = alone.apply(step, (options.shape, kind))
            except (torch.OutOfMemoryError, RuntimeError) as error:
                table.add_row(kind, "-", "-", "-", "-", "does not fit" if "memory" in str(error) else str(error)[:60])
                figures[kind] = {"error": str(error)[:200]}
                continue
        used = 100 * work / found["seconds"] / (options.peak_tflops * 1e12) if options.peak_tflops else None
        figures[kind] = {**found, "tokens_per_second": tokens / found["seconds"], "percent_of_peak": used}
        said = "-" if used is None else f"{used:.1f}"
        speed, memory = f"{tokens / found['seconds']:,.0f}", f"{found['peak_gb']:.2f}"
        table.add_row(kind, f"{found['loss']:.4f}", f"{found['seconds']:.2f}", speed, said, memory)
    Console().print(table)
    with multiprocessing.get_context("spawn").Pool(1) as alone:
        figures["sampled_tokens_per_second"] = alone.apply(sampling, (options.shape, "bfloat16" if on_gpu else "float32"))
    print(f"sampling: {figures['sampled_tokens_per_second']:,.0f} tokens per second")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
