"""How fast this machine is under a run's settings: each kind of phase for some seconds, in a folder that is thrown away."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sdzero_bench.core.completion import SamplingParameters
from sdzero_bench.core.question import QuestionSet
from sdzero_bench.policies.engines.factory import engines_of
from sdzero_bench.policies.loading import load_model
from sdzero_bench.policies.lora import adapted
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.ledger import EVALUATION
from sdzero_bench.records.rollouts import Prompt
from sdzero_bench.runs.plan.duration import Durations
from sdzero_bench.runs.plan.made_up import MadeUp
from sdzero_bench.runs.plan.speed import Speed
from sdzero_bench.runs.session import Session
from sdzero_bench.training.arguments import TrainerArguments, trainer_arguments
from sdzero_bench.training.callbacks import quieten
from sdzero_bench.training.micro_batches import MicroBatchLimits
from sdzero_bench.training.on_policy import TrainerParts
from sdzero_bench.training.options import Objective, PolicyGradientOptions, SelfDistillationOptions
from sdzero_bench.training.recipe import Phase
from sdzero_bench.training.run import Run
from sdzero_bench.training.supervised import supervised_trainer

MICRO_BATCHES = 4
"""Of which an optimizer step consists at most while it is measured: steps of the run's own batch may take minutes."""

ROWS = 40_000
"""Of the data set that is trained on meanwhile; more than are reached."""


class Deadline(TrainerCallback):
    """Stops a trainer, and times its steps after the first, which warms up."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.started = self.took = 0.0
        self.steps = 0

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object) -> None:
        if state.global_step == 1:
            self.started = time.perf_counter()
            return
        self.steps, self.took = state.global_step - 1, time.perf_counter() - self.started
        control.should_training_stop = self.took >= self.seconds


def measured(session: Session, expected: Durations, seconds: float) -> list[Speed]:
    """Each kind of phase that the run has, for about `seconds`; loading comes on top. Raises `UserError` as a run does."""
    with tempfile.TemporaryDirectory(prefix="sdzero-bench-plan-") as folder:
        run = Run(session.config, session.task, session.train_questions, RunFolder(Path(folder)), session.display)
        run.trained = True  # its samples are thrown away, and charged to no budget
        try:
            return list(_measured(run, session, expected, seconds))
        finally:
            run.close()


def _measured(run: Run, session: Session, expected: Durations, seconds: float) -> Iterator[Speed]:
    config, questions = session.config, session.train_questions
    phases = session.method.phases(len(questions)) if len(questions) else []
    settings, batch = config.evaluation, config.sampling.batch_size
    parameters = SamplingParameters(settings.temperature, settings.top_p, settings.max_new_tokens)
    yield _sampled(run, "evaluate", session.test_questions, parameters, batch, seconds)
    if any(phase.draws and not phase.trains for phase in phases):
        yield _sampled(run, "sample", questions, run.sampling, batch, seconds)
    if any(phase.on_policy for phase in phases):
        yield _sampled(run, "rollouts", questions, run.sampling, min(batch, config.optimizer.batch_size), seconds)
    for phase in {phase.kind: phase for phase in phases if phase.trains}.values():
        yield _trained(run, session, phase, expected, seconds)


def _sampled(run: Run, kind: str, questions: QuestionSet, parameters: SamplingParameters, batch: int, seconds: float) -> Speed:
    """Full batches, verified. Responses are cut short at first, until a batch takes a quarter of the time."""
    engine = engines_of(run).of(run.weights(run.base), run.base.path)
    asked = [(q, tuple(run.prompt_ids(q))) for q in questions[:batch]]
    prompts = [Prompt(q, ids, str(i)) for i, (q, ids) in enumerate(islice(cycle(asked), batch))]
    new, spent, count, kept = min(8, parameters.max_new_tokens), 0.0, 0, Speed(kind, 0, 0.0, 0.0, batch)
    while spent < seconds or not kept.sequences:
        started, cut = time.perf_counter(), replace(parameters, max_new_tokens=new)
        with run.display.phase(f"{kind}, {new} tokens at most", batch) as bar:
            drawn = run.rollouts.draw(f"{EVALUATION}.{kind}{count}", "base", engine, prompts, cut, count, bar)
        took = time.perf_counter() - started
        spent, count = spent + took, count + 1
        if new < parameters.max_new_tokens and took < seconds / 4:
            new = min(2 * new, parameters.max_new_tokens)
        elif count > 1:  # the first batch warms up
            tokens = kept.tokens + sum(len(sample.token_ids) for sample in drawn)
            kept = replace(kept, sequences=kept.sequences + batch, tokens=tokens, seconds=kept.seconds + took)
    return kept


def _trained(run: Run, session: Session, phase: Phase, expected: Durations, seconds: float) -> Speed:
    """Optimizer steps of a training phase on made-up sequences of the expected lengths. Nothing is sampled meanwhile."""
    assert phase.passes is not None  # a plan was made before
    passes, drawn, given = phase.passes(expected.typical), phase.drawn(expected.typical), run.config.optimizer
    longest = expected.longest(drawn) if phase.on_policy else drawn.new
    made = MadeUp(run.questions[0], len(run.tokenizer), passes, drawn, longest)
    own = [session.method.options, *session.method.options.__dict__.values()]
    gradient = next((o for o in own if isinstance(o, PolicyGradientOptions)), None)
    group = gradient.group_size if gradient and phase.kind == "policy_gradient" else 1
    batch = max(1, min(given.batch_size, MICRO_BATCHES * given.micro_batch_size) // group) * group
    shared = given.model_copy(update={"batch_size": batch})
    arguments: TrainerArguments = {
        **trainer_arguments(shared, 1, run.folder.path / phase.kind, 0, *run.precision, learning_rate=None),
        "save_strategy": "no",
    }
    parts: TrainerParts = {
        "model": adapted(load_model(run.base.path, run.config.model), run.config.lora, run.config.seed),
        "train_dataset": Dataset.from_dict({"prompt": [run.task.prompt(made.question)] * ROWS}),
        "processing_class": run.tokenizer,
        "rollout": made.rollout,
    }
    on_policy = {**arguments, "max_steps": ROWS // batch}
    trainer: Any  # one of trl_compat.py
    if phase.kind == "finetune":
        trainer = supervised_trainer(parts["model"], run.tokenizer, [made.example()], [0] * ROWS, arguments)
    elif phase.kind == "self_distill":
        from sdzero_bench.training.self_distillation import self_distillation_trainer

        options = next(o for o in own if isinstance(o, SelfDistillationOptions))
        narrow = run.precision[0] and not passes.averaged
        teacher = load_model(run.base.path, run.config.model, "bfloat16" if narrow else None)
        new = run.sampling.max_new_tokens
        trainer = self_distillation_trainer(options, made.teacher_context, teacher, new, on_policy, **parts)
    else:
        from sdzero_bench.training.policy_gradient import policy_gradient_trainer

        assert gradient is not None
        trainer = policy_gradient_trainer(Objective("dapo"), gradient, run.sampling, on_policy, **parts)
    trainer.limits = MicroBatchLimits(given.micro_batch_size, given.micro_batch_tokens)
    deadline = Deadline(seconds)
    quieten(trainer, deadline)
    with run.display.phase(f"{phase.kind}, steps", 1, unit="phase") as bar:
        trainer.train()
        bar.advance()
    sequences = deadline.steps * batch
    return Speed(phase.kind, sequences, sequences * passes.student, deadline.took, batch)
