"""Every format of a report, and the command."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import resource
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from small_runs import command, finished
from synthetic_records import only_table, write_comparison, write_record

from sdzero_bench.core.errors import UserError
from sdzero_bench.report.leaderboard.report_files import FORMATS, Report


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return write_comparison(tmp_path / "runs")


HOSTILE = "a|b_c & 100% <script>alert(1)</script> #{~^\\}$ ü"


def test_names_of_others_break_no_format(runs: Path) -> None:
    write_record(runs / "odd", "rft", 0, 0.6, supervision=HOSTILE, config={"model": {"name": HOSTILE}})
    files = {name: text for f in FORMATS for name, text in Report(runs).text(f).items()}
    assert "<script>alert" not in files["leaderboard.html"]
    assert files["leaderboard.html"].count("<script") == 1
    tables = re.findall(r"(?:^\|.*\n)+", files["README.md"], re.MULTILINE)
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    assert "\\<script" in files["README.md"]
    rows = list(csv.DictReader(io.StringIO(files["leaderboard.csv"])))
    assert HOSTILE in {row["supervision"] for row in rows}
    assert HOSTILE in {
        table["conditions"]["model.name"] for b in json.loads(files["leaderboard.json"])["boards"] for table in b["tables"]
    }


def test_html_is_one_whole_page_that_needs_no_other_file(runs: Path) -> None:
    class Tags(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []
            self.links: list[str] = []

        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            if tag not in ("meta", "link", "img", "br", "input"):
                self.open.append(tag)
            self.links += [value or "" for name, value in attributes if name in ("src", "href", "xlink:href")]

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    page = Report(runs).text("html")["leaderboard.html"]
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert all(link.startswith(("#", "data:")) for link in tags.links)
    assert sum(link.startswith("data:image/svg+xml;base64,") for link in tags.links) == 1


def test_latex_is_balanced_and_escaped(runs: Path) -> None:
    write_record(runs / "odd", "rft", 0, 0.6, supervision=HOSTILE)
    text = Report(runs).text("latex")["leaderboard.tex"]
    plain = re.sub(r"\\[\\{}%&$#_]", "", text)
    depth = np.cumsum([{"{": 1, "}": -1}.get(c, 0) for c in plain])
    assert depth.min() >= 0
    assert depth[-1] == 0
    assert sorted(re.findall(r"\\begin{(\w+)}", text)) == sorted(re.findall(r"\\end{(\w+)}", text))
    for columns, body in re.findall(r"\\begin{tabular}{([lr]+)}(.*?)\\end{tabular}", text, re.DOTALL):
        for line in body.strip().splitlines():
            if line.endswith(r"\\"):
                assert len(re.findall(r"(?<!\\)&", line)) == len(columns) - 1
    assert not re.search(r"(?<!\\)[%#$]", text.split("\\begin{document}")[1])


def test_csv_has_a_row_a_method_and_a_row_a_pair(runs: Path) -> None:
    files = Report(runs).text("csv")
    rows = {name: list(csv.DictReader(io.StringIO(text))) for name, text in files.items()}
    assert [row["method"] for row in rows["leaderboard.csv"]] == [s.label for s in only_table(runs).standings]
    assert len(rows["pairs.csv"]) == 6
    assert {row["method"]: float(row["samples"]) for row in rows["cost.csv"]}["rft"] == 40
    assert float(rows["leaderboard.csv"][0]["avg"]) == only_table(runs).standings[0].avg.mean


def test_the_same_records_give_the_same_bytes_wherever_they_lie(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs, tmp_path / "elsewhere" / "runs")
    # A page links to the records near it, so that its bytes depend on where they lie as seen from there, and on nothing else.
    first, second = tmp_path / "page", tmp_path / "elsewhere" / "page"
    written = Report(runs).write(first, FORMATS)
    Report(tmp_path / "elsewhere").write(second, FORMATS)
    assert len(written) == 10
    for path in written:
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name
    assert str(tmp_path) not in (first / "leaderboard.json").read_text()


def test_a_readme_of_somebody_else_is_not_overwritten(runs: Path) -> None:
    (runs / "README.md").write_text("# By hand\n")
    with pytest.raises(UserError, match="not written by a report"):
        Report(runs).write(runs, ["md", "csv"])
    assert not (runs / "leaderboard.csv").exists()
    earlier = "<!-- Written by `sdzero-bench report`; another version said more here. -->\n"
    (runs / "README.md").write_text(earlier)
    Report(runs).write(runs, ["md"])
    Report(runs).write(runs, ["md"])
    assert earlier not in (runs / "README.md").read_text()


def test_200_runs_of_300_questions_take_seconds_and_no_torch(tmp_path: Path) -> None:
    """10 methods, 5 seeds, 4 learning rates: 5 seconds of an idle core, and twice that beside another test.

    Processor time of one thread, as other processes may keep the cores busy and what threads of BLAS spend waiting is
    counted.
    """
    for method in range(10):
        for seed in range(5):
            made = write_record(
                tmp_path / "made" / f"m{method}-s{seed}", f"m{method}", seed, 0.4 + 0.05 * method, 300, 2, intervals=False
            )
            for rate in range(4):
                copy = tmp_path / "runs" / f"{made.name}-{rate}"
                copy.mkdir(parents=True)
                for name in ("result.json", "evaluation.json", "manifest.json"):
                    shutil.copy(made / name, copy / name)
                manifest = json.loads((copy / "manifest.json").read_text())
                manifest["run_id"] = copy.name
                manifest["config"]["optimizer"]["learning_rate"] = 10.0 ** -(rate + 2)
                (copy / "manifest.json").write_text(json.dumps(manifest))
    script = (
        "import sys; from sdzero_bench.cli.app import app\n"
        f"app(['report', {str(tmp_path / 'runs')!r}, '--out', {str(tmp_path / 'out')!r}, '--format', 'md', '--format', 'json'],"
        " standalone_mode=False)\n"
        "sys.exit('torch is imported' if 'torch' in sys.modules else 0)"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    one_thread = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, env=one_thread)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime) < 10
    boards = json.loads((tmp_path / "out" / "leaderboard.json").read_text())["boards"]
    assert [len(board["tables"][0]["methods"]) for board in boards] == [10] * 4


def test_the_command_prints_or_writes_and_says_what_is_wrong_in_one_line(runs: Path, tmp_path: Path) -> None:
    printed = finished(command("report", str(runs)), check=True)
    assert "| 1 | a | sdzero |" in printed.stdout
    assert "![" not in printed.stdout  # of files that are not written
    assert printed.stdout.startswith("# Leaderboard")
    wrong = finished(command("report", str(runs), "--format", "docx"))
    assert wrong.returncode == 2
    assert len(wrong.stderr.splitlines()) == 1
    assert "unknown format 'docx'" in wrong.stderr
