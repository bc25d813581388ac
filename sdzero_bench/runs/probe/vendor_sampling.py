"""The sampling parameters that come with a model, in its generation_config.json."""

from __future__ import annotations

from dataclasses import dataclass

from sdzero_bench.core.completion import SamplingParameters
from sdzero_bench.core.settings import MIN_TEMPERATURE

UNSUPPORTED = ("top_k", "min_p", "typical_p", "repetition_penalty", "presence_penalty")
"""Parameters that vendors state and that our engines do not apply."""
_NEUTRAL = (None, 0, 1.0)


@dataclass(frozen=True)
class VendorSampling:
    """What the model's files state, as far as our engines apply it."""

    parameters: SamplingParameters
    ignored: dict[str, float]
    """What they state besides."""

    def __str__(self) -> str:
        said = f"temperature {self.parameters.temperature:g}, top-p {self.parameters.top_p:g}"
        return said + "".join(f"; {name}={value:g} is not applied" for name, value in self.ignored.items())


def vendor_sampling(path: str, max_new_tokens: int) -> VendorSampling | None:
    """None if the model has no generation_config.json, or one that states neither temperature nor top_p."""
    from transformers import GenerationConfig

    try:
        stated = GenerationConfig.from_pretrained(path)
    except OSError:
        return None
    temperature, top_p = stated.temperature, stated.top_p
    if (temperature is None and top_p is None) or stated.do_sample is False:
        return None
    parameters = SamplingParameters(max(temperature or 1.0, MIN_TEMPERATURE), top_p or 1.0, max_new_tokens)
    ignored = {name: value for name in UNSUPPORTED if (value := getattr(stated, name, None)) not in _NEUTRAL}
    return VendorSampling(parameters, ignored)
