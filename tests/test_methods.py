"""What a teacher is shown, method by method, and what a method that needs gold solutions does without them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tiny import attempt

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.methods.opsd import OPSD
from sdzero_bench.methods.rest_em import ReSTEM, ReSTEMOptions
from sdzero_bench.methods.sdft import SDFT, SDFTOptions
from sdzero_bench.methods.sdpo import SDPO, SDPOOptions
from sdzero_bench.methods.sdzero import SDZero, SDZeroOptions
from sdzero_bench.methods.sft import SFT
from sdzero_bench.runs.config import resolve
from sdzero_bench.training.on_policy import Attempt
from sdzero_bench.training.run import Run

QUESTIONS = QuestionSet("set", tuple(Question(f"q{i}", f"{i} + 1 = ?", str(i + 1)) for i in range(3)))


class FakeRun:
    """Texts instead of token ids; remembers what it was asked to train."""

    base = SimpleNamespace(name="base")
    sampling = SimpleNamespace(max_new_tokens=8)
    tokenizer = SimpleNamespace(eos_token_id="<end>")
    questions = QUESTIONS
    asked: Any = None

    def __init__(self, solutions: bool = True) -> None:
        self.task = SimpleNamespace(name="sums", demonstration=lambda q: f"it is {q.answer}" if solutions else None)
        self.contexts: Any = None
        self.trained: list[tuple[str, Any, list[Any]]] = []
        self.kept: list[str] = []

    demonstration = Run.demonstration

    def prompt_ids(self, question: Question, template: str | None = None, **fields: str) -> list[str]:
        return [template.format(prompt=question.text, **fields) if template else question.text]

    def encode(self, text: str) -> list[str]:
        return [text]

    def reviser_context(self, question: Question, ids: list[int], inserted: str, keep_end: bool = False) -> list[Any]:
        return [question.text, *ids, inserted]

    def self_distill(self, name: str, start: Any, questions: Any, context: Any, options: Any, group: int = 1) -> str:
        self.contexts, self.group, self.started = context, group, (start, len(questions))
        return name

    def finetune(self, name: str, start: Any, examples: list[Any], epochs: float, learning_rate: float | None) -> str:
        self.trained.append((name, start, list(examples)))
        return name

    def ask(self, questions: QuestionSet, n: int) -> list[Question]:
        return [q for q in questions for _ in range(n)]

    def keep(self, label: str, checkpoint: str) -> None:
        self.kept.append(checkpoint)


def train(method: Any, run: FakeRun) -> Any:
    return method.train(run)


def test_sft_learns_the_gold_solutions_with_their_end() -> None:
    run = FakeRun()
    train(SFT(), run)
    ((_, start, examples),) = run.trained
    assert start is run.base
    assert [(e.context, e.target) for e in examples] == [((q.text,), (f"it is {q.answer}", "<end>")) for q in QUESTIONS]


@pytest.mark.parametrize("method", [SDFT(), OPSD()], ids=lambda m: m.name)
def test_teachers_that_read_the_gold_solution(method: Any) -> None:
    run = FakeRun()
    train(method, run)
    (context,) = run.contexts(Attempt(QUESTIONS[1], attempt("q1", [5]).sample), [5])
    assert context.startswith("1 + 1 = ?\n\n")
    assert "it is 2" in context


def test_sdft_with_the_final_answer_alone() -> None:
    run, method = FakeRun(solutions=False), SDFT(SDFTOptions(teacher_sees="answer"))
    train(method, run)
    (context,) = run.contexts(Attempt(QUESTIONS[1], attempt("q1", [5]).sample), [5])
    assert "The answer is 2." in context
    assert method.supervision == "gold answers" != SDFT().supervision


@pytest.mark.parametrize("method", [SFT(), SDFT(), OPSD()], ids=lambda m: m.name)
def test_without_gold_solutions_it_is_said_before_anything_is_trained(method: Any) -> None:
    run = FakeRun(solutions=False)
    with pytest.raises(UserError, match="no gold solution of question 'q0', and this method needs them"):
        train(method, run)
    assert (run.contexts, run.trained) == (None, [])


@pytest.mark.parametrize(
    ("told", "after_right", "after_wrong"),
    [("reward", "rephrase", "start over"), ("opposite", "start over", "rephrase"), ("wrong", "start over", "start over")],
)
def test_what_sdzeros_teacher_is_told_of_the_reward(told: Any, after_right: str, after_wrong: str) -> None:
    run, method = FakeRun(), SDZero(SDZeroOptions(phases="distill", teacher_told=told))
    train(method, run)
    for reward, phrase in ((1.0, after_right), (0.0, after_wrong)):
        first, *_, inserted = run.contexts(Attempt(QUESTIONS[1], attempt("q1", [5], reward).sample), [5])
        assert first == "1 + 1 = ?"
        assert phrase in inserted


def test_sdzero_without_srt_distils_on_the_same_questions_from_the_base() -> None:
    run, method = FakeRun(), SDZero(SDZeroOptions(phases="distill", srt_share=0.34))
    train(method, run)
    assert run.started == (run.base, 2)
    assert (run.trained, run.kept) == ([], [])
    assert method.plan(100) == {"distill": 66}
    assert SDZero(SDZeroOptions(srt_share=0.34)).plan(100) == {"srt.initial": 34, "srt.revision": 102, "distill": 66}


def rollouts(*rewards: float | None) -> list[Any]:
    return [attempt("q0", [i], reward).sample for i, reward in enumerate(rewards)]


@pytest.mark.parametrize(
    ("sees", "own", "others", "expected"),
    [
        ("sibling", 0.0, [0.0, 1.0, 1.0], "sibling 2"),  # the first right one
        ("sibling", 1.0, [1.0, 0.0, 0.0], "sibling 1"),  # a right rollout is taught by another right one
        ("sibling", 1.0, [0.0, 0.0, None], None),  # never by itself
        ("feedback", 0.0, [1.0, 1.0, 1.0], "feedback"),
        ("feedback", 1.0, [0.0, 0.0, 0.0], None),
        ("both", 0.0, [0.0, 1.0, 0.0], "sibling 2"),
        ("both", 0.0, [0.0, 0.0, 0.0], "feedback"),
        ("both", 1.0, [0.0, 0.0, 0.0], None),
    ],
)
def test_what_sdpo_shows_its_teacher(sees: Any, own: float, others: list[float | None], expected: str | None) -> None:
    run = FakeRun()
    train(SDPO(SDPOOptions(teacher_sees=sees)), run)
    assert run.group == 4
    mine, *siblings = rollouts(own, *others)
    siblings = [s.__class__(**{**vars(s), "text": f"sibling {i}"}) for i, s in enumerate(siblings, start=1)]
    shown = run.contexts(Attempt(QUESTIONS[0], mine, tuple(siblings)), [0])
    if expected is None:
        assert shown is None
    elif expected == "feedback":
        assert "judged wrong" in shown[0]
    else:
        assert expected in shown[0]
        assert "judged wrong" not in shown[0]


def test_sdpos_templates_word_what_its_teacher_reads() -> None:
    run = FakeRun()
    options = SDPOOptions(
        teacher_sees="both", template="{prompt} like {solution}", feedback_template="{prompt} not {attempt}: {feedback}"
    )
    train(SDPO(options), run)
    mine, sibling = rollouts(0.0, 1.0)
    mine = mine.__class__(**{**vars(mine), "text": "5", "verdict": mine.verdict.__class__(0.0, detail="too large")})
    assert run.contexts(Attempt(QUESTIONS[0], mine, (sibling,)), [0]) == [f"{QUESTIONS[0].text} like {sibling.text}"]
    assert run.contexts(Attempt(QUESTIONS[0], mine), [0]) == [f"{QUESTIONS[0].text} not 5: too large"]


def test_rest_em_samples_anew_from_each_rounds_policy_and_starts_again_from_the_base() -> None:
    run, drawn = FakeRun(), []

    def sample(phase: str, policy: Any, prompts: list[Question]) -> list[Any]:
        drawn.append((phase, policy))
        return [attempt(q.id, [i], float(i % 2)).sample for i, q in enumerate(prompts)]

    run.sample = sample  # type: ignore[attr-defined]
    method = ReSTEM(ReSTEMOptions(rounds=3, samples=4, keep=1))
    assert train(method, run) == "round3"
    assert drawn == [("round1.sample", run.base), ("round2.sample", "round1"), ("round3.sample", "round2")]
    assert [start for _, start, _ in run.trained] == [run.base] * 3
    assert [len(examples) for _, _, examples in run.trained] == [len(QUESTIONS)] * 3  # one kept of two right ones each
    assert run.kept == ["round1", "round2"]
    assert sum(method.plan(10).values()) == 3 * 4 * 10


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("method.template=no fields", "a template must contain {prompt} and {solution}"),
        ("method.template={prompt} {solution} {more}", "a template must contain"),
        ("method.template={prompt", "not a template"),
    ],
)
def test_templates_are_checked_before_the_run(assignment: str, message: str) -> None:
    key, _, value = assignment.partition("=")
    with pytest.raises(UserError) as error:
        resolve("sdft", assignments=[f"{key}='{value}'"])
    assert message in str(error.value)
