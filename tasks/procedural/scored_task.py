"""A data set of reasoning-gym as a task."""

from __future__ import annotations

import json
from typing import ClassVar, Literal

from pydantic import Field

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question, QuestionSet, normalised
from sdzero_bench.core.task import Messages, Split, Task, TaskOptions
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.tasks.procedural import data_sets, drawing, scoring
from sdzero_bench.verifiers.code.literals import read_literal


class ReasoningGymOptions(TaskOptions):
    train: int = Field(2000, gt=0)
    """Number of questions in each split."""
    validation: int = Field(200, gt=0)
    test: int = Field(300, gt=0)
    seed: int = Field(0, ge=0, le=drawing.HIGHEST_SEED)
    """Seed of the questions. No two seeds and splits share a range of generator seeds."""
    config: dict[str, object] = Field({})
    """Options of the data set, such as `--set task.config.min_terms=2`; see reasoning-gym's documentation."""
    level: int | None = Field(None, ge=0)
    """Level of difficulty, if the data set has a curriculum; `config` overrides it."""
    threshold: float = Field(1.0, gt=0, le=1)
    """Minimum score of a correct response. Many scorers give partial scores to nearly correct answers."""
    trust_scorer: bool = False
    """Use the data set even if its scorer accepts wrong answers or cannot be tested."""


class ReasoningGym(Task):
    """Stojanovski et al. 2025, arXiv 2505.24760. The text between the last <answer> tags is scored (`scored_part`).

    Each split has its own range of generator seeds, and no question occurs twice, up to case and white space. A larger training
    set changes no other split.
    """

    data_set: ClassVar[str]
    source = "reasoning-gym"
    license = "Apache-2.0"
    verifier = "the data set's own scorer"
    record_details = True
    Options = ReasoningGymOptions
    options: ReasoningGymOptions

    @property
    def data(self) -> Literal["generated", "file"]:
        return "generated" if getattr(self.options, "path", None) is None else "file"

    def load(self, split: Split) -> QuestionSet:
        name, options = self.data_set, self.options
        if name in scoring.UNTRUSTED and not options.trust_scorer:
            raise UserError(
                f"rg:{name} is not reliable: {scoring.UNTRUSTED[name]}; to use it anyway, set task.trust_scorer=true"
            )
        counts = {"test": options.test, "validation": options.validation, "train": options.train}
        needed = dict(list(counts.items())[: list(counts).index(split) + 1])
        items = drawing.draw(name, options.config, options.level, options.seed, needed)[split]
        return QuestionSet(
            f"{self.name}/{split}",
            tuple(_question(f"{split}-{i}", item) for i, item in enumerate(items)),
        )

    def fresh(self, count: int) -> QuestionSet | None:
        """Drawn with the last of the seeds, which no other one shares a range with. Raises `UserError` as `load` does."""
        if self.data == "file":
            return None
        seed = drawing.HIGHEST_SEED + 1
        test = self.load("test")
        tested = {normalised(question.text) for question in test}
        items = drawing.draw(self.data_set, self.options.config, self.options.level, seed, {"test": count + len(test)})["test"]
        new = [item for item in items if normalised(item["question"]) not in tested][:count]
        return QuestionSet(f"{self.name}/fresh", tuple(_question(f"fresh-{i}", item) for i, item in enumerate(new)))

    def prompt(self, question: Question) -> Messages:
        ask = "Think step by step, and put the final answer, and nothing else, between <answer> and </answer>."
        return [{"role": "user", "content": f"{question.text}\n\n{ask}"}]

    def verify(self, question: Question, response: str) -> Verdict:
        answer = scoring.scored_part(response)
        if answer is None:
            return Verdict(0.0, detail="no final answer")
        metadata = read_literal(question.details["metadata"])
        entry: scoring.Entry = {"question": question.text, "answer": question.answer or None, "metadata": metadata}
        scorer = data_sets.scorer(self.data_set, json.dumps(self.options.config), self.options.level)
        found, detail = scoring.score(scorer, self.data_set, answer, entry)
        return Verdict(float(found >= self.options.threshold), answer=answer, detail=detail)

    def prepare_worker(self) -> None:
        import reasoning_gym  # noqa: F401

    def stated(self, answer: str) -> str:
        """A response that consists of this answer alone."""
        return f"<answer>{answer}</answer>"


def _question(id: str, item: drawing.Item) -> Question:
    return Question(id, item["question"], item["answer"] or "", {"metadata": item["metadata"]})
