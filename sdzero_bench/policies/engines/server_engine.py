"""Sampling through vLLM servers over HTTP, on this machine or others: `sdzero-bench serve` starts one.

The run writes a policy's weights to a directory that its servers can access, and asks the servers to load them.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from sdzero_bench.core.completion import Completion, Request, SamplingParameters
from sdzero_bench.core.distributed import ALONE, Ranks
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.policies.engines.requests_in_flight import RequestsInFlight
from sdzero_bench.policies.engines.sampling_dtype import sampling_dtype
from sdzero_bench.policies.engines.transformers_engine import end_tokens
from sdzero_bench.policies.engines.vllm_server import Server
from sdzero_bench.policies.lora import weights_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

CHECK_SECONDS = 0.5
"""How often completions are handed on, after a check that the servers still hold the weights that they were drawn with."""


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
        self.dtype = sampling_dtype(config)
        for server in self.servers:
            if (theirs := server.open(share=ranks.count)) != self.dtype:
                raise UserError(
                    f"the server {server.url} computes in {theirs}, and the run samples in {self.dtype}; start the server with "
                    f"--dtype {self.dtype}, or the run with engine.dtype={theirs}"
                )
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
        import torch
        from safetensors.torch import save_file

        folder = Path(tempfile.mkdtemp(prefix="sdzero-bench-policy-", dir=self.exchange))
        try:
            # Tied weights are one tensor with two names, which safetensors does not store.
            seen: dict[int, str] = {}
            tensors = {n: w for n, w in weights_of(policy) if seen.setdefault(w.data_ptr(), n) == n}
            dtype: torch.dtype = getattr(torch, self.dtype)
            # What is not in the sampler's dtype is cast here, and only once: half as much to write and to read.
            save_file({n: w.detach().to(dtype).contiguous() for n, w in tensors.items()}, folder / "model.safetensors")
            folder.chmod(0o755)
            with ThreadPoolExecutor(len(self.servers)) as threads:
                list(threads.map(lambda server: server.follow(folder, name), self.servers))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def rest(self) -> None:
        pass

    def close(self) -> None:
        pass


class ServerEngine:
    """Samples from the policy named `held`, whose weights the servers have loaded (a `StreamingEngine`)."""

    name = "vllm-server"

    def __init__(self, engines: ServerEngines, held: str, ends: Sequence[int]) -> None:
        self.servers = engines.servers
        self.held = held
        self.ends = ends
        self.version = engines.servers[0].version
        self.batch_size = engines.batch_size

    def generate(self, requests: Sequence[Request], parameters: SamplingParameters) -> list[Completion]:
        """As `generate_as_finished`, in the order of the requests."""
        finished = dict(pair for pairs in self.generate_as_finished(requests, parameters) for pair in pairs)
        return [finished[position] for position in range(len(requests))]

    def generate_as_finished(
        self, requests: Sequence[Request], parameters: SamplingParameters
    ) -> Generator[list[tuple[int, Completion]]]:
        """Every server works on as many requests at a time as it batches, and is given the next one when one is finished.

        Raises `UserError` if a prompt and its completion do not fit, or if a server fails or holds another policy.
        """
        if not requests:
            return
        longest = max(len(r.prompt_ids) for r in requests) + parameters.max_new_tokens
        for server in self.servers:
            if longest > server.fits:
                raise UserError(
                    f"a prompt and its completion may take {longest} tokens, and the server {server.url} is limited to "
                    f"{server.fits}; restart it with a larger --max-model-len"
                )
        self._require_held()
        with RequestsInFlight(self.servers, requests, parameters, self.ends) as in_flight:
            while in_flight.left:
                finished = in_flight.finished(until=time.monotonic() + CHECK_SECONDS)
                if finished:
                    self._require_held()  # the weights must not have changed meanwhile
                yield finished

    def _require_held(self) -> None:
        for server in self.servers:
            if server.held()["policy"] != self.held:
                raise UserError(
                    f"the server {server.url} holds the weights of another run, or was restarted; each run needs "
                    f"servers of its own"
                )
