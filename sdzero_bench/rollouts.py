"""Sampling as every method sees it: drawn, verified, journaled, charged, in this order, each sample once."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .budget import Ledger
from .progress import PhaseBar
from .questions import Question
from .ranks import ALONE, Ranks
from .sampling.completion import Completion, Engine, Request, SamplingParameters, sample_seed
from .sampling.journal import Journal, Sample
from .verifying.pool import VerifierPool
from .verifying.verdict import Verdict


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
    ) -> list[Sample]:
        """One verified sample a prompt, in order. Phases of the same `stream` share their random numbers.

        Raises `BudgetError`, before anything is drawn, if those that are not in the journal exceed the budget.
        Batches are formed over all prompts, journaled or not: a resumed run then repeats the batches of the run that
        was cut off, and with them its samples to the last bit. Of several processes each draws every so-manieth batch, and the
        first verifies and journals them all; all are given the same prompts, and return the same samples.
        """
        known = {p.key for p in prompts if self.journal.get(phase, p.key) is not None}
        self.ledger.require(phase, len(prompts) - len(known))
        by_length = sorted(prompts, key=lambda p: len(p.ids))
        at_once = engine.batch_size * self.ranks.count
        for start in range(0, len(by_length), at_once):
            batch = by_length[start : start + at_once]
            if not all(p.key in known for p in batch):
                self._draw_batches(phase, policy, engine, batch, parameters, seed, known, stream or phase)
            if bar is not None:
                drawn = [self.journal.phases[phase][p.key] for p in batch]
                bar.advance(len(batch), rewards=[s.verdict.reward for s in drawn])
        return [self.journal.phases[phase][p.key] for p in prompts]

    def _draw_batches(
        self,
        phase: str,
        policy: str,
        engine: Engine,
        batch: Sequence[Prompt],
        parameters: SamplingParameters,
        seed: int,
        known: set[str],
        stream: str,
    ) -> None:
        started = time.perf_counter()
        seeds = [sample_seed(seed, stream, p.question.id, p.index) for p in batch]
        own = slice(self.ranks.index * engine.batch_size, (self.ranks.index + 1) * engine.batch_size)
        drawn: list[Completion] = []
        if not all(p.key in known for p in batch[own]):
            requests = [Request(p.ids, s) for p, s in zip(batch[own], seeds[own], strict=True)]
            drawn = engine.generate(requests, parameters)
        completions = dict(self.ranks.gather([(p.key, c) for p, c in zip(batch[own], drawn, strict=bool(drawn))]))
        fresh = [(p, s, completions[p.key]) for p, s in zip(batch, seeds, strict=True) if p.key not in known]
        texts = [self.decode(completion.token_ids) for _, _, completion in fresh]
        asked = [(p.question, text) for (p, _, _), text in zip(fresh, texts, strict=True)]
        verdicts = self.ranks.from_first(self.verifier.verify(asked) if self.ranks.first else [])
        samples = [
            self._sample(phase, policy, engine, prompt, sample_seed_, completion, text, verdict)
            for (prompt, sample_seed_, completion), text, verdict in zip(fresh, texts, verdicts, strict=True)
        ]
        self.journal.append(samples)
        for sample in samples:
            self.ledger.charge(sample)
        seconds = time.perf_counter() - started
        use = self.ledger.phase(phase)
        use.wall_seconds += seconds
        use.accelerator_seconds += seconds * self.accelerators

    @staticmethod
    def _sample(
        phase: str,
        policy: str,
        engine: Engine,
        prompt: Prompt,
        seed: int,
        completion: Completion,
        text: str,
        verdict: Verdict,
    ) -> Sample:
        return Sample(
            phase=phase,
            question_id=prompt.question.id,
            index=prompt.index,
            seed=seed,
            policy=policy,
            prompt_sha256=hashlib.sha256(json.dumps(prompt.ids).encode()).hexdigest()[:16],
            prompt_tokens=len(prompt.ids),
            token_ids=completion.token_ids,
            text=text,
            finish=completion.finish,
            verdict=verdict,
            engine=f"{engine.name} {engine.version}",
            prefix=prompt.prefix,
        )
