"""lighteval's verdicts on the cases of docs/math_cases.yaml: `python -m tools.lighteval_verdicts docs/math_cases.yaml OUT`.

lighteval requires an older latex2sympy2_extended than math-verify does, so that its verdicts are computed in an environment of
its own, and kept in docs/lighteval_verdicts.json for the page of `make math-verifiers`. The scorer is that of its MATH-500: the
answers that can be extracted are compared with the one in the gold solution.
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tools.math_agreement import Case, read_cases, said_of


def scorer() -> Any:
    """As `pass_at_k_math` of lighteval.metrics.metrics has it."""
    from lighteval.metrics.dynamic_metrics import MultilingualExtractiveMatchMetric
    from lighteval.metrics.utils.extractive_match_utils import ExprExtractionConfig, LatexExtractionConfig
    from lighteval.utils.language import Language

    wanted = [ExprExtractionConfig(), LatexExtractionConfig()]
    return MultilingualExtractiveMatchMetric(
        language=Language.ENGLISH, gold_extraction_target=wanted, pred_extraction_target=wanted, precision=6
    )


def verdict(metric: Any, case: Case) -> bool | None:
    """None if it raises."""
    from lighteval.models.model_output import ModelResponse
    from lighteval.tasks.requests import Doc

    doc = Doc(query="", choices=[f"It is $\\boxed{{{case.gold}}}$."], gold_index=0)
    try:
        return bool(metric.compute(doc=doc, model_response=ModelResponse(text=[case.response.strip()])) == 1)
    except Exception:
        return None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    metric = scorer()
    found = {said_of(case): verdict(metric, case) for case in read_cases(options.cases) if not case.slow}
    versions = {name: version(name) for name in ("lighteval", "latex2sympy2_extended")}
    options.out.write_text(json.dumps({"versions": versions, "verdicts": found}, indent=0) + "\n", encoding="utf-8")
