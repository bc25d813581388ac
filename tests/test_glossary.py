"""docs/glossary.md is in alphabetical order and defines each term once."""

from __future__ import annotations

import re
from pathlib import Path

TEXT = (Path(__file__).parent.parent / "docs" / "glossary.md").read_text(encoding="utf-8")


def test_terms_are_unique_and_in_order() -> None:
    terms = re.findall(r"^\*\*(.+?)\*\* — ", TEXT, re.MULTILINE)
    assert len(terms) == TEXT.count("\n\n") - 1  # each paragraph but the introduction defines a term
    assert terms == sorted(set(terms), key=lambda term: re.sub(r"\W", "", term).lower())
