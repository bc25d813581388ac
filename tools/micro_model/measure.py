"""How well the reviser finds an incorrect line, before and after SRT: the figures of the model card.

`python -m tools.micro_model.measure RUN` takes the folder of an SD-Zero run on micro-arith. On incorrect responses of the base
policy it compares kl(student, teacher) on the tokens of the first incorrect line with its sum over all tokens. Student and
teacher have the same weights: those of the base policy, and those after SRT.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import mean
from typing import Any

from sdzero_bench.core.settings import ModelConfig
from sdzero_bench.policies.loading import load_model, load_tokenizer, model_path
from sdzero_bench.records.journal import Journal, Sample
from sdzero_bench.records.record_files import read_manifest
from sdzero_bench.tasks.micro_arith import MicroArith
from sdzero_bench.tasks.micro_world.arithmetic import Line, add, terms
from sdzero_bench.training.phrases import STANDARD
from sdzero_bench.training.token_kl import token_divergence


def first_wrong_line(expression: str, response: str) -> tuple[int, int] | None:
    """Start and end, in characters, of the first line that is not the correct next step; None if there is none."""
    (_, total), *rest = terms(expression)
    start = 0
    for (op, right), line in zip(rest, response.split("\n"), strict=False):
        if line != str(Line(total, op, right, add(total, op, right))):
            return start, start + len(line)
        total = add(total, op, right)
        start += len(line) + 1
    return None


def mass_on_wrong_line(model: Any, tokenizer: Any, task: MicroArith, samples: list[Sample]) -> dict[str, float]:
    """Mean shares of the divergence and of the tokens that are on the first incorrect line, and the divergence in nats."""
    by_id = {q.id: q for q in task.load("test")}
    inserted = tokenizer(STANDARD.after(0.0), add_special_tokens=False)["input_ids"]
    mass, size, on_line, elsewhere = [], [], [], []
    for sample in samples:
        question = by_id[sample.question_id]
        span = first_wrong_line(question.details["expression"], sample.text)
        if span is None:
            continue
        prompt = tokenizer.apply_chat_template(task.prompt(question), add_generation_prompt=True, return_dict=False)
        encoded = tokenizer(sample.text, add_special_tokens=False, return_offsets_mapping=True)
        ids = encoded["input_ids"]
        inside = [span[0] <= begin < span[1] for begin, _ in encoded["offset_mapping"]]
        divergence = token_divergence(model, model, prompt, [*prompt, *ids, *inserted], ids)
        mass.append(float(divergence[inside].sum() / divergence.sum()))
        size.append(sum(inside) / len(ids))
        on_line.append(float(divergence[inside].sum()))
        elsewhere.append(float(divergence.sum()) - on_line[-1])
    return {
        "responses": len(mass),
        "kl_mass": mean(mass),
        "share_of_tokens": mean(size),
        "nats_on_line": mean(on_line),
        "nats_elsewhere": mean(elsewhere),
    }


def measure(run: Path, count: int) -> dict[str, Any]:
    task = MicroArith()
    wrong = [s for s in Journal(run / "journal").phases["evaluation.base"].values() if s.verdict.reward == 0.0]
    config = ModelConfig(name=read_manifest(run).config.model.name)
    paths = {"before_srt": model_path(config.name), "after_srt": str(run / "checkpoints" / "srt")}
    return {
        name: mass_on_wrong_line(load_model(path, config), load_tokenizer(path), task, wrong[:count])
        for name, path in paths.items()
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--count", type=int, default=300)
    options = parser.parse_args()
    print(json.dumps(measure(options.run, options.count), indent=2))
