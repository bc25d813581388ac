"""`sdzero-bench serve`: a vLLM server that samples for runs."""

from __future__ import annotations

from typing import Annotated

import typer


def serve(
    model: Annotated[str, typer.Option(help="Base policy of the runs, as in their --model.")],
    host: Annotated[
        str, typer.Option(help="Address to listen on. Anyone who can reach it can change the server's weights.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    dtype: Annotated[
        str, typer.Option(help="Data type to sample in, the runs' engine.dtype: float32 or bfloat16; auto: bfloat16 on a GPU.")
    ] = "auto",
    max_model_len: Annotated[
        int | None, typer.Option(help="Maximum number of tokens of a prompt and its completion. Default: the model's.")
    ] = None,
    gpu_memory: Annotated[float, typer.Option(help="Fraction of the GPU's memory that the server may use.")] = 0.9,
    tensor_parallel: Annotated[int, typer.Option(help="Number of GPUs that the model is split across.")] = 1,
) -> None:
    """Start a vLLM server for runs with engine.name=vllm-server. A run can use servers on several machines.

    Examples:

    sdzero-bench serve --model ./Qwen3-4B --host 10.0.0.7 --port 8000

    sdzero-bench run --method sdzero --model ./Qwen3-4B \\
        --set engine.name=vllm-server \\
        --set 'engine.urls=\\[http://10.0.0.7:8000]' \\
        --set engine.exchange=/shared/weights
    """
    import os
    import sys

    from sdzero_bench.policies.engines.vllm_setup import installed_version, server_options
    from sdzero_bench.policies.loading import model_path

    installed_version()
    options = server_options(model_path(model), dtype, max_model_len, gpu_memory, tensor_parallel)
    os.environ["VLLM_SERVER_DEV_MODE"] = "1"  # enables the calls that update weights
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *options, "--host", host, "--port", str(port)]
    os.execv(command[0], command)
