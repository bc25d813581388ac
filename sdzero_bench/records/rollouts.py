"""Sampling as every method sees it: drawn, verified, journaled, charged, in this order, each sample once."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from sdzero_bench.core.completion import Completion, Engine, Request, SamplingParameters, sample_seed
from sdzero_bench.core.distributed import ALONE, Ranks
from sdzero_bench.core.out_of_memory import SAMPLING, memory_for
from sdzero_bench.core.progress import PhaseBar
from sdzero_bench.core.question import Question
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.records.journal import Drawn, Journal, Sample
from sdzero_bench.records.ledger import Ledger
from sdzero_bench.verifiers.pool import VerifierPool


@dataclass(frozen=True)
class Prompt:
    """A context to continue: the chat that asks the question, and what stands in the assistant's turn already.

    `index` tells the samples of one question and phase apart.
    """

    question: Question
    ids: tuple[int, ...]
    """Token ids of the whole context, prefix included."""
    index: str
    prefix: str = ""
    """The text of the assistant's turn so far, for the journal."""

    @property
    def key(self) -> str:
        return f"{self.question.id}/{self.index}"


@dataclass(frozen=True)
class _Fresh:
    """A completion that is not verified yet."""

    prompt: Prompt
    seed: int
    completion: Completion
    text: str


class Rollouts:
    """Draws samples for a phase, or takes them from the journal."""

    def __init__(
        self,
        journal: Journal,
        ledger: Ledger,
        verifier: VerifierPool,
        decode: Callable[[Sequence[int]], str],
        accelerators: int = 0,
        ranks: Ranks = ALONE,
    ) -> None:
        self.journal = journal
        self.ledger = ledger
        self.verifier = verifier
        self.decode = decode
        self.accelerators = accelerators
        self.ranks = ranks

    def draw(
        self,
        phase: str,
        policy: str,
        engine: Engine,
        prompts: Sequence[Prompt],
        parameters: SamplingParameters,
        seed: int,
        bar: PhaseBar | None = None,
        stream: str | None = None,
    ) -> Sequence[Sample]:
        """One verified sample per prompt, in order. Phases of the same `stream` share their random numbers.

        Raises `BudgetError`, before anything is drawn, if those that are not in the journal exceed the budget.
        Batches are formed over all prompts, journaled or not: a resumed run then repeats the batches of the run that
        was interrupted, and with them its samples to the last bit. While a batch is drawn, the one before it is verified.

        Several processes split each batch among them; the first verifies and journals all of it. All of them take the same
        prompts and return the same samples.
        """
        if not prompts:
            return []
        known = {p.key for p in prompts if self.journal.has(phase, p.key)}
        self.ledger.require(phase, len(prompts) - len(known))
        by_length = sorted(prompts, key=lambda p: len(p.ids))
        at_once = engine.batch_size * self.ranks.count
        before: tuple[list[_Fresh], Future[list[Verdict]]] | None = None
        aside = ThreadPoolExecutor(1)
        started = time.perf_counter()

        def keep() -> None:
            nonlocal started
            if before is not None:
                rewards = self._keep(phase, policy, engine, *before)
                if bar is not None:
                    bar.advance(len(rewards), rewards=rewards)
            seconds, started = time.perf_counter() - started, time.perf_counter()
            use = self.ledger.phase(phase)
            use.wall_seconds += seconds
            use.accelerator_seconds += seconds * self.accelerators

        try:
            for start in range(0, len(by_length), at_once):
                batch = by_length[start : start + at_once]
                if bar is not None and (journaled := [p.key for p in batch if p.key in known]):
                    rewards = [self.journal.phases[phase][key].verdict.reward for key in journaled]
                    bar.advance(len(journaled), rewards=rewards)
                if not all(p.key in known for p in batch):
                    with memory_for(f"sampling for {phase}", SAMPLING):
                        fresh = self._generate(engine, batch, parameters, seed, known, stream or phase)
                    verdicts = aside.submit(self._verify, fresh)
                    keep()
                    before = fresh, verdicts
            keep()
        finally:
            aside.shutdown(wait=False, cancel_futures=True)
        return Drawn(self.journal.phases[phase], [p.key for p in prompts])

    def _generate(
        self,
        engine: Engine,
        batch: Sequence[Prompt],
        parameters: SamplingParameters,
        seed: int,
        known: set[str],
        stream: str,
    ) -> list[_Fresh]:
        """Completions of what is not in the journal; each process draws its part of the batch."""
        seeds = [sample_seed(seed, stream, p.question.id, p.index) for p in batch]
        own = slice(self.ranks.index * engine.batch_size, (self.ranks.index + 1) * engine.batch_size)
        drawn: list[Completion] = []
        if not all(p.key in known for p in batch[own]):
            requests = [Request(p.ids, s) for p, s in zip(batch[own], seeds[own], strict=True)]
            drawn = engine.generate(requests, parameters)
        completions = dict(self.ranks.gather([(p.key, c) for p, c in zip(batch[own], drawn, strict=bool(drawn))]))
        return [
            _Fresh(p, s, completions[p.key], self.decode(completions[p.key].token_ids))
            for p, s in zip(batch, seeds, strict=True)
            if p.key not in known
        ]

    def _verify(self, fresh: Sequence[_Fresh]) -> list[Verdict]:
        return self.verifier.verify([(f.prompt.question, f.text) for f in fresh]) if self.ranks.first else []

    def _keep(
        self, phase: str, policy: str, engine: Engine, fresh: Sequence[_Fresh], verdicts: Future[list[Verdict]]
    ) -> list[float | None]:
        """Journal and charge them; returns their rewards."""
        known = self.ranks.from_first(verdicts.result())
        samples = [self._sample(phase, policy, engine, f, verdict) for f, verdict in zip(fresh, known, strict=True)]
        self.journal.append(samples)
        for sample in samples:
            self.ledger.charge(sample)
        return [verdict.reward for verdict in known]

    @staticmethod
    def _sample(phase: str, policy: str, engine: Engine, fresh: _Fresh, verdict: Verdict) -> Sample:
        prompt, completion = fresh.prompt, fresh.completion
        return Sample(
            phase=phase,
            question_id=prompt.question.id,
            index=prompt.index,
            seed=fresh.seed,
            policy=policy,
            prompt_sha256=hashlib.sha256(json.dumps(prompt.ids).encode()).hexdigest()[:16],
            prompt_tokens=len(prompt.ids),
            token_ids=completion.token_ids,
            text=fresh.text,
            finish=completion.finish,
            verdict=verdict,
            engine=f"{engine.name} {engine.version}",
            prefix=prompt.prefix,
        )
