"""Sampling as every method sees it: drawn, verified, journaled, charged, in this order, each sample once."""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from statistics import fmean

from sdzero_bench.core.completion import Completion, Engine, Request, SamplingParameters, StreamingEngine, sample_seed
from sdzero_bench.core.distributed import ALONE, Ranks
from sdzero_bench.core.live_view import LastSample
from sdzero_bench.core.out_of_memory import SAMPLING, memory_for
from sdzero_bench.core.progress import PhaseBar
from sdzero_bench.core.question import Question
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.records.journal import Drawn, Journal, Sample
from sdzero_bench.records.ledger import Ledger
from sdzero_bench.verifiers.pool import VerifierPool

ROUND_SECONDS = 1.0
"""How long a streaming engine's samples are collected before they are verified together: a kill loses no more than that."""

BATCHES_UNVERIFIED, ROUNDS_UNVERIFIED = 1, 8
"""Batches, or rounds of a streaming engine, that are verified at a time before drawing waits for them."""


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
class _Seeded:
    """A prompt, with the seed of its completion."""

    prompt: Prompt
    seed: int

    @property
    def request(self) -> Request:
        return Request(self.prompt.ids, self.seed)


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
        booked: Callable[[], None] = lambda: None,
    ) -> None:
        """`booked` is called whenever the ledger has changed."""
        self.journal = journal
        self.ledger = ledger
        self.verifier = verifier
        self.decode = decode
        self.accelerators = accelerators
        self.ranks = ranks
        self.booked = booked

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

        Raises `BudgetError`, before anything is drawn, if those that are not in the journal exceed the budget, and
        `DamagedError` if those that are there are samples of another run.
        Batches are formed over all prompts, journaled or not: a resumed run then repeats the batches of the run that
        was interrupted, and with them its samples to the last bit. While a batch is drawn, the one before it is verified.

        A `StreamingEngine` batches by itself: it is given all that is not in the journal, and samples are verified and
        journaled while others are still drawn, in the order in which they finish. A sample has its own random numbers, but
        shares its batches with others than in the run that was interrupted: it is the same within the engine's rounding.

        Several processes take the same prompts and return the same samples. Each of them draws an even share, of each batch (of
        the size of one times their number, or what is left) or of the whole; the first verifies and journals all of it.
        """
        if not prompts:
            return []
        known = {p.key for p in prompts if self.journal.has(phase, p.key)}
        self.ledger.require(phase, len(prompts) - len(known))
        if bar is not None and known:
            bar.advance(len(known), rewards=[self.journal.phases[phase][key].verdict.reward for key in known])
        seeded = [_Seeded(p, sample_seed(seed, stream or phase, p.question.id, p.index)) for p in prompts]
        self._require_own(phase, policy, [s for s in seeded if s.prompt.key in known])
        if isinstance(engine, StreamingEngine):
            groups, most = self._streamed(engine, seeded, known, parameters), ROUNDS_UNVERIFIED
        else:
            groups, most = self._in_batches(engine, seeded, known, parameters), BATCHES_UNVERIFIED
        waiting: deque[tuple[list[_Fresh], Future[list[Verdict]]]] = deque()
        aside = ThreadPoolExecutor(most)
        started = time.perf_counter()

        def keep() -> None:
            nonlocal started
            samples = self._keep(phase, policy, engine, *waiting.popleft())
            if bar is not None:
                bar.advance(len(samples), rewards=[sample.verdict.reward for sample in samples])
                show(bar, samples)
            seconds, started = time.perf_counter() - started, time.perf_counter()
            use = self.ledger.phase(phase)
            use.wall_seconds += seconds
            use.accelerator_seconds += seconds * self.accelerators
            self.booked()

        try:
            with closing(groups):
                while (fresh := self._next(groups, phase)) is not None:
                    if fresh:
                        waiting.append((fresh, aside.submit(self._verify, fresh)))
                    while waiting and (len(waiting) > most or self._verified(waiting[0][1])):
                        keep()
            while waiting:
                keep()
        finally:
            aside.shutdown(wait=False, cancel_futures=True)
        return Drawn(self.journal.phases[phase], [p.key for p in prompts])

    def _require_own(self, phase: str, policy: str, journaled: Sequence[_Seeded]) -> None:
        for own in journaled:
            sample, ids = self.journal.phases[phase][own.prompt.key], own.prompt.ids
            said = (sample.seed, sample.policy, sample.prompt_tokens, sample.prompt_sha256, sample.prefix)
            if said != (own.seed, policy, len(ids), _sha256(ids), own.prompt.prefix):
                why = "was drawn with another seed, policy or prompt than this run draws it with"
                raise self.journal.damaged(phase, own.prompt.key, why)

    @staticmethod
    def _next(groups: Iterator[list[_Fresh]], phase: str) -> list[_Fresh] | None:
        with memory_for(f"sampling for {phase}", SAMPLING):
            return next(groups, None)

    def _in_batches(
        self, engine: Engine, seeded: Sequence[_Seeded], known: set[str], parameters: SamplingParameters
    ) -> Generator[list[_Fresh]]:
        """What is not in the journal, batch by batch."""
        by_length = sorted(seeded, key=lambda s: len(s.prompt.ids))
        at_once = engine.batch_size * self.ranks.count
        for start in range(0, len(by_length), at_once):
            batch = by_length[start : start + at_once]
            if all(s.prompt.key in known for s in batch):
                continue
            own = self.ranks.share(batch)
            drawn: list[Completion] = []
            if not all(s.prompt.key in known for s in own):
                drawn = engine.generate([s.request for s in own], parameters)
            completions = dict(self.ranks.gather([(s.prompt.key, c) for s, c in zip(own, drawn, strict=bool(drawn))]))
            yield [self._fresh(s, completions[s.prompt.key]) for s in batch if s.prompt.key not in known]

    def _streamed(
        self, engine: StreamingEngine, seeded: Sequence[_Seeded], known: set[str], parameters: SamplingParameters
    ) -> Generator[list[_Fresh]]:
        """What is not in the journal, as it finishes: all processes gather every `ROUND_SECONDS` what they have."""
        missing = {s.prompt.key: s for s in seeded if s.prompt.key not in known}
        own = self.ranks.share(list(missing.values()))
        finishing = engine.generate_as_finished([s.request for s in own], parameters)
        with closing(finishing):
            over = not missing
            while not over:
                drawn, done = _one_round(finishing)
                everyones = self.ranks.gather([([(own[i].prompt.key, c) for i, c in drawn], done)])
                over = all(done for _, done in everyones)
                yield [self._fresh(missing[key], completion) for part, _ in everyones for key, completion in part]

    def _fresh(self, seeded: _Seeded, completion: Completion) -> _Fresh:
        return _Fresh(seeded.prompt, seeded.seed, completion, self.decode(completion.token_ids))

    def _verified(self, verdicts: Future[list[Verdict]]) -> bool:
        """Whether the first process has them."""
        return self.ranks.from_first(verdicts.done())

    def _verify(self, fresh: Sequence[_Fresh]) -> list[Verdict]:
        return self.verifier.verify([(f.prompt.question, f.text) for f in fresh]) if self.ranks.first else []

    def _keep(
        self, phase: str, policy: str, engine: Engine, fresh: Sequence[_Fresh], verdicts: Future[list[Verdict]]
    ) -> list[Sample]:
        """Journal and charge them; returns the samples."""
        known = self.ranks.from_first(verdicts.result())
        samples = [self._sample(phase, policy, engine, f, verdict) for f, verdict in zip(fresh, known, strict=True)]
        self.journal.append(samples)
        for sample in samples:
            self.ledger.charge(sample)
        return samples

    @staticmethod
    def _sample(phase: str, policy: str, engine: Engine, fresh: _Fresh, verdict: Verdict) -> Sample:
        prompt, completion = fresh.prompt, fresh.completion
        return Sample(
            phase=phase,
            question_id=prompt.question.id,
            index=prompt.index,
            seed=fresh.seed,
            policy=policy,
            prompt_sha256=_sha256(prompt.ids),
            prompt_tokens=len(prompt.ids),
            token_ids=completion.token_ids,
            text=fresh.text,
            finish=completion.finish,
            verdict=verdict,
            engine=f"{engine.name} {engine.version}",
            prefix=prompt.prefix,
        )


def show(bar: PhaseBar, samples: Sequence[Sample]) -> None:
    """Show the last of the samples on the bar, and their mean length."""
    if samples:
        last = LastSample(samples[-1].key, samples[-1].text, samples[-1].verdict)
        bar.show(last, fmean(len(sample.token_ids) for sample in samples))


def _sha256(ids: Sequence[int]) -> str:
    """Of a prompt, as in `Sample.prompt_sha256`."""
    return hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:16]


def _one_round(
    finishing: Iterator[list[tuple[int, Completion]]],
) -> tuple[list[tuple[int, Completion]], bool]:
    """What finishes in a round, without log-probabilities, and whether it was the last."""
    drawn: list[tuple[int, Completion]] = []
    until = time.monotonic() + ROUND_SECONDS
    for finished in finishing:
        drawn += [(i, replace(completion, logprobs=None)) for i, completion in finished]
        if time.monotonic() >= until:
            return drawn, False
    return drawn, True
