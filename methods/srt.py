"""Self-Revision Training: phase 1 of SD-Zero, and a method of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.search_space import one_of, space
from sdzero_bench.core.settings import Options
from sdzero_bench.records.journal import Sample
from sdzero_bench.records.rollouts import Prompt
from sdzero_bench.training.cost import Passes, Typical, TypicalSample, fine_tuning
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.needs import Lengths, Need
from sdzero_bench.training.phrases import STANDARD, ControlPhrases
from sdzero_bench.training.recipe import Phase
from sdzero_bench.training.run import Checkpoint, Run
from sdzero_bench.training.supervised import Example

INITIAL, REVISION = "srt.initial", "srt.revision"
STAGE_ONE = "srt-stage1"
REVISER = "srt"
"""The phase and the checkpoint that revises."""

PHRASES = {
    "paper": STANDARD,
    "code-qwen": ControlPhrases(right=STANDARD.right, wrong="Wait, this response is wrong. Let me correct it."),
    "code-olmo": ControlPhrases(right=STANDARD.right, wrong="Wrong. I need to redo all."),
}
"""Control phrases by name: the paper's text and its public code disagree on the wording."""


def _by_name(value: object) -> object:
    if isinstance(value, str):
        if value not in PHRASES:
            raise ValueError(f"no phrases of that name; there are {', '.join(PHRASES)}, or give {{right: ..., wrong: ...}}")
        return PHRASES[value]
    return value


PhrasesOption = Annotated[ControlPhrases, BeforeValidator(_by_name)]
"""An option that takes the name of a set, or `{right: ..., wrong: ...}`."""


class SRTPrompts(Options):
    """System messages of the phases. The public code has one for collection and another for training, and none afterwards."""

    collection: str | None = None
    """Where first responses and revisions are drawn; null: the task's own."""
    training: str | None = None
    """Where they are trained on; null: the task's own."""


class SRTOptions(MethodOptions):
    responses: int = Field(1, gt=0)
    """Initial responses per question (public code: 3)."""
    revisions: int = Field(3, gt=0)
    """Revisions of each initial response."""
    revision_turn: Literal["assistant", "user"] = "assistant"
    """Whose turn holds y_init and P_r in the revision loss: the assistant's, as where revisions are drawn, or the user's
    (public code)."""
    prompts: SRTPrompts = SRTPrompts()
    phrases: PhrasesOption = PHRASES["paper"]
    """Wording of the control phrase: paper, code-qwen, code-olmo, or {right: ..., wrong: ...}."""
    tuples: Literal["both", "wrong_first"] = "both"
    """Keep revisions of correct and incorrect responses (paper), or only of incorrect ones."""
    filter: Literal["right", "none"] = "right"
    """Keep revisions that verify as correct (paper), or all of them (its Appendix G compares the two)."""
    objective: Literal["joint", "two_stage"] = "joint"
    """joint: both losses at once (paper). two_stage: first the generation loss, then the revision loss (public code)."""
    losses: Literal["both", "generation", "revision"] = "both"
    """Both terms of L_SRT, or one of them (the paper's Table 11). Only with `joint`."""
    stage_two: int = Field(1000, gt=0)
    """two_stage: tuples of the second stage, those with a correct first response first (the public code's default)."""
    clean: bool = True
    """Trim a response's repeating tail, and openings such as "You're right, ..." (public code)."""
    epochs: float = Field(3, gt=0)
    learning_rate: float | None = Field(None, gt=0)
    """Instead of optimizer.learning_rate."""


@dataclass(frozen=True)
class Revision:
    """One tuple of D_revision, as token ids: x, y_init with P_r, y_revised with its end token."""

    question: tuple[int, ...]
    first: tuple[int, ...]
    phrase: tuple[int, ...]
    revised: tuple[int, ...]
    right_first: bool
    asked_to_revise: tuple[int, ...] | None = None
    """The chat that asks for a revision in the user's turn; None: it is asked for in the assistant's."""

    def generation(self) -> Example:
        """L_generation: -log pi([y_init, P_r, y_revised] | x)."""
        return Example(self.question, self.first + self.phrase + self.revised)

    def revision(self) -> Example:
        """L_revision: -log pi(y_revised | x, y_init, P_r)."""
        return Example(self.asked_to_revise or self.question + self.first + self.phrase, self.revised)


class SRT(Method):
    """Self-Revision Training: fine-tune on the policy's own revisions that are correct.

    Paper: Self-Distillation Zero, arXiv 2604.12002, phase 1. Objective: L_SRT = L_revision + L_generation over the tuples
    (x, y_init, P_r, y_revised) whose revision is correct. Both terms are rows of the same batches, and a batch's loss is
    the mean over its target tokens.
    Departures, each an option: the public code's two stages, its wording of P_r, only incorrect first responses.
    """

    name = "srt"
    summary = "fine-tune on the policy's own verified revisions (phase 1 of SD-Zero)"
    paper = "arXiv 2604.12002"
    Options = SRTOptions
    search = space({"epochs": one_of(1, 2, 3, 4), "tuples": one_of("both", "wrong_first")})
    options: SRTOptions

    @property
    def reviser(self) -> str:
        return REVISER

    @property
    def phrases(self) -> ControlPhrases:
        return self.options.phrases

    def phases(self, questions: int) -> list[Phase]:
        return srt_phases(self.options, questions)

    def train(self, run: Run) -> Checkpoint:
        return self_revision_training(run, run.questions, self.options)


def srt_phases(options: SRTOptions, questions: int, kept_as: str | None = None) -> list[Phase]:
    """The phases of `self_revision_training`; `kept_as` is the label of its policy where that is not the final one."""

    def passes(examples: Callable[[float, float], float]) -> Callable[[Typical], Passes]:
        """Of examples that each have the question, a response, a phrase and its revision.

        `examples` is their number, given that of tuples with a correct and with an incorrect first response.
        """

        def of(typical: Typical) -> Passes:
            tuples = (
                questions * options.responses * options.revisions * (1.0 if options.filter == "none" else typical.revised_right)
            )
            right_first = 0.0 if options.tuples == "wrong_first" else tuples * typical.right
            tokens = typical.prompt + typical.completion + typical.phrase + typical.of_revision
            count = examples(right_first, tuples * (1 - typical.right))
            return fine_tuning(count, tokens, options.epochs, completions=2)

        return of

    def revised(lengths: Lengths) -> list[Need]:
        tokens = lengths.prompt + 2 * lengths.response + lengths.phrase(options.phrases)
        return [Need("a prompt with a response and its revision", tokens, sampled=True)]

    def revision(typical: Typical) -> TypicalSample:
        return TypicalSample(typical.prompt + typical.completion + typical.phrase, typical.of_revision)

    phases = [
        Phase(INITIAL, "sample", questions * options.responses),
        Phase(REVISION, "sample", questions * options.responses * options.revisions, needs=revised, drawn=revision),
    ]
    if options.objective == "joint":
        losses = 2 if options.losses == "both" else 1
        trained = passes(lambda right, wrong: losses * (right + wrong))
    else:
        phases.append(Phase(STAGE_ONE, "finetune", passes=passes(lambda right, wrong: wrong - _filling(options, right, wrong))))
        trained = passes(lambda right, wrong: min(right + _filling(options, right, wrong), options.stage_two))
    reviser = Phase(
        REVISER,
        "finetune",
        passes=trained,
        kept_as=kept_as,
        response=lambda typical: typical.revised,
        revision=lambda typical: typical.of_reviser,
    )
    return [*phases, reviser]


def _filling(options: SRTOptions, right_first: float, wrong_first: float) -> float:
    """two_stage: how many tuples with an incorrect first response fill up the second stage; one is left for the first."""
    return max(0, min(options.stage_two - right_first, wrong_first - 1))


def self_revision_training(run: Run, questions: QuestionSet, options: SRTOptions) -> Checkpoint:
    """Collect, clean and train; the checkpoint is named `REVISER`."""
    tuples = collect(run, questions, options)
    right = sum(t.right_first for t in tuples)
    wrong = len(tuples) - right
    run.display.say(f"SRT: {len(tuples)} tuples, {wrong} from incorrect first responses, {right} from correct ones")
    if options.objective == "two_stage":
        return _two_stages(run, tuples, options)
    examples = []
    if options.losses != "revision":
        examples += [t.generation() for t in tuples]
    if options.losses != "generation":
        examples += [t.revision() for t in tuples]
    return run.finetune(REVISER, run.base, examples, options.epochs, options.learning_rate)


def collect(run: Run, questions: QuestionSet, options: SRTOptions) -> list[Revision]:
    """Verified initial responses per question, and verified revisions of each; the tuples that the options keep."""
    system = options.prompts.collection
    asked = [(question, tuple(run.prompt_ids(question, system=system))) for question in questions]
    initial = run.sample(INITIAL, run.base, [Prompt(q, ids, str(i)) for q, ids in asked for i in range(options.responses)])
    by_id = {question.id: question for question in questions}
    prompts, origins = [], []
    for number, first in enumerate(initial):
        if first.verdict.reward is None:
            continue
        inserted = options.phrases.after(first.verdict.reward or 0.0)
        for i in range(options.revisions):
            index = str(i) if options.responses == 1 else f"{first.index}.{i}"
            prompts.append(run.continue_after(by_id[first.question_id], first, inserted, index, system))
            origins.append(number)
    tuples = []
    for number, revised in zip(origins, run.sample(REVISION, run.base, prompts), strict=True):
        first = initial[number]
        kept = revised.right if options.filter == "right" else revised.verdict.reward is not None
        if kept and not (options.tuples == "wrong_first" and first.right):
            tuples.append(_tuple(run, by_id[first.question_id], first, revised, options))
    return [t for t in tuples if t is not None]


def _tuple(run: Run, question: Question, first: Sample, revised: Sample, options: SRTOptions) -> Revision | None:
    """The tuple, cleaned; None if cleaning removed the correct answer."""
    first_ids, revised_ids = run.body(first.token_ids), list(revised.token_ids)
    if options.clean:
        if (text := trim_repeating_tail(first.text)) != first.text:
            first_ids = run.encode(text)
        if (text := trim_repeating_tail(strip_opening(revised.text))) != revised.text:
            if revised.right and run.verify(question, text).reward != 1.0:
                return None
            revised_ids = run.encode(text) + revised_ids[len(run.body(revised_ids)) :]
    phrase = run.encode(options.phrases.after(first.verdict.reward or 0.0))
    system, in_user_turn = options.prompts.training, None
    if options.revision_turn == "user":
        said = {"attempt": run.decode(first_ids), "phrase": options.phrases.after(first.verdict.reward or 0.0).strip()}
        in_user_turn = tuple(run.prompt_ids(question, "{prompt}\n\n{attempt}\n\n{phrase}", system=system, **said))
    prompt = tuple(run.prompt_ids(question, system=system))
    return Revision(prompt, tuple(first_ids), tuple(phrase), tuple(revised_ids), first.right, in_user_turn)


def _two_stages(run: Run, tuples: Sequence[Revision], options: SRTOptions) -> Checkpoint:
    """Stage 1: generation loss on tuples with an incorrect first response. Stage 2: revision loss on a small set.

    As in the public code, stage 2 takes the tuples with a correct first response, and fills up with others, which stage 1 then
    leaves out.
    """
    right_first = [t for t in tuples if t.right_first]
    wrong_first = [t for t in tuples if not t.right_first]
    fill = int(_filling(options, len(right_first), len(wrong_first)))
    second = (right_first + wrong_first[:fill])[: options.stage_two]
    first = wrong_first[fill:]
    if not first or not second:
        raise UserError(
            f"two_stage needs tuples for both stages, but there are {len(wrong_first)} from incorrect first responses and "
            f"{len(right_first)} from correct ones; use method.srt.objective=joint or more questions"
        )
    middle = run.finetune(STAGE_ONE, run.base, [t.generation() for t in first], options.epochs, options.learning_rate)
    return run.finetune(REVISER, middle, [t.revision() for t in second], options.epochs, options.learning_rate)


_OPENING = re.compile(
    r"^\s*(?:you(?:'|’)re (?:absolutely )?right|you are (?:absolutely )?right|apologies|i apologi[sz]e|sorry|"
    r"thank you|thanks)\b[^\n]*?[.!\n]\s*",
    re.IGNORECASE,
)


def strip_opening(text: str) -> str:
    """The text without a first sentence that addresses the user, such as "You're right, I made a mistake." """
    return _OPENING.sub("", text, count=1)


def trim_repeating_tail(text: str, repeats: int = 3, shortest: int = 8) -> str:
    """The text with one copy of a block that it ends in at least `repeats` times, the last of them possibly incomplete."""
    for period in range(shortest, len(text) // repeats + 1):
        covered = 0
        while covered + period < len(text) and text[-1 - covered] == text[-1 - covered - period]:
            covered += 1
        if covered + period >= repeats * period:
            return text[: len(text) - covered]
    return text
