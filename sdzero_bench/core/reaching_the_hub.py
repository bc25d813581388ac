"""Whether the Hugging Face Hub can be reached. If not, its libraries use their caches at once, and do not try for a minute."""

from __future__ import annotations

import os
from functools import cache

SECONDS = 10
"""For an answer of any kind."""


@cache
def hub_is_reachable() -> bool:
    """Asked once per process, with one request. If it is not, this process and those it starts are told to stay offline."""
    import requests
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        requests.head(constants.ENDPOINT, timeout=SECONDS)
        return True
    except requests.RequestException:
        import datasets

        os.environ["HF_HUB_OFFLINE"] = "1"
        constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
        return False
