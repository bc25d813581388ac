"""Rows by columns come back as they were, from one small file per folder; what is not as it was written is refused in words."""

from __future__ import annotations

import json
import lzma
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_edits import says
from synthetic_records import write_record

from sdzero_bench.core.completion import sample_seed
from sdzero_bench.core.errors import UserError
from sdzero_bench.records.by_column import from_columns, to_columns
from sdzero_bench.records.packed_folder import names_in, pack_folder, packed_folder, rows_in
from sdzero_bench.records.packed_lines import phases_in, read_lines
from sdzero_bench.records.packing import pack
from sdzero_bench.records.prompt_digests import Prompts, prompts_of, without_prompts
from sdzero_bench.report.audit.audit import check_record

KEYS = st.sampled_from(["a", "values", "columns", "at", "seed", "", "ü"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
ROWS = st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=6)


def exactly(content: object) -> str:
    """As text, since 1, 1.0 and True are equal."""
    return json.dumps(content, sort_keys=True)


@pytest.mark.parametrize(
    "rows",
    [
        [{"a": 2**53 + 1}, {"a": None}, {"a": 0.5}],
        [{"a": 2**53 + 1}, {}, {"a": "null"}],
        [{"a": {}}, {"a": {}}],
        [{"a": {}}, {"a": None}, {"a": []}],
        [{"a": 1}, {"a": 1.0}, {"a": True}, {"a": "1"}],
        [{"a": {"b": 1}}, {"a": {"c": 2}}],
        [{"a": -0.0}, {"a": 1e-320}, {"a": 0.1 + 0.2}],
        [{str(number): 2**63 + number for number in range(300)} | {"x": 1.5}],
        [{"a": "\u2028\r\n\x00"}],
    ],
)
def test_kinds_of_values_that_other_columnar_formats_have_changed(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    """Numbers beyond 53 bits beside a null, null and a missing key, objects without keys, mixed types."""
    assert exactly(rows_in(written(tmp_path, pack_folder({"rft": rows})), "rft")) == exactly(rows)


@given(ROWS)
def test_columns_are_the_rows_again(rows: list[dict[str, Any]]) -> None:
    assert exactly(from_columns(json.loads(json.dumps(to_columns(rows))), len(rows), most=1000)) == exactly(rows)


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.sampled_from(["rft", "evaluation.final", "ü"]), ROWS, max_size=3))
def test_a_folder_is_its_files_again(tmp_path_factory: pytest.TempPathFactory, files: dict[str, list[dict[str, Any]]]) -> None:
    packed = written(tmp_path_factory.mktemp("record"), pack_folder(files))
    assert exactly({name: rows_in(packed, name) for name in names_in(packed)}) == exactly(files)


def written(folder: Path, data: bytes) -> Path:
    packed = packed_folder(folder / "journal")
    packed.write_bytes(data)
    return packed


def sampled(count: int, stream: tuple[int, str]) -> list[dict[str, Any]]:
    asked = [(f"train-{i // 4}", str(i % 4)) for i in range(count)]
    return [{"question_id": q, "index": i, "token_ids": [3, 4], "seed": sample_seed(*stream, q, i)} for q, i in asked]


def test_seeds_are_left_out_only_where_all_of_them_follow_from_the_stream(tmp_path: Path) -> None:
    rows = sampled(200, (7, "rft.sample"))
    derived = pack_folder({"rft": rows}, {"rft": [(7, "elsewhere"), (7, "rft.sample")]})
    literal = pack_folder({"rft": rows}, {"rft": [(7, "elsewhere")]})
    # 63 bits a seed, which nothing can compress.
    assert len(derived) < len(literal) - 200 * 63 / 8
    assert rows_in(written(tmp_path, literal), "rft") == rows_in(written(tmp_path, derived), "rft") == rows
    rows[150]["seed"] += 1
    assert rows_in(written(tmp_path, pack_folder({"rft": rows}, {"rft": [(7, "rft.sample")]})), "rft") == rows


def test_digests_of_prompts_are_kept_once_and_others_stay() -> None:
    """A revision's prompt is another one than that of its question, and a row without a digest stays as it is."""
    rows = [{"question_id": f"q{i // 2}", "index": str(i % 2), "prompt_sha256": f"{i // 2:016x}"} for i in range(6)]
    revised = [{**row, "prompt_sha256": f"{9 + i:016x}"} for i, row in enumerate(rows[:2])] + [{"question_id": "q0"}, {}]
    journals = {"first": rows, "second": revised, "evaluation": list(reversed(rows))}
    name, content = prompts_of(journals)
    assert content == [{"id": f"q{i}", "prompt_sha256": f"{i:016x}"} for i in range(3)]
    assert prompts_of(dict(reversed(journals.items()))) == (name, content)
    short = {phase: without_prompts(those, name, content) for phase, those in journals.items()}
    assert not any("prompt_sha256" in row for row in short["first"])
    assert short["second"] == revised
    for phase, those in journals.items():
        assert list(Prompts(lambda asked: {name: content}[asked]).restored(short[phase])) == those
    with pytest.raises(UserError, match=r"has no digest of the prompt of 'q2'"):
        list(Prompts(lambda _: content[:2]).restored(short["first"]))
    with pytest.raises(UserError, match=r"has no digest of the prompt of \['q'\]"):
        list(Prompts(lambda _: content).restored([{"question_id": ["q"], "prompts": name}]))
    for other in ("../secret", "x" * 300, 3, f"{name}\n"):
        with pytest.raises(UserError, match="is not the name of a file of prompts"):
            list(Prompts(lambda _: content).restored([{"question_id": "q0", "prompts": other}]))
    with pytest.raises(UserError, match="both 'prompt_sha256' and 'prompts'"):
        list(Prompts(lambda _: content).restored([{"question_id": "q0", "prompts": name, "prompt_sha256": "0"}]))


def test_records_of_the_same_questions_share_a_file_of_prompts(tmp_path: Path) -> None:
    for seed in (0, 1):
        pack(write_record(tmp_path / f"rft-s{seed}", seed=seed), tmp_path / "out")
    (prompts,) = (tmp_path / "out" / "question_sets").glob("prompts-*.jsonl.xz")
    assert check_record(tmp_path / "out" / "rft-s0").findings == []
    lines = [{**line, "prompt_sha256": "0" * 16} for line in read_lines(prompts.with_suffix(""))]
    prompts.write_bytes(lzma.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))
    assert "manifest.json: journal.evaluation.final.sha256" in says(check_record(tmp_path / "out" / "rft-s0"))
    prompts.unlink()
    assert f"question_sets/{prompts.stem}" in says(check_record(tmp_path / "out" / "rft-s0"))


HEADER = b'{"file":"rft.sample","rows":2}\n'


def many_empty(columns: int) -> bytes:
    """A thousand rows of many columns of objects without keys, which would take a thousand dictionaries each."""
    empty: dict[str, Any] = {f"{number}": {"columns": {}} for number in range(columns)}
    return HEADER.replace(b"2", b"1000") + json.dumps(empty).encode() + b"\n"


DAMAGED = {
    "no xz": (b"not xz", "is not a complete xz file"),
    "cut": (lzma.compress(HEADER + b"{}\n")[:-20], "is not a complete xz file"),
    "half of a file": (lzma.compress(HEADER), "its last header has no data"),
    "no JSON": (lzma.compress(HEADER + b"{\n"), "'rft.sample': Expecting"),
    "no object": (lzma.compress(b"[1]\n{}\n"), "line 1 is not the header of a file"),
    "no name": (lzma.compress(b'{"rows": 1}\n{}\n'), "line 1 is not the header of a file"),
    "no count": (lzma.compress(b'{"file":"rft.sample"}\n{}\n'), "line 1 is not the header of a file"),
    "more in a header": (lzma.compress(HEADER.replace(b"}", b',"seed":1}') + b"{}\n"), "line 1 is not the header of a file"),
    "a name twice": (lzma.compress(2 * (HEADER + b"{}\n")), "there twice"),
    "a list of columns": (lzma.compress(HEADER + b"[]\n"), "the columns are not a JSON object"),
    "too few values": (lzma.compress(HEADER + b'{"a":{"values":[1]}}\n'), "column 'a' does not have 2 values"),
    "too many values": (lzma.compress(HEADER + b'{"a":{"values":[1,2,3]}}\n'), "column 'a' does not have 2 values"),
    "no list": (lzma.compress(HEADER + b'{"a":{"values":"xy"}}\n'), "column 'a' does not have 2 values"),
    "a row that is not there": (lzma.compress(HEADER + b'{"a":{"values":[1],"at":[2]}}\n'), "does not say which rows"),
    "a row before the first": (lzma.compress(HEADER + b'{"a":{"values":[1],"at":[-1]}}\n'), "does not say which rows"),
    "a row twice": (lzma.compress(HEADER + b'{"a":{"values":[1,1],"at":[0,0]}}\n'), "does not say which rows"),
    "no column": (lzma.compress(HEADER + b'{"a":3}\n'), "column 'a' is malformed"),
    "no values": (lzma.compress(HEADER + b'{"a":{}}\n'), "column 'a' is malformed"),
    "values and columns": (lzma.compress(HEADER + b'{"a":{"values":[1,2],"columns":{}}}\n'), "column 'a' is malformed"),
    "a trillion rows": (
        lzma.compress(HEADER.replace(b"2", b"1000000000000") + b"{}\n"),
        "are more than a file of this size can have",
    ),
    "columns of nothing": (lzma.compress(many_empty(500)), "are more than a file of this size can have"),
    "fewer than none": (lzma.compress(HEADER.replace(b"2", b"-1") + b"{}\n"), "-1 is not a number of rows"),
    "half a row": (lzma.compress(HEADER.replace(b"2", b"0.5") + b"{}\n"), "0.5 is not a number of rows"),
    "a count in words": (lzma.compress(HEADER.replace(b"2", b'"two"') + b"{}\n"), "'two' is not a number of rows"),
    "a stream of nothing": (lzma.compress(HEADER.replace(b"}", b',"stream":3}') + b"{}\n"), "3 is not a stream of seeds"),
    "no stream": (lzma.compress(HEADER.replace(b"}", b',"stream":null}') + b"{}\n"), "None is not a stream of seeds"),
    "seeds of nothing": (lzma.compress(HEADER.replace(b"}", b',"stream":[0,"rft"]}') + b"{}\n"), "seeds do not follow"),
    "deep": (lzma.compress(HEADER + b'{"a":' * 100_000 + b"\n"), "'rft.sample'"),
    "more after its end": (lzma.compress(HEADER + b"{}\n") + b"more", "has data after the end of its xz stream"),
}


@pytest.mark.parametrize("kind", DAMAGED)
@pytest.mark.parametrize("folder", ["journal", "training"])
def test_a_damaged_folder_is_an_error_in_words_and_a_finding(tmp_path: Path, folder: str, kind: str) -> None:
    data, message = DAMAGED[kind]
    record = pack(write_record(tmp_path / "rft-s0"), tmp_path / "out")
    packed_folder(record / folder).write_bytes(data)
    with pytest.raises(UserError, match=rf"{folder}.jsonl.xz'.*{message}"):
        [list(read_lines(record / folder / f"{phase}.jsonl")) for phase in phases_in(record / folder)]
    assert message in says(check_record(record))


def test_a_folder_that_is_there_in_both_forms_is_found(tmp_path: Path) -> None:
    """One of them is not read, and could say anything."""
    run = write_record(tmp_path / "rft-s0")
    record = pack(run, tmp_path / "out")
    shutil.copytree(run / "journal", record / "journal")
    assert "journal: exists both as a folder and as journal.jsonl.xz" in says(check_record(record))


def test_many_small_objects_are_read(tmp_path: Path) -> None:
    rows = [{"a": {"b": {"c": {"d": 1}}}}] * 5000
    assert rows_in(written(tmp_path, pack_folder({"rft": rows})), "rft") == rows


def test_a_phase_that_is_not_there(tmp_path: Path) -> None:
    packed = written(tmp_path, pack_folder({"rft": [{"a": 1}]}))
    assert phases_in(tmp_path / "journal") == ["rft"]
    with pytest.raises(UserError, match=r"journal.jsonl.xz' has no 'sft'; copy the record again"):
        list(read_lines(tmp_path / "journal" / "sft.jsonl"))
    packed.unlink()
    with pytest.raises(UserError, match="does not exist"):
        rows_in(packed, "rft")


def test_a_file_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    """What is kept in memory is of the file as it was."""
    for number in range(3):
        packed = written(tmp_path, pack_folder({"rft": [{"a": number}] * (1 + number)}))
        assert rows_in(packed, "rft") == [{"a": number}] * (1 + number)
