"""The parts of lm-eval's classes that we use, as types: lm-eval has none of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NotRequired, Protocol, TypedDict

Document = Mapping[str, object]
"""One row of a task's data."""
Settings = Mapping[str, object]
"""Keys of a task's YAML."""


class GenerationSettings(TypedDict, total=False):
    """The `generation_kwargs` of a task's YAML, of which lm-eval accepts several names for the token limit."""

    until: str | list[str]
    do_sample: bool
    temperature: float
    max_gen_toks: int
    max_new_tokens: int
    max_tokens: int


class LmEvalConfig(Protocol):
    """A task's YAML as lm-eval reads it."""

    num_fewshot: int | None
    generation_kwargs: GenerationSettings | None
    filter_list: Sequence[Mapping[str, str]] | None
    metric_list: Sequence[Mapping[str, str]] | None
    metadata: Mapping[str, str]


class LmEvalRequest(Protocol):
    """An `Instance` of lm-eval: one prompt for a model, with what was answered."""

    task_name: str
    doc_id: int
    doc: Document
    args: tuple[str, GenerationSettings]
    filtered_resps: Mapping[str, object]
    """What each filter extracts from the response."""


class LmEvalTaskObject(Protocol):
    """A `Task` of lm-eval."""

    OUTPUT_TYPE: str
    task_name: str
    config: LmEvalConfig
    instances: list[LmEvalRequest]
    _instances: list[LmEvalRequest]
    eval_docs: Iterable[Document]

    def doc_to_target(self, doc: Document) -> object: ...
    def build_all_requests(
        self,
        *,
        system_instruction: str | None,
        apply_chat_template: bool,
        fewshot_as_multiturn: bool,
        chat_template: Callable[..., str],
    ) -> None: ...
    def apply_filters(self) -> object: ...
    def process_results(self, doc: Document, results: list[object]) -> Mapping[str, float]: ...
    def set_config(self, key: str, value: object) -> None: ...
    def set_fewshot_seed(self, seed: int) -> None: ...


class LmEvalGroup(Protocol):
    """A `Group` of lm-eval."""

    has_aggregation: bool


class Loaded(TypedDict):
    """What `TaskManager.load` returns."""

    tasks: dict[str, LmEvalTaskObject]
    groups: NotRequired[dict[str, LmEvalGroup]]


class ScoredDocument(TypedDict):
    """One row of the samples in an evaluation's results, which also has the value of each metric under its name."""

    doc_id: int
    filter: str


LmEvalResults = TypedDict(
    "LmEvalResults",
    {
        "results": dict[str, dict[str, object]],
        "n-shot": dict[str, int],
        "versions": dict[str, object],
        "samples": dict[str, list[ScoredDocument]],
    },
)
"""What `lm_eval.evaluate` returns."""
