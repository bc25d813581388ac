"""Groups of rollouts with the trainer of a self-distillation method, and what models say of each token in float64."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from datasets import Dataset
from tiny import attempt, prompt_ids, tiny_model
from torch import Tensor

from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.training.on_policy import Attempt
from sdzero_bench.training.self_distillation import self_distillation_trainer

GROUP = 4
QUESTIONS = QuestionSet(
    "set",
    tuple(Question(f"q{i}", text, str(i)) for i, text in enumerate(["1 + 2", "What is 30 - 4 + 5?", "7 - 8 + 9", "1 + 1"])),
)
REWARDS: list[list[float | None]] = [
    [1.0, 0.0, 0.0, 1.0],  # right and wrong ones
    [0.0, 0.0, 0.0, 0.0],  # none is right
    [1.0, None, 0.0, 0.0],  # one without a verdict, and a right one without a right sibling
    [1.0, 1.0, 1.0, 1.0],  # none is wrong
]
LENGTHS = [[2, 5, 3, 4], [6, 2, 3, 3], [4, 3, 2, 5], [3, 2, 4, 6]]


@dataclass
class Row:
    """A rollout, as the tests see it: not through the package."""

    question: Question
    group: int
    place: int
    completion: list[int]
    reward: float | None

    @property
    def text(self) -> str:
        return f"{self.group}{self.place}" + "9" * self.place

    @property
    def siblings(self) -> list[Row]:
        return [row for row in ROWS if row.group == self.group and row.place != self.place]

    def first(self, reward: float) -> Row | None:
        return next((row for row in self.siblings if row.reward == reward), None)

    @property
    def advantage(self) -> float:
        """(r - mean) / (std + 1e-4) within the group, 0 without a reward."""
        known = torch.tensor([r for r in REWARDS[self.group] if r is not None], dtype=torch.float64)
        return 0.0 if self.reward is None else float((self.reward - known.mean()) / (known.std() + 1e-4))

    def sample(self) -> Any:
        return replace(attempt(self.question.id, self.completion, self.reward).sample, text=self.text)


ROWS = [
    Row(question, i, j, [20 + 16 * i + 4 * j + 7 * t % 40 for t in range(LENGTHS[i][j])], REWARDS[i][j])
    for i, question in enumerate(QUESTIONS)
    for j in range(GROUP)
]


class Taught:
    """The trainer that a method asks for, with policies of its own; and the same in float64."""

    def __init__(self, method: Any, tokenizer: Any, folder: Path, **arguments: Any) -> None:
        self.tokenizer = tokenizer
        self.models = {name: tiny_model(tokenizer, seed) for seed, name in enumerate(("student", "teacher", "reference"))}
        self.exact = {name: copy.deepcopy(model).double() for name, model in self.models.items()}
        asked: dict[str, Any] = {}

        def self_distill(
            name: str, start: Any, questions: Any, context: Any, options: Any, group: int = 1, signal: Any = None
        ) -> str:
            asked.update(context=context, options=options, group=group, signal=signal)
            return name

        run: Any = SimpleNamespace(
            base="base",
            questions=QUESTIONS,
            self_distill=self_distill,
            prompt_ids=lambda q, template=None, **f: prompt_ids(
                tokenizer, template.format(prompt=q.text, **f) if template else q.text
            ),
        )
        method.train(run)
        assert asked["group"] == GROUP
        rows = [{"prompt": [{"role": "user", "content": row.question.text}], "question_id": row.question.id} for row in ROWS]
        settings = {
            "output_dir": str(folder),
            "per_device_train_batch_size": len(ROWS),
            "learning_rate": 1e-3,
            "max_steps": 1,
            "bf16": False,
            "use_cpu": True,
            "report_to": "none",
            "gradient_checkpointing": False,
            **arguments,
        }
        self.trainer: Any = self_distillation_trainer(
            asked["options"],
            asked["context"],
            self.models["teacher"],
            64,
            settings,
            asked["signal"],
            self.models["reference"] if asked["signal"].reference else None,
            GROUP,
            model=self.models["student"],
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
            rollout=self.rollout,
        )
        self.rows = rows

    @staticmethod
    def rollout(policy: Any, step: int, rows: Sequence[Any]) -> list[Attempt]:
        assert [row["question_id"] for row in rows] == [row.question.id for row in ROWS]
        return [Attempt(row.question, row.sample(), tuple(s.sample() for s in row.siblings)) for row in ROWS]

    def says(self, model: str, row: Row, text: str | None = None) -> Tensor:
        """Log-probabilities [n, V] before each token of a completion, in float64, after the question or another text."""
        context = prompt_ids(self.tokenizer, row.question.text if text is None else text)
        ids = torch.tensor([context + row.completion])
        n = len(row.completion)
        return self.exact[model](ids).logits[0, -n - 1 : -1].log_softmax(-1)

    def taken(self, row: Row, log_p: Tensor) -> Tensor:
        """Those [n] of the completion's own tokens."""
        return log_p.gather(-1, torch.tensor(row.completion).unsqueeze(-1)).squeeze(-1)

    def gradient_of(self, loss: Tensor) -> dict[str, Tensor]:
        student = self.exact["student"]
        student.zero_grad()
        loss.backward()
        return {name: parameter.grad for name, parameter in student.named_parameters()}


Loss = Callable[[Taught], Tensor]


def ratio(log_p: Tensor) -> Tensor:
    """The importance ratio of a policy to itself: 1, with a gradient."""
    return (log_p - log_p.detach()).exp()


def kl(p: Tensor, q: Tensor) -> Tensor:
    return (p.exp() * (p - q)).sum(-1)


def jensen_shannon(p: Tensor, q: Tensor) -> Tensor:
    middle = ((p.exp() + q.exp()) / 2).log()
    return (kl(p, middle) + kl(q, middle)) / 2


def entropy(p: Tensor) -> Tensor:
    return -(p.exp() * p).sum(-1)
