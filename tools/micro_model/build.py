"""Rebuild the micro model from scratch: `python -m tools.micro_model.build --out DIR`."""

from __future__ import annotations

import argparse
import itertools
import json
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sdzero_bench.records.folder import write_atomic
from sdzero_bench.tasks.micro_world.arithmetic import Sum, chain_sums
from sdzero_bench.tasks.micro_world.programs import Pipeline, pipelines, specification
from tools.micro_model.corpus import Problem, Text, text
from tools.micro_model.tokenizer import END_OF_TURN, train_tokenizer
from tools.micro_model.worlds import WORLDS, World, without_programs

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CORPUS_SEED = 9
"""Seed of the pretraining problems; the splits of the micro tasks use another one."""


def asked() -> set[str]:
    """Every prompt of the micro tasks in training, validation or test. The base policy must not have seen any."""
    from sdzero_bench.tasks.micro_arith import MicroArith
    from sdzero_bench.tasks.micro_code import MicroCode

    splits = [task.load(split) for task in (MicroArith(), MicroCode()) for split in ("train", "validation", "test")]
    return {question.text for split in splits for question in split}


def problems(texts: int, excluded: set[str], code_share: float) -> dict[str, list[Problem]]:
    """Half as many problems as texts per domain, none of them in `excluded`."""
    sums = (Sum(i["question"], i["metadata"]["expression"]) for i in chain_sums(CORPUS_SEED) if i["question"] not in excluded)
    programs = (Pipeline(*found) for found in pipelines(CORPUS_SEED) if specification(found[0]) not in excluded)
    code = max(1, round(texts * code_share) // 2)
    return {"sums": list(itertools.islice(sums, max(1, texts // 2 - code))), "programs": list(itertools.islice(programs, code))}


def encode(tokenizer: PreTrainedTokenizerFast, sample: Text) -> dict[str, list[int]]:
    """Token ids of a chat, and labels: -100 on the prompt and on every segment that is not learned."""
    chat = [{"role": "user", "content": sample.prompt}]
    ids = cast("list[int]", tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=True, return_dict=False))
    labels = [-100] * len(ids)
    for segment, learn in (*sample.segments, (END_OF_TURN, True)):
        piece = tokenizer(segment, add_special_tokens=False)["input_ids"]
        ids = ids + piece
        labels = labels + (piece if learn else [-100] * len(piece))
    return {"input_ids": ids, "labels": labels}


def build(out: Path, world: World, texts: int, seed: int, excluded: set[str]) -> dict[str, Any]:
    """Write the texts, train the tokenizer and the model. The same seed gives the same model on the same machine.

    Returns the figures of the build (sizes, seconds, final loss), and writes them to `build.json` next to the model.
    """
    import torch
    from datasets import Dataset
    from transformers import (
        DataCollatorForSeq2Seq,
        Qwen3Config,
        Qwen3ForCausalLM,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    started = time.perf_counter()
    set_seed(seed)
    rng = random.Random(seed)
    found = problems(texts, excluded, world.code_share)
    domains = rng.choices(list(found), [1 - world.code_share, world.code_share], k=texts)
    corpus = [text(rng.choice(found[domain]), world, rng) for domain in domains]
    tokenizer = train_tokenizer([t.prompt + "\n" + "".join(s for s, _ in t.segments) for t in corpus[:20_000]])
    rows = [encode(tokenizer, sample) for sample in corpus]

    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=32,
        max_position_embeddings=1024,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = Qwen3ForCausalLM(config).float()
    args = TrainingArguments(
        output_dir=str(out),
        seed=seed,
        use_cpu=True,
        train_sampling_strategy="group_by_length",
        save_strategy="no",
        report_to="none",
        logging_steps=max(1, min(100, texts // 320)),
        dataloader_pin_memory=False,
        per_device_train_batch_size=32,
        num_train_epochs=1,
        learning_rate=2.5e-3,
        lr_scheduler_type="cosine_with_min_lr",
        warmup_steps=0.03,
        weight_decay=0.05,
        adam_beta2=0.98,
        max_grad_norm=1.0,
        lr_scheduler_kwargs={"min_lr_rate": 0.05},
    )
    trainer = Trainer(
        model=model,
        args=args,
        train_dataset=Dataset.from_list(rows),
        data_collator=DataCollatorForSeq2Seq(tokenizer),
    )
    prepared = time.perf_counter() - started
    trainer.train()
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    figures = {
        "parameters": model.num_parameters(),
        "seed": seed,
        "texts": texts,
        "tokens": sum(len(row["input_ids"]) for row in rows),
        "seconds_to_prepare": round(prepared, 1),
        "seconds": round(time.perf_counter() - started, 1),
        "final_loss": [entry["loss"] for entry in trainer.state.log_history if "loss" in entry][-1],
        "torch": torch.__version__,
    }
    write_atomic(out / "build.json", json.dumps(figures, indent=2) + "\n")
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--world", choices=WORLDS, default="slips", help="default: slips, the world of the model that is shipped"
    )
    parser.add_argument("--sums-alone", action="store_true", help="leave out programs")
    parser.add_argument("--texts", type=int, default=190_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    world = WORLDS[options.world]
    made_of = without_programs(world) if options.sums_alone else world
    print(json.dumps(build(options.out, made_of, options.texts, options.seed, asked()), indent=2))
