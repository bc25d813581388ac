"""Links from pages to files of the repository that lie outside of docs/: the site has a copy of each, below repository/.

A Markdown file becomes a page, source code a page that shows it, anything else is copied. The links of a copied page are
followed too. A link to a folder leads to its README.md, or is only its text where there is none.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DOCS, COPIES = "docs/", "repository/"
LINK = re.compile(r"(?P<text>!?\[(?:[^\[\]]|\[[^\[\]]*\])*\])\((?P<path>[^()\s#:]+)(?P<anchor>#[^()\s]*)?\)")
"""An inline link to a relative path. Links in code have the same form, and lead nowhere."""
CODE = {".py": "python", ".yaml": "yaml", ".toml": "toml", "": "make", ".cff": "yaml"}
UNSEARCHED = "---\nsearch:\n  exclude: true\n---\n\n"


@dataclass(frozen=True)
class Repository:
    """`pages`: files that the site has as pages of its own, by their paths below the root."""

    pages: Mapping[str, str]

    def linked_from(self, texts: Mapping[str, str]) -> dict[str, str | Path]:
        """What the pages (path in the site to Markdown) link to: path in the site to Markdown, or to the file to copy."""
        found: dict[str, str | Path] = {}
        left = list(texts.items())
        while left:
            page, text = left.pop()
            for link in LINK.finditer(text):
                file = self._file(page, link["path"])
                copy = None if file is None else self._place(file)
                if file is None or copy is None or not copy.startswith(COPIES) or copy in found:
                    continue
                found[copy] = _content(ROOT / file)
                if file.endswith(".md"):
                    left.append((copy, str(found[copy])))
        return found

    def relinked(self, text: str, page: str) -> str:
        """The page with its links to files of the repository leading to their places in the site."""
        if page.startswith(COPIES) and not (ROOT / page.removeprefix(COPIES)).exists():
            return text  # shows source code

        def lead(link: re.Match[str]) -> str:
            file = self._file(page, link["path"])
            if file is None:
                return link[0]
            place = self._place(file)
            if place is None:
                return link["text"][1:-1]
            return f"{link['text']}({posixpath.relpath(place, posixpath.dirname(page) or '.')}{link['anchor'] or ''})"

        return LINK.sub(lead, text)

    def _file(self, page: str, path: str) -> str | None:
        """The path below the root that a link of a page leads to; None for one inside docs/, or to what does not exist."""
        at = next((file for file, own in self.pages.items() if own == page), None)
        at = at or (page.removeprefix(COPIES) if page.startswith(COPIES) else DOCS + page)
        if at.endswith(".py") or at.endswith(".yaml"):
            at = DOCS + page  # generated from this file, and linked like the pages beside it
        file = posixpath.normpath(posixpath.join(posixpath.dirname(at), path))
        within_docs = file.startswith(DOCS) and at.startswith(DOCS)
        return None if within_docs or file.startswith("..") or not (ROOT / file).exists() else file

    def _place(self, file: str) -> str | None:
        """Where the site has a file of the repository; None for a folder without a README.md."""
        if (ROOT / file).is_dir():
            file = f"{file}/README.md"
            if not (ROOT / file).exists():
                return None
        if file in self.pages:
            return self.pages[file]
        if file.startswith(DOCS):
            return file.removeprefix(DOCS)
        return f"{COPIES}{file}.md" if Path(file).suffix in CODE else COPIES + file


def _content(path: Path) -> str | Path:
    if path.is_dir():
        path /= "README.md"
    if path.suffix == ".md":
        text = path.read_text(encoding="utf-8")
        return UNSEARCHED + re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    if path.suffix in CODE:
        name = path.relative_to(ROOT)
        return f"{UNSEARCHED}# {name}\n\n```{CODE[path.suffix]}\n{path.read_text(encoding='utf-8').strip()}\n```\n"
    return path
