"""One page per method: what its docstring says, its options, its cost, and its row on the committed leaderboards."""

from __future__ import annotations

import inspect
import re
import sys

from sdzero_bench.core.text import markdown_table
from sdzero_bench.runs import registry
from sdzero_bench.training.method import Method
from tools.docs_site.options_table import options_table
from tools.methods_table import HEADINGS, row
from tools.readme_tables import ARITH, CODE, LEADERBOARD, quoted

SECTION = re.compile(r"(?:^|(?<=\. ))(?=(?:Papers?|Source|Objective|Departures?)\b.{0,90}?:)")
"""Where a section of a docstring starts: "Paper: ...", "Objective, for y ~ pi: ...", "Departures: ..."."""
TABLES = {"Accuracy": "| rank |", "Cost of training": "| method | samples |"}
BOARDS = {"micro-arith": ARITH, "micro-code": CODE}

ON_THE_BOARD = "[The whole tables](../results.md), with their notes and what they are, and are not, evidence for."
NOT_THERE = "No committed run. `sdzero-bench sweep --methods {name}` measures it beside the base, with 3 seeds."

PAGE = """# {name}

{idea}

{parts}

## At a glance

{glance}

`samples per question`, `policy`, `teacher` and `tuned over` are explained [below the table of all methods](../methods.md).

    sdzero-bench run --method {name}

## Options

{options}

## On the board

{rows}

## Source

[methods/{name}.py](../../methods/{name}.py), {lines} lines:

```python
{source}
```
"""


def method_pages() -> dict[str, str]:
    """Path below docs/ to Markdown, for every method of this distribution."""
    return {f"methods/{name}.md": _page(name, cls) for name, cls in registry.methods().items()}


def _page(name: str, cls: type[Method]) -> str:
    source = inspect.getsource(sys.modules[cls.__module__]).strip()
    idea, _, text = (inspect.getdoc(cls) or cls.summary).partition("\n\n")
    glance = dict(zip(HEADINGS, row(name, cls), strict=True))
    for known in ("method", "what it does", "lines"):
        glance.pop(known)
    return PAGE.format(
        name=name,
        idea=escaped(" ".join(idea.split())),
        parts="\n\n".join(_parts(" ".join(text.split()))),
        glance=markdown_table(list(glance), [list(glance.values())], left=len(glance)),
        options=options_table(cls.Options, "method.") or "None.",
        rows=_rows(name),
        source=source,
        lines=len(source.splitlines()),
    )


def _parts(text: str) -> list[str]:
    """The sections of a docstring, each below its heading; each departure from the paper is an item."""
    found = []
    for section in filter(None, SECTION.split(text)):
        word, _, said = section.partition(": ")
        if section.startswith("Departure"):
            found += ["## Departures from the paper", "\n".join(f"- {escaped(item)}" for item in said.strip().split("; "))]
        elif section.startswith(("Paper", "Source", "Objective")):
            # "Objective, for y ~ pi: ..." is a sentence only with its first words.
            found += [f"## {re.split(r'[^a-zA-Z]', word)[0]}", escaped(said if word.isalpha() else section)]
        else:
            found.append(escaped(section))
    return found


def _rows(name: str) -> str:
    found = []
    for task, heading in BOARDS.items():
        for title, start in TABLES.items():
            headings, rule, *rows = quoted(LEADERBOARD, heading, start).splitlines()
            column = [cell.strip() for cell in headings.split("|")].index("method")
            own = [line for line in rows if line.split("|")[column].split()[0] == name]
            if own:
                found.append("\n".join([f"{title} on `{task}`:\n", headings, rule, *own]))
    return "\n\n".join([*found, ON_THE_BOARD] if found else [NOT_THERE.format(name=name)])


def escaped(text: str) -> str:
    """The text with what Markdown would read as emphasis, a link, a tag or a cell escaped, but in code spans."""
    spans = re.split(r"(`[^`]*`)", text)
    return "".join(
        span if span.startswith("`") else re.sub(r"([\\*_\[\]|])", r"\\\1", span).replace("<", "&lt;") for span in spans
    )
