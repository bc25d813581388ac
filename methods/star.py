"""Self-taught reasoner: rejection sampling with rationalisation."""

from __future__ import annotations

from pydantic import Field

from sdzero_bench.core.question import Question
from sdzero_bench.core.search_space import one_of, space
from sdzero_bench.records.rollouts import Prompt
from sdzero_bench.training.cost import Passes, Typical, fine_tuning
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.needs import Lengths, Need
from sdzero_bench.training.recipe import Phase
from sdzero_bench.training.run import Checkpoint, Run
from sdzero_bench.training.samples import by_question
from sdzero_bench.training.supervised import Example
from sdzero_bench.training.teacher_templates import SolutionTemplate, answer_alone


class STaROptions(MethodOptions):
    rounds: int = Field(2, gt=0)
    samples: int = Field(1, gt=0)
    """Samples per question and round, and as many with the answer shown for a question without a correct one."""
    template: SolutionTemplate = (
        "{prompt}\n\nThis is one way to answer it:\n\n{solution}\n\nNow answer in your own words, with your own reasoning."
    )
    """What the policy reads where the answer is shown."""
    epochs: float = Field(3, gt=0)
    learning_rate: float | None = Field(None, gt=0)
    """Instead of optimizer.learning_rate."""


class STaR(Method):
    """Fine-tune on right samples, and where there is none, on right samples that were drawn with the answer shown.

    Paper: Zelikman et al. 2022, "STaR: Bootstrapping Reasoning With Reasoning", arXiv 2203.14465. Objective of a round:
    -log pi(y | x) over correct y of the last round's policy, starting again from the base policy; a question without a
    correct one is asked again with its gold answer shown, and what is then correct is trained on without it.
    Departures: 2 rounds, where the paper goes on for as long as they help; the number of epochs per round is RFT's, where the
    paper's steps grow by a fifth each round; no few-shot prompts; the hint has its own wording, and is the answer alone, where
    the paper shows the worked solution on GSM8K; for tasks without answers, such as programs, it is the gold solution.
    """

    name = "star"
    summary = "RFT in rounds, with samples that saw the answer where no other was right"
    paper = "arXiv 2203.14465"
    supervision = "gold answers"
    Options = STaROptions
    search = space({"epochs": one_of(1, 2, 3, 4)})
    options: STaROptions

    def phases(self, questions: int) -> list[Phase]:
        options, drawn = self.options, questions * self.options.samples

        def passes(typical: Typical) -> Passes:
            found = options.samples * typical.right + (1 - typical.right) ** options.samples * options.samples
            return fine_tuning(questions * found, typical.prompt + typical.completion, options.epochs)

        def hinted(lengths: Lengths) -> list[Need]:
            tokens = lengths.rewritten(options.template, "answer") + lengths.response
            return [Need("a prompt that shows the answer, with its response", tokens, sampled=True)]

        phases: list[Phase] = []
        for i in range(1, options.rounds + 1):
            phases.append(Phase(f"round{i}.sample", "sample", drawn))
            phases.append(Phase(f"round{i}.hinted", "sample", drawn, needs=hinted))
            kept = f"round{i}" if i < options.rounds else None
            phases.append(Phase(f"round{i}", "finetune", passes=passes, kept_as=kept))
        return phases

    def train(self, run: Run) -> Checkpoint:
        options, policy = self.options, run.base
        for i in range(1, options.rounds + 1):
            samples = list(run.sample(f"round{i}.sample", policy, run.ask(run.questions, options.samples)))
            solved = {sample.question_id for sample in samples if sample.right}
            prompts = [
                Prompt(question, tuple(self.hinted(run, question)), str(k))
                for question in run.questions
                if question.id not in solved
                for k in range(options.samples)
            ]
            samples += run.sample(f"round{i}.hinted", policy, prompts)
            examples = [
                Example(tuple(run.prompt_ids(question)), sample.token_ids)
                for question, own in by_question(run.questions, samples)
                for sample in own
                if sample.right
            ]
            policy = run.finetune(f"round{i}", run.base, examples, options.epochs, options.learning_rate)
            if i < options.rounds:
                run.keep(f"round{i}", policy)
        return policy

    def hinted(self, run: Run, question: Question) -> list[int]:
        """The prompt that shows the answer."""
        shown = answer_alone(question) if question.answer else run.demonstration(question)
        return run.prompt_ids(question, self.options.template, solution=shown)
