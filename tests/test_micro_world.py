"""The embedded default: a small, standard model and the world that its texts come from."""

from __future__ import annotations

import itertools
import json
import random
import string
from pathlib import Path
from typing import Any

import pytest

from sdzero_bench.core.completion import Request, SamplingParameters
from sdzero_bench.core.settings import ModelConfig
from sdzero_bench.policies.engines.transformers_engine import TransformersEngine
from sdzero_bench.policies.loading import load_model, load_tokenizer
from sdzero_bench.tasks.micro_arith import MicroArith
from sdzero_bench.tasks.micro_code import MicroCode
from sdzero_bench.tasks.micro_world import arithmetic, programs
from sdzero_bench.tasks.micro_world.care import Care
from sdzero_bench.training.token_kl import token_divergence
from tools.micro_model.build import asked, build, encode, problems
from tools.micro_model.corpus import text
from tools.micro_model.measure import first_wrong_line
from tools.micro_model.references import Reader, worth
from tools.micro_model.worlds import HABITS, SLIPS, World


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


@pytest.mark.parametrize("attempt", ["1+2=3\n\\boxed{3}", "```python\ndef f(xs):\n    return xs[::-1]\n```"])
def test_ids_joined_from_parts_are_those_of_the_whole(tokenizer: Any, attempt: str) -> None:
    """What a teacher context is built from: an attempt, a phrase between blank lines, an attempt."""
    parts = [attempt, "\n\nWait, this response is not correct, let me start over.\n\n", attempt]
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
        careful = arithmetic.attempt(expression, Care(0, 0), rng)
        assert careful == arithmetic.solve(expression)
        sloppy = arithmetic.attempt(expression, Care(0.5, 0.5), rng)
        for before, after in zip(sloppy.lines, sloppy.lines[1:], strict=False):
            assert after.left == before.result
        span = first_wrong_line(expression, str(sloppy))
        if span is None:
            assert sloppy == careful
        else:
            line = next(line for line in sloppy.lines if not line.correct)
            assert str(sloppy)[slice(*span)] == str(line)


def test_habits_are_wrong_in_the_same_way_each_time(items: list[dict[str, Any]], pipelines: Any) -> None:
    rng = random.Random(0)
    without = 0
    for expression in (item["metadata"]["expression"] for item in items):
        (draft,) = {str(arithmetic.attempt(expression, Care(0, 0, habit=1.0), rng)) for _ in range(3)}
        habitual = [arithmetic.by_habit(line, 5) for line in arithmetic.solve(expression).lines]
        assert all(line is None or not line.correct for line in habitual)
        correct = draft == str(arithmetic.solve(expression))
        assert correct or any(habitual)
        without += correct and any(habitual)
    assert without < 0.1 * len(items)  # their one draft with the habit leaves the numbers that there are
    for steps, _ in pipelines:
        (program,) = {programs.attempt(steps, Care(0, 0, habit=1.0), rng) for _ in range(3)}
        assert program == tuple(programs.by_habit(step) or step for step in steps)
        assert (program == steps) == (not any(programs.KINDS[step.kind].habit for step in steps))


@pytest.mark.parametrize("domain", ["sums", "programs"])
def test_writers_of_habits_are_wrong_again_and_again_and_those_of_slips_are_not(domain: str) -> None:
    rng, found = random.Random(0), problems(1000, set(), 0.3)[domain][:150]
    avg, best = {}, {}
    for world in (SLIPS, HABITS):
        right = [[problem.attempt(world.draft, rng)[1] for _ in range(8)] for problem in found]
        avg[world], best[world] = sum(map(sum, right)) / (8 * len(found)), sum(map(any, right)) / len(found)
    assert abs(avg[SLIPS] - avg[HABITS]) < 0.1
    assert best[SLIPS] > 0.95 > 0.85 > best[HABITS]


@pytest.fixture(scope="module")
def pipelines() -> list[tuple[programs.Steps, programs.Lists]]:
    return list(itertools.islice(programs.pipelines(5), 500))


def run(response: str, numbers: tuple[int, ...]) -> Any:
    """What f(numbers) of a fenced program returns; these programs are the world's own, so that they may run here."""
    names: dict[str, Any] = {}
    exec(response.removeprefix("```python\n").removesuffix("```"), names)
    try:
        return names["f"](list(numbers))
    except (ValueError, IndexError):
        return None


def test_programs_do_what_their_steps_do(pipelines: Any) -> None:
    """The texts are judged by the steps, the samples by running them: both must agree, for drafts with slips too."""
    rng = random.Random(0)
    for steps, tests in pipelines:
        for written in (steps, programs.attempt(steps, Care(0.5, 0.5), rng)):
            for numbers in tests:
                expected = programs.outcome(written, numbers)
                assert run(programs.program(written), numbers) == expected
                assert run(programs.demonstration(written), numbers) == expected


def test_every_kind_of_step_and_every_slip_is_written(pipelines: Any) -> None:
    assert {step.kind for steps, _ in pipelines for step in steps} == set(programs.KINDS)
    for name, kind in programs.KINDS.items():
        assert kind.slips, name
        for slip in kind.slips:
            # A slip takes the number over from the step that it replaces.
            assert slip in programs.KINDS
            assert programs.KINDS[slip].numbers is None or kind.numbers is not None


def test_hidden_tests_tell_most_slips_from_the_program_asked_for(pipelines: Any) -> None:
    """The rest are no slips: sorting, for one, is no matter before a sum."""
    rng, told = random.Random(0), []
    for steps, tests in pipelines:
        assert len(tests) == programs.TESTS
        assert all(programs.outcome(steps, numbers) is not None for numbers in tests)
        for i, step in enumerate(steps):
            wrong = programs.slipped(step, rng)
            written = (*steps[:i], *([wrong] if wrong else []), *steps[i + 1 :])
            told.append(any(programs.outcome(written, n) != programs.outcome(steps, n) for n in tests))
    assert sum(told) / len(told) > 0.8


@pytest.mark.parametrize("world", [SLIPS, HABITS])
@pytest.mark.parametrize("domain", ["sums", "programs"])
def test_going_on_after_a_finished_attempt_is_never_learnt(tokenizer: Any, domain: str, world: World) -> None:
    """After an attempt the token is learnt where the turn ends; where it goes on, it is masked."""
    rng, found = random.Random(0), problems(2000, set(), 0.3)[domain]
    last = {"sums": "}", "programs": "```"}[domain]
    last_id = tokenizer(last, add_special_tokens=False)["input_ids"][0]
    newline, python = (tokenizer(text, add_special_tokens=False)["input_ids"][0] for text in ("\n", "python"))
    ends = goes_on = 0
    for _ in range(500):
        row = encode(tokenizer, text(rng.choice(found), world, rng))
        for i, token in enumerate(row["input_ids"][:-1]):
            following, learnt = row["input_ids"][i + 1], row["labels"][i + 1] != -100
            if token == last_id and row["labels"][i] != -100 and following != python:
                assert following in (newline, tokenizer.eos_token_id)
                assert learnt == (following == tokenizer.eos_token_id)
                ends += learnt
                goes_on += not learnt
    assert ends >= 400
    assert goes_on > 300


def test_both_domains_are_problems_of_the_same_world() -> None:
    careless, careful = Care(1, 1), Care(0, 0)
    for found in problems(400, set(), 0.3).values():
        for problem in found:
            assert isinstance(problem.prompt, str)
            assert problem.attempt(careful, random.Random(0))[1]
        assert not all(problem.attempt(careless, random.Random(0))[1] for problem in found)


def test_the_base_was_not_trained_on_any_question_of_the_tasks() -> None:
    """`asked` is what the recipe leaves out of its texts: a problem among them is not drawn."""
    split = {q.text for task in (MicroArith(), MicroCode()) for s in ("train", "validation", "test") for q in task.load(s)}  # type: ignore[arg-type]
    assert asked() == split
    assert len(split) == 5600
    drawn = problems(400, set(), 0.3)
    some: set[str] = {problem.prompt.splitlines()[0] for found in drawn.values() for problem in found[:10]}
    again = [problem.prompt.splitlines()[0] for found in problems(400, some, 0.3).values() for problem in found]
    assert len(some) == 20
    assert not some & set(again)


@pytest.mark.parametrize("task", [MicroArith, MicroCode])
def test_larger_training_sets_leave_the_test_set_alone(task: Any) -> None:
    small = task(task.Options(train=10))
    large = task(task.Options(train=3000))
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
    figures = build(tmp_path, SLIPS, texts=64, seed=1, excluded=set())
    assert figures == json.loads((tmp_path / "build.json").read_text())
    assert figures["texts"] == 64
    tokenizer: Any = load_tokenizer(str(tmp_path))
    model: Any = load_model(str(tmp_path), ModelConfig(name=str(tmp_path)))
    engine = TransformersEngine(model, tokenizer)
    (drawn,) = engine.generate([Request((5, 6), 0)], SamplingParameters(1.0, 1.0, 4))
    assert 1 <= len(drawn.token_ids) <= 4


@pytest.mark.bwrap
def test_a_reader_is_shown_the_reference_and_nothing_else_changes() -> None:
    reader = Reader("micro-code")
    question = reader.task.load("test").questions[0]
    plain, shown = (reader.tokenizer.decode(reader.prompt(question, r)) for r in (None, "```python\nreturn 1\n```"))
    assert shown.replace("\n\nA worked solution for reference: ```python\nreturn 1\n```", "") == plain


def test_what_a_reference_is_worth_is_counted_by_what_the_prompt_has() -> None:
    found = worth("micro-arith", samples=2, limit=6)
    assert found["questions"] == 6
    for shown in ("nothing", "right response", "gold solution"):
        assert 0 <= found[shown]["same"] <= found[shown]["right"] <= 1
    assert found["gold solution"]["right"] > found["nothing"]["right"]


def test_a_sum_whose_habits_lead_out_of_what_the_model_learns_is_written_without_them() -> None:
    """18 + 59 = 67 and 67 + 16 = 73, both without their carries, would leave less than 0 in the end."""
    written = arithmetic.attempt("18 + 59 + 16 - 90", Care(0.0, 0.0, habit=1.0, habit_from=5), random.Random(0))
    assert [line.result for line in written.lines] == [77, 93, 3]
