"""What a record refers to and does not hold: its method, its task and its tokenizer, where this machine has them.

Nothing is downloaded: what is missing here is a note on the record, not a finding.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import QuestionSet
from sdzero_bench.core.settings import EvaluationConfig, ModelConfig, RunConfig
from sdzero_bench.core.task import Task
from sdzero_bench.policies.gguf import is_gguf
from sdzero_bench.policies.loading import load_tokenizer, model_path, switch_thinking
from sdzero_bench.records.schema import Decontamination
from sdzero_bench.runs.config import make_method, make_task
from sdzero_bench.runs.splitting import questions_of
from sdzero_bench.training.method import Method

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class NotAtHand(Exception):
    """This machine lacks what a check needs; the message says what."""


def method_of(config: RunConfig) -> Method:
    """The method with its options. Raises `NotAtHand`."""
    try:
        made: Method = make_method(config)
        return made
    except Exception as error:  # not installed, or a plug-in's own
        raise NotAtHand(f"the method {config.method.get('name')!r} is not at hand ({error})") from error


def task_of(config: RunConfig) -> Task:
    """The task with its options; its data may not be at hand. Raises `NotAtHand`."""
    try:
        made: Task = make_task(config)
        return made
    except Exception as error:  # not installed, a file that is elsewhere, or a plug-in's own
        raise NotAtHand(f"the task {config.task.get('name')!r} is not at hand ({error})") from error


def tokenizer_of(model: ModelConfig) -> PreTrainedTokenizerBase:
    """The model's tokenizer, with its switch for thinking as configured. Raises `NotAtHand`."""
    return _tokenizer(model.name, model.thinking)


def model_folder(name: str) -> Path:
    """The folder of a model that is on this machine, be it in the Hub's cache. Raises `NotAtHand`."""
    if is_gguf(name) and not Path(name).expanduser().is_file():
        raise NotAtHand(f"the model {name!r} is not at hand")
    try:
        path = Path(model_path(name))
    except UserError as error:
        raise NotAtHand(f"the model {name!r} is not at hand ({error})") from error
    if path.is_dir():
        return path
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(name, "config.json")
    if not isinstance(cached, str):
        raise NotAtHand(f"the model {name!r} is not at hand: it is not in the cache of the Hugging Face Hub")
    return Path(cached).parent


@lru_cache(maxsize=8)
def _tokenizer(name: str, thinking: bool | None) -> PreTrainedTokenizerBase:
    try:
        return switch_thinking(load_tokenizer(str(model_folder(name))), thinking)
    except UserError as error:
        raise NotAtHand(f"the tokenizer of {name!r} is not at hand ({error})") from error


@lru_cache(maxsize=8)
def end_tokens_of(model: str, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Token ids that end a turn, as the engines have them, without the weights. `model`: its folder or GGUF file."""
    from transformers import AutoConfig, GenerationConfig

    try:
        ends = GenerationConfig.from_pretrained(model).eos_token_id
    except OSError:  # a model that has no such file: its configuration says it
        ends = getattr(AutoConfig.from_pretrained(model), "eos_token_id", None)
    listed = [] if ends is None else ends if isinstance(ends, list) else [ends]
    return {int(i) for i in [tokenizer.eos_token_id, *listed] if i is not None}


def questions_at_hand(config: RunConfig) -> Questions:
    """The questions as the run would load them now. Raises `NotAtHand`, also for data that may have to be downloaded."""
    deciding = RunConfig(
        preset=config.preset,
        model=config.model,
        method={"name": "base"},
        task=config.task,
        questions=config.questions,
        evaluation=EvaluationConfig(split=config.evaluation.split),
    )
    return _loaded(deciding.model_dump_json())


Questions = tuple[QuestionSet, QuestionSet, Decontamination]
"""Training questions, measured questions, and what decontamination removed."""


@lru_cache(maxsize=4)
def _loaded(settings: str) -> Questions:
    config = RunConfig.model_validate_json(settings)
    task = task_of(config)
    if task.data == "download":
        raise NotAtHand(f"the questions of {task.name!r} may have to be downloaded")
    try:
        return questions_of(config, task)
    except Exception as error:  # too few questions, a file that has changed, or a plug-in's own
        raise NotAtHand(f"the questions of {task.name!r} cannot be loaded ({error})") from error
