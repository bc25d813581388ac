"""GSM8K: word problems for grade-school pupils."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from sdzero_bench.errors import UserError
from sdzero_bench.question_files import read_rows
from sdzero_bench.questions import Question, QuestionSet
from sdzero_bench.task import Messages, Split, Task, TaskOptions
from sdzero_bench.verifying.math_answer import check_math
from sdzero_bench.verifying.verdict import Verdict

HUB_NAME = "openai/gsm8k"
MARK = "####"


class GSM8KOptions(TaskOptions):
    path: str | None = None
    """Folder with train.jsonl and test.jsonl (or .parquet), fields `question` and `answer`; null loads from the hub."""
    validation: int = Field(500, gt=0)
    """Questions at the end of the training file that are kept for validation."""


class GSM8K(Task):
    """Cobbe et al. 2021, arXiv 2110.14168. A gold answer is what follows the last `####`, thousands separators removed."""

    name = "gsm8k"
    summary = "grade-school word problems (GSM8K)"
    source = "hub: openai/gsm8k"
    verifier = "math-verify on the last boxed expression"
    Options = GSM8KOptions
    options: GSM8KOptions

    def load(self, split: Split) -> QuestionSet:
        rows = self._rows("test" if split == "test" else "train")
        if split != "test":
            if len(rows) <= self.options.validation:
                raise UserError(
                    f"{len(rows)} training questions leave none beside task.validation={self.options.validation}; lower it"
                )
            cut = len(rows) - self.options.validation
            rows = rows[:cut] if split == "train" else rows[cut:]
        questions = []
        for i, row in enumerate(rows):
            solution, mark, gold = row["answer"].rpartition(MARK)
            if not mark or not gold.strip():
                raise UserError(f"gsm8k {split} question {i + 1} has no gold answer after {MARK!r}")
            details = {"solution": solution.strip()}
            questions.append(Question(f"{split}-{i}", row["question"].strip(), gold.strip().replace(",", ""), details))
        return QuestionSet(f"{self.name}/{split}", tuple(questions))

    def _rows(self, name: str) -> list[dict]:
        if self.options.path is not None:
            folder = Path(self.options.path).expanduser()
            parquet = folder / f"{name}.parquet"
            return read_rows(parquet if parquet.is_file() else folder / f"{name}.jsonl", ("question", "answer"))
        import datasets

        try:
            return list(datasets.load_dataset(HUB_NAME, "main", split=name))
        except (OSError, ValueError) as error:
            raise UserError(
                f"{HUB_NAME} could not be loaded from the hub; give a local copy with --set task.path=FOLDER"
            ) from error

    def prompt(self, question: Question) -> Messages:
        return [
            {
                "role": "user",
                "content": f"{question.text}\n\nThink step by step, and put the final answer in \\boxed{{}}.",
            }
        ]

    def verify(self, question: Question, response: str) -> Verdict:
        return check_math(response, question.answer)

    def demonstration(self, question: Question) -> str:
        return f"{question.details['solution']}\nThe answer is \\boxed{{{question.answer}}}."
