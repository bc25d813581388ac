"""Iterative direct preference optimization."""

from __future__ import annotations

import random

from pydantic import Field

from sdzero_bench.core.search_space import between, one_of, space
from sdzero_bench.training.cost import Passes, Typical
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.options import PreferenceOptions
from sdzero_bench.training.preference_data import PreferencePair
from sdzero_bench.training.recipe import Phase
from sdzero_bench.training.run import Checkpoint, Run
from sdzero_bench.training.samples import by_question


class DPOOptions(MethodOptions, PreferenceOptions):
    rounds: int = Field(2, gt=0)
    """Rounds, each with new samples of the last round's policy."""
    samples: int = Field(2, gt=1)
    """Samples per question and round."""
    pairs: int = Field(4, gt=0)
    """Pairs of a correct and an incorrect sample per question and round, at most, drawn at random."""
    nll_weight: float = Field(1.0, ge=0)
    """Weight of the chosen sample's negative log-likelihood per token."""


class DPO(Method):
    """Prefer right to wrong samples of the same question, round after round.

    Paper: Pang et al. 2024, "Iterative Reasoning Preference Optimization", arXiv 2404.19733. Objective of a round that
    starts from M: -log sigmoid(beta [log pi(w | x) / M(w | x) - log pi(l | x) / M(l | x)]) - nll_weight log pi(w | x) /
    |w|, over pairs of a correct response w and an incorrect one l by M. Both losses are TRL's DPOTrainer.
    Departures: 2 rounds of 2 samples per question to fit the budget, where the paper has 3 or 4 rounds and more samples; a
    question without a correct sample has no pair, where the paper takes gold solutions on GSM8K and MATH; the second term is
    a mean over the tokens of a micro-batch, where the paper's is over each response first.
    """

    name = "dpo"
    summary = "DPO on right against wrong samples of the same question, in rounds"
    paper = "arXiv 2404.19733"
    Options = DPOOptions
    search = space(
        {
            "beta": between(0.03, 0.3, log=True),
            "nll_weight": one_of(0.0, 0.2, 1.0),
            "epochs": one_of(1, 2),
        }
    )
    options: DPOOptions

    def phases(self, questions: int) -> list[Phase]:
        options = self.options

        def passes(typical: Typical) -> Passes:
            mixed = 1 - typical.right**options.samples - (1 - typical.right) ** options.samples
            pairs = questions * min(options.pairs, options.samples / 2) * mixed
            tokens = typical.prompt + typical.completion
            return Passes(2 * pairs * tokens * options.epochs, 2 * pairs * tokens * options.epochs, tokens, tokens)

        found: list[Phase] = []
        for i in range(1, options.rounds + 1):
            found.append(Phase(f"round{i}.sample", "sample", questions * options.samples))
            kept = f"round{i}" if i < options.rounds else None
            found.append(Phase(f"round{i}", "preference", passes=passes, kept_as=kept))
        return found

    def train(self, run: Run) -> Checkpoint:
        options, policy = self.options, run.base
        for i in range(1, options.rounds + 1):
            samples = run.sample(f"round{i}.sample", policy, run.ask(run.questions, options.samples))
            rng, pairs = random.Random(run.config.seed), []
            for question, own in by_question(run.questions, samples):
                prompt = tuple(run.prompt_ids(question))
                right, wrong = ([s.token_ids for s in own if s.verdict.reward == reward] for reward in (1.0, 0.0))
                every = [PreferencePair(prompt, chosen, rejected) for chosen in right for rejected in wrong]
                pairs += rng.sample(every, min(options.pairs, len(every)))
            policy = run.preference(f"round{i}", policy, pairs, options)
            if i < options.rounds:
                run.keep(f"round{i}", policy)
        return policy
