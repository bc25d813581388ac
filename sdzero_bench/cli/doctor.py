"""The checks behind `sdzero-bench doctor`: what works on this machine, found out by trying it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sdzero_bench.cli.training_checks import attention_kernels, eight_bit_optimizer
from sdzero_bench.core.completion import Completion, Request, SamplingParameters
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.provenance import hardware, versions
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.settings import ModelConfig
from sdzero_bench.core.task import Messages, Split, Task
from sdzero_bench.core.text import counted
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.policies.loading import device, load_model, load_tokenizer, model_path
from sdzero_bench.runs import registry
from sdzero_bench.runs.config import make_task, resolve
from sdzero_bench.verifiers.math_answer import check_math
from sdzero_bench.verifiers.pool import VerifierPool


@dataclass(frozen=True)
class Check:
    """One thing that was tried, and the outcome."""

    name: str
    ok: bool | None
    """None: not tried on this machine."""
    found: str


class NotInstalled(Exception):
    """An optional component is not installed, so that there is nothing to try."""


class HangingTask(Task):
    """A verifier that misbehaves in the way the response names, to test whether the pool copes."""

    name = "doctor-hang"
    summary = source = verifier = "a verifier that hangs, dies or raises"

    def load(self, split: Split) -> QuestionSet:
        return QuestionSet(self.name, (Question("0", "0", "0"),))

    def prompt(self, question: Question) -> Messages:
        return [{"role": "user", "content": question.text}]

    def verify(self, question: Question, response: str) -> Verdict:
        if response == "hang":
            time.sleep(3600)
        if response == "die":
            import os

            os._exit(7)
        if response == "raise":
            raise RuntimeError("as requested")
        return check_math(response, question.answer)


def examine() -> list[Check]:
    """Try everything; a failure is a finding, never an exception."""
    tried: list[tuple[str, Callable[[], str]]] = [
        ("versions", _versions),
        ("device", _device),
        ("engine transformers", _transformers_engine),
        ("engine vllm", _vllm_engine),
        ("vLLM servers", _servers),
        ("verifier of mathematics", _math_verifier),
        ("verifier time limit", _verifier_limits),
        ("sandbox", _sandbox),
        ("languages", _languages),
        ("several devices", _several_devices),
        ("adapters", _adapters),
        ("attention", attention_kernels),
        ("8-bit optimizer", _eight_bit_optimizer),
        ("launchers", _launchers),
        ("methods and tasks", _registry),
        ("writing here", _writing),
    ]
    checks = []
    for name, attempt in tried:
        try:
            checks.append(Check(name, True, attempt()))
        except NotInstalled as missing:
            checks.append(Check(name, None, str(missing)))
        except Exception as error:  # reporting failures is doctor's purpose
            checks.append(Check(name, False, f"{type(error).__name__}: {error}"))
    return checks


def attack_sandbox() -> list[Check]:
    """Run the conformance suite against the strongest sandbox that works here; one check per attack.

    Raises `UserError` if no sandbox works here at all.
    """
    from sdzero_bench.verifiers.sandbox import find_sandbox
    from sdzero_bench.verifiers.sandbox.conformance import NOT_COVERED, run_conformance

    sandbox = find_sandbox(allow_weaker=True)
    checks = [Check(f.probe, f.held, f.expects if f.held else f.found) for f in run_conformance(sandbox)]
    limits = [Check("not covered by any tier", None, what) for what in NOT_COVERED]
    return [Check("sandbox", True, sandbox.name), *checks, *limits]


def examine_server(url: str) -> list[Check]:
    """The model and version of the vLLM server at this address, and whether a run has set its weights."""
    from sdzero_bench.policies.engines.vllm_server import Server

    try:
        server = Server(url, answer_seconds=30.0)
        holds = server.call("held_policy")
    except UserError as error:
        return [Check(f"server {url}", False, str(error))]
    model = f"{server.model} in {holds['dtype']}, up to {server.fits:,} tokens; vLLM {server.version}"
    if not holds["policy"]:
        return [Check(f"server {url}", True, model), Check("free", True, "no run has set its weights yet")]
    taken = "a run has set its weights; starting another run here would end that run if it is still going"
    return [Check(f"server {url}", True, model), Check("free", None, taken)]


def _versions() -> str:
    return ", ".join(f"{name} {version}" for name, version in versions().items() if version and name != "commit")


def _device() -> str:
    found = hardware()
    name = ", ".join(found["accelerators"]) or f"{found['cpu_count']} CPU cores, {found['torch_threads']} torch threads"
    return f"{device(ModelConfig(name='micro'))}: {name}"


def _transformers_engine() -> str:
    tokens, seconds, _ = _sampled("transformers", temperature=1.0)
    return f"micro model sampled {tokens} tokens at {tokens / seconds:,.0f} tokens/s"


def _vllm_engine() -> str:
    """Measures the speed, and compares the greedy completions of both engines."""
    from sdzero_bench.policies.engines.vllm_setup import installed_version

    try:
        installed = installed_version()
    except UserError as error:
        raise NotInstalled(str(error)) from error
    if _sampled("vllm", temperature=0.0)[2] != _sampled("transformers", temperature=0.0)[2]:
        raise RuntimeError(f"greedy completions of vLLM {installed} and transformers differ; use engine.name=transformers")
    tokens, seconds, _ = _sampled("vllm", temperature=1.0)
    return f"vLLM {installed} agrees with transformers, and sampled {tokens} tokens at {tokens / seconds:,.0f} tokens/s"


def _sampled(engine_name: str, temperature: float) -> tuple[int, float, list[Completion]]:
    """32 completions of the micro model: number of tokens, seconds taken, and the completions."""
    from sdzero_bench.policies.engines.factory import make_engines

    config = resolve("base", assignments=[f"engine.name={engine_name}", "engine.dtype=float32"])
    path = model_path(config.model.name)
    tokenizer = load_tokenizer(path)
    engines = make_engines(config, tokenizer, path)
    engine = engines.of(load_model(path, config.model), path)
    prompt = make_task(config).prompt(make_task(config).load("test")[0])
    ids = tuple(tokenizer.apply_chat_template(prompt, add_generation_prompt=True, return_dict=False))
    started = time.perf_counter()
    drawn = engine.generate([Request(ids, seed) for seed in range(32)], SamplingParameters(temperature, 1.0, 64))
    seconds = time.perf_counter() - started
    engines.close()
    return sum(len(completion.token_ids) for completion in drawn), seconds, drawn


def _servers() -> str:
    from sdzero_bench.policies.engines.vllm_setup import WHERE, installed_version

    elsewhere = "`sdzero-bench doctor --server URL` queries a server on another machine"
    try:
        return f"`sdzero-bench serve` starts one here, with vLLM {installed_version()}; {elsewhere}"
    except UserError as error:
        raise NotInstalled(
            f"`sdzero-bench serve` needs vLLM here ({WHERE}); {elsewhere} and does not need vLLM here"
        ) from error


def _several_devices() -> str:
    found = hardware()["accelerators"]
    if len(found) < 2:
        raise NotInstalled(f"{counted(len(found), 'GPU')}; to use several in one run: `sdzero-bench launch`")
    return f"{counted(len(found), 'GPU')}; to use all of them in one run: `sdzero-bench launch`"


def _adapters() -> str:
    try:
        return f"peft {version('peft')}: --set lora.rank=16 trains low-rank adapters"
    except PackageNotFoundError as error:
        raise NotInstalled("lora.rank needs peft: pip install 'sdzero-bench[lora]'") from error


def _eight_bit_optimizer() -> str:
    try:
        return eight_bit_optimizer()
    except UserError as error:
        raise NotInstalled(str(error)) from error


def _launchers() -> str:
    found = []
    for package in ("ray", "submitit"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    if not found:
        raise NotInstalled("sweeps run on this machine only; for Ray and Slurm: pip install 'sdzero-bench[cluster]'")
    return f"sweeps can run on clusters: {', '.join(found)}"


def _math_verifier() -> str:
    question = Question("q", "q", "\\frac{1}{2}")
    with VerifierPool(HangingTask(), workers=1) as pool:
        verdicts = pool.verify([(question, "\\boxed{0.5}"), (question, "\\boxed{\\frac{1}{3}}")])
    if [v.reward for v in verdicts] != [1.0, 0.0]:
        raise RuntimeError(f"comparing 1/2 with 0.5 and 1/3 gave {verdicts}")
    return "1/2 equals 0.5 and does not equal 1/3"


def _verifier_limits() -> str:
    question = Question("q", "q", "1")
    with VerifierPool(HangingTask(), workers=2, timeout_seconds=0.25) as pool:
        verdicts = pool.verify([(question, r) for r in ("hang", "die", "raise", "\\boxed{1}")])
    if [v.status for v in verdicts] != ["timeout", "error", "error", "ok"]:
        raise RuntimeError(f"got {[v.status for v in verdicts]}")
    return "verifiers that hang, die or raise are stopped and not mistaken for wrong answers"


def _sandbox() -> str:
    from sdzero_bench.verifiers.sandbox import find_sandbox

    found = find_sandbox()
    factors = f"{found.slowness:.2f}x that of the reference machine, wall time {found.crowding:.2f}x CPU time"
    return f"{found.name}; CPU time is {factors}"


def _languages() -> str:
    from sdzero_bench.verifiers.sandbox import LANGUAGES, find_sandbox, require_language

    sandbox = find_sandbox(allow_weaker=True)
    for name in LANGUAGES:
        require_language(name, sandbox)
    return f"programs in {', '.join(LANGUAGES)} run"


def _registry() -> str:
    return f"{len(registry.methods())} methods, {len(registry.tasks())} tasks"


def _writing() -> str:
    with tempfile.TemporaryDirectory(dir=Path.cwd()):
        return f"{Path.cwd()} can be written"
