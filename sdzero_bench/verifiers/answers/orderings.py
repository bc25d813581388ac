"""Whether inequalities, intervals and other sets of numbers are the same."""

from __future__ import annotations

from sdzero_bench.verifiers.answers.equality import equal, same_up_to_a_factor
from sdzero_bench.verifiers.answers.nodes import Node, Total, negative
from sdzero_bench.verifiers.answers.regions import Region, region, same_region
from sdzero_bench.verifiers.answers.statements import Inequality, Statement


def same_set(gold: Statement, answer: Statement) -> bool:
    """Whether two statements describe the same numbers, or the same order. Raises `NoValue`."""
    match gold, answer:
        case Inequality(), Inequality() if _same_inequality(gold, answer) or _same_order(gold, answer):
            return True
    one, other = region(gold), region(answer)
    if not isinstance(one, Region) or not isinstance(other, Region):
        return False
    if one.variable and other.variable and one.variable != other.variable:
        return False
    return same_region(one, other)


def _same_inequality(gold: Inequality, answer: Inequality) -> bool:
    """x + y < 2 and 2x + 2y < 4: one side minus the other, up to a positive factor, and the same sign."""
    if len(gold.signs) != 1 or len(answer.signs) != 1:
        return False
    (sign, one), (its_sign, other) = (_turned(i) for i in (gold, answer))
    return sign == its_sign and same_up_to_a_factor(one, other, positive=sign != r"\ne")


def _same_order(gold: Inequality, answer: Inequality) -> bool:
    """a < b < c and c > b > a."""
    turned = tuple(_OTHER_WAY[sign] for sign in reversed(answer.signs))
    return gold.signs == turned and all(map(equal, gold.sides, reversed(answer.sides)))


_OTHER_WAY = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le", r"\ne": r"\ne", "=": "="}


def _turned(inequality: Inequality) -> tuple[str, Node]:
    left, right = inequality.sides
    sign = inequality.signs[0]
    if sign in ("<", r"\le"):
        left, right, sign = right, left, {"<": ">", r"\le": r"\ge"}[sign]
    return sign, Total((left, negative(right)))
