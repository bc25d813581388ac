"""`sdzero-bench view`: what the page holds of runs and records, and where it refuses."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import re
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_runs import command, finished
from viewed_runs import FINAL, page_of, rewrite, small, with_revisions, with_text

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.verdict import ProgramReport, Verdict
from sdzero_bench.records.journal import Journal
from sdzero_bench.records.packing import pack
from sdzero_bench.report.viewer.first_attempts import first_attempts
from sdzero_bench.report.viewer.page_server import page_server
from sdzero_bench.report.viewer.sample_table import read_samples, run_names


def data_of(page: Path) -> dict[str, Any]:
    (packed,) = re.findall(r'id="data">([A-Za-z0-9+/=]*)<', page.read_text())
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def column(data: dict[str, Any], name: str) -> list[Any]:
    coded = data["columns"][name]
    return [coded["values"][code] for code in coded["codes"]] if isinstance(coded, dict) else coded


@pytest.mark.parametrize("packed", [False, True])
def test_the_page_holds_every_sample_of_every_phase_with_its_verdict(tmp_path: Path, packed: bool) -> None:
    run = small(tmp_path / "runs/a", failures=1)
    data = data_of(page_of([pack(run, tmp_path / "records") if packed else run], tmp_path / "page.html"))
    known = [s for samples in Journal(run / "journal").phases.values() for s in samples.values()]
    names = zip(column(data, "phase"), column(data, "question"), column(data, "index"), strict=True)
    rows = zip(names, column(data, "text"), column(data, "reward"), column(data, "answer"), column(data, "tokens"), strict=True)
    found = Counter((phase, question[0], index, *rest) for (phase, question, index), *rest in rows)
    said = ((s.phase, s.question_id, s.index, s.text, s.verdict.reward, s.verdict.answer, len(s.token_ids)) for s in known)
    assert found == Counter(said)
    assert ["test-0", "50000 + 0 = ?", "50000"] in data["columns"]["question"]["values"]  # id, text and gold answer


def test_samples_are_in_the_order_of_the_questions_and_of_their_indices_as_numbers(tmp_path: Path) -> None:
    run = small(tmp_path / "a", questions=12, k=11)
    path = run / "journal" / f"{FINAL}.jsonl"
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))
    table = read_samples({"a": run}, [FINAL]).as_dict()
    found = [(q[0], i) for q, i in zip(column(table, "question"), column(table, "index"), strict=True)]
    assert found == [(f"test-{q}", str(i)) for q in range(12) for i in range(11)]


def test_a_revision_knows_its_first_attempt_and_only_the_words_between(tmp_path: Path) -> None:
    data = data_of(page_of([with_revisions(small(tmp_path / "a"))], tmp_path / "page.html"))
    names = [(q[0], i) for q, i in zip(column(data, "question"), column(data, "index"), strict=True)]
    revised = [i for i, phase in enumerate(column(data, "phase")) if phase.endswith(".revision")]
    assert len(revised) == 32
    for i in revised:
        first = data["columns"]["first"][i]
        assert (column(data, "phase")[first], names[first]) == (FINAL, names[i])
        assert column(data, "before")[i] == "\n\nWait, let me check.\n"
    assert {data["columns"]["first"][i] for i in range(len(names)) if i not in revised} == {-1}


def test_the_first_attempt_is_the_longest_text_that_the_prefix_begins_with(tmp_path: Path) -> None:
    (sample, *_) = Journal(small(tmp_path / "a") / "journal").phases[FINAL].values()
    first = [replace(sample, phase="srt.initial", index=str(i), text=text) for i, text in enumerate(("", "7", "72", "73"))]
    elsewhere = replace(sample, phase="srt.initial", question_id="other", text="72 so")
    revision = replace(sample, phase="srt.revision", index="2-1", prefix="72 so. Wait", text="x")
    unrelated = replace(revision, phase="sft.revision", prefix="73")
    assert first_attempts([*first, elsewhere, revision, unrelated]) == {5: 2}


def test_verdicts_of_programs_say_which_test_failed(tmp_path: Path) -> None:
    run = small(tmp_path / "a")
    verdict = Verdict(0.0, detail="4.1 s CPU", tests=ProgramReport(3, 5, 4, "time"))
    rewrite(run, FINAL, lambda sample: replace(sample, verdict=verdict))
    data = data_of(page_of([run], tmp_path / "page.html"))
    assert "3 of 5 passed; test 4: time" in data["columns"]["tests"]["values"]
    assert "wrong: time" in data["columns"]["outcome"]["values"]


@pytest.mark.parametrize(
    "text",
    ["</script><script>document.title='run'</script>", "\ud800 half a character", "\x00\x1b[2J\u2028\u202e", "<!--<script>"],
)
def test_texts_cannot_end_the_data_that_holds_them(tmp_path: Path, text: str) -> None:
    run = small(tmp_path / "a")
    path = run / "journal" / f"{FINAL}.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({**row, "text": text}) + "\n" for row in rows))
    page = page_of([run], tmp_path / "page.html")
    assert text in data_of(page)["columns"]["text"]["values"]
    assert page.read_text().count("<script") == 2  # the data and the page's own


@pytest.mark.parametrize(
    "change",
    [
        {"text": 5},
        {"prefix": None},
        {"token_ids": "abc"},
        {"prompt_tokens": -1},
        {"finish": "<b>"},
        {"verdict": {"reward": float("nan")}},
        {"verdict": {"reward": 1.0, "answer": ["7"]}},
        {"verdict": {"reward": 1.0, "detail": {}}},
        {"verdict": None},
    ],
)
def test_a_line_that_is_not_a_sample_is_refused_by_name(tmp_path: Path, change: dict[str, Any]) -> None:
    run = small(tmp_path / "a")
    rewrite(run, FINAL, lambda sample: {**json.loads(sample.to_json()), **change})
    with pytest.raises(UserError, match=r"evaluation\.final has a line that is not a sample"):
        read_samples({"a": run})


def test_runs_are_named_by_the_end_of_their_path_that_tells_them_apart() -> None:
    paths = [Path("/x/one/a"), Path("/x/two/a"), Path("/x/two/b"), Path("/x/two/b")]
    assert run_names(paths) == {"one/a": paths[0], "two/a": paths[1], "b": paths[2]}


def test_the_command_writes_a_page_of_all_runs_below_a_folder(tmp_path: Path) -> None:
    small(tmp_path / "runs/one")
    small(tmp_path / "runs/two", "sdzero")
    done = finished(command("view", "runs", "--phase", "evaluation.*", "--out", "new/page.html"), cwd=tmp_path, check=True)
    assert done.stdout == "new/page.html\n"
    data = data_of(tmp_path / "new/page.html")
    assert [run["method"] for run in data["runs"]] == ["rft", "sdzero"]
    assert data["columns"]["phase"]["values"] == [FINAL]


def test_what_cannot_be_shown_is_said(tmp_path: Path) -> None:
    small(tmp_path / "run")
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        (["empty"], "no run in empty"),
        (["nowhere"], "'nowhere' does not exist"),
        (["run", "--phase", "evaluation.finale"], "unknown phase 'evaluation.finale'; did you mean 'evaluation.final'?"),
    ):
        done = finished(command("view", *arguments), cwd=tmp_path)
        assert done.returncode == 2
        assert message in done.stderr
    assert not (tmp_path / "samples.html").exists()


def test_a_damaged_localisation_costs_the_colours_and_nothing_else(tmp_path: Path) -> None:
    run = small(tmp_path / "a")
    (run / "localisation.json").write_text("[]")
    data = data_of(page_of([run], tmp_path / "page.html"))
    assert data["colours"] == {}
    assert "localisation.json" in data["runs"][0]["note"]
    assert len(data["columns"]["run"]) == 40


def test_a_run_in_progress_is_shown_without_its_questions(tmp_path: Path) -> None:
    run = small(tmp_path / "a", state="running")
    for path in (run / "question_sets").iterdir():
        path.unlink()
    data = data_of(page_of([run], tmp_path / "page.html"))
    assert data["runs"][0]["state"] == "running"
    assert data["columns"]["question"]["values"][0][1:] == [None, None]


def test_the_server_gives_the_page_to_this_machine_alone_and_reads_runs_again(tmp_path: Path) -> None:
    run = small(tmp_path / "a")
    file = tmp_path / "page.html"
    with page_server(lambda: page_of([run], file).read_text(), 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def get(path: str, host: str | None = None) -> tuple[int, str]:
            connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
            connection.request("GET", path, headers={"Host": host} if host else {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

        assert get("/")[0] == 200
        with_text(run, "written meanwhile")
        assert get("/", f"localhost:{server.server_port}") == (200, file.read_text())
        assert "written meanwhile" in data_of(file)["columns"]["text"]["values"]
        assert get("/", "evil.example:80")[0] == 403  # a name that an attacker has pointed at this machine
        assert get("/../../etc/passwd")[0] == 404
        (run / "manifest.json").write_text("{")
        assert get("/")[0] == 500
        with pytest.raises(UserError, match="--port"):
            page_server(lambda: "", server.server_port)
        server.shutdown()
