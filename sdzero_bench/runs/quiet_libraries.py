"""Silences libraries: what concerns the user, we report ourselves."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Without the warnings and log messages of libraries, as far as they can be silenced before they are imported."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger().setLevel(level)


@contextlib.contextmanager
def quiet_heavy_libraries() -> Iterator[None]:
    """`import_heavy` for a process that is not ours alone: what its owner had set is set again in the end."""
    import datasets
    import transformers.utils.logging as of_transformers

    of_datasets = datasets.utils.logging
    levels = of_transformers.get_verbosity(), of_datasets.get_verbosity()
    bars = of_transformers.is_progress_bar_enabled(), not datasets.are_progress_bars_disabled()
    import_heavy()
    try:
        yield
    finally:
        of_transformers.set_verbosity(levels[0])
        of_datasets.set_verbosity(levels[1])
        if bars[0]:
            of_transformers.enable_progress_bar()
        if bars[1]:
            datasets.enable_progress_bars()


def import_heavy() -> None:
    """Import libraries that take seconds, with their own log messages and progress bars switched off."""
    import transformers.utils.logging

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    import datasets

    datasets.utils.logging.set_verbosity_error()
    datasets.disable_progress_bars()
