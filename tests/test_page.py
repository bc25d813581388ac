"""What a page is made of: figures in cells, bars, links to records, several images. How it behaves: test_page_in_browser.py."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from synthetic_records import write_record

from sdzero_bench.report.leaderboard.report_files import Report
from sdzero_bench.report.rendering.bars import MARGIN, WIDTH, draw_bars
from sdzero_bench.report.rendering.blocks import Bars, Figure, Heading, Notes, RecordLink, Table
from sdzero_bench.report.rendering.cell_figures import CellFigure, figure, sort_keys
from sdzero_bench.report.rendering.formats import html, latex, markdown

SVG = '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path id="a" d="M0 0"/></svg>'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("92.8 [91.2, 94.1]*", CellFigure(92.8, (91.2, 94.1))),
        ("-19.8 [-25.9, -10.1]", CellFigure(-19.8, (-25.9, -10.1))),
        ("54.2 [51.6, 56.8] (10)", CellFigure(54.2, (51.6, 56.8))),
        ("1,268,846", CellFigure(1268846)),
        ("0.0333 CPU", CellFigure(0.0333)),
        ("1.23e+03 accelerator", CellFigure(1230)),
        ("0.2 [-0.9, 1.1]=", CellFigure(0.2, (-0.9, 1.1))),
        ("< 0.0001", CellFigure(0.00005)),
        ("-", None),
        ("", None),
        ("3rd", None),
        ("verifier rewards", None),
    ],
)
def test_the_figure_of_a_cell(text: str, expected: CellFigure | None) -> None:
    assert figure(text) == expected


def test_a_column_sorts_by_figures_only_if_it_has_nothing_else() -> None:
    rows = [["1", "7 seeds", "3 of a", "-", "x"], ["10", "8", "-", "-", "2"]]
    table = Table(["rank", "name", "figure", "none", "mixed"], rows, left=2)
    assert [sort_keys(table, column) for column in range(5)] == [[1, 10], None, [3, None], [None, None], None]


def test_bars_of_all_columns_share_one_scale_that_holds_the_mark() -> None:
    table = Table(["m", "a", "b"], [["x", "50.0 [40.0, 60.0]", "-"], ["y", "70.0 [65.0, 80.0]", "45.0 [42.0, 48.0]"]])
    drawn = draw_bars(Table(table.headings, table.rows, bars=Bars([1, 2], 30.0, "z")))
    assert drawn is not None
    assert (drawn.low, drawn.high, drawn.mark) == (30.0, 80.0, MARGIN)
    assert drawn.bars.keys() == {(0, 1), (1, 1), (1, 2)}
    assert drawn.bars[1, 1].high == WIDTH - MARGIN
    assert drawn.bars[0, 1].mean == pytest.approx(MARGIN + 0.4 * (WIDTH - 2 * MARGIN), abs=0.1)
    assert draw_bars(table) is None
    same = draw_bars(Table(["m", "a"], [["x", "100.0 [100.0, 100.0]"]], bars=Bars([1])))
    assert same is not None
    assert same.bars[0, 1].mean == WIDTH / 2


def scaled(rows: list[str], mark: float | None = 0.0) -> tuple[float, float, list[str]]:
    """The ends of the scale, and which bars go beyond it."""
    table = Table(["m", "a"], [[f"m{i}", cell] for i, cell in enumerate(rows)], bars=Bars([1], mark))
    drawn = draw_bars(table)
    assert drawn is not None
    assert all(MARGIN <= end <= WIDTH - MARGIN for bar in drawn.bars.values() for end in (bar.low, bar.high))
    return drawn.low, drawn.high, [bar.beyond for bar in drawn.bars.values()]


ALIKE = ["1.0 [-2.0, 3.0]", "-1.0 [-3.0, 1.0]", "2.0 [0.5, 3.0]=", "0.0 [-1.0, 1.0]"]


def test_one_outlying_interval_does_not_flatten_the_others() -> None:
    assert scaled([*ALIKE, "-80.0 [-85.0, -75.0]*"]) == (-3.0, 3.0, ["", "", "", "", "low"])
    assert scaled([*ALIKE, "80.0 [-1.0, 161.0]"]) == (-3.0, 3.0, ["", "", "", "", "high"])
    assert scaled(["50.0 [50.0, 50.0]"] * 8 + ["90.0 [90.0, 90.0]"], 50.0) == (50.0, 90.0, [""] * 9)


@pytest.mark.parametrize(
    "rows",
    [
        ["1.0 [-2.0, 3.0]", "-80.0 [-85.0, -75.0]"],  # which of two is outlying?
        [*ALIKE, "-8.0 [-9.0, -7.0]"],  # the scale would hardly be shorter
        ["10.0 [9.0, 11.0]", "30.0 [29.0, 31.0]", "50.0 [49.0, 51.0]", "70.0 [69.0, 71.0]", "90.0 [89.0, 91.0]"],
    ],
)
def test_intervals_that_are_not_outlying_are_drawn_whole(rows: list[str]) -> None:
    _, _, beyond = scaled(rows)
    assert set(beyond) == {""}


def test_the_scale_always_holds_the_mark() -> None:
    low, high, _ = scaled([f"{90 + i}.0 [{89 + i}.0, {91 + i}.0]" for i in range(6)], mark=5.0)
    assert (low, high) == (5.0, 96.0)


def test_rows_link_to_the_records_beside_and_below_the_page_only(tmp_path: Path) -> None:
    page = tmp_path / "a" / "page"
    folders = [page / "below", page.parent / "beside", tmp_path / "outside", page / "javascript:x <b>%22"]
    records = [[RecordLink(str(seed), f"run-{seed}", folder)] for seed, folder in enumerate(folders)]
    blocks = [Table(["method"], [[f"m{i}"] for i in range(4)], records=records)]
    links = re.findall(r'href="([^"#]*)" title="([^"]*)"', html(blocks, {}, folder=page))
    assert links == [("below/", "run-0"), ("../beside/", "run-1"), ("javascript%3Ax%20%3Cb%3E%2522/", "run-3")]
    assert "records" not in html(blocks, {})


def test_any_blocks_make_a_page_and_figures_go_by_their_names() -> None:
    blocks = [Heading(2, "One"), Figure("one", "first & best"), Heading(2, "Two"), Figure("two", "second"), Notes(["<i>n</i>"])]
    page = html(blocks, {"one": SVG, "two": SVG}, title="Ours <1>")
    assert "<title>Ours &lt;1&gt;</title>" in page
    assert "<h1>Ours &lt;1&gt;</h1>" in page
    assert "&lt;i&gt;n" in page
    images = re.findall(r'<img src="data:image/svg\+xml;base64,([^"]+)" alt="([^"]*)">', page)
    assert [(base64.b64decode(data).decode(), said) for data, said in images] == [(SVG, "first &amp; best"), (SVG, "second")]
    assert 'id="a"' not in page  # elements of images are none of the page's, so that two may have the same ids
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids)) == 2
    assert re.findall(r'<a href="#([^"]+)">', page) == ids
    assert re.findall(r"\((\w+\.svg)\)", markdown(blocks)) == ["one.svg", "two.svg"]
    assert re.findall(r"\]{(\w+\.png)}", latex(blocks)) == ["one.png", "two.png"]


def test_one_section_needs_no_table_of_contents() -> None:
    assert "<nav" not in html([Heading(1, "All"), Heading(2, "One"), Notes(["text"])], {})


@pytest.mark.filterwarnings("error")
def test_names_in_the_figure_are_no_formulas_and_leave_room_for_it(tmp_path: Path) -> None:
    for method, accuracy in (("$\\nonsense{$ " + "m" * 80, 0.6), ("srt", 0.8)):
        odd = {"task": {"name": "$\\nonsense{$ and _b"}}
        write_record(tmp_path / f"{accuracy}", method, 0, accuracy, base=0.5, config=odd, intervals=False)
    assert Report(tmp_path).images["efficiency.png"]
