"""Whether two formulas are equal: exactly where they have exact values, and else to far more digits than they could share by
chance.

Formulas with variables are equal if they are at several points, some of them negative. This decides identities without
simplifying anything; for unequal formulas to agree at all points is as likely as guessing numbers of fifty digits.
"""

from __future__ import annotations

from fractions import Fraction

from sdzero_bench.verifiers.answers.evaluation import LARGEST, Evaluator, NoValue, Value
from sdzero_bench.verifiers.answers.nodes import Node, Number, Product, Total, negative, symbols

DIGITS = 60
ENOUGH = 6
"""A decimal with at least this many significant digits may stand for a number that it is a rounding of."""

_POINTS = [
    [Fraction(1373, 997), Fraction(2713, 1009), Fraction(907, 1013), Fraction(3119, 1019), Fraction(1733, 1021)],
    [Fraction(4001, 1031), Fraction(787, 1033), Fraction(1867, 1039), Fraction(2003, 1049), Fraction(661, 1051)],
    [Fraction(-1429, 1061), Fraction(1553, 1063), Fraction(-2297, 1069), Fraction(839, 1087), Fraction(-3001, 1091)],
    [Fraction(557, 1093), Fraction(-1907, 1097), Fraction(1123, 1103), Fraction(-409, 1109), Fraction(-2753, 1117)],
    [Fraction(-311, 1123), Fraction(-2111, 1129), Fraction(-523, 1151), Fraction(-1301, 1153), Fraction(613, 1163)],
]
_POSITIVE = 2
"""The first points are positive: there, unlike at the others, roots and logarithms have to agree in the complex numbers too."""


def equal(one: Node, other: Node) -> bool:
    """Whether two formulas are the same number, or the same function of their variables.

    Raises `NoValue` if they cannot be evaluated.
    """
    if one == other:
        return True
    names = sorted(symbols(one) | symbols(other))
    if not names:
        return same_number(one, other, {}) or _rounds_to(one, other) or _rounds_to(other, one)
    tried = 0
    for number, _ in enumerate(_POINTS):
        try:
            if not same_number(one, other, _at(names, number), real_only=number >= _POSITIVE):
                return False
            tried += 1
        except NoValue:
            if number == len(_POINTS) - 1 and not tried:
                raise
    return True


def same_up_to_a_factor(one: Node, other: Node, positive: bool) -> bool:
    """Whether one formula is the other times a number (which is `positive`, if that is asked for), so that the equations or
    inequalities that compare them with 0 say the same. Raises `NoValue`."""
    names = sorted(symbols(one) | symbols(other))
    if not names:
        return False
    evaluator = Evaluator(_at(names, 0), DIGITS)
    first, second = evaluator.value(one), evaluator.value(other)
    if first == 0 or second == 0:
        return False
    ratio = first / second if isinstance(first, Fraction) and isinstance(second, Fraction) else None
    if ratio is None:
        # Cross-multiplied with the values at one point, so that no quotient of formulas is needed.
        quotient = evaluator._inexact(first) / evaluator._inexact(second)
        if positive and not (evaluator.mp.im(quotient) == 0 and quotient.real > 0):
            return False
        return all(_proportional(one, other, _at(names, number), quotient) for number in range(1, len(_POINTS)))
    if positive and ratio < 0:
        return False
    return equal(one, Product((Number(ratio), other)))


def _proportional(one: Node, other: Node, variables: dict[str, Fraction], quotient: Value) -> bool:
    evaluator = Evaluator(variables, DIGITS)
    try:
        first, second = evaluator._inexact(evaluator.value(one)), evaluator._inexact(evaluator.value(other)) * quotient
    except NoValue:
        return True
    return bool(abs(first - second) <= evaluator.mp.mpf(10) ** (15 - DIGITS) * max(abs(first), abs(second)))


def same_number(one: Node, other: Node, variables: dict[str, Fraction], real_only: bool = False) -> bool:
    """Whether two formulas have the same value at a point. Raises `NoValue`.

    real_only:
        Whether values that are not real are taken for equal.
    """
    evaluator = Evaluator(variables, DIGITS)
    first, second = evaluator.value(one), evaluator.value(other)
    if isinstance(first, Fraction) and isinstance(second, Fraction):
        return first == second
    first, second = evaluator._inexact(first), evaluator._inexact(second)
    mp = evaluator.mp
    if mp.isinf(first) or mp.isinf(second):
        return bool(first == second)
    if mp.isnan(first) or mp.isnan(second):
        raise NoValue("not a number")
    if real_only and (abs(mp.im(first)) > 1e-20 * abs(first) or abs(mp.im(second)) > 1e-20 * abs(second)):
        return True
    gap = abs(first - second)
    if gap > mp.mpf(10) ** (20 - DIGITS) * max(abs(first), abs(second)) and gap > mp.mpf(10) ** (20 - DIGITS):
        return False
    # The difference is small or 0. More digits tell: of a difference of 0, what is left is beyond almost all of them.
    if evaluator.bits > LARGEST:
        raise NoValue("a number that is too large")
    digits = 2 * (DIGITS + evaluator.bits)
    if digits > 20_000:
        raise NoValue("a comparison of too many digits")
    finer = Evaluator(variables, digits)
    rest = abs(finer._inexact(finer.value(Total((one, negative(other))))))
    return bool(rest <= finer.mp.mpf(10) ** (-3 * digits // 4) * max(1, abs(first), abs(second)))


def _rounds_to(decimal: Node, exact: Node) -> bool:
    """Whether the first is a decimal with enough digits, and the second rounds to it."""
    value, place, significant = _decimal(decimal)
    if place is None or significant < ENOUGH:
        return False
    evaluator = Evaluator({}, DIGITS + 2 * significant)
    found = evaluator.value(exact)
    if isinstance(found, Fraction) and _decimal(exact)[1] is None:
        return abs(found - value) < place
    found = evaluator._inexact(found)
    if evaluator.mp.im(found) or evaluator.mp.isinf(found):
        return False
    _, its_place, its_digits = _decimal(exact)
    if its_place is not None and its_digits < significant:
        return False
    return bool(abs(found - evaluator._inexact(value)) < evaluator._inexact(place))


def _decimal(node: Node) -> tuple[Fraction, Fraction | None, int]:
    """Value, last place and significant digits of a decimal, which may have a sign and a power of ten."""
    match node:
        case Number(value, place, digits):
            return value, place, digits
        case Product((Number(factor), inner)) if factor == -1:
            value, place, digits = _decimal(inner)
            return -value, place, digits
        case Product((Number() as inner, power)) if not symbols(power):
            try:
                scale = Evaluator({}, DIGITS).value(power)
            except NoValue:
                return Fraction(0), None, 0
            if (
                isinstance(scale, Fraction)
                and scale > 0
                and set(str(max(scale.numerator, scale.denominator))[:300]) <= set("10")
            ):
                value, place, digits = _decimal(inner)
                return value * scale, None if place is None else place * scale, digits
    return Fraction(0), None, 0


def _at(names: list[str], point: int) -> dict[str, Fraction]:
    values = _POINTS[point]
    return {name: values[n % len(values)] + n // len(values) for n, name in enumerate(names)}
