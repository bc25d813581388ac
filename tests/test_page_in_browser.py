"""The report page in a real browser: it loads alone, sorts, filters, fits a phone, turns dark, prints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import launched, opened
from synthetic_records import write_comparison, write_record

from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.report.leaderboard.curve_views import draw_curves
from sdzero_bench.report.leaderboard.curves_of_rows import CurvesOfTable, PointOfRow
from sdzero_bench.report.leaderboard.report_files import Report
from sdzero_bench.report.rendering.blocks import Bars, Heading, Table
from sdzero_bench.report.rendering.page import html

pytestmark = pytest.mark.browser

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>" + "long" * 40
PHONE = {"viewport": {"width": 400, "height": 800}}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a report on a leaderboard with several seeds and another with names that mean harm."""
    folder = tmp_path_factory.mktemp("report")
    write_comparison(folder / "runs")
    odd = {"supervision": HOSTILE, "config": {"model": {"name": HOSTILE}}, "intervals": False}
    for number, method in enumerate(("rft", "<b>&" + "m" * 80)):
        write_record(folder / "runs" / f"odd {number} #1?", method, 0, 0.6 + 0.2 * number, base=0.5, **odd)
    Report(folder / "runs").write(folder / "page", ["html"])
    return folder / "page" / "leaderboard.html"


@pytest.fixture
def sortable(tmp_path: Path) -> Path:
    """Rows whose order as text is not their order as figures; in none of the columns are they in order."""
    rows = [
        ["1", "b", "9.5 [9.0, 10.0]", "1,000", "0.5"],
        ["10", "a", "-", "900", "< 0.0001"],
        ["2", "c", "-20.0 [-30.0, -1.0]", "20", "0.0001"],
        ["3", "A2", "100.0 [99.0, 100.0]*", "3", "0.06"],
    ]
    (tmp_path / "page.html").write_text(html([Heading(1, "T"), Table(["rank", "name", "avg", "n", "p"], rows, left=2)], {}))
    return tmp_path / "page.html"


def names(page: Any) -> str:
    return " ".join(page.locator("tbody th").all_inner_texts())


def test_it_loads_alone_and_silently_and_names_that_mean_harm_do_none(browser: Any, report: Path) -> None:
    with opened(browser, report) as page:
        page.on("dialog", lambda dialog: pytest.fail(f"a name of others ran: {dialog.message}"))
        assert page.title() == "Leaderboard"
        assert page.locator("table").count() >= 4
        assert page.get_by_text("alert(1)").count() > 0
        assert page.evaluate("[...document.images].map((i) => i.complete && i.naturalWidth > 100)") == [True]


def test_a_script_that_got_in_all_the_same_is_not_run(browser: Any, report: Path, tmp_path: Path) -> None:
    """The page's policy is the second wall, behind the escaping."""
    broken = tmp_path / "broken.html"
    broken.write_text(report.read_text().replace("</h1>", "</h1><script>document.title = 'run'</script>", 1))
    page = browser.new_page()
    page.goto(broken.as_uri())
    assert page.title() == "Leaderboard"
    page.close()


@pytest.mark.parametrize(
    ("heading", "first", "second"),
    [
        ("rank", "b c A2 a", "a A2 c b"),
        ("name", "a A2 b c", "c b A2 a"),
        ("avg", "A2 b c a", "c b A2 a"),  # what has no figure is last either way
        ("n", "b a c A2", "A2 c a b"),
        ("p", "b A2 c a", "a c A2 b"),
    ],
)
def test_a_heading_sorts_by_figures_both_ways(browser: Any, sortable: Path, heading: str, first: str, second: str) -> None:
    with opened(browser, sortable) as page:
        head = page.locator("thead th", has_text=re.compile(f"^{heading}$"))
        ways = ["descending", "ascending"] if heading in ("avg", "n", "p") else ["ascending", "descending"]
        assert head.get_attribute("aria-sort") == "none"
        head.get_by_role("button").click()
        assert (names(page), head.get_attribute("aria-sort")) == (first, ways[0])
        head.get_by_role("button").click()
        assert (names(page), head.get_attribute("aria-sort")) == (second, ways[1])


def test_the_keyboard_sorts_and_one_heading_at_a_time_says_so(browser: Any, sortable: Path) -> None:
    with opened(browser, sortable) as page:
        page.get_by_role("button", name="name").press("Enter")
        page.get_by_role("button", name="avg").press("Space")
        assert names(page) == "A2 b c a"
        assert page.evaluate("[...document.querySelectorAll('th')].filter((t) => /ending/.test(t.ariaSort)).length") == 1


def test_the_filter_leaves_the_rows_of_the_methods_that_it_names(browser: Any, report: Path) -> None:
    with opened(browser, report) as page:
        every = page.locator("tbody tr").count()
        page.get_by_role("searchbox").fill("SDzero, no such")
        shown = page.locator("tbody tr:visible th").all_inner_texts()
        assert 0 < len(shown) < every
        assert all("sdzero" in name for name in shown)
        assert page.locator("output").inner_text() == f"{len(shown)} of {every} rows"
        page.get_by_role("searchbox").fill("1")  # a rank is no name
        assert page.locator("tbody tr:visible").count() == 0
        page.get_by_role("searchbox").fill("")
        assert page.locator("tbody tr:visible").count() == every


@pytest.mark.parametrize("called", [0, 2])
def test_long_names_take_lines_and_leave_the_figures_in_sight(browser: Any, tmp_path: Path, called: int) -> None:
    row = ["a claim of a good many words" * 6, "one method - another method" * 2, "task", "1.0 [0.5, 1.5]", "holds"]
    table = Table(["claim", "pair", "task", "here", "verdict"], [row], left=3, called=called)
    (tmp_path / "page.html").write_text(html([Heading(1, "T"), table], {}))
    with opened(browser, tmp_path / "page.html", viewport={"width": 900, "height": 600}) as page:
        assert names(page) == row[called]
        assert (
            page.evaluate("(({scrollWidth, clientWidth}) => scrollWidth - clientWidth)(document.querySelector('.wide'))") == 0
        )
        assert page.locator("td small").bounding_box()["height"] < 30  # an interval stays on its line


def test_on_a_phone_the_tables_scroll_and_the_page_does_not(browser: Any, report: Path) -> None:
    with opened(browser, report, **PHONE) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == 400
        box = page.locator(".wide").first
        assert box.evaluate("(box) => box.scrollWidth > box.clientWidth")
        box.evaluate("(box) => box.scrollLeft = 200")
        name = box.locator("tbody th").first
        assert name.bounding_box()["x"] == pytest.approx(box.bounding_box()["x"], abs=2)
        widths = page.evaluate("[...document.querySelectorAll('tbody th')].map((t) => t.offsetWidth)")
        assert max(widths) < 200  # of the 400, however long a name is


def test_dark_is_dark_for_figures_too_and_light_is_light(browser: Any, report: Path) -> None:
    def brightness(scheme: str) -> list[float]:
        """Of a corner of the page, of its text, and of the corner of the figure as it is painted."""
        from io import BytesIO

        from PIL import Image

        with opened(browser, report, color_scheme=scheme) as page:
            text = page.evaluate("getComputedStyle(document.body).color")
            painted = [Image.open(BytesIO(shot)) for shot in (page.screenshot(), page.locator("figure img").screenshot())]
            values = [sum(image.convert("RGB").getpixel((3, 3))) / 3 for image in painted]
        return [values[0], sum(map(int, re.findall(r"\d+", text)[:3])) / 3, values[1]]

    ground, text, figure = brightness("dark")
    assert ground < 60 < 180 < text
    assert figure < 60
    ground, text, figure = brightness("light")
    assert text < 60 < 180 < ground
    assert figure > 180


def test_it_prints_light_and_whole_from_a_dark_screen(browser: Any, report: Path) -> None:
    with opened(browser, report, color_scheme="dark") as page:
        assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not page.get_by_role("searchbox").is_visible()
        assert page.evaluate(
            "[...document.querySelectorAll('.wide')].every((b) => getComputedStyle(b).overflowY === 'visible')"
        )


def test_without_scripts_everything_is_there_but_the_filter(browser: Any, report: Path) -> None:
    with opened(browser, report, java_script_enabled=False) as page:
        assert page.locator("tbody th", has_text=re.compile("^sdzero$")).first.is_visible()
        assert not page.locator(".filter").is_visible()
        assert page.locator("thead button").count() == 0


def test_links_lead_to_the_records_and_contents_to_the_sections(browser: Any, report: Path) -> None:
    with opened(browser, report) as page:
        found = page.evaluate("[...document.querySelectorAll('td a')].map((a) => decodeURIComponent(new URL(a.href).pathname))")
        folders = {Path(path) for path in found}
        assert folders == {path.parent for path in (report.parent.parent / "runs").rglob("result.json")}
        targets = page.evaluate("[...document.querySelectorAll('nav a')].map((a) => document.querySelector(a.hash).tagName)")
        assert len(targets) >= 3
        assert set(targets) <= {"H2", "H3"}


def test_an_interval_beyond_the_scale_ends_in_an_arrow_and_the_others_are_seen(browser: Any, tmp_path: Path) -> None:
    cells = ["1.0 [-2.0, 3.0]", "-1.0 [-3.0, 1.0]", "2.0 [0.5, 3.0]", "0.0 [-1.0, 1.0]", "-80.0 [-85.0, -75.0]*"]
    table = Table(["m", "a"], [[f"m{i}", cell] for i, cell in enumerate(cells)], bars=Bars([1], 0.0, "none"))
    (tmp_path / "page.html").write_text(html([Heading(1, "T"), table], {}))
    with opened(browser, tmp_path / "page.html") as page:
        bars = page.locator(".bar")
        drawn = [bars.nth(i).locator("path:not(.mark):not(.beyond)").bounding_box()["width"] for i in range(5)]
        assert min(drawn[:4]) > 30  # of 120 pixels, rather than 3
        assert page.locator(".bar .beyond").count() == 1
        arrow, whole = bars.nth(4).locator(".beyond").bounding_box(), bars.nth(4).bounding_box()
        assert whole["x"] <= arrow["x"] <= whole["x"] + 3
        assert arrow["width"] >= 5
        assert page.locator(".scale").inner_text().endswith("An arrow: the interval goes beyond the scale.")


@pytest.mark.parametrize("width", [390, 900, 1280])
def test_a_table_that_is_shown_whole_is_cut_off_nowhere(browser: Any, tmp_path: Path, width: int) -> None:
    """As the claims are: 40 rows, long texts, figures with intervals."""
    row = ["SD-Zero gains at least 10 points", "sdzero after SRT - without SRT", "micro-arith", "4,750 tokens, Table 9"]
    rows = [[*row, "-0.012 [-0.033, 0.012]", "tokens", "0.0043", "3", "inconclusive (underpowered)"] for _ in range(40)]
    headings = ["claim", "after - before", "task", "paper", "difference", "unit", "p (Holm)", "seeds", "verdict"]
    table = Table(headings, rows, left=3, called=0, whole=True)
    (tmp_path / "page.html").write_text(html([Heading(1, "T"), table], {}))
    with opened(browser, tmp_path / "page.html", viewport={"width": width, "height": 800}) as page:
        hidden = page.locator(".wide").evaluate("(b) => [b.scrollWidth - b.clientWidth, b.scrollHeight - b.clientHeight]")
        assert hidden == [0, 0]
        ends = page.evaluate("[...document.querySelectorAll('tbody *')].map((e) => e.getBoundingClientRect().right)")
        assert max(ends) <= width
        assert page.locator("tbody tr").last.locator("td").last.is_visible()
        page.get_by_role("searchbox").fill("no such")
        assert page.locator("tbody tr:visible").count() == 0


def test_tasks_on_boards_of_their_own_are_side_by_side_in_one_table(browser: Any, tmp_path: Path) -> None:
    for number, task in enumerate(("micro-arith", "micro-code")):
        shared: dict[str, Any] = {
            "config": {"task": {"name": task}, "sampling": {"max_new_tokens": 64 + number}},
            "intervals": False,
        }
        write_record(tmp_path / f"runs/base-{task}", "base", 0, 0.3, **shared)
        write_record(tmp_path / f"runs/rft-{task}", "rft", 0, 0.6, **shared)
    write_record(tmp_path / "runs/more", "sft", 0, 0.5, **shared)
    Report(tmp_path / "runs").write(tmp_path / "page", ["html"])
    with opened(browser, tmp_path / "page" / "leaderboard.html", viewport={"width": 900, "height": 800}) as page:
        table = page.get_by_role("region", name="All tasks")
        assert table.locator("thead th").all_inner_texts() == [
            "method",
            "mean (%)",
            "micro-arith avg@4 (%)",
            "micro-code avg@4 (%)",
        ]
        cells = {row[0]: row[1:] for row in (tr.locator("th, td").all_inner_texts() for tr in table.locator("tbody tr").all())}
        assert cells.keys() == {"base", "rft", "sft"}
        means = {name: [float(cell.split()[0]) for cell in row if cell != "-"] for name, row in cells.items()}
        for name in ("base", "rft"):
            mean, *tasks = means[name]
            assert mean == pytest.approx(sum(tasks) / 2, abs=0.1)
        assert cells["sft"][:2] == ["-", "-"]
        assert cells["rft"][1].endswith("(1)")


def test_labels_of_learning_curves_are_inside_their_figure_and_apart(browser: Any, tmp_path: Path) -> None:
    """Of a table with 40 rows of long names above a small one, both with titles that no line holds."""

    def point(share: float) -> PointOfRow:
        return PointOfRow(share, Estimate(share, share - 0.02, share + 0.02), None, 4000 * share, share, share, share, "CPU")

    def curves(rows: int) -> CurvesOfTable:
        points = {f"a method of a long name {i}, distill.epochs=4": [point(1.0)] for i in range(rows)}
        return CurvesOfTable(8, 300, 100, None, points, {}, ())

    tables = [("micro-arith (" + "budget.samples=4000; " * 30 + ")", curves(40)), ("x" * 400, curves(2))]
    (tmp_path / "curves.svg").write_bytes(draw_curves(tables)["svg"])
    with opened(browser, tmp_path / "curves.svg") as page:
        whole, *texts = page.evaluate(
            "[document.documentElement, ...document.querySelectorAll('[id^=text_], [id^=legend]')].map((e) => {"
            "const {left, top, right, bottom} = e.getBoundingClientRect(); return [left, top, right, bottom, e.id]; })"
        )
        assert len(texts) > 42
        out = [t for t in texts if t[0] < whole[0] or t[1] < whole[1] or t[2] > whole[2] + 1 or t[3] > whole[3] + 1]
        assert out == []
        legends = [t for t in texts if t[4].startswith("legend")]
        assert len(legends) == 2
        assert legends[0][3] <= legends[1][1]
