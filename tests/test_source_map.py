"""The map of the source tree in CONTRIBUTING.md is the one that the packages' docstrings give."""

from __future__ import annotations

import pytest
from test_house import ORDER

from tools.source_map import BEGIN, END, ROOT, room_order, source_map, with_map


def test_the_map_is_up_to_date() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert with_map(page) == page, "run: make map"


def test_every_room_is_on_it_in_the_enforced_order() -> None:
    assert room_order() == ORDER
    rooms = [line.split()[0].strip("/").split("/")[-1] for line in source_map().splitlines() if not line.startswith("      ")]
    assert tuple(rooms) == ORDER


def test_only_the_text_between_the_markers_is_replaced() -> None:
    assert with_map(f"before\n{BEGIN}\nstale\n{END}\nafter\n") == f"before\n{BEGIN}\n\n{source_map()}\n\n{END}\nafter\n"


@pytest.mark.parametrize("page", ["no markers", f"{END}\n\n{BEGIN}\n", f"{BEGIN}\n{BEGIN}\n\n{END}\n"])
def test_a_page_without_the_markers_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="the page needs"):
        with_map(page)
