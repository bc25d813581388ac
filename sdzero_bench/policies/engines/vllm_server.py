"""One vLLM server, as a run sees it over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

from sdzero_bench.core.completion import Completion, Request, SamplingParameters
from sdzero_bench.core.errors import UserError
from sdzero_bench.policies.engines.vllm_setup import require_known

IN_FLIGHT = 64
"""Concurrent requests for a server that does not say how many sequences it batches."""

CONNECT_SECONDS, ANSWER_SECONDS = 10.0, 3600.0


class Server:
    """One vLLM server. Every failure is a `UserError` that names the server and says what to do."""

    def __init__(self, url: str, answer_seconds: float = ANSWER_SECONDS) -> None:
        self.url = url.rstrip("/")
        self.answer_seconds = answer_seconds
        self.http = requests.Session()
        self.in_flight = IN_FLIGHT
        try:
            self.version = str(self._get("/version")["version"])
            require_known(f"the server {self.url} runs vLLM", self.version)
            model = self._get("/v1/models")["data"][0]
            self.model, self.fits = str(model["id"]), int(model["max_model_len"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise UserError(f"{self.url} responds, but not like vLLM; start a server with `sdzero-bench serve`") from error

    def open(self, share: int = 1) -> str:
        """Prepare for as many requests at a time as the server batches, divided by `share`; returns its data type."""
        held = self.held()
        self.in_flight = max(1, int(held.get("sequences", IN_FLIGHT)) // share)
        self.http.mount("http", requests.adapters.HTTPAdapter(pool_maxsize=self.in_flight))
        return held["dtype"]

    def held(self) -> dict[str, str]:
        """What `PolicyWorker.held_policy` says of the server."""
        answer: dict[str, str] = self.call("held_policy")
        return answer

    def call(self, method: str, **arguments: str) -> Any:
        """Call a method of `vllm_worker.PolicyWorker` on the server."""
        answer = self._post("/collective_rpc", {"method": method, "kwargs": arguments})
        return answer["results"][0] if answer else None

    def follow(self, folder: Path, name: str) -> None:
        """Load the weights in `folder` and discard what was computed with earlier ones."""
        self.call("load_policy", folder=str(folder), name=name)
        self._post("/reset_prefix_cache")

    def complete(self, request: Request, parameters: SamplingParameters, ends: Sequence[int]) -> Completion:
        """One completion."""
        body: dict[str, Any] = {
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
        if request.logprobs:
            body["logprobs"] = 0  # of the sampled tokens alone
        choice = self._post("/v1/completions", body)["choices"][0]
        ids, told = tuple(choice["token_ids"]), choice.get("logprobs")
        logprobs = tuple(told["token_logprobs"]) if told else None
        return Completion(ids, "stop" if ids and ids[-1] in ends else "length", logprobs)

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
