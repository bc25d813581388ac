"""Details of questions that a record does not keep."""

from __future__ import annotations

from typing import Any, NoReturn


class DetailsNotRecorded(Exception):
    """Details of a question are needed that the record does not keep."""


class NotRecorded(dict[str, Any]):
    """The details of a question whose record has only text and answer: whoever reads them raises `DetailsNotRecorded`."""

    def _refuse(self, *_: object) -> NoReturn:
        raise DetailsNotRecorded("the question's details are not in the record")

    __getitem__ = get = __contains__ = __iter__ = keys = values = items = _refuse

    def __reduce__(self) -> Any:
        return NotRecorded, ()
