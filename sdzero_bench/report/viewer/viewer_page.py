"""The viewer's page: the samples of a table in one self-contained HTML file."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from importlib.resources import files
from typing import Any

from sdzero_bench.core.text import printable
from sdzero_bench.report.tokens.token_view import DARK, LIGHT, legend
from sdzero_bench.report.viewer.sample_table import SampleTable

SCRIPTS = (
    "make.js",
    "samples.js",
    "shown_text.js",
    "filters.js",
    "list.js",
    "questions.js",
    "sample.js",
    "keys.js",
    "start.js",
)


def viewer_page(table: SampleTable) -> str:
    """The page as HTML. It opens from disk without network access, and runs no text of a model.

    The samples are in it as compressed JSON. Its scripts show them as text nodes only: the content security policy allows the
    page's own style and script, by hash, and no script may write HTML (trusted types).
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    loader = PackageLoader("sdzero_bench.report.viewer")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    parts = files("sdzero_bench.report.viewer.templates")
    style = _colours("") + _colours("dark") + (parts / "viewer.css").read_text("utf-8")
    script = "\n".join((parts / name).read_text("utf-8") for name in SCRIPTS)
    legends = [{"level": strength, "words": words} for strength, words in legend()]
    data = {**table.as_dict(), "legend": legends}
    return environment.get_template("viewer.html.j2").render(
        title=printable(table.runs[0]["name"]) if len(table.runs) == 1 else f"{len(table.runs)} runs",
        style=Markup(style),
        style_hash=_sha256(style),
        script=Markup(script),
        script_hash=_sha256(script),
        data=_packed(data),
    )


def _colours(scheme: str) -> str:
    """Style rules of the coloured tokens: `.p1` to `.p4` where the student prefers the token, `.n1` to `.n4` the reviser."""
    rules = [
        f".{'p' if strength > 0 else 'n'}{abs(strength)} {{ color: {text}; background: {ground}; }}"
        for strength, (text, ground) in (DARK if scheme else LIGHT).items()
    ]
    inner = "\n".join(rules)
    return f"@media (prefers-color-scheme: {scheme}) {{\n{inner}\n}}\n" if scheme else f"{inner}\n"


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _packed(data: dict[str, Any]) -> str:
    """As compressed JSON in base64. It is ASCII before that: a lone surrogate, which a decoder may have made, has no UTF-8."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode("ascii"), 6, mtime=0)).decode()
