"""`sdz.load`: what the data frames hold, against the records' files and the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from small_runs import command, finished
from synthetic_records import write_comparison, write_record

import sdzero_bench as sdz
from sdzero_bench.api import frame_columns
from sdzero_bench.records.packing import pack
from sdzero_bench.report.leaderboard.report_files import Report

ROOT = Path(__file__).parent.parent
MICRO = ROOT / "results" / "micro"
HOSTILE = "a|b <script>alert(1)</script> & $x_{1}$ ü"


@pytest.fixture(scope="module")
def micro() -> sdz.Records:
    return sdz.load(MICRO)


@pytest.fixture(scope="module")
def document() -> dict:
    """What `sdzero-bench report --format json` has written of the same records; test_results.py holds it against them."""
    return json.loads((MICRO / "leaderboard.json").read_text())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_comparison(tmp_path_factory.mktemp("made") / "runs")
    write_record(folder / "odd", "rft", 0, 0.6, failures=2, answers=False, base=0.3, config={"task": {"name": "micro-code"}})
    write_record(folder / "unfinished", "rft", 9, state="running")
    return folder


@pytest.fixture(scope="module")
def records(made: Path) -> sdz.Records:
    return sdz.load(made)


def test_the_import_loads_nothing_heavy() -> None:
    """Nor does the list of its names, which an editor asks for."""
    heavy = "('torch', 'pandas', 'numpy', 'matplotlib', 'pydantic', 'transformers')"
    program = f"import sys, sdzero_bench as sdz; dir(sdz); print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_public_name_can_be_imported() -> None:
    assert all(getattr(sdz, name) is not None for name in sdz.__all__)
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        sdz.lod  # noqa: B018


FRAMES = ["runs", "evaluation", "by_question", "ledger", "training", "samples"]


@pytest.mark.parametrize("name", FRAMES)
def test_columns_and_dtypes_are_the_documented_ones_with_and_without_rows(records: sdz.Records, name: str) -> None:
    columns = getattr(frame_columns, name.upper())
    for frame in (getattr(records, name), getattr(records[:0], name)):
        assert {column: str(frame[column].dtype) for column in frame} == {n: dtype for n, (dtype, _) in columns.items()}


def test_what_trainers_log_is_documented(records: sdz.Records) -> None:
    """But for TRL's own figures, whose names have a slash."""
    own = {column for column in records.training if "/" not in column}
    assert own <= frame_columns.TRAINING.keys() | frame_columns.LOGGED.keys()


@pytest.mark.parametrize("name", ["standings", "pairs", "costs"])
def test_so_are_those_of_a_leaderboard(records: sdz.Records, name: str) -> None:
    frame, columns = getattr(records.leaderboard(), name), getattr(frame_columns, name.upper())
    assert {column: str(frame[column].dtype) for column in frame} == {n: dtype for n, (dtype, _) in columns.items()}


def test_packed_records_give_the_frames_of_whole_runs(made: Path, records: sdz.Records, tmp_path: Path) -> None:
    for run in records.where(state="finished"):
        pack(run.folder, tmp_path / run.folder.name)
    packed, whole = sdz.load(tmp_path), records.where(state="finished")
    for name in FRAMES:
        own, theirs = (getattr(some, name).drop(columns="folder", errors="ignore") for some in (whole, packed))
        pd.testing.assert_frame_equal(own, theirs, check_categorical=False)


def test_samples_give_the_measured_accuracy_and_the_ledger(records: sdz.Records) -> None:
    samples = records.samples
    measured = samples[samples.phase == "evaluation.final"].groupby(["run_id", "question_id"], observed=True).reward.mean()
    recorded = records.by_question[records.by_question.policy == "final"].set_index(["run_id", "question_id"]).avg_at_k
    assert measured.sort_index().to_numpy() == pytest.approx(recorded.sort_index().to_numpy())
    drawn = samples.groupby(["run_id", "phase"], observed=True).completion_tokens.agg(["size", "sum"])
    used = records.ledger.set_index(["run_id", "phase"]).loc[drawn.index]
    assert (drawn["size"].tolist(), drawn["sum"].tolist()) == (used.samples.tolist(), used.generated_tokens.tolist())
    charged = records.ledger[records.ledger.charged].groupby("run_id").samples.sum()
    assert (
        charged.to_dict()
        == records.runs.dropna(subset="training_samples").set_index("run_id").training_samples.loc[charged.index].to_dict()
    )


def test_what_was_not_measured_or_not_verified_is_missing_and_not_0(records: sdz.Records) -> None:
    odd = records.where(task="micro-code")
    assert odd.evaluation.maj_at_k.isna().all()
    assert odd.samples.reward.isna().sum() == odd.evaluation.unverified.sum() == 2
    assert records.evaluation[records.evaluation.policy == "base"].over_base.isna().all()
    assert records.runs.set_index("run_id").loc["unfinished"].isna()[["avg_at_k", "training_samples"]].all()


def test_some_phases_alone_are_read(records: sdz.Records) -> None:
    final = records.read_samples("evaluation.final")
    assert set(final.phase) == {"evaluation.final"}
    with pytest.raises(sdz.UserError, match=r"no phase matches 'evaluation.finall'; there are: .*evaluation\.final"):
        records.read_samples("evaluation.finall")


def test_runs_are_chosen_by_place_name_and_column(records: sdz.Records) -> None:
    assert [run.run_id for run in records[:2]] == [records[0].run_id, records[1].run_id]
    assert records["rft-s1"].seed == 1
    assert records["rft-s1"] in records.where(method="rft")
    assert records["rft-s1"] not in records.where(method="srt")
    assert set(records.where(method=["rft", "srt"], seed=range(2)).runs.run_id) == {
        "rft-s0",
        "rft-s1",
        "srt-s0",
        "srt-s1",
        "odd",
    }
    for lookup in (lambda: records["rft-s11"], lambda: sdz.methods["rftt"], lambda: sdz.tasks["micro-arit"]):
        with pytest.raises(KeyError, match="did you mean '") as caught:
            lookup()
        assert isinstance(caught.value, sdz.UserError)
    with pytest.raises(sdz.UserError, match="unknown method 'rfft'; did you mean 'rft'"):
        records.where(method="rfft")
    with pytest.raises(sdz.UserError, match="did you mean 'method'"):
        records.where(methods="rft")


def test_a_folder_below_another_counts_once(made: Path, records: sdz.Records) -> None:
    assert len(sdz.load(made, made / "rft-s0")) == len(records)
    with pytest.raises(sdz.UserError, match="does not exist"):
        sdz.load(made / "nowhere")


def test_the_leaderboard_is_the_report(micro: sdz.Records, document: dict) -> None:
    """Every number, unrounded, on the committed records."""
    board = micro.leaderboard()
    assert json.loads(json.dumps(board.to_dict())) == document
    tables = [table for board in document["boards"] for table in board["tables"]]
    standings = board.standings.set_index(["task", "method"])
    for table in tables:
        for row in table["methods"]:
            found = standings.loc[table["task"], row["method"]]
            assert (None if pd.isna(found["rank"]) else found["rank"]) == row["rank"]  # controls have none
            assert found["group"] == row["group"]
            for name in ("avg", "pass", "tokens"):
                assert {"mean": found[name], "low": found[f"{name}_low"], "high": found[f"{name}_high"]} == row[name]
            if row["over_reference"]:
                over = row["over_reference"]
                assert (found.difference, found.p_holm) == (over["difference"]["mean"], over["p_holm"])
                assert found.decision == over["decision"]
    assert len(board.pairs) == sum(len(table["pairs"]) for table in tables)


@pytest.mark.parametrize("swapped", [False, True])
def test_two_methods_differ_as_in_the_report(micro: sdz.Records, document: dict, swapped: bool) -> None:
    table = document["boards"][0]["tables"][0]
    pair = next(pair for pair in table["pairs"] if {pair["before"], pair["after"]} == {"rft", "grpo"})
    sides = (pair["after"], pair["before"]) if swapped else (pair["before"], pair["after"])
    found = micro.compare(*sides, task=table["task"])
    sign = -1 if swapped else 1
    assert (found.before, found.after) == sides
    assert found.difference.mean == sign * pair["difference"]["mean"]
    assert found.questions.difference.mean() == pytest.approx(found.difference.mean)
    assert (found.p, found.p_equivalent, found.detectable) == (pair["p"], pair["p_equivalent"], pair["detectable"])
    assert (found.decision in ("higher", "lower")) == (pair["decision"] in ("higher", "lower"))


def test_two_runs_differ_as_the_command_says(micro: sdz.Records) -> None:
    chosen = micro.where(task="micro-code", seed=0, method=["rft", "sft"])
    before, after = chosen[0], chosen[1]
    said = json.loads(finished(command("compare", str(before.folder), str(after.folder), "--json"), check=True).stdout)
    found = chosen.compare(before.run_id, after)
    for name in ("p", "p_equivalent", "detectable", "decision"):
        assert getattr(found, name) == said[name]
    assert found.difference.as_dict() == said["difference"]
    assert [change.id for change in found.gained] == [change["id"] for change in said["gained"]]
    assert len(found.questions) == said["questions"]
    assert found.questions.difference.mean() == pytest.approx(said["difference"]["mean"])


@pytest.mark.parametrize(
    ("sides", "message"),
    [
        (("rft", "sdzerro"), "unknown run or method 'sdzerro'; did you mean 'sdzero'"),
        (("sdzero", "sdzero"), "compared with itself"),
        (("rft-s0", "rft"), "name two runs, or two methods"),
        (("rft", "base"), r"stand in 2 tables \(micro-code, micro-arith\); name one with task="),
    ],
)
def test_what_cannot_be_compared_is_refused_in_words(records: sdz.Records, sides: tuple[str, str], message: str) -> None:
    with pytest.raises(sdz.UserError, match=message):
        records.compare(*sides)


def test_latex_of_a_table_is_that_of_the_report(made: Path, records: sdz.Records) -> None:
    (written,) = [text for name, text in Report(made).text("latex-tables").items() if "arith" in name]
    assert records.leaderboard().to_latex("micro-arith") == written
    with pytest.raises(sdz.UserError, match="Name one with task="):
        records.leaderboard().to_latex()


def test_html_escapes_what_records_hold(tmp_path: Path) -> None:
    for seed, method in enumerate((HOSTILE, "rft")):
        write_record(tmp_path / method[:3], method, seed, 0.5, config={"model": {"name": HOSTILE}}, supervision=HOSTILE)
    records = sdz.load(tmp_path)
    shown = [records, records[0], records.leaderboard(), records.compare(HOSTILE, "rft")]
    for some in shown:
        assert "<script" not in some._repr_html_()
    assert all("&lt;script" in some._repr_html_() for some in shown)


def test_labels_of_policies_stay_inside_their_axes() -> None:
    from matplotlib.figure import Figure

    run = next(run for run in sdz.load(ROOT / "results/run") if run.result.method == "sdzero")
    axes = run.plot_learning_curve(Figure(figsize=(7, 4), layout="constrained").subplots())
    axes.figure.draw_without_rendering()
    assert [label.get_text() for label in axes.texts] == ["base", "srt", "final"]
    for label in axes.texts:
        assert axes.bbox.x0 <= label.get_window_extent().x0 < label.get_window_extent().x1 <= axes.bbox.x1


def test_plots_draw_the_numbers_on_the_axes_that_they_are_given(records: sdz.Records) -> None:
    from matplotlib.figure import Figure

    panel = Figure().subplots()
    assert records.plot_efficiency("micro-arith", ax=panel) is panel
    drawn = {label: line.lines[0].get_ydata()[-1] for line, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    standings = records.leaderboard().standings.query("task == 'micro-arith'").set_index("method").avg
    assert drawn == pytest.approx((100 * standings).to_dict())
    panel = records.compare("srt", "sdzero").plot(Figure().subplots())
    assert panel.lines[0].get_ydata()[0] == pytest.approx(100 * records.compare("srt", "sdzero").difference.mean)
    assert records["rft-s0"].plot_learning_curve(Figure().subplots()).get_xlabel() == "training samples drawn"
    with pytest.raises(sdz.UserError, match="plot_efficiency"):
        records.plot_learning_curves(task="micro-arith")
