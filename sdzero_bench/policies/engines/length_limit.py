"""How long a prompt and its completion may be for the engine of a run."""

from __future__ import annotations

from dataclasses import dataclass

from sdzero_bench.core.settings import RunConfig


@dataclass(frozen=True)
class LengthLimit:
    """The engine's limit in tokens, and what to do about it."""

    tokens: int
    whose: str
    raised: str
    """With {tokens} for what is needed."""


def configured_limit(config: RunConfig) -> LengthLimit | None:
    """The limit that the settings state; None where they state none."""
    if config.engine.name != "vllm" or config.engine.max_model_len is None:
        return None
    return LengthLimit(config.engine.max_model_len, "engine.max_model_len is", "raise engine.max_model_len to {tokens}")


def server_limit(config: RunConfig) -> LengthLimit | None:
    """The smallest limit of the servers, which are asked for it; None for other engines.

    Raises `UserError` if a server does not answer.
    """
    if config.engine.name != "vllm-server":
        return None
    from sdzero_bench.policies.engines.vllm_server import Server

    smallest = min((Server(url) for url in config.engine.urls), key=lambda server: server.fits)
    return LengthLimit(
        smallest.fits, f"the server {smallest.url} is limited to", "restart it with a --max-model-len of at least {tokens}"
    )
