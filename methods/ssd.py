"""Simple self-distillation: the control without a verifier."""

from __future__ import annotations

from pydantic import Field

from sdzero_bench.core.search_space import one_of, space
from sdzero_bench.training.cost import Passes, Typical, fine_tuning
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.recipe import Phase
from sdzero_bench.training.run import Checkpoint, Run
from sdzero_bench.training.samples import by_question
from sdzero_bench.training.supervised import Example

SAMPLES = "ssd.sample"


class SSDOptions(MethodOptions):
    samples: int = Field(4, gt=0)
    """Samples per question (the paper: 1)."""
    epochs: float = Field(3, gt=0)
    learning_rate: float | None = Field(None, gt=0)
    """Instead of optimizer.learning_rate."""


class SSD(Method):
    """Fine-tune on the policy's own samples, right or wrong.

    Paper: Zhang et al. 2026, "Embarrassingly Simple Self-Distillation Improves Code Generation", arXiv 2604.01193. Objective:
    -log pi(y | x) over samples y of the base policy, which are not verified. What can be learned comes from how they are drawn:
    the paper samples at temperature 1.6 with top-k 20 and top-p 0.8. At temperature 1 and top-p 1, the presets' defaults, the
    expected gradient at the base policy is 0, and this is the control of what fine-tuning does without any signal.
    Departures: samples are drawn as for every other method (`sampling.temperature`, `sampling.top_p`; there is no top-k), 4 per
    question, where the paper has 1; the shortest samples are kept, where the authors' code drops empty ones and the shortest
    tenth.
    """

    name = "ssd"
    summary = "fine-tune on the base policy's own samples without verifying them"
    paper = "arXiv 2604.01193"
    supervision = "nothing"
    Options = SSDOptions
    search = space({"epochs": one_of(1, 2, 3, 4)})
    options: SSDOptions

    def phases(self, questions: int) -> list[Phase]:
        samples = questions * self.options.samples

        def passes(typical: Typical) -> Passes:
            return fine_tuning(samples, typical.prompt + typical.completion, self.options.epochs)

        return [Phase(SAMPLES, "sample", samples), Phase(self.name, "finetune", passes=passes)]

    def train(self, run: Run) -> Checkpoint:
        samples = run.sample(SAMPLES, run.base, run.ask(run.questions, self.options.samples))
        examples = [
            Example(tuple(run.prompt_ids(question)), sample.token_ids)
            for question, own in by_question(run.questions, samples)
            for sample in own
        ]
        return run.finetune(self.name, run.base, examples, self.options.epochs, self.options.learning_rate)
