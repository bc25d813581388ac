"""How much a reference helps an embedded model: the figures of its model card on teachers that read one.

`python -m tools.micro_model.references` samples answers to the test questions of both tasks without a reference, with a right
response as the model itself writes them (read by SDPO's teacher) and with the gold solution (read by those of SDFT and OPSD).
If a teacher is not correct more often than the student, it has nothing to teach.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from sdzero_bench.core.completion import Request, SamplingParameters, sample_seed
from sdzero_bench.core.question import Question
from sdzero_bench.policies.engines.transformers_engine import TransformersEngine
from sdzero_bench.policies.loading import load_model, load_tokenizer, model_path
from sdzero_bench.runs.config import make_method, make_task, resolve
from sdzero_bench.tasks.micro_world import arithmetic
from sdzero_bench.verifiers.equip import equip
from sdzero_bench.verifiers.pool import VerifierPool

Answer = tuple[Question, str, bool]
"""A question, a response, and whether it is correct."""


class Reader:
    """A base policy on one task, before and after a reference is added to the question; by default that of the micro preset."""

    def __init__(self, task: str, model: str | None = None) -> None:
        self.config = resolve("sdpo", "micro", task=task, model=model)
        self.task = equip(make_task(self.config), self.config.verifying)
        self.template = make_method(self.config).options.template
        path = model_path(self.config.model.name)
        self.tokenizer: Any = load_tokenizer(path)
        self.engine = TransformersEngine(load_model(path, self.config.model), self.tokenizer)
        self.verifier = VerifierPool(self.task, self.config.verifying.workers, self.config.verifying.timeout_seconds)

    def prompt(self, question: Question, reference: str | None) -> tuple[int, ...]:
        *before, last = self.task.prompt(question)
        if reference is not None:
            last = {**last, "content": self.template.format(prompt=last["content"], solution=reference)}
        return tuple(self.tokenizer.apply_chat_template([*before, last], add_generation_prompt=True, return_dict=False))

    def answers(self, questions: list[Question], references: Mapping[str, str], samples: int, stream: str) -> list[Answer]:
        """`samples` answers per question, at temperature 1; `references` is by question id."""
        asked = [(q, i) for q in questions for i in range(samples)]
        requests = [Request(self.prompt(q, references.get(q.id)), sample_seed(0, stream, q.id, str(i))) for q, i in asked]
        parameters = SamplingParameters(1.0, 1.0, self.config.sampling.max_new_tokens)
        drawn = [c for at in range(0, len(requests), 256) for c in self.engine.generate(requests[at : at + 256], parameters)]
        texts = [self.tokenizer.decode(c.token_ids, skip_special_tokens=True) for c in drawn]
        verdicts = self.verifier.verify([(q, text) for (q, _), text in zip(asked, texts, strict=True)])
        return [(q, text, v.reward == 1.0) for (q, _), text, v in zip(asked, texts, verdicts, strict=True)]


def bare_response(question: Question) -> str:
    """A right response, written as the texts of the embedded model write them."""
    return str(arithmetic.solve(question.details["expression"])) if "expression" in question.details else question.answer


def worth(task: str, model: str | None = None, samples: int = 8, limit: int | None = None) -> dict[str, Any]:
    """Shares of correct responses by what the prompt has, over the test questions.

    `same` is the share of responses that repeat the right response word for word, whether or not the prompt had it.
    """
    reader = Reader(task, model)
    with reader.verifier:
        questions = list(reader.task.load("test").questions)[:limit]
        bare = {q.id: bare_response(q) for q in questions}
        gold = {q.id: str(reader.task.demonstration(q)) for q in questions}
        result: dict[str, Any] = {"questions": len(questions), "samples": samples}
        for name, shown in (("nothing", {}), ("right response", bare), ("gold solution", gold)):
            answers = reader.answers(questions, shown, samples, "measured")
            result[name] = {
                "right": sum(right for _, _, right in answers) / len(answers),
                "same": sum(text == bare[q.id] for q, text, _ in answers) / len(answers),
            }
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="default: that of the micro preset")
    options = parser.parse_args()
    print(json.dumps({task: worth(task, options.model) for task in ("micro-arith", "micro-code")}, indent=2))
