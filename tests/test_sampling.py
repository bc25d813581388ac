"""Samples belong to their seeds: not to their batch, their order, or a run that was cut off."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ranks_as_threads import in_ranks
from stub_rollouts import PARAMETERS, StreamingStub, StubEngine, ask, rollouts

from sdzero_bench.core.completion import Completion, Request, SamplingParameters, sample_seed
from sdzero_bench.core.distributed import Ranks
from sdzero_bench.core.errors import BudgetError, UserError
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.policies.engines.transformers_engine import TokenSampler, TransformersEngine
from sdzero_bench.records import rollouts as rollouts_module
from sdzero_bench.records.journal import Journal, Sample


def prompts(tokenizer: Any) -> list[tuple[int, ...]]:
    texts = ["1 + 2 =", "State the final answer to the following arithmetic problem: 47 + 15 - 3 ="]
    return [tuple(tokenizer(t)["input_ids"]) for t in texts]


def test_the_sampler_draws_from_the_distribution_that_it_is_given() -> None:
    """20,000 draws against the probabilities, by a chi-squared test; a token of probability 0 is never drawn."""
    from scipy.stats import chisquare

    logits = torch.tensor([0.0, 1.0, -1.0, -torch.inf, 2.0])
    draws = 20_000
    uniforms = torch.from_numpy(np.random.default_rng(0).random((draws, 1)))
    uniforms[0] = 0.0
    chosen = TokenSampler(PARAMETERS, uniforms)(logits.repeat(draws, 1), 0, torch.arange(draws))
    counts = torch.bincount(chosen, minlength=5)
    assert counts[3] == 0
    possible = [0, 1, 2, 4]
    expected = logits[possible].double().softmax(-1).numpy() * draws
    assert chisquare(counts[possible].numpy(), expected).pvalue > 0.001


def test_a_sample_is_the_same_alone_and_in_a_batch(micro: Any, tokenizer: Any) -> None:
    engine = TransformersEngine(micro, tokenizer)
    requests = [Request(p, seed) for seed in range(6) for p in prompts(tokenizer)]
    together = engine.generate(requests, PARAMETERS)
    alone = [engine.generate([r], PARAMETERS)[0] for r in requests]
    assert together == alone
    assert len(set(together)) > 6  # different seeds, different samples


def test_finish_reasons(micro: Any, tokenizer: Any) -> None:
    engine = TransformersEngine(micro, tokenizer)
    chat = tokenizer.apply_chat_template([{"role": "user", "content": "1 + 2 - 3 ="}], add_generation_prompt=True)
    request = Request(tuple(chat["input_ids"]), 0)
    (cut,) = engine.generate([request], SamplingParameters(1.0, 1.0, 3))
    (whole,) = engine.generate([request], SamplingParameters(1.0, 1.0, 200))
    assert (cut.finish, len(cut.token_ids)) == ("length", 3)
    assert whole.finish == "stop"
    assert whole.token_ids[:3] == cut.token_ids
    assert whole.token_ids.count(tokenizer.eos_token_id) == 1
    assert whole.token_ids[-1] == tokenizer.eos_token_id


def test_low_temperature_and_small_top_p_are_greedy(micro: Any, tokenizer: Any) -> None:
    engine = TransformersEngine(micro, tokenizer)
    request = [Request(prompts(tokenizer)[1], seed) for seed in range(4)]
    greedy = micro.generate(torch.tensor([request[0].prompt_ids]), max_new_tokens=24, do_sample=False)
    expected = tuple(greedy[0, len(request[0].prompt_ids) :].tolist())
    for parameters in (SamplingParameters(1e-4, 1.0, 24), SamplingParameters(1.0, 1e-6, 24)):
        assert {c.token_ids for c in engine.generate(request, parameters)} == {expected}


def test_sample_seeds_depend_on_every_part() -> None:
    seeds = {sample_seed(run, phase, q, i) for run in (0, 1) for phase in "ab" for q in "xy" for i in range(3)}
    assert len(seeds) == 24
    assert sample_seed(0, "a", "x", 0) == sample_seed(0, "a", "x", 0)


def sample(key: str = "q", index: str = "0", phase: str = "train", reward: float | None = 1.0) -> Sample:
    verdict = Verdict(reward) if reward is not None else Verdict.failed("timeout", "slow")
    return Sample(phase, key, index, 1, "base", "00", 10, (1, 2, 3), "text", "stop", verdict, "stub 1")


def test_the_journal_gives_back_what_it_was_given_and_drops_a_torn_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    samples = [sample(index=str(i), reward=r) for i, r in enumerate([1.0, 0.0, None])]
    journal.append(samples)
    journal.close()
    path = tmp_path / "train.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"phase": "train", "question_id": "q", "ind')
    again = Journal(tmp_path)
    assert list(again.phases["train"].values()) == samples
    again.append([sample(index="3")])
    again.close()
    assert [json.loads(line)["index"] for line in path.read_text().splitlines()] == ["0", "1", "2", "3"]


def test_the_journal_refuses_a_sample_twice(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append([sample()])
    with pytest.raises(ValueError, match="already in the journal"):
        journal.append([sample()])


def test_an_interrupted_phase_goes_on_with_the_same_samples_and_charges_each_once(tmp_path: Path) -> None:
    whole = rollouts(tmp_path / "whole", 10)
    expected = list(whole.draw("p", "base", StubEngine(), ask(10), PARAMETERS, 0))

    cut = rollouts(tmp_path / "cut", 10)
    cut.draw("p", "base", StubEngine(), ask(10), PARAMETERS, 0)
    cut.journal.close()
    path = tmp_path / "cut" / "p.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:6]) + lines[6][:20])

    resumed, engine = rollouts(tmp_path / "cut", 10), StubEngine()
    assert resumed.ledger.training_samples == 6
    assert list(resumed.draw("p", "base", engine, ask(10), PARAMETERS, 0)) == expected
    # Batches of 4: the first was whole, the second is drawn again as it was, two of it known; the third is fresh.
    assert [len(b) for b in engine.batches] == [4, 2]
    assert resumed.ledger.phases == {"p": resumed.ledger.phase("p")}
    use = resumed.ledger.phase("p")
    assert (use.samples, use.generated_tokens, use.verifier_calls) == (10, 20, 10)
    assert use.prompt_tokens == whole.ledger.phase("p").prompt_tokens


def test_a_batch_is_verified_while_the_next_is_drawn(tmp_path: Path) -> None:
    """Each waits for the other to begin; one after the other, they would wait until the time is up."""
    second_batch, first_verified = threading.Event(), threading.Event()
    drawer, engine = rollouts(tmp_path, 8), StubEngine()
    generate, verify = engine.generate, drawer.verifier.verify

    def generating(requests: Any, parameters: SamplingParameters) -> list[Completion]:
        if engine.batches:
            second_batch.set()
            assert first_verified.wait(20)
        return generate(requests, parameters)

    def verifying(pairs: Any) -> list[Verdict]:
        assert second_batch.wait(20)
        first_verified.set()
        return verify(pairs)

    engine.generate, drawer.verifier.verify = generating, verifying  # type: ignore[method-assign]
    assert len(drawer.draw("p", "base", engine, ask(8), PARAMETERS, 0)) == 8
    assert drawer.ledger.training_samples == 8


def test_a_verifier_that_raises_ends_the_drawing_and_journals_nothing_unverified(tmp_path: Path) -> None:
    drawer = rollouts(tmp_path, 8)

    def raises(pairs: Any) -> list[Verdict]:
        raise UserError("no sandbox")

    drawer.verifier.verify = raises  # type: ignore[method-assign]
    with pytest.raises(UserError, match="no sandbox"):
        drawer.draw("p", "base", StubEngine(), ask(8), PARAMETERS, 0)
    assert not list(tmp_path.glob("*.jsonl"))


def test_samples_stay_on_disk_and_in_memory_is_where_they_are(tmp_path: Path) -> None:
    """A sample of 500 tokens takes 20 KB as an object; drawn, and read again, it must not stay."""
    held = {}
    for n in (200, 1200):
        drawer = rollouts(tmp_path / str(n), n)
        prompts = ask(n)
        tracemalloc.start()
        drawn = drawer.draw("p", "base", LongEngine(), prompts, PARAMETERS, 0)
        assert sum(len(s.token_ids) for s in drawn) == 500 * n
        held[n] = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
    assert (held[1200] - held[200]) / 1000 < 600


class LongEngine(StubEngine):
    def generate(self, requests: Any, parameters: SamplingParameters) -> list[Completion]:
        return [Completion(tuple(range(r.seed % 100, r.seed % 100 + 500)), "stop") for r in requests]


def test_overspending_is_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    drawer, engine = rollouts(tmp_path, 9), StubEngine()
    with pytest.raises(BudgetError, match=r"needs 10 samples, but 9 of the budget's 9 are left"):
        drawer.draw("p", "base", engine, ask(10), PARAMETERS, 0)
    assert engine.batches == []
    drawer.draw("p", "base", engine, ask(9), PARAMETERS, 0)
    drawer.draw("evaluation.base", "base", engine, ask(10), PARAMETERS, 0)  # measuring is not training
    with pytest.raises(BudgetError):
        drawer.draw("p2", "base", engine, ask(1), PARAMETERS, 0)


def test_streams_share_random_numbers(tmp_path: Path) -> None:
    drawer = rollouts(tmp_path, 100)
    one, two = (drawer.draw(p, "base", StubEngine(), ask(5), PARAMETERS, 0, stream="s") for p in ("a", "b"))
    other = drawer.draw("c", "base", StubEngine(), ask(5), PARAMETERS, 0)
    assert [s.seed for s in one] == [s.seed for s in two] != [s.seed for s in other]


@pytest.mark.parametrize("count", [2, 4, 8])
@pytest.mark.parametrize("samples", [7, 40, 128])
def test_each_rank_draws_an_even_share_and_the_journal_is_that_of_one(count: int, samples: int, tmp_path: Path) -> None:
    """Also of fewer samples than one rank's batch, as in a step of on-policy training."""
    rollouts(tmp_path / "one", samples).draw("p", "base", StubEngine(), ask(samples), PARAMETERS, 0)

    def work(ranks: Ranks) -> int:
        engine = StubEngine()
        engine.batch_size = 16
        rollouts(tmp_path / str(ranks.index), samples, ranks).draw("p", "base", engine, ask(samples), PARAMETERS, 0)
        assert all(len(batch) <= 16 for batch in engine.batches)
        return sum(len(batch) for batch in engine.batches)

    drawn = in_ranks(count, work)
    assert sum(drawn) == samples
    assert max(drawn) - min(drawn) <= -(-samples // (16 * count))  # one for each batch
    expected = (tmp_path / "one" / "p.jsonl").read_bytes()
    assert all((tmp_path / str(index) / "p.jsonl").read_bytes() == expected for index in range(count))


@pytest.mark.parametrize(("count", "shares"), [(2, [13, 13]), (4, [6, 6, 7, 7])])
def test_processes_draw_even_shares_and_the_samples_of_one(count: int, shares: list[int], tmp_path: Path) -> None:
    one = rollouts(tmp_path / "one", 26)
    expected = list(one.draw("p", "base", StubEngine(), ask(26), PARAMETERS, 0))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(count)]
    program = [str(Path(__file__).with_name("drawing_ranks.py")), str(tmp_path)]
    done = subprocess.run([*torchrun, *program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    for how in ("batches", "stream"):
        assert sorted(json.loads((tmp_path / how / f"drawn-{i}.json").read_text()) for i in range(count)) == shares
        several = Journal(tmp_path / how / "journal").phases["p"]
        assert sorted(several) == sorted(one.journal.phases["p"])
        assert all(several[sample.key] == sample for sample in expected)
    assert list(Journal(tmp_path / "batches" / "journal").phases["p"]) == list(one.journal.phases["p"])


def test_a_streaming_engine_is_given_everything_at_once_and_samples_come_in_the_order_of_prompts(tmp_path: Path) -> None:
    expected = list(rollouts(tmp_path / "batches", 10).draw("p", "base", StubEngine(), ask(10), PARAMETERS, 0))
    drawer, engine = rollouts(tmp_path / "stream", 10), StreamingStub()
    assert list(drawer.draw("p", "base", engine, ask(10), PARAMETERS, 0)) == expected
    assert engine.closed == 1
    assert list(drawer.journal.phases["p"]) == [f"q{i}/0" for i in (7, 8, 9, 4, 5, 6, 1, 2, 3, 0)]  # as they finished
    assert drawer.ledger.training_samples == 10


def test_a_stream_that_is_killed_has_journaled_what_had_finished_and_goes_on_with_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while the longest completion is still drawn, which with batches would have held up all others."""
    monkeypatch.setattr(rollouts_module, "ROUND_SECONDS", 0.0)
    expected = list(rollouts(tmp_path / "whole", 10).draw("p", "base", StreamingStub(), ask(10), PARAMETERS, 0))
    drawer, engine = rollouts(tmp_path / "cut", 10), StreamingStub()
    generate = engine.generate

    def killed(requests: Any, parameters: SamplingParameters) -> list[Completion]:
        if len(engine.batches) == 3:
            raise KeyboardInterrupt
        return generate(requests, parameters)

    engine.generate = killed  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        drawer.draw("p", "base", engine, ask(10), PARAMETERS, 0)
    assert engine.closed == 1
    drawer.journal.close()
    resumed, engine = rollouts(tmp_path / "cut", 10), StreamingStub()
    journaled = set(resumed.journal.phases["p"])
    assert {f"q{i}/0" for i in range(4, 10)} <= journaled  # those before the last round were verified in any case
    assert resumed.ledger.training_samples == len(journaled)
    assert list(resumed.draw("p", "base", engine, ask(10), PARAMETERS, 0)) == expected
    assert sum(len(batch) for batch in engine.batches) == 10 - len(journaled)
    assert resumed.ledger.training_samples == 10


def test_drawing_goes_on_while_one_response_is_slow_to_verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollouts_module, "ROUND_SECONDS", 0.0)
    drawer, engine, all_drawn = rollouts(tmp_path, 12), StreamingStub(), threading.Event()
    generate, verify = engine.generate, drawer.verifier.verify

    def generating(requests: Any, parameters: SamplingParameters) -> list[Completion]:
        drawn = generate(requests, parameters)
        if sum(len(batch) for batch in engine.batches) == 12:
            all_drawn.set()
        return drawn

    def verifying(pairs: Any) -> list[Verdict]:
        assert all_drawn.wait(20)
        return verify(pairs)

    engine.generate, drawer.verifier.verify = generating, verifying  # type: ignore[method-assign]
    assert len(drawer.draw("p", "base", engine, ask(12), PARAMETERS, 0)) == 12


@pytest.mark.parametrize("count", [2, 4])
def test_ranks_stream_even_shares_and_journal_the_same_samples(count: int, tmp_path: Path) -> None:
    """Ranks that finish at different times gather equally often."""
    one = list(rollouts(tmp_path / "one", 26).draw("p", "base", StubEngine(), ask(26), PARAMETERS, 0))

    def work(ranks: Ranks) -> int:
        engine = StreamingStub(at_once=1 + 3 * ranks.index)
        drawer = rollouts(tmp_path / str(ranks.index), 26, ranks)
        assert list(drawer.draw("p", "base", engine, ask(26), PARAMETERS, 0)) == one
        return sum(len(batch) for batch in engine.batches)

    drawn = in_ranks(count, work)
    assert sum(drawn) == 26
    assert max(drawn) - min(drawn) <= 1
    journals = [(tmp_path / str(index) / "p.jsonl").read_bytes() for index in range(count)]
    assert len(set(journals)) == 1
