"""Question files: the same rows from every format, and errors that name the place."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from sdzero_bench.core.errors import UserError
from sdzero_bench.questions.question_files import FileRow, file_in, file_rows

ROWS = [{"question": f"q{i}", "answer": i, "long": ["a", "b"]} for i in range(3)]


def written(folder: Path) -> dict[str, Path]:
    lines = "\n".join(map(json.dumps, ROWS))
    paths = {suffix: folder / f"rows{suffix}" for suffix in (".jsonl", ".jsonl.gz", ".json", ".parquet")}
    paths[".jsonl"].write_text(lines)
    paths[".jsonl.gz"].write_bytes(gzip.compress(lines.encode()))
    paths[".json"].write_text(json.dumps(ROWS))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), paths[".parquet"])
    return paths


def test_every_format_has_the_same_rows(tmp_path: Path) -> None:
    for path in written(tmp_path).values():
        rows = file_rows(path, long=["long"])
        assert [{key: row.value(key) for key in ROWS[0]} for row in rows] == ROWS
        assert rows[1].text("answer") == "1"


def test_long_fields_of_a_table_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    row = file_rows(written(tmp_path)[".parquet"], long=["long"])[2]
    assert row.values == {"question": "q2", "answer": 2}
    assert row.value("long") == ["a", "b"]
    assert row.value("nothing") is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"a": 1}\n{"a": ', "a.jsonl', line 2: not JSON (Expecting value, column 7)"),
        ("a.csv", b"question,answer\n1?,1", "line 1: not JSON (Expecting value, column 1); a file of questions is JSON Lines"),
        ("a.jsonl", b'{"a": 1}\n\n7\n', "a.jsonl', line 3: not a JSON object"),
        ("a.jsonl", b"", "is empty"),
        ("a.jsonl", b"[" * 100_000, "a.jsonl', line 1: not JSON"),
        ("a.jsonl", b"1" * 5000, "a.jsonl', line 1: not JSON"),
        ("a.jsonl.gz", b"not compressed", "cannot be decompressed"),
        ("a.jsonl.gz", b"\x1f\x8b\x08" + bytes(15), "cannot be decompressed"),
        ("a.json", b"[" * 100_000, "is not JSON"),
        ("a.json", b"1" * 5000, "is not JSON"),
        ("a.json", b'{"a": 1}', "is not a JSON array"),
        ("a.json", b'{"a": 1}\n{"a": 2}', "end in .jsonl"),
        ("a.json", b'[{"a": 1}, 2]', "a.json', row 2: not a JSON object"),
        ("a.jsonl", b'{"a": "1"}\n{"a": "\\ud800"}', r"a.jsonl', line 2: '\ud800' is an unpaired surrogate"),
        ("a.json", b'[{"\\udfff": 1}]', r"a.json', row 1: '\udfff' is an unpaired surrogate"),
        ("a.parquet", b"no", "is not a Parquet file"),
    ],
)
def test_what_is_malformed_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        file_rows(tmp_path / name)
    assert message in str(error.value)


def test_a_file_of_a_folder_is_found_by_name(tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text("[]")
    (tmp_path / "test.parquet").write_bytes(b"")
    assert file_in(tmp_path, "train").name == "train.json"
    assert file_in(tmp_path, "validation", "test").name == "test.parquet"
    with pytest.raises(UserError, match=r"no question file '.*validation.jsonl', nor one with the suffix .jsonl.gz"):
        file_in(tmp_path, "validation")


def test_a_field_that_is_misspelled_is_named() -> None:
    with pytest.raises(UserError, match="'answer' is missing, empty or not text; is it the one that is called 'anwser'"):
        FileRow("here", {"question": "1?", "anwser": "1"}).text("answer")


@pytest.mark.parametrize("value", [None, "", " \n", True, ["x"], {}])
def test_what_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(UserError, match="here: the field 'answer' is missing, empty or not text"):
        FileRow("here", {"answer": value}).text("answer")
