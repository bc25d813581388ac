"""What works on this machine, found by trying it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sdzero_bench.core.completion import Completion, Request, SamplingParameters
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.provenance import hardware, versions
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.settings import ModelConfig
from sdzero_bench.core.task import Messages, Split, Task
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.policies.loading import device, load_model, load_tokenizer, model_path
from sdzero_bench.runs import registry
from sdzero_bench.runs.config import make_task, resolve
from sdzero_bench.verifiers.math_answer import check_math
from sdzero_bench.verifiers.pool import VerifierPool


@dataclass(frozen=True)
class Check:
    """One thing that was tried."""

    name: str
    ok: bool | None
    """None: not tried here."""
    found: str


class NotInstalled(Exception):
    """What was to be tried is an option that is not installed here."""


class HangingTask(Task):
    """A verifier that misbehaves as told by the response, to see whether the pool holds."""

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
            raise RuntimeError("as asked")
        return check_math(response, question.answer)


def examine() -> list[Check]:
    """Try everything; a failure is a finding, never an exception."""
    tried: list[tuple[str, Callable[[], str]]] = [
        ("versions", _versions),
        ("device", _device),
        ("engine transformers", _transformers_engine),
        ("engine vllm", _vllm_engine),
        ("vLLM servers", _servers),
        ("verifier math-verify", _math_verifier),
        ("verifier time limit", _verifier_limits),
        ("sandbox", _sandbox),
        ("languages", _languages),
        ("several devices", _several_devices),
        ("adapters", _adapters),
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
        except Exception as error:  # whatever went wrong is what doctor is there to report
            checks.append(Check(name, False, f"{type(error).__name__}: {error}"))
    return checks


def attack_sandbox() -> list[Check]:
    """The conformance suite against the best sandbox that works here, a check for each attack.

    Raises `UserError` if programs cannot be run here at all.
    """
    from sdzero_bench.verifiers.sandbox import find_sandbox
    from sdzero_bench.verifiers.sandbox.conformance import NOT_COVERED, run_conformance

    sandbox = find_sandbox(allow_weaker=True)
    checks = [Check(f.probe, f.held, f.expects if f.held else f.found) for f in run_conformance(sandbox)]
    limits = [Check("not covered by any tier", None, what) for what in NOT_COVERED]
    return [Check("sandbox", True, sandbox.name), *checks, *limits]


def examine_server(url: str) -> list[Check]:
    """What the vLLM server at this address is, and whether a run has set its weights."""
    from sdzero_bench.policies.engines.server_engine import Server

    try:
        server = Server(url, answer_seconds=30.0)
        holds = server.call("held_policy")
    except UserError as error:
        return [Check(f"server {url}", False, str(error))]
    model = f"{server.model} in {holds['dtype']}, up to {server.fits:,} tokens; vLLM {server.version}"
    if not holds["policy"]:
        return [Check(f"server {url}", True, model), Check("free", True, "no run has set its weights yet")]
    taken = "a run has set its weights; if that run goes on, another one here would end it"
    return [Check(f"server {url}", True, model), Check("free", None, taken)]


def _versions() -> str:
    return ", ".join(f"{name} {version}" for name, version in versions().items() if version and name != "commit")


def _device() -> str:
    found = hardware()
    name = ", ".join(found["accelerators"]) or f"{found['cpu_count']} CPU cores, {found['torch_threads']} torch threads"
    return f"{device(ModelConfig(name='micro'))}: {name}"


def _transformers_engine() -> str:
    tokens, seconds, _ = _sampled("transformers", temperature=1.0)
    return f"micro model sampled {tokens} tokens at {tokens / seconds:,.0f} a second"


def _vllm_engine() -> str:
    """Beside speed, that both engines find the same tokens the likeliest."""
    from sdzero_bench.policies.engines.vllm_engine import installed_version

    try:
        installed = installed_version()
    except UserError as error:
        raise NotInstalled(str(error)) from error
    if _sampled("vllm", temperature=0.0)[2] != _sampled("transformers", temperature=0.0)[2]:
        raise RuntimeError(f"vLLM {installed} finds other tokens likely than transformers does: take engine.name=transformers")
    tokens, seconds, _ = _sampled("vllm", temperature=1.0)
    return f"vLLM {installed} agrees with transformers, and sampled {tokens} tokens at {tokens / seconds:,.0f} a second"


def _sampled(engine_name: str, temperature: float) -> tuple[int, float, list[Completion]]:
    """32 completions of the micro model: how many tokens, in how many seconds, and which."""
    from sdzero_bench.policies.engines.factory import make_engines

    config = resolve("base", assignments=[f"engine.name={engine_name}"])
    path = model_path(config.model.name)
    tokenizer: Any = load_tokenizer(path)
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
    from sdzero_bench.policies.engines.vllm_engine import WHERE, installed_version

    elsewhere = "`sdzero-bench doctor --server URL` asks one that runs elsewhere"
    try:
        return f"`sdzero-bench serve` starts one here, with vLLM {installed_version()}; {elsewhere}"
    except UserError as error:
        raise NotInstalled(f"`sdzero-bench serve` needs vLLM here ({WHERE}); {elsewhere}, which needs nothing here") from error


def _several_devices() -> str:
    found = hardware()["accelerators"]
    if len(found) < 2:
        raise NotInstalled(f"{len(found)} GPUs here; with more, `sdzero-bench launchers` says how a run uses all of them")
    return f"{len(found)} GPUs; `sdzero-bench launchers` says how a run uses all of them"


def _adapters() -> str:
    try:
        return f"peft {version('peft')}: --set lora.rank=16 trains low-rank adapters"
    except PackageNotFoundError as error:
        raise NotInstalled("lora.rank needs peft: pip install 'sdzero-bench[lora]'") from error


def _launchers() -> str:
    found = []
    for package in ("ray", "submitit"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    if not found:
        raise NotInstalled("sweeps run here alone; for Ray and Slurm: pip install 'sdzero-bench[cluster]'")
    return f"sweeps can go to clusters: {', '.join(found)}"


def _math_verifier() -> str:
    task, wrong = HangingTask(), Question("q", "q", "\\frac{1}{2}")
    with VerifierPool(task, workers=1) as pool:
        verdicts = pool.verify([(wrong, "\\boxed{0.5}"), (wrong, "\\boxed{\\frac{1}{3}}")])
    if [v.reward for v in verdicts] != [1.0, 0.0]:
        raise RuntimeError(f"1/2 against 0.5 and 1/3 gave {verdicts}")
    return "1/2 equals 0.5 and not 1/3"


def _verifier_limits() -> str:
    question = Question("q", "q", "1")
    with VerifierPool(HangingTask(), workers=2, timeout_seconds=1.0) as pool:
        verdicts = pool.verify([(question, r) for r in ("hang", "die", "raise", "\\boxed{1}")])
    if [v.status for v in verdicts] != ["timeout", "error", "error", "ok"]:
        raise RuntimeError(f"got {[v.status for v in verdicts]}")
    return "a hanging, a dying and a raising verifier are stopped and told from a wrong answer"


def _sandbox() -> str:
    from sdzero_bench.verifiers.sandbox import find_sandbox

    found = find_sandbox()
    return (
        f"{found.name}; this machine is {found.slowness:.2f} times as slow as the reference, {found.crowding:.2f} times crowded"
    )


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
