"""Samples per CPU second of the engine `transformers`: through its decode loop, and through `transformers.generate`.

python benchmarks/decode_loop.py [--task micro-code] [--questions 64]
"""

from __future__ import annotations

import argparse
import time
from unittest import mock

from sdzero_bench.core.completion import Completion, Request
from sdzero_bench.core.completion import SamplingParameters as Parameters
from sdzero_bench.policies.chat import PolicyContexts
from sdzero_bench.policies.engines import transformers_engine
from sdzero_bench.policies.engines.transformers_engine import TransformersEngine
from sdzero_bench.policies.loading import load_model, load_tokenizer, model_path
from sdzero_bench.runs import registry
from sdzero_bench.runs.config import resolve

SAMPLES = 8
"""Per question, as in an evaluation."""


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--task", default="micro-arith")
    asked.add_argument("--questions", type=int, default=64)
    options = asked.parse_args()
    config = resolve("base")
    path = model_path(config.model.name)
    model, tokenizer = load_model(path, config.model), load_tokenizer(path)
    task = registry.task(options.task)()
    contexts = PolicyContexts(tokenizer, task, set())
    prompts = [tuple(contexts.prompt_ids(question)) for question in task.load("test").head(options.questions)]
    requests = [Request(prompt, SAMPLES * place + i) for place, prompt in enumerate(prompts) for i in range(SAMPLES)]
    requests.sort(key=lambda request: len(request.prompt_ids))
    engine = TransformersEngine(model, tokenizer, config.sampling.batch_size)
    parameters = Parameters(config.sampling.temperature, config.sampling.top_p, config.sampling.max_new_tokens)

    def seconds() -> tuple[float, list[Completion]]:
        started, drawn = time.process_time(), []
        for start in range(0, len(requests), engine.batch_size):
            drawn += engine.generate(requests[start : start + engine.batch_size], parameters)
        return time.process_time() - started, drawn

    for attempt in range(3):  # the first one warms up
        ours, drawn = seconds()
        with mock.patch.object(transformers_engine, "supports", return_value=False):
            theirs, expected = seconds()
        assert drawn == expected
        if attempt:
            rates = [len(requests) / spent for spent in (ours, theirs)]
            print(
                f"decode loop {rates[0]:.0f}, generate {rates[1]:.0f} samples per CPU second: {theirs / ours:.2f} times as many"
            )


if __name__ == "__main__":
    main()
