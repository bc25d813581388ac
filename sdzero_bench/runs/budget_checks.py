"""Whether the budget allows what a method asks for, said before the first sample is drawn."""

from __future__ import annotations

from sdzero_bench.core.errors import BudgetError
from sdzero_bench.core.question import QuestionSet
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.policies.chat import Contexts
from sdzero_bench.training.method import Method


def affordable_plan(config: RunConfig, method: Method, questions: int) -> dict[str, int]:
    """The method's plan of samples. Raises `BudgetError` if they are more than `budget.samples_per_question` allows."""
    plan, allowed = method.plan(questions), config.budget.samples_per_question * questions
    if (needed := sum(plan.values())) > allowed:
        phases = ", ".join(f"{name} {count}" for name, count in plan.items())
        raise BudgetError(
            f"{method.name} needs {needed} samples ({phases}), but the budget allows {allowed}, "
            f"{config.budget.samples_per_question} per question; raise budget.samples_per_question, or let it draw fewer"
        )
    return plan


def require_training_tokens(config: RunConfig, method: Method, questions: QuestionSet, contexts: Contexts) -> None:
    """Raise `BudgetError` if even the least that the method trains on exceeds `budget.training_tokens`.

    The least: one example of each phase that fine-tunes, and every rollout of the full batches of the others; each of them the
    shortest prompt and one token.
    """
    if (allowed := config.budget.training_tokens) is None or not method.trains:
        return
    rows = 0
    for phase in method.phases(len(questions)):
        batch = max(1, min(config.optimizer.batch_size, phase.samples))
        rows += phase.samples // batch * batch if phase.on_policy else int(phase.trains)
    shortest = min(len(contexts.prompt_ids(question)) for question in questions)
    if (least := rows * (shortest + 1)) > allowed:
        raise BudgetError(
            f"{method.name} trains on {rows} sequences of at least {shortest + 1} tokens, which is {least} in all, but "
            f"budget.training_tokens allows {allowed}; raise it (`sdzero-bench plan` estimates what is needed), or leave it out"
        )
