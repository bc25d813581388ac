"""A hundred thousand samples through journal, verifiers and ledger: counts are exact, memory is flat, and all is read back."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import psutil

from sdzero_bench.core.completion import Completion, Request, SamplingParameters, sample_seed
from sdzero_bench.core.question import Question
from sdzero_bench.records.journal import Journal, Sample
from sdzero_bench.records.ledger import Ledger
from sdzero_bench.records.rollouts import Prompt, Rollouts
from sdzero_bench.records.schema import Budget, PhaseUse
from sdzero_bench.verifiers.pool import VerifierPool
from tools.torture.outcome import Outcome
from tools.torture.synthetic_task import QUESTIONS, SyntheticTask, response_to

PHASE = "sampling"
PER_SAMPLE = 800.0
"""Bytes of memory that a sample may take: its key, its offset and its prompt, but neither its tokens nor its text."""
WORKERS_MB = 24.0
"""By which all verifier processes together may grow."""


class SyntheticEngine:
    """Draws token ids that follow from the seed, at no cost."""

    name, version, batch_size = "synthetic", "1", 256

    def __init__(self) -> None:
        self.drawn = 0

    def generate(self, requests: Sequence[Request], parameters: SamplingParameters) -> list[Completion]:
        self.drawn += len(requests)
        return [completion_of(request.seed) for request in requests]


def completion_of(seed: int) -> Completion:
    return Completion(tuple((seed >> 8 * i) % 256 for i in range(1 + seed % 7)), "stop" if seed % 5 else "length")


def samples(count: int = 100_000, seed: int = 0) -> Outcome:
    """Draw the samples in two sessions, the second of which reads the journal of the first, and read them back in a third."""
    outcome = Outcome("samples")
    with tempfile.TemporaryDirectory() as folder:
        first = _session(Path(folder), count // 2, seed, outcome, "first session")
        second = _session(Path(folder), count, seed, outcome, "second session")
        outcome.expect("first session", "drew what was asked", _unequal("samples drawn", first, count // 2))
        again = second - (count - count // 2)  # the batch that the first session did not fill is drawn anew
        wrong = None if 0 <= again < SyntheticEngine.batch_size else f"it drew {again} more than were missing"
        outcome.expect("second session", "drew what was missing", wrong)
        _read_back(Path(folder), count, seed, outcome)
    return outcome


def _prompts(count: int) -> list[Prompt]:
    questions = [Question(str(n), f"{n} + 1 = ?", str(n + 1)) for n in range(QUESTIONS)]
    return [Prompt(questions[i % QUESTIONS], (1, 2, 3 + i % QUESTIONS), str(i // QUESTIONS)) for i in range(count)]


def _budget(count: int) -> Budget:
    return Budget(question_set="0" * 16, questions=QUESTIONS, samples=count, new_tokens_per_sample=8)


def _session(folder: Path, count: int, seed: int, outcome: Outcome, name: str) -> int:
    """Draw all samples that the journal lacks; returns their number. Memory is measured between a quarter and the end."""
    prompts, engine = _prompts(count), SyntheticEngine()
    journal, memory = Journal(folder), Memory()
    ledger = Ledger.recount(_budget(count), journal.phases, {})
    with VerifierPool(SyntheticTask(), workers=2) as pool:
        rollouts = Rollouts(journal, ledger, pool, lambda ids: response_to(ids), booked=memory.look)
        rollouts.draw(PHASE, "base", engine, prompts, SamplingParameters(1.0, 1.0, 8), seed)
        memory.look()
    journal.close()
    own, workers = memory.grown(count)
    outcome.figures[f"{name}: memory grown per sample, bytes"] = round(own)
    outcome.figures[f"{name}: memory grown by verifiers, MB"] = round(workers / 1e6, 1)
    outcome.expect(name, "memory is flat", f"{own:.0f} bytes of memory per sample" if own > PER_SAMPLE else None)
    grown = f"the verifiers grew by {workers / 1e6:.0f} MB" if workers > WORKERS_MB * 1e6 else None
    outcome.expect(name, "memory of verifiers is flat", grown)
    return engine.drawn


def _read_back(folder: Path, count: int, seed: int, outcome: Outcome) -> None:
    """Hold every sample in the journal, and the ledger that is counted from it, against what was drawn."""
    journal, expected = Journal(folder), PhaseUse()
    ended: Counter[str] = Counter()
    for prompt in _prompts(count):
        own = sample_seed(seed, PHASE, prompt.question.id, prompt.index)
        completion = completion_of(own)
        text = response_to(completion.token_ids)
        sample = journal.phases[PHASE].get(prompt.key)
        wrong = _unlike(sample, own, completion, text) if sample else "it is missing"
        if sample is None or wrong:
            outcome.find("read back", f"sample {prompt.key}: {wrong}")
            continue
        status, reward = SyntheticTask.expected(prompt.question, text)
        if (sample.verdict.status, sample.verdict.reward) != (status, reward):
            outcome.find("read back", f"sample {prompt.key} has the verdict {sample.verdict} instead of {status}, {reward}")
        ended[f"{status}, {reward}"] += 1
        expected.samples += 1
        expected.prompt_tokens += len(prompt.ids)
        expected.generated_tokens += len(completion.token_ids)
        expected.verifier_calls += 1
        expected.verifier_failures += reward is None
        expected.refused_responses += status == "refused"
    for said, number in ended.items():
        outcome.count(f"read back with the verdict {said}", "equal", number)
    counted = Ledger.recount(_budget(count), journal.phases, {}).phases[PHASE]
    outcome.expect("ledger", "counts exactly", _unequal("the ledger", counted, expected))
    outcome.expect("journal", "holds each once", _unequal("samples in the journal", len(journal.phases[PHASE]), count))
    journal.close()


def _unlike(sample: Sample, seed: int, completion: Completion, text: str) -> str | None:
    said = (sample.seed, sample.token_ids, sample.finish, sample.text)
    drawn = (seed, completion.token_ids, completion.finish, text)
    return None if said == drawn else f"it is {said} and was {drawn}"


def _unequal(what: str, found: object, expected: object) -> str | None:
    return None if found == expected else f"{what}: {found} instead of {expected}"


class Memory:
    """Memory of this process and of its children, each time that somebody looks."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._seen: list[tuple[int, int]] = []

    def look(self) -> None:
        children = [child.memory_info().rss for child in self._process.children(recursive=True)]
        self._seen.append((self._process.memory_info().rss, sum(children)))

    def grown(self, samples: int) -> tuple[float, float]:
        """Bytes per sample by which this process grew, and bytes by which the children did, since a quarter of the way."""
        first, last = self._seen[len(self._seen) // 4], self._seen[-1]
        return max(0, last[0] - first[0]) / (0.75 * samples), float(max(0, last[1] - first[1]))
