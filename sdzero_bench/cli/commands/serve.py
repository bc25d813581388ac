"""`sdzero-bench serve`: a vLLM server that follows a run's policy."""

from __future__ import annotations

from typing import Annotated

import typer


def serve(
    model: Annotated[str, typer.Option(help="The run's base policy: the same as its --model.")],
    host: Annotated[str, typer.Option(help="Address to listen on. Who reaches it can change its weights.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    dtype: Annotated[str, typer.Option(help="That the run's policies have: float32, or bfloat16.")] = "float32",
    max_model_len: Annotated[int | None, typer.Option(help="Tokens of a prompt and its completion; as the model.")] = None,
    gpu_memory: Annotated[float, typer.Option(help="Share of the GPU's memory that it may use.")] = 0.9,
    tensor_parallel: Annotated[int, typer.Option(help="GPUs that share the model out.")] = 1,
) -> None:
    """Start a vLLM server for runs with engine.name=vllm-server; on as many machines as there are.

    Examples:

    sdzero-bench serve --model ./Qwen3-4B --host 10.0.0.7 --port 8000

    sdzero-bench run --method sdzero --model ./Qwen3-4B --set engine.name=vllm-server \\
        --set engine.urls=[http://10.0.0.7:8000] --set engine.exchange=/shared/weights
    """
    import os
    import sys

    from sdzero_bench.policies.engines.vllm_engine import installed_version, server_options
    from sdzero_bench.policies.loading import model_path

    installed_version()
    options = server_options(model_path(model), dtype, max_model_len, gpu_memory, tensor_parallel)
    os.environ["VLLM_SERVER_DEV_MODE"] = "1"  # for the calls that hand weights over
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *options, "--host", host, "--port", str(port)]
    os.execv(command[0], command)
