"""Sampling through vLLM servers over HTTP, on this machine or others: `sdzero-bench serve` starts one.

The run writes a policy's weights to a directory that its servers can access, and asks the servers to load them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import requests

from sdzero_bench.core.completion import Completion, Request, SamplingParameters
from sdzero_bench.core.distributed import ALONE, Ranks
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.policies.engines.transformers_engine import end_tokens
from sdzero_bench.policies.engines.vllm_engine import require_known
from sdzero_bench.policies.lora import weights_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

IN_FLIGHT = 64
"""Concurrent requests per server, which batches them itself."""

CONNECT_SECONDS, ANSWER_SECONDS = 10.0, 3600.0


class Server:
    """One vLLM server. Every failure is a `UserError` that names the server and says what to do."""

    def __init__(self, url: str, answer_seconds: float = ANSWER_SECONDS) -> None:
        self.url = url.rstrip("/")
        self.answer_seconds = answer_seconds
        self.http = requests.Session()
        self.http.mount("http", requests.adapters.HTTPAdapter(pool_maxsize=IN_FLIGHT))
        try:
            self.version = str(self._get("/version")["version"])
            require_known(f"the server {self.url} runs vLLM", self.version)
            model = self._get("/v1/models")["data"][0]
            self.model, self.fits = str(model["id"]), int(model["max_model_len"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise UserError(f"{self.url} responds, but not like vLLM; start a server with `sdzero-bench serve`") from error

    def call(self, method: str, **arguments: str) -> Any:
        """Call a method of `vllm_worker.PolicyWorker` on the server."""
        answer = self._post("/collective_rpc", {"method": method, "kwargs": arguments})
        return answer["results"][0] if answer else None

    def follow(self, folder: Path, name: str) -> None:
        """Load the weights in `folder` and discard what was computed with earlier ones."""
        self.call("load_policy", folder=str(folder), name=name)
        self._post("/reset_prefix_cache")

    def complete(self, request: Request, parameters: SamplingParameters, ends: Sequence[int]) -> tuple[int, ...]:
        """The token ids of one completion."""
        body = {
            "model": self.model,
            "prompt": list(request.prompt_ids),
            "max_tokens": parameters.max_new_tokens,
            "temperature": parameters.temperature,
            "top_p": parameters.top_p,
            # Every field that affects sampling is set, so that the model's own generation config does not.
            "top_k": -1,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "seed": request.seed,
            "stop_token_ids": list(ends),
            "return_token_ids": True,
        }
        return tuple(self._post("/v1/completions", body)["choices"][0]["token_ids"])

    def _get(self, path: str) -> Any:
        return self._answer("GET", path, None)

    def _post(self, path: str, body: Any = None) -> Any:
        return self._answer("POST", path, body)

    def _answer(self, verb: str, path: str, body: Any) -> Any:
        try:
            answer = self.http.request(verb, self.url + path, json=body, timeout=(CONNECT_SECONDS, self.answer_seconds))
        except requests.RequestException as error:
            raise UserError(
                f"the server {self.url} does not answer ({type(error).__name__}); start it with `sdzero-bench serve`, or fix "
                f"engine.urls"
            ) from error
        if answer.status_code == 404 and path == "/collective_rpc":
            raise UserError(f"the server {self.url} cannot load the weights of a policy; start it with `sdzero-bench serve`")
        if not answer.ok:
            raise UserError(
                f"the server {self.url} refused {path} ({answer.status_code}): {' '.join(answer.text.split())[:300]}"
            )
        return answer.json() if answer.content and "json" in answer.headers.get("content-type", "") else None


class ServerEngines:
    """Servers that load the weights of each policy that a run samples from."""

    def __init__(self, config: RunConfig, tokenizer: PreTrainedTokenizerBase, ranks: Ranks = ALONE) -> None:
        if not config.engine.urls:
            raise UserError("engine.name=vllm-server needs servers: set engine.urls=[http://HOST:PORT, ...]")
        self.tokenizer = tokenizer
        self.ranks = ranks
        self.batch_size = config.sampling.batch_size
        self.servers = [Server(url) for url in config.engine.urls]
        if len(versions := {server.version for server in self.servers}) > 1:
            raise UserError(f"the servers of engine.urls run different versions of vLLM: {', '.join(sorted(versions))}")
        self.exchange = Path(config.engine.exchange or tempfile.gettempdir())
        if not self.exchange.is_dir():
            raise UserError(
                f"engine.exchange: there is no directory {str(self.exchange)!r}; create one that the servers can access too"
            )
        self.threads = ThreadPoolExecutor(IN_FLIGHT * len(self.servers))
        self.run = ranks.from_first(uuid4().hex)
        self._held: str | None = None

    def of(self, policy: PreTrainedModel, weights: str) -> ServerEngine:
        name = f"{self.run}:{weights}"
        if self._held != name:
            self._held = None
            if self.ranks.first:
                self._hand_over(policy, name)
            self.ranks.wait()
            self._held = name
        return ServerEngine(self, name, sorted(end_tokens(policy, self.tokenizer)))

    def _hand_over(self, policy: PreTrainedModel, name: str) -> None:
        from safetensors.torch import save_file

        dtype = str(policy.dtype).removeprefix("torch.")
        for server in self.servers:
            if (theirs := server.call("held_policy")["dtype"]) != dtype:
                raise UserError(
                    f"the server {server.url} computes in {theirs}, and the policy in {dtype}; start it with --dtype {dtype}"
                )
        folder = Path(tempfile.mkdtemp(prefix="sdzero-bench-policy-", dir=self.exchange))
        try:
            # Tied weights are one tensor with two names, which safetensors does not store.
            seen: dict[int, str] = {}
            tensors = {n: w for n, w in weights_of(policy) if seen.setdefault(w.data_ptr(), n) == n}
            save_file({n: w.detach().contiguous() for n, w in tensors.items()}, folder / "model.safetensors")
            folder.chmod(0o755)
            list(self.threads.map(lambda server: server.follow(folder, name), self.servers))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        self.threads.shutdown(cancel_futures=True)


class ServerEngine:
    """Samples from the policy named `held`, whose weights the servers have loaded."""

    name = "vllm-server"

    def __init__(self, engines: ServerEngines, held: str, ends: Sequence[int]) -> None:
        self.servers, self.threads = engines.servers, engines.threads
        self.held = held
        self.ends = ends
        self.version = engines.servers[0].version
        self.batch_size = engines.batch_size

    def generate(self, requests: Sequence[Request], parameters: SamplingParameters) -> list[Completion]:
        """Raises `UserError` if a prompt and its completion do not fit, or if a server fails or holds another policy."""
        if not requests:
            return []
        longest = max(len(r.prompt_ids) for r in requests) + parameters.max_new_tokens
        for server in self.servers:
            if longest > server.fits:
                raise UserError(
                    f"a prompt and its completion may take {longest} tokens, and the server {server.url} is limited to "
                    f"{server.fits}; restart it with a larger --max-model-len"
                )
        self._require_held()
        asked = [(self.servers[i % len(self.servers)], request) for i, request in enumerate(requests)]
        drawn = list(self.threads.map(lambda pair: pair[0].complete(pair[1], parameters, self.ends), asked))
        self._require_held()  # the weights must not have changed meanwhile
        return [Completion(ids, "stop" if ids and ids[-1] in self.ends else "length") for ids in drawn]

    def _require_held(self) -> None:
        for server in self.servers:
            if server.call("held_policy")["policy"] != self.held:
                raise UserError(
                    f"the server {server.url} holds the weights of another run, or was restarted; each run needs "
                    f"servers of its own"
                )
