"""What the documentation site is generated from: links that leave docs/, tables of options, the sections of docstrings."""

from __future__ import annotations

import pytest
from pydantic import Field

from sdzero_bench.core.settings import Options
from sdzero_bench.runs import registry
from tools.docs_site.method_pages import escaped, method_pages
from tools.docs_site.options_table import options_table
from tools.docs_site.repository import ROOT, Repository

SITE = Repository(pages={"methods/grpo.py": "methods/grpo.md", "CONTRIBUTING.md": "contributing.md"})


@pytest.mark.parametrize(
    ("page", "written", "shown"),
    [
        ("trust.md", "[rules](../CONTRIBUTING.md#submit-results)", "[rules](contributing.md#submit-results)"),
        ("methods.md", "[grpo](../methods/grpo.py)", "[grpo](methods/grpo.md)"),
        ("methods/rft.md", "[grpo](../../methods/grpo.py)", "[grpo](grpo.md)"),
        ("results.md", "![curve](../results/micro/efficiency.png)", "![curve](repository/results/micro/efficiency.png)"),
        (
            "plan.md",
            "[t](../sdzero_bench/runs/plan/throughput.yaml)",
            "[t](repository/sdzero_bench/runs/plan/throughput.yaml.md)",
        ),
        ("a.md", "[coder](../results/coder)", "[coder](repository/results/coder/README.md)"),
        ("a.md", "the [records](../results/records) and [b](b.md#c)", "the records and [b](b.md#c)"),
        ("repository/results/README.md", "[board](micro)", "[board](micro/README.md)"),
        ("contributing.md", "[list](tools/system_programs.py)", "[list](repository/tools/system_programs.py.md)"),
        ("contributing.md", "[terms](docs/glossary.md)", "[terms](glossary.md)"),
        ("a.md", "[gone](../no/such/file.md) [web](https://x.org/a) [up](../../../etc/passwd) [here](#b)", None),
    ],
)
def test_links_lead_to_their_places_in_the_site(page: str, written: str, shown: str | None) -> None:
    """One that leads nowhere stays as it is, for MkDocs to complain of."""
    assert SITE.relinked(written, page) == (written if shown is None else shown)


def test_what_is_linked_is_copied_with_what_it_links_to_in_turn() -> None:
    found = SITE.linked_from({"a.md": "[results](../results/README.md) [code](../tasks/mbpp.py) [b](b.md)"})
    assert {"repository/results/README.md", "repository/results/tables/table1.md"} <= found.keys()
    assert "class MBPP" in str(found["repository/tasks/mbpp.py.md"])
    assert SITE.linked_from({"a.md": "![x](../docs/report.png) ![y](../results/micro/efficiency.png)"}) == {
        "repository/results/micro/efficiency.png": ROOT / "results/micro/efficiency.png"
    }


class Inner(Options):
    kind: str = "a"
    """Which | one."""


class Base(Options):
    inner: Inner = Inner()
    steps: int | None = Field(None, gt=0)
    """How many
    steps."""


class Own(Base):
    inner: Inner = Inner(kind="b")
    steps: int | None = Field(3, gt=0)
    name: str


def test_a_table_of_options_has_the_models_own_defaults_and_the_nearest_description() -> None:
    assert options_table(Own, "x.").splitlines()[2:] == [
        '| `x.inner.kind` | text | `"b"` | Which \\| one. |',
        "| `x.steps` | integer > 0 or null | `3` | How many steps. |",
        "| `x.name` | text | required |  |",
    ]
    assert options_table(Own, left_out={"inner", "steps", "name"}) == ""


def test_every_option_of_every_method_is_in_its_page() -> None:
    pages = method_pages()
    assert pages.keys() == {f"methods/{name}.md" for name in registry.methods()}
    for name, cls in registry.methods().items():
        page = pages[f"methods/{name}.md"]
        for option in cls.Options.model_fields:
            assert f"`method.{option}" in page, f"{name}: {option}"
        assert cls.paper == "none" or ("## Objective" in page and "## Departures" in page), name


def test_text_is_shown_as_it_is_written() -> None:
    assert escaped("y_<t, a*b | `c_<d`") == "y\\_&lt;t, a\\*b \\| `c_<d`"


def test_the_page_of_a_method_has_its_row_of_the_committed_board() -> None:
    board = (ROOT / "results" / "micro" / "README.md").read_text(encoding="utf-8")
    rows = [
        line
        for line in method_pages()["methods/sdzero.md"].splitlines()
        if line.startswith("| ") and "verifier rewards |" in line
    ]
    assert any(row in board for row in rows)
    assert "No committed run" in method_pages()["methods/star.md"] or "| star " in board
