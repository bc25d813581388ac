"""What a phase shows on a terminal while it runs, and what stays of it; nothing of it reaches a pipe."""

from __future__ import annotations

import io
import math
import time
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from sdzero_bench.core.live_view import BLOCKS, LINES, POINTS, Curve, LastSample, PhaseView
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.core.verdict import Verdict

TEXTS = {
    "escape sequences": "\x1b[2J\x1b]0;title\x07 \x9b31m",
    "bidi and zeros": "a\u202eb\x00c\u2066",
    "half characters": "\ud83d",
    "wide": "数学" * 300,
    "emoji": "👩‍👩‍👧 🎉" * 100,
    "markup": "[red]not red[/red] [/] [link=x]",
    "one long line": "x" * 1_000_000,
    "many lines": "\n".join(map(str, range(1000))),
    "other line ends": "a\rb\x0bc\x0cd\u2028e\x85f",
    "tabs": "\t\tx\ty",
    "empty": "",
}


def terminal(width: int = 80, height: int = 30, **options: Any) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=height, color_system=None, **options)


def drawn(view: PhaseView, console: Console) -> list[str]:
    with console.capture() as capture:
        console.print(view)
    return capture.get().splitlines()


@pytest.mark.parametrize("width", [1, 20, 39, 40, 80, 200])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_no_text_breaks_out_of_its_lines(text: str, width: int) -> None:
    view = PhaseView("bar")
    view.add({"right": 0.5, "tokens": 1234.5})
    view.last = LastSample(text or "q/0", text, Verdict(0.0, answer=text, detail=text))
    lines = drawn(view, terminal(width))
    assert len(lines) <= 3 + 1 + LINES or width < 10
    assert all(cell_len(line) <= width for line in lines)
    assert all(c.isprintable() for line in lines for c in line)


def test_the_view_has_curves_and_the_end_of_the_last_sample_with_its_verdict() -> None:
    view = PhaseView("bar")
    for step in range(8):
        view.add({"loss": 7.0 - step, "right": step / 7})
    view.last = LastSample("test-1/0", "1\n2\n\n3\n4\n5", Verdict(0.0, answer="7"))
    lines = [line.strip() for line in drawn(view, terminal())]
    assert lines[:4] == ["bar", "loss  █▇▆▅▄▃▂▁ 0", "right  ▁▂▃▄▅▆▇█ 100%", "test-1/0  wrong: 7"]
    assert lines[4:] == ["2", "3", "4", "5"]


@pytest.mark.parametrize(("width", "height"), [(39, 30), (80, 11)])
def test_a_small_terminal_has_the_bar_alone(width: int, height: int) -> None:
    view = PhaseView("bar")
    view.add({"loss": 1.0})
    assert drawn(view, terminal(width, height)) == ["bar"]


@pytest.mark.parametrize("count", [1, 2, POINTS, 2 * POINTS - 1, 2 * POINTS, 1000, 100_000])
def test_a_curve_of_any_length_rises_if_its_values_do(count: int) -> None:
    curve = Curve()
    for i in range(count):
        curve.add(i)
    shape, last = curve.text(POINTS).split(" ")
    assert 1 <= len(shape) <= POINTS
    assert list(shape) == sorted(shape, key=BLOCKS.index)
    if count > 1:
        assert (shape[0], shape[-1]) == (BLOCKS[0], BLOCKS[-1])
        assert float(last.replace(",", "")) == pytest.approx(count, rel=0.05, abs=1)


def test_a_curve_leaves_out_what_is_not_finite() -> None:
    curve = Curve()
    for value in (math.nan, 1.0, math.inf, 1.0, -math.inf):
        curve.add(value)
    assert curve.text(10) == "▄▄ 1"
    assert Curve().text(10) == ""


def test_after_a_phase_its_bar_stays_and_the_view_is_gone() -> None:
    console = terminal()
    display = ProgressDisplay(console)
    with display.phase("rft.sample", 4) as bar:
        bar.advance(4, rewards=[1.0, 0.0, None, 1.0])
        bar.show(LastSample("q/3", "the text", Verdict(1.0)), 12.0)
        while "the text" not in console.file.getvalue():
            time.sleep(0.02)
    console.print("after")
    said = console.file.getvalue()
    assert "the text" not in said.rpartition("\x1b[2K")[2]  # its lines were erased
    assert "4/4 samples 67% right" in said.rpartition("\x1b[2K")[2]


@pytest.mark.parametrize("console", [Console(file=io.StringIO(), width=80), terminal(_environ={"TERM": "dumb"})])
def test_without_a_terminal_there_is_one_line_and_no_control_character(console: Console) -> None:
    with ProgressDisplay(console).phase("rft.sample", 4) as bar:
        for _ in range(4):
            bar.advance(1, rewards=[1.0])
            bar.show(LastSample("q/3", "the text", Verdict(1.0)), 12.0)
    said = console.file.getvalue()
    assert "4/4 samples 100% right" in said
    assert "the text" not in said
    if not console.is_terminal:
        assert "\x1b" not in said


def test_a_phase_that_fails_leaves_its_bar_and_the_cursor() -> None:
    console = terminal()

    def fails() -> None:
        with ProgressDisplay(console).phase("rft.sample", 4) as bar:
            bar.advance(1, rewards=[1.0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fails()
    said = console.file.getvalue()
    assert "1/4 samples" in said
    assert said.count("\x1b[?25l") == said.count("\x1b[?25h") == 1


def test_a_terminal_without_blocks_gets_ascii() -> None:
    console = Console(file=io.TextIOWrapper(io.BytesIO(), encoding="ascii"), force_terminal=True, width=80, height=30)
    view = PhaseView("bar")
    view.add({"loss": 1.0})
    view.add({"loss": 2.0})
    assert drawn(view, console)[1].strip() == "loss  _# 2"
