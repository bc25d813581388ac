"""docs/methods.md has every method as it is, and method files stay short."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from statistics import median

from sdzero_bench.runs import registry
from tools.methods_table import page

ROOT = Path(__file__).parent.parent


def test_the_page_is_up_to_date() -> None:
    assert page() == (ROOT / "docs" / "methods.md").read_text(encoding="utf-8"), "run `make methods-page`"


def test_the_median_method_has_fewer_than_80_lines() -> None:
    files = {sys.modules[cls.__module__] for cls in registry.methods().values()}
    assert median(len(inspect.getsource(module).splitlines()) for module in files) < 80
