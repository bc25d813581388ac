"""Number: equal, or within a tolerance."""

from __future__ import annotations

import re
from decimal import Context, Decimal, DecimalException, Overflow
from fractions import Fraction
from typing import Literal

from pydantic import Field

from sdzero_bench.verifiers.answer_kinds.answer_kind import AnswerKind, GoldAnswer, UnreadableAnswer
from sdzero_bench.verifiers.answer_kinds.stated_answer import undecorated

LARGEST_EXPONENT = 1000
"""Of ten, in scientific notation and in digits written out."""
_MINUS = str.maketrans("−–‒﹣－", "-----")
_SPACES = re.compile(r"\{,\}|\\[,;:! ]|[\u00a0\u2009\u202f]")
_POWER = re.compile(r"(?:\s*(?:×|x|\\times|\\cdot|\*|·)\s*10\s*(?:\^|\*\*)\s*\{?\s*([+-]?\d+)\s*\}?|[eE]([+-]?\d+))$")
_ENDS = re.compile(r"[.,;:!?]+$")
_WRAPPER = re.compile(r"[(\[]([^()\[\]]*)[)\]]")


class NumberAnswer(AnswerKind):
    """A number in digits: 1,234.5; 1 234.5; 1.2345e3; 1.2345 × 10^3; 3/4; 45%. Compared exactly, or within a tolerance.

    A unit or another word is refused, unless `unit` states it.
    """

    kind: Literal["number"] = "number"
    absolute: float = Field(0.0, ge=0, allow_inf_nan=False)
    relative: float = Field(0.0, ge=0, lt=1)
    """Tolerances; the larger one counts. `relative` is a share of the gold answer."""
    unit: str | None = None
    """A unit or currency that may precede or follow the number, such as km or $."""
    percent: Literal["share", "number", "refuse"] = "share"
    """What 45% is: 0.45, or 45, or no answer."""
    decimal: Literal[".", ","] = "."
    """The decimal mark; the other one separates thousands."""

    @property
    def form(self) -> str:  # type: ignore[override]
        """What the prompt asks for."""
        return "a number" if self.unit is None else f"a number, in {self.unit}"

    def read(self, text: str, expected: GoldAnswer) -> Fraction:
        plain = _ENDS.sub("", undecorated(_SPACES.sub(" ", text.translate(_MINUS))))
        if wrapped := _WRAPPER.fullmatch(plain):
            plain = wrapped[1].strip()
        plain = self._without_unit(plain.replace(r"\%", "%").replace(r"\$", "$"))
        sign = re.match(r"([+-]?)\s*", plain)
        assert sign is not None
        body, scale = plain[sign.end() :], Fraction(1)
        if body.endswith("%"):
            if self.percent == "refuse":
                raise UnreadableAnswer("it is a percentage")
            body, scale = body[:-1].rstrip(), Fraction(1, 100 if self.percent == "share" else 1)
        above, slash, below = body.partition("/")
        value = self._decimal(above.strip())
        if slash:
            if not (divisor := self._decimal(below.strip())):
                raise UnreadableAnswer("a division by 0")
            value /= divisor
        return value * scale * (-1 if sign[1] == "-" else 1)

    def same(self, gold: Fraction, answer: Fraction) -> bool:
        within = max(Fraction(str(self.absolute)), Fraction(str(self.relative)) * abs(gold))
        return abs(gold - answer) <= within

    def tampered(self, expected: GoldAnswer) -> list[str]:
        gold = self.read(expected.answer, expected)
        step = 1 + 2 * max(Fraction(str(self.absolute)), Fraction(str(self.relative)) * abs(gold))
        wrong = [gold + step, gold - step, 10 * gold + step]
        return [f"{value.numerator}/{value.denominator}".replace(".", self.decimal) for value in wrong] + ["no number"]

    def _without_unit(self, text: str) -> str:
        unit = self.unit
        if unit is None:
            return text
        sign, bare = (text[:1], text[1:].lstrip()) if text[:1] in ("-", "+") else ("", text)
        if bare.startswith(unit):
            return sign + bare.removeprefix(unit).lstrip()
        return text.removesuffix(unit).rstrip()

    def _decimal(self, text: str) -> Fraction:
        exponent = 0
        if power := _POWER.search(text):
            exponent, text = int(power[1] or power[2]), text[: power.start()]
        mark, group = (".", ",") if self.decimal == "." else (",", ".")
        whole, _, rest = text.partition(mark)
        grouped = re.fullmatch(rf"\d{{1,3}}(?:[{group} '_]\d{{2,3}})*[{group} '_]\d{{3}}|\d+|", whole, re.ASCII)
        if not grouped or not re.fullmatch(r"\d*", rest, re.ASCII) or not whole + rest:
            raise UnreadableAnswer(f"{text[:40]!r} is not a number" + self._advice(text))
        digits = re.sub(r"\D", "", whole)
        if abs(exponent) > LARGEST_EXPONENT or len(digits) + len(rest) > LARGEST_EXPONENT:
            raise UnreadableAnswer("a number with too many digits")
        try:
            return Fraction(Decimal(f"{digits or 0}.{rest or 0}e{exponent}", Context(prec=2 * LARGEST_EXPONENT)))
        except (DecimalException, Overflow) as error:
            raise UnreadableAnswer(f"{text[:40]!r} is not a number") from error

    def _advice(self, text: str) -> str:
        """For gold answers, which are shown to their author."""
        return "; name its unit with the option `unit`" if re.match(r"\D?[\d.,]+\s*[^\d\s.,]+$", text) and not self.unit else ""
