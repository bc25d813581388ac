"""Hooks of MkDocs: add the generated pages to the site and its navigation, and what pages link to outside of docs/."""

from __future__ import annotations

import re

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from tools.docs_site.method_pages import method_pages
from tools.docs_site.notebook_pages import notebook_pages
from tools.docs_site.reference_pages import reference_pages
from tools.docs_site.repository import ROOT, Repository
from tools.docs_site.task_pages import task_pages

GENERATED = method_pages() | task_pages() | reference_pages() | notebook_pages()
CHANGELOG, CONTRIBUTING = "changelog.md", "contributing.md"
REPOSITORY = Repository(
    pages={"README.md": "index.md", "CHANGELOG.md": CHANGELOG, "CONTRIBUTING.md": CONTRIBUTING}
    | {f"{path.removesuffix('.md')}.py": path for path in GENERATED if path.startswith("methods/")}
    | {f"{path.removesuffix('.md')}.yaml": path for path in GENERATED if path.startswith("tasks/")}
    | {f"docs/{path.removesuffix('.md')}.ipynb": path for path in GENERATED if path.startswith("notebooks/")}
)

INTERVAL = re.compile(r"\[(-?[\d.,]+), (-?[\d.,]+)\]")
"""[low, high] in a table, which is kept on one line."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The generated pages of methods and tasks below those that list them."""
    for entry in config.nav or []:
        for title, inside in entry.items():
            if title in ("Methods", "Tasks"):
                inside += [path for path in GENERATED if path.startswith(f"{title.lower()}/")]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    texts = {file.src_uri: file.content_string for file in files.documentation_pages()} | GENERATED
    texts |= {CHANGELOG: (ROOT / "CHANGELOG.md").read_text(), CONTRIBUTING: (ROOT / "CONTRIBUTING.md").read_text()}
    for path in (*GENERATED, CHANGELOG, CONTRIBUTING):
        files.append(File.generated(config, path, content=texts[path]))
    for path, found in REPOSITORY.linked_from(texts).items():
        if isinstance(found, str):
            files.append(File.generated(config, path, content=found))
        else:
            files.append(File.generated(config, path, abs_src_path=str(found)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    markdown = re.sub(r"^\|.*", lambda row: INTERVAL.sub("[\\1,\u00a0\\2]", row[0]), markdown, flags=re.MULTILINE)
    return REPOSITORY.relinked(markdown, page.file.src_uri)
