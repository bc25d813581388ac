"""Runs on the same questions have the same prompts. A packed record keeps the digests of its prompts in a file beside the
question sets, which other records share. A journal row whose digest is in that file has the name of the file, under `prompts`,
instead of the digest.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sdzero_bench.core.errors import UserError

Row = dict[str, Any]
"""A line of a journal."""

DIGEST, PROMPTS = "prompt_sha256", "prompts"
_NAME = re.compile(rf"{PROMPTS}-[0-9a-f]{{16}}")


def prompts_of(journals: Mapping[str, Sequence[Row]]) -> tuple[str, list[Row]]:
    """The name of the file and its rows: by question, the digest of its prompt in the first phase that has one."""
    found: dict[str, str] = {}
    for _, rows in sorted(journals.items()):
        for row in rows:
            if isinstance(question := row.get("question_id"), str) and isinstance(digest := row.get(DIGEST), str):
                found.setdefault(question, digest)
    content = [{"id": question, DIGEST: digest} for question, digest in sorted(found.items())]
    return f"{PROMPTS}-{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]}", content


def without_prompts(rows: Iterable[Row], name: str, content: Sequence[Row]) -> list[Row]:
    """The rows, `name` instead of each digest that is in the `content` of that file."""
    known = {line["id"]: line[DIGEST] for line in content}
    short = []
    for row in rows:
        question = row.get("question_id")
        same = isinstance(question, str) and DIGEST in row and known.get(question) == row[DIGEST]
        short.append({**{key: value for key, value in row.items() if key != DIGEST}, PROMPTS: name} if same else row)
    return short


class Prompts:
    """The digests of the files that a record's rows name."""

    def __init__(self, read: Callable[[str], Iterable[Row]]) -> None:
        """`read` gives the rows of a file by its name."""
        self._read, self._files = read, dict[str, dict[str, str]]()

    def restored(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows with their digests. Raises `UserError` for a file that is missing, or has no digest of a question."""
        for row in rows:
            if PROMPTS not in row:
                yield row
            elif DIGEST in row:
                raise UserError(f"a sample has both {DIGEST!r} and {PROMPTS!r}; get the record again")
            else:
                yield {**{key: value for key, value in row.items() if key != PROMPTS}, DIGEST: self._digest(row)}

    def _digest(self, row: Row) -> str:
        name, question = str(row[PROMPTS]), row.get("question_id")
        if not _NAME.fullmatch(name):
            raise UserError(f"{name!r} is not the name of a file of prompts; get the record again")
        try:
            if name not in self._files:
                self._files[name] = {line["id"]: line[DIGEST] for line in self._read(name)}
            return self._files[name][str(question)]
        except (KeyError, TypeError) as error:
            raise UserError(f"{name!r} has no digest of the prompt of {question!r}; get the record again") from error
