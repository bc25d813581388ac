"""Rejection-sampling fine-tuning."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sdzero_bench.core.search_space import one_of, space
from sdzero_bench.training.cost import Passes, Typical, fine_tuning
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.recipe import Phase
from sdzero_bench.training.run import Checkpoint, Run
from sdzero_bench.training.supervised import Example

SAMPLES = "rft.sample"


class RFTOptions(MethodOptions):
    samples: int = Field(4, gt=0)
    """Samples per question."""
    keep: Literal["all", "one"] = "all"
    """Correct samples kept for each question: all of them, or the first."""
    epochs: float = Field(3, gt=0)
    learning_rate: float | None = Field(None, gt=0)
    """Instead of optimizer.learning_rate."""


class RFT(Method):
    """Sample, keep what the verifier accepts, fine-tune on it.

    Paper: Yuan et al. 2023, "Scaling Relationship on Learning Mathematical Reasoning with Large Language Models", arXiv
    2308.01825; SD-Zero's baseline of the same name. Objective: -log pi(y | x) over correct y of the base policy.
    Departure: no removal of similar solutions, which the original does and SD-Zero's baseline does not.
    """

    name = "rft"
    summary = "fine-tune on the base policy's own right samples"
    paper = "arXiv 2308.01825"
    Options = RFTOptions
    search = space({"epochs": one_of(1, 2, 3, 4)})
    options: RFTOptions

    def phases(self, questions: int) -> list[Phase]:
        options = self.options

        def passes(typical: Typical) -> Passes:
            kept = options.samples * typical.right if options.keep == "all" else 1
            return fine_tuning(questions * kept, typical.prompt + typical.completion, options.epochs)

        return [Phase(SAMPLES, "sample", questions * options.samples), Phase(self.name, "finetune", passes=passes)]

    def train(self, run: Run) -> Checkpoint:
        samples = run.sample(SAMPLES, run.base, run.ask(run.questions, self.options.samples))
        by_id = {question.id: question for question in run.questions}
        examples: list[Example] = []
        seen: set[str] = set()
        for sample in samples:
            if not sample.right or (self.options.keep == "one" and sample.question_id in seen):
                continue
            seen.add(sample.question_id)
            prompt = run.prompt_ids(by_id[sample.question_id])
            examples.append(Example(tuple(prompt), sample.token_ids))
        return run.finetune(self.name, run.base, examples, self.options.epochs, self.options.learning_rate)
