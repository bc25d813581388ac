"""The embedded default: a small, standard model and the world that its texts come from."""

from __future__ import annotations

import itertools
import json
import random
import string
from pathlib import Path
from typing import Any

import pytest
from sdzero_bench.tasks.micro_arith import MicroArith
from sdzero_bench.tasks.micro_world import arithmetic
from sdzero_bench.tasks.micro_world.build import build, encode, split_expressions
from sdzero_bench.tasks.micro_world.corpus import World, text
from sdzero_bench.tasks.micro_world.measure import first_wrong_line

from sdzero_bench.evaluating.localisation import token_divergence
from sdzero_bench.models import load_model, load_tokenizer
from sdzero_bench.sampling.completion import Request, SamplingParameters
from sdzero_bench.sampling.transformers_engine import TransformersEngine
from sdzero_bench.settings import ModelConfig


@pytest.fixture(scope="module")
def items() -> list[dict[str, Any]]:
    stream = arithmetic.chain_sums(5)
    return [next(stream) for _ in range(500)]


def test_the_model_is_small_and_standard(micro: Any, micro_path: str) -> None:
    assert micro.config.model_type == "qwen3"
    assert micro.num_parameters() <= 2_000_000
    assert sum(f.stat().st_size for f in Path(micro_path).iterdir()) <= 8_000_000
    assert Path(micro_path, "model.safetensors").is_file()


def test_the_tokenizer_covers_ascii_with_digits_one_by_one(tokenizer: Any) -> None:
    for sample in (string.printable, "x = 1234567890", "def f(n):\n    return n ** 2\n\n", "naïve × ½"):
        ids = tokenizer(sample, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(ids) == sample
    assert len(tokenizer("4711", add_special_tokens=False)["input_ids"]) == 4


def test_ids_joined_from_parts_are_those_of_the_whole(tokenizer: Any) -> None:
    """What a teacher context is built from: an attempt, a phrase between blank lines, an attempt."""
    parts = ["1+2=3\n\\boxed{3}", "\n\nWait, this response is not correct, let me start over.\n\n", "1+2=4\n\\boxed{4}"]
    ids = [tokenizer(part, add_special_tokens=False)["input_ids"] for part in parts]
    assert list(itertools.chain(*ids)) == tokenizer("".join(parts), add_special_tokens=False)["input_ids"]


def test_solutions_end_in_reasoning_gyms_answer(items: list[dict[str, Any]]) -> None:
    for item in items:
        expression = item["metadata"]["expression"]
        assert str(arithmetic.solve(expression).answer) == item["answer"] == str(eval(expression))
        assert arithmetic.demonstration(expression).endswith(f"\\boxed{{{item['answer']}}}.")


def test_slips_are_wrong_and_carried_on(items: list[dict[str, Any]]) -> None:
    rng = random.Random(0)
    for item in items:
        expression = item["metadata"]["expression"]
        careful = arithmetic.attempt(expression, arithmetic.Care(0, 0), rng)
        assert careful == arithmetic.solve(expression)
        sloppy = arithmetic.attempt(expression, arithmetic.Care(0.5, 0.5), rng)
        for before, after in zip(sloppy.lines, sloppy.lines[1:], strict=False):
            assert after.left == before.result
        span = first_wrong_line(expression, str(sloppy))
        if span is None:
            assert sloppy == careful
        else:
            line = next(line for line in sloppy.lines if not line.correct)
            assert str(sloppy)[slice(*span)] == str(line)


def test_going_on_after_a_finished_attempt_is_never_learnt(tokenizer: Any, items: list[dict[str, Any]]) -> None:
    """After an attempt the token is learnt where the turn ends; where it goes on, it is masked."""
    rng, box_end = random.Random(0), tokenizer("}", add_special_tokens=False)["input_ids"][0]
    ends = goes_on = 0
    for item in items:
        row = encode(tokenizer, text(item, World(), rng))
        for i, token in enumerate(row["input_ids"][:-1]):
            if token == box_end and row["labels"][i] != -100:
                following, learnt = row["input_ids"][i + 1], row["labels"][i + 1] != -100
                assert learnt == (following == tokenizer.eos_token_id)
                ends += learnt
                goes_on += not learnt
    assert ends >= 400
    assert goes_on > 300


def test_the_base_was_not_trained_on_any_question_of_the_task() -> None:
    task = MicroArith()
    asked = {q.details["expression"] for s in ("train", "validation", "test") for q in task.load(s)}  # type: ignore[arg-type]
    assert asked == split_expressions()
    assert len(asked) == 2500


def test_larger_training_sets_leave_the_test_set_alone() -> None:
    small = MicroArith(MicroArith.Options(train=10))
    large = MicroArith(MicroArith.Options(train=3000))
    assert small.load("test").fingerprint == large.load("test").fingerprint
    assert small.load("train").questions == large.load("train").questions[:10]


def test_token_divergence_is_zero_in_the_same_context_and_positive_in_another(micro: Any, tokenizer: Any) -> None:
    prompt, other, ids = ([5, 6, 7], [5, 6, 8, 9], [20, 21, 22])
    assert token_divergence(micro, micro, prompt, prompt, ids).abs().max() < 1e-6
    different = token_divergence(micro, micro, prompt, other, ids)
    assert different.shape == (3,)
    assert (different > 0).all()


def test_the_recipe_makes_a_model_that_loads(tmp_path: Path) -> None:
    """The whole of `make micro-model`, on a handful of texts."""
    figures = build(tmp_path, texts=64, seed=1, excluded=set())
    assert figures == json.loads((tmp_path / "build.json").read_text())
    assert figures["texts"] == 64
    tokenizer: Any = load_tokenizer(str(tmp_path))
    model: Any = load_model(str(tmp_path), ModelConfig(name=str(tmp_path)))
    engine = TransformersEngine(model, tokenizer)
    (drawn,) = engine.generate([Request((5, 6), 0)], SamplingParameters(1.0, 1.0, 4))
    assert 1 <= len(drawn.token_ids) <= 4
