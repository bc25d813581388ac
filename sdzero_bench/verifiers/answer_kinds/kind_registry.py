"""All kinds of answers, by name."""

from __future__ import annotations

from pydantic import ValidationError

from sdzero_bench.core.errors import UserError, unknown
from sdzero_bench.verifiers.answer_kinds.answer_kind import AnswerKind
from sdzero_bench.verifiers.answer_kinds.choice_answer import ChoiceAnswer
from sdzero_bench.verifiers.answer_kinds.json_answer import JsonAnswer
from sdzero_bench.verifiers.answer_kinds.mathematics import MathAnswer
from sdzero_bench.verifiers.answer_kinds.number_answer import NumberAnswer
from sdzero_bench.verifiers.answer_kinds.regex_answer import RegexAnswer
from sdzero_bench.verifiers.answer_kinds.set_answer import SetAnswer
from sdzero_bench.verifiers.answer_kinds.text_answer import TextAnswer

KINDS: dict[str, type[AnswerKind]] = {
    str(kind.model_fields["kind"].default): kind
    for kind in (MathAnswer, NumberAnswer, TextAnswer, ChoiceAnswer, SetAnswer, JsonAnswer, RegexAnswer)
}


def answer_kind(given: object) -> AnswerKind:
    """The kind that a name, or an object with `kind` and its options, describes. Raises `UserError`."""
    options = {"kind": given} if isinstance(given, str) else given
    if not isinstance(options, dict) or not isinstance(options.get("kind"), str):
        meant = " (not `type`)" if isinstance(options, dict) and "type" in options else ""
        there = f"(there are: {', '.join(KINDS)})"
        raise UserError(f"a kind of answer is a name, or an object with `kind`{meant} and its options {there}")
    if options["kind"] not in KINDS:
        raise unknown("kind of answer", options["kind"], KINDS)
    kind = KINDS[options["kind"]]
    for key in options:
        if key not in kind.model_fields:
            raise UserError(f"answers of kind {options['kind']}: {unknown('option', str(key), kind.model_fields)}")
    if "of" in kind.model_fields:
        options = {**options, "of": answer_kind(options.get("of", "text"))}
    try:
        return kind.model_validate(options)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        message = first["msg"].removeprefix("Value error, ")
        raise UserError(f"answers of kind {options['kind']}: {place + ': ' if place else ''}{message}") from error
