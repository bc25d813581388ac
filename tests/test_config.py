"""Settings override one another in order, and what is unknown or out of range is one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdzero_bench.core.checked import keys
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.near_misses import LIMITS, SYNONYMS
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.core.yaml_core import read_yaml
from sdzero_bench.policies.loading import model_path
from sdzero_bench.runs.config import load_preset, make_method, preset_names, resolve, validate
from sdzero_bench.runs.plan.machine import Machine
from sdzero_bench.runs.registry import methods


@pytest.mark.parametrize("preset", preset_names())
@pytest.mark.parametrize("method", sorted(methods()))
def test_every_preset_fits_every_method(preset: str, method: str) -> None:
    config = resolve(method, preset)
    assert config.method["name"] == method
    assert validate(config.model_dump(mode="json")) == config
    assert load_preset(preset)["summary"]


def test_later_layers_override_earlier_ones(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("optimizer: {learning_rate: 1.0e-3, batch_size: 4}\nmethod: {epochs: 7}\n")
    config = resolve("rft", file=file, assignments=["optimizer.batch_size=8", "method.learning_rate=1e-4"], seed=3)
    assert config.optimizer.learning_rate == 1e-3  # the file over the preset
    assert config.optimizer.batch_size == 8  # --set over the file
    assert config.optimizer.weight_decay == 1e-4  # the preset
    assert config.method == {"name": "rft", "samples": 4, "keep": "all", "epochs": 7.0, "learning_rate": 1e-4}
    assert config.seed == 3


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("optimizer.learning_rat=1", "unknown key 'optimizer.learning_rat'; did you mean 'optimizer.learning_rate'"),
        ("method.sampels=3", "unknown key 'method.sampels'; did you mean 'method.samples'"),
        ("task.trian=3", "unknown key 'task.trian'; did you mean 'task.train'"),
        ("optimizer.learning_rate=-1", "optimizer.learning_rate: input should be greater than 0 (given: -1)"),
        ("method.keep=some", "method.keep: input should be 'all' or 'one' (given: 'some')"),
        ("evaluation.pass_at=9", "evaluation.pass_at is 9, but there are only 8 samples"),
        ("sampling.temperature", "is not KEY=VALUE"),
        ("sampling.temperature=1e-300", "sampling.temperature: input should be greater than or equal to 0.01 (given: 1e-300)"),
        ("evaluation.temperature=0.001", "should be 0 for greedy decoding, or at least 0.01 (given: 0.001)"),
        ("seed=4294967296", "seed: input should be less than 4294967296"),
        ("seed=true", "seed: input should be a number (given: True)"),
        ("evaluation.samples=true", "evaluation.samples: input should be a number (given: True)"),
        ("lora.rank=true", "lora.rank: input should be a number, or null (given: True)"),
        ("method.samples=true", "method.samples: input should be a number (given: True)"),
        ("method.epochs=.inf", "method.epochs: input should be a finite number (given: inf)"),
        ("method.epochs=1e300", "method.epochs: input should be less than 2**53 in magnitude (given: 1e+300)"),
        ("task.train=100000000000000000000", "task.train: input should be less than 2**53 in magnitude"),
        ("optimizer.max_grad_norm=.inf", "optimizer.max_grad_norm: input should be a finite number (given: inf)"),
        ("optimizer.weight_decay=-.inf", "optimizer.weight_decay: input should be "),
        ("verifying.timeout_seconds=1e6", "verifying.timeout_seconds: input should be less than or equal to 86400"),
        ("task.train=false", "task.train: input should be a number (given: False)"),
        ("evaluation.seed=-1", "evaluation.seed: input should be greater than or equal to 0"),
        ("optimizer={batch_size: 1, batch_size: 2}", "the key 'batch_size' is there twice"),
        ("optimizer={3: 1}", "the key 3 is not text"),
        ("preset=paper-qwen3-4b", "choose it with --preset paper-qwen3-4b"),
        ("task.name=micro-arit", "unknown task 'micro-arit'; did you mean 'micro-arith'"),
        ("task.name=[micro-arith]", "task.name: input should be a name (given: ['micro-arith'])"),
        ("task.name=3", "task.name: input should be a name (given: 3)"),
        ("method.name=srt", "is for method 'srt', not 'rft'"),
        ("method=rft", "name it with --method"),
        (
            "optimizer=3",
            "optimizer: this is a section, not a value (given: 3); set one of its keys, such as optimizer.name=...",
        ),
        ("model=gpt2", "such as model.name=..."),
    ],
)
def test_wrong_settings(assignment: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        resolve("rft", assignments=[assignment])
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("optimizer.lr", "'optimizer.learning_rate'"),
        ("optimizer.bs", "'optimizer.batch_size'"),
        ("optimizer.grad_clip", "'optimizer.max_grad_norm'"),
        ("method.n_epochs", "'method.epochs'"),
        ("evaluation.temp", "'evaluation.temperature'"),
        ("evaluation.k", "'evaluation.samples'"),
        ("sampling.max_tokens", "'sampling.max_new_tokens'"),
        ("questions.n_train", "'questions.train'"),
        ("budget.samples", "'budget.samples_per_question'"),
        ("lora.r", "'lora.rank'"),
        # In a section that does not exist, in none, or in another one.
        ("optim.lr", "'optimizer.learning_rate'"),
        ("eval.temperature", "'evaluation.temperature'"),
        ("lr", "'method.learning_rate' or 'optimizer.learning_rate'"),
        ("epochs", "'method.epochs'"),
        ("temp", "'evaluation.temperature' or 'sampling.temperature'"),
        ("optimizer.temperature", "'evaluation.temperature' or 'sampling.temperature'"),
        # The whole name says which section is meant.
        ("sampling.n", "'budget.samples_per_question'"),
        ("questions.n", "'questions.test' or 'questions.train'"),
        ("evaluation.limit", "'questions.test' or 'task.test'"),
        ("optimizer.gradient_accumulation_steps", "'optimizer.micro_batch_size'"),
        ("gradient_accumulation_steps", "'optimizer.micro_batch_size'"),
        ("model.path", "'model.name'"),
        # Of another method.
        ("sdzero: method.epochs", "'method.distill.epochs' or 'method.srt.epochs'"),
        ("sdzero: method.batch_size", "'optimizer.batch_size' or 'sampling.batch_size'"),
        ("grpo: group_size", "'method.group_size'"),
        ("grpo: beta", "'method.kl_weight'"),
        ("grpo: actor_rollout_ref.rollout.n", "'method.group_size'"),
        ("grpo: loss_type", "'method.loss'"),
        ("use_vllm", "'engine.name'"),
        ("bf16", "'model.dtype'"),
        ("use_peft", "'lora.rank'"),
        ("optimizer.optim", "'optimizer.name'"),
        ("ppo_mini_batch_size", "'optimizer.batch_size' or 'sampling.batch_size'"),
    ],
)
def test_a_setting_by_another_name_of_the_field(given: str, meant: str) -> None:
    method, _, given = given.rpartition(": ")
    with pytest.raises(UserError) as error:
        resolve(method or "rft", assignments=[f"{given}=0.5"])
    assert str(error.value) == f"unknown key {given!r}; did you mean {meant}?"


def test_a_key_that_is_like_none_gets_the_list_of_its_section() -> None:
    with pytest.raises(UserError) as error:
        resolve("rft", assignments=["lora.quux=1"])
    assert str(error.value) == ("unknown key 'lora.quux'; there are: lora.alpha, lora.dropout, lora.rank, lora.target_modules")


def test_every_synonym_is_of_a_setting_and_is_none_itself() -> None:
    own = set(keys(RunConfig)) | {key for cls in methods().values() for key in keys(cls.Options, "method.")}
    own |= {f"machine.{key}" for key in Machine.model_fields}
    last = {key.rpartition(".")[2] for key in own}
    assert SYNONYMS.keys() <= last | own
    theirs = [name for names in SYNONYMS.values() for name in names if name not in LIMITS]
    assert len(theirs) == len(set(theirs))
    assert own.isdisjoint(theirs)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"seed: 1\nseed: 2\n", "line 2, column 1: the key 'seed' is there twice"),
        (b"sampling:\n  top_p: 1\n  'top_p': 0.5\n", "the key 'top_p' is there twice"),
        (b"3: 4\n", "the key 3 is not text"),
        (b"null: 4\n", "the key null is not text"),
        (b"true: 4\n", "the key True is not text"),
        (b"? [a, b]\n: 4\n", "is not text"),
        (b"sampling: {1.5: 2}\n", "the key 1.5 is not text"),
        ("model: {name: f\u00fcr}\n".encode("latin-1"), "is not UTF-8 text: invalid start byte at byte 15"),
        ("seed: 1\n".encode("utf-16"), "is not UTF-8 text"),
        (b"seed: 1\0\n", "is not YAML"),
        (b"task: &it {more: *it}\n", "contains itself"),
        (b"[" * 5000, "nested too deeply"),
        (b"seed: 2020-13-45\n", "impossible value"),
        (b"- seed\n", "must hold keys and values"),
        (b"preset: paper-qwen3-4b\n", "is for the preset 'paper-qwen3-4b', not 'micro'"),
    ],
)
def test_a_config_file_that_is_not_one(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_bytes(content)
    with pytest.raises(UserError) as error:
        resolve("rft", "micro", file=file)
    assert message in str(error.value)


def test_a_config_file_may_begin_with_a_byte_order_mark_and_merge_keys(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_bytes(b"\xef\xbb\xbfsampling: &base {top_p: 0.5}\nevaluation: {<<: *base, samples: 8}\n")
    assert resolve("rft", file=file).evaluation.top_p == 0.5


def test_unknown_names() -> None:
    with pytest.raises(UserError, match="did you mean 'sdzero'"):
        resolve("sdzro")
    with pytest.raises(UserError, match="did you mean 'micro'"):
        resolve("rft", preset="micr")
    with pytest.raises(UserError, match="no phrases of that name; there are paper"):
        resolve("srt", assignments=["method.phrases=mine"])


def test_options_of_the_presets_own_task_do_not_go_over_to_another() -> None:
    assert resolve("rft", "smol").task["max_terms"] == 2
    assert "max_terms" not in resolve("rft", "smol", task="countdown").task


def test_own_phrases() -> None:
    config = resolve("srt", assignments=["method.phrases={right: Good., wrong: Bad.}"])
    assert config.method["phrases"] == {"right": "Good.", "wrong": "Bad."}


def test_unreadable_config_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read"):
        resolve("rft", file=tmp_path / "none.yaml")
    for content, message in (("a: [", "is not YAML"), ("- 1", "keys and values")):
        (tmp_path / "bad.yaml").write_text(content)
        with pytest.raises(UserError, match=message):
            resolve("rft", file=tmp_path / "bad.yaml")


def test_model_paths(tmp_path: Path) -> None:
    assert model_path("Qwen/Qwen3-4B-Instruct-2507") == "Qwen/Qwen3-4B-Instruct-2507"
    with pytest.raises(UserError, match="no model directory"):
        model_path(str(tmp_path / "none"))
    with pytest.raises(UserError, match=r"config\.json is missing"):
        model_path(str(tmp_path))
    for name in ("package:os", "package:nothing_installed/model", "package:"):
        with pytest.raises(UserError, match="is not a folder in an installed package"):
            model_path(name)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("off", "off"),
        ("no", "no"),
        ("true", True),
        ("1e-4", 1e-4),
        ("-2E3", -2e3),
        ("3", 3),
        ("0.5", 0.5),
        ("null", None),
        ("[a, 1]", ["a", 1]),
    ],
)
def test_settings_are_read_as_yaml_1_2(text: str, value: object) -> None:
    read = read_yaml(text)
    assert (read, type(read)) == (value, type(value))


def test_a_word_that_older_yaml_takes_for_false_is_a_word() -> None:
    assert resolve("rft", assignments=["questions.decontaminate=off"]).questions.decontaminate == "off"


SAMPLING = sorted(name for name, cls in methods().items() if cls().plan(100))
"""Methods that draw training samples; the base and SFT draw none."""


@pytest.mark.parametrize("preset", preset_names())
@pytest.mark.parametrize("method", SAMPLING)
def test_by_default_every_method_uses_its_whole_sample_budget(method: str, preset: str) -> None:
    config = resolve(method, preset)
    questions = config.questions.train or config.task["train"]
    share = sum(make_method(config).plan(questions).values()) / (questions * config.budget.samples_per_question)
    assert 0.95 <= share <= 1
