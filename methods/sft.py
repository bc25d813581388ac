"""Supervised fine-tuning on gold demonstrations."""

from __future__ import annotations

from pydantic import Field

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.search_space import one_of, space
from sdzero_bench.training.cost import Passes, Typical, fine_tuning
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.needs import Need
from sdzero_bench.training.recipe import Phase
from sdzero_bench.training.run import Checkpoint, Run
from sdzero_bench.training.supervised import Example

TOO_LONG = "use a model with a longer context, or a method that needs no gold solutions"


class SFTOptions(MethodOptions):
    epochs: float = Field(3, gt=0)
    learning_rate: float | None = Field(None, gt=0)
    """Instead of optimizer.learning_rate."""


class SFT(Method):
    """Fine-tune on the task's gold solutions.

    Paper: SD-Zero's baseline of the same name (arXiv 2604.12002), which takes its solutions from a stronger model. Objective:
    -log pi(y* | x) over gold solutions y*, the loss on the solution's tokens only.
    Departure: the solutions are the task's own.
    """

    name = "sft"
    summary = "fine-tune on gold solutions"
    paper = "arXiv 2604.12002"
    supervision = "gold solutions"
    Options = SFTOptions
    search = space({"epochs": one_of(1, 2, 3, 4)})
    options: SFTOptions

    def phases(self, questions: int) -> list[Phase]:
        def passes(typical: Typical) -> Passes:
            return fine_tuning(questions, typical.prompt + typical.solution, self.options.epochs)

        return [
            Phase(
                self.name,
                "finetune",
                passes=passes,
                response=lambda typical: typical.solution,
                needs=lambda lengths: [Need("a prompt with its gold solution", lengths.solved(), TOO_LONG)],
            )
        ]

    def train(self, run: Run) -> Checkpoint:
        examples = []
        for question in run.questions:
            solution = run.demonstration(question)
            examples.append(Example(tuple(run.prompt_ids(question)), (*run.encode(solution), run.tokenizer.eos_token_id)))
        if max(map(len, examples)) > max(len(e.context) for e in examples) + run.sampling.max_new_tokens:
            raise UserError("gold solutions are longer than sampling.max_new_tokens allows a response to be; raise it")
        return run.finetune(self.name, run.base, examples, self.options.epochs, self.options.learning_rate)
