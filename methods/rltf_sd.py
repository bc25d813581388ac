"""Reinforcement learning from text feedback by self-distillation."""

from __future__ import annotations

from functools import partial
from statistics import fmean

from pydantic import Field

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import QuestionSet
from sdzero_bench.core.search_space import between, space
from sdzero_bench.training.cost import Passes, Typical, TypicalSample, fine_tuning
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.needs import Lengths, Need
from sdzero_bench.training.phrases import STANDARD
from sdzero_bench.training.recipe import Phase
from sdzero_bench.training.run import Checkpoint, Run
from sdzero_bench.training.samples import by_question
from sdzero_bench.training.supervised import Example, full_batches, order_of_training


class RLTFSDOptions(MethodOptions):
    rounds: int = Field(4, gt=0)
    """Rounds, each on its own share of the questions, with samples of the last round's policy."""
    samples: int = Field(2, gt=1)
    """First tries per question, each of which is revised once if it is incorrect."""
    mask_below: float | None = Field(-5.0, lt=0)
    """Tokens of a revision that are less likely than this without the first try, in log-probability, are left out (the authors'
    code); null: none."""
    learning_rate: float | None = Field(None, gt=0)
    """Instead of optimizer.learning_rate."""


class RLTFSD(Method):
    """Train the policy to write its revision at once, with the first tries' mean reward as the baseline.

    Paper: Song et al. 2026, "Expanding the Capabilities of Reinforcement Learning via Text Feedback", arXiv 2602.02482.
    Objective: (r(y1) - mean(r(y0))) log pi(y1 | x), where y0 are first tries at x, and y1 a revision that was drawn after
    x, an incorrect y0 and the feedback on it.
    Departures: the feedback is the verifier's verdict in SD-Zero's words, where the paper has a judge's text, and reports
    that a verdict alone is worth less; the distillation term alone, without the policy gradient on both turns that the
    paper adds; a round has several updates on samples of the same policy; the loss is the mean over the tokens of a batch,
    where the authors' code has a sum; 2 first tries per question to fit the budget, where the paper has 8. The mask of
    unlikely tokens is in the authors' code alone; its baseline is another than the paper's, which is taken here.
    """

    name = "rltf_sd"
    summary = "learn to write the revision at once, against the first tries' mean reward"
    paper = "arXiv 2602.02482"
    Options = RLTFSDOptions
    search = space({"mask_below": between(-10.0, -2.0)})
    options: RLTFSDOptions

    def phases(self, questions: int) -> list[Phase]:
        def passes(typical: Typical, size: int) -> Passes:
            revised = size * self.options.samples * (1 - typical.right)
            return fine_tuning(revised, typical.prompt + typical.of_revision, 1)

        def needs(lengths: Lengths) -> list[Need]:
            tokens = lengths.prompt + 2 * lengths.response + lengths.phrase(STANDARD)
            return [Need("a prompt with a response and its revision", tokens, sampled=True)]

        def drawn(typical: Typical) -> TypicalSample:
            return TypicalSample(typical.prompt + typical.completion + typical.phrase, typical.of_revision)

        found: list[Phase] = []
        for i, size in enumerate(_sizes(questions, self.options.rounds), start=1):
            first = size * self.options.samples
            found.append(Phase(f"round{i}.first", "sample", first))
            found.append(Phase(f"round{i}.revision", "sample", first, needs=needs, drawn=drawn))
            found.append(Phase(f"round{i}", "train_with", passes=partial(passes, size=size)))
        return found

    def train(self, run: Run) -> Checkpoint:
        options, policy = self.options, run.base
        for i, questions in enumerate(_shares(run.questions, options.rounds), start=1):
            first = run.sample(f"round{i}.first", policy, run.ask(questions, options.samples))
            wrong = [
                (question, sample, fmean(s.verdict.reward for s in own if s.verdict.reward is not None))
                for question, own in by_question(questions, first)
                for sample in own
                if sample.verdict.reward == 0.0
            ]
            prompts = [run.continue_after(q, sample, STANDARD.after(0.0), sample.index) for q, sample, _ in wrong]
            revised = run.sample(f"round{i}.revision", policy, prompts)
            weighted = [
                (Example(tuple(run.prompt_ids(question)), sample.token_ids), sample.verdict.reward - baseline)
                for (question, _, baseline), sample in zip(wrong, revised, strict=True)
                if sample.verdict.reward is not None
            ]
            policy = self._updated(run, f"round{i}", policy, weighted)
        if policy == run.base:
            raise UserError(f"{self.name}: no revision is better or worse than its first tries; use more questions")
        return policy

    def _updated(self, run: Run, name: str, policy: Checkpoint, weighted: list[tuple[Example, float]]) -> Checkpoint:
        """The policy after one pass over a round's revisions, each with its advantage."""
        from sdzero_bench.training.weighted import weighted_rows, weighted_trainer

        batch = run.config.optimizer.batch_size
        order = order_of_training([len(example) for example, _ in weighted], 1, batch, run.config.seed) if weighted else []
        rows = [weighted[i] for i in full_batches(order, batch)]
        if not any(weight for _, weight in rows):
            return policy  # no revision is better or worse than the first tries
        return run.train_with(
            name,
            policy,
            weighted_rows(rows),
            -(-len(rows) // batch),
            partial(weighted_trainer, self.options.mask_below),
            self.options.learning_rate,
            may_teach_nothing=self.options.mask_below is not None,  # all of a round's tokens may be left out
        )


def _sizes(questions: int, rounds: int) -> list[int]:
    """How many questions each round has. Raises `UserError` if a round has none."""
    if questions < rounds:
        raise UserError(f"{questions} questions are too few for {rounds} rounds; use more questions or lower method.rounds")
    return [questions * (i + 1) // rounds - questions * i // rounds for i in range(rounds)]


def _shares(questions: QuestionSet, rounds: int) -> list[QuestionSet]:
    """The questions of each round, in their order."""
    sizes = _sizes(len(questions), rounds)
    return [QuestionSet(questions.name, questions.questions[sum(sizes[:i]) : sum(sizes[: i + 1])]) for i in range(rounds)]
