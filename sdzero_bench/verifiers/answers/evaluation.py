"""The value of a formula: exact, as a fraction, where it has one; else to as many digits as are asked for.

Values are never simplified or printed, so that no formula of a few hundred characters takes more than milliseconds: powers and
factorials of more than `LARGEST` bits are refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

from sdzero_bench.verifiers.answers.exact import bits, exact_root, stand_in
from sdzero_bench.verifiers.answers.nodes import (
    Call,
    Degrees,
    Infinity,
    Node,
    Number,
    PlusMinus,
    Power,
    Product,
    Quotient,
    Root,
    Symbol,
    Total,
    symbols,
)
from sdzero_bench.verifiers.answers.symbols import CIRCULAR

LARGEST = 400_000
"""In bits. 2^20000 is compared; 9^(9^9) is not."""

MOST_STEPS = 20_000
"""Operations in one evaluation; sums within sums take many."""

Value = Any
"""A `Fraction`, or a real or complex number of mpmath."""


class NoValue(ValueError):
    """The formula has no value: a division by zero, or a number beyond the limit."""


class Evaluator:
    """Evaluates formulas, given the values of their variables.

    `bits` is afterwards the size of the largest integer that was met, from which the digits follow that tell values apart.
    """

    def __init__(self, variables: Mapping[str, Fraction], digits: int) -> None:
        self.mp: Any = _arithmetic(digits)
        self.variables = variables
        self.bits = 0
        self.steps = 0

    def value(self, node: Node) -> Value:
        """Raises `NoValue`."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise NoValue("too many operations")
        try:
            found = self._value(node)
        except (ZeroDivisionError, OverflowError, ValueError, TypeError, NotImplementedError, MemoryError) as error:
            if isinstance(error, NoValue):
                raise
            raise NoValue(str(error)) from error
        if isinstance(found, Fraction):
            self.bits = max(self.bits, found.numerator.bit_length(), found.denominator.bit_length())
        return found

    def _value(self, node: Node) -> Value:
        match node:
            case Number(value):
                return value
            case Symbol(name):
                return self._symbol(name)
            case Infinity():
                return self.mp.inf
            case Total(terms):
                total: Value = Fraction(0)
                for term in terms:
                    total = self._both(total, self.value(term), lambda a, b: a + b)
                return total
            case Product(factors):
                product: Value = Fraction(1)
                for factor in factors:
                    product = self._both(product, self.value(factor), lambda a, b: a * b)
                return product
            case Quotient(above, below):
                return self._both(self.value(above), self.value(below), lambda a, b: a / b)
            case Power(base, exponent):
                return self._power(base, exponent)
            case Root(inside, degree):
                return self._root(self.value(inside), self.value(degree))
            case Degrees(angle):
                return self.value(angle)
            case PlusMinus():
                raise NoValue("plus or minus")
            case Call(name, arguments):
                return self._call(name, arguments)
        raise NoValue("not a formula")

    def _symbol(self, name: str) -> Value:
        if name == "pi":
            return self.mp.pi()
        if name == "e":
            return self.mp.e()
        if name == "i":
            return self.mp.mpc(0, 1)
        return self.variables[name]

    def _both(self, one: Value, other: Value, operation: Any) -> Value:
        if isinstance(one, Fraction) and isinstance(other, Fraction):
            if max(bits(one), bits(other)) > LARGEST:
                raise NoValue("a number that is too large")
            return operation(one, other)
        return operation(self._inexact(one), self._inexact(other))

    def _inexact(self, value: Value) -> Value:
        if isinstance(value, Fraction):
            self.bits = max(self.bits, bits(value))
            return self.mp.mpf(value.numerator) / value.denominator
        return value

    def _power(self, base_node: Node, exponent_node: Node) -> Value:
        exponent = self.value(exponent_node)
        base = self.value(base_node)
        if isinstance(base, Fraction) and isinstance(exponent, Fraction):
            if exponent.denominator == 1:
                if base == 0 and exponent < 0:
                    raise NoValue("a division by zero")
                if base not in (0, 1, -1) and bits(base) * abs(exponent) > LARGEST:
                    raise NoValue("a power that is too large")
                return base ** int(exponent) if abs(base) != 1 or exponent < 2 else base ** (int(exponent) % 2)
            return self._rational_power(base, exponent)
        if isinstance(exponent, Fraction) and exponent.denominator == 1 and abs(exponent) < 10**6:
            return base ** int(exponent)
        return self._inexact_power(base, exponent)

    def _rational_power(self, base: Fraction, exponent: Fraction) -> Value:
        if exponent.denominator > 10**6 or bits(base) * abs(exponent) > LARGEST:
            return self._inexact_power(base, exponent)
        root = self._root(base, Fraction(exponent.denominator))
        return root**exponent.numerator if isinstance(root, Fraction) else self.mp.power(root, exponent.numerator)

    def _inexact_power(self, base: Value, exponent: Value) -> Value:
        base, exponent = self._inexact(base), self._inexact(exponent)
        if base != 0 and abs(exponent) * (1 + abs(self.mp.log(abs(base), 2))) > LARGEST:
            raise NoValue("a power that is too large")
        return self.mp.power(base, exponent)

    def _root(self, inside: Value, degree: Value) -> Value:
        """The real root where there is one: the cube root of -8 is -2."""
        if not isinstance(degree, Fraction) or degree.denominator != 1 or not 0 < degree < 10**6:
            return self._inexact_power(inside, 1 / self._inexact(degree))
        n = int(degree)
        if isinstance(inside, Fraction):
            if inside >= 0 or n % 2:
                above, below = exact_root(abs(inside.numerator), n), exact_root(inside.denominator, n)
                if above is not None and below is not None:
                    return Fraction(above if inside >= 0 else -above, below)
            inside = self._inexact(inside)
        real = inside.real if not self.mp.im(inside) else None
        if real is not None and real < 0 and n % 2:
            return -self.mp.root(-real, n)
        return self.mp.root(inside, n) if n < 100 else self.mp.power(inside, self.mp.mpf(1) / n)

    def _call(self, name: str, nodes: tuple[Node, ...]) -> Value:
        if name in ("sum", "prod"):
            return self._repeated(name, nodes)
        if name == "opaque":
            return stand_in(nodes)
        if name in CIRCULAR:
            return self._circular(name, nodes[0])
        values = [self.value(node) for node in nodes]
        exact = all(isinstance(v, Fraction) for v in values)
        whole = exact and all(v.denominator == 1 for v in values)
        match name:
            case "abs":
                return abs(values[0])
            case "floor" | "ceiling":
                rounded = math.floor if name == "floor" else math.ceil
                return (
                    Fraction(rounded(values[0])) if exact else Fraction(int(getattr(self.mp, name[:4].rstrip("i"))(values[0])))
                )
            case "factorial" | "double factorial":
                return self._factorial(values[0], double=name != "factorial")
            case "binomial":
                return self._binomial(*values)
            case "gcd" | "lcm" if whole:
                return Fraction(getattr(math, name)(*(int(v) for v in values)))
            case "min" | "max":
                if any(not isinstance(v, Fraction) and self.mp.im(v) for v in values):
                    raise NoValue(f"the {name} of complex numbers")
                return (min if name == "min" else max)(values, key=lambda v: self._inexact(v))
            case "log" | "ln":
                return self._logarithm(values, natural=name == "ln")
            case "exp":
                return self._inexact_power(self.mp.e(), values[0])
            case "asin" | "acos" | "atan" | "sinh" | "cosh" | "tanh":
                argument = self._inexact(values[0])
                if abs(argument) > LARGEST:
                    raise NoValue("a number that is too large")
                return getattr(self.mp, name)(argument)
        raise NoValue(f"{name} of these values")

    def _repeated(self, name: str, nodes: tuple[Node, ...]) -> Value:
        """A sum or product of at most a thousand terms; of more, or without bounds, it is equal to itself only."""
        variable, low_node, high_node, body = nodes
        assert isinstance(variable, Symbol)
        if symbols(low_node) | symbols(high_node):
            return stand_in(nodes)
        low, high = self.value(low_node), self.value(high_node)
        if (
            not (isinstance(low, Fraction) and isinstance(high, Fraction))
            or low.denominator != 1
            or not -1 <= high - low < 1000
        ):
            return stand_in(nodes)
        outer, found = self.variables, Fraction(name == "prod")
        for step in range(int(low), int(high) + 1):
            self.variables = {**outer, variable.name: Fraction(step)}
            found = self._both(found, self.value(body), (lambda a, b: a + b) if name == "sum" else (lambda a, b: a * b))
        self.variables = outer
        return found

    def _circular(self, name: str, node: Node) -> Value:
        angle = self._inexact(self.value(node))
        if abs(angle) > 10**30 or abs(self.mp.im(angle)) > LARGEST:
            raise NoValue("an angle that is too large")
        if _in_degrees(node):
            angle = angle * self.mp.pi / 180
        if name in ("tan", "sec") and abs(self.mp.cos(angle)) < self.mp.mpf(10) ** (10 - self.mp.dps):
            raise NoValue("a division by zero")
        if name in ("cot", "csc") and abs(self.mp.sin(angle)) < self.mp.mpf(10) ** (10 - self.mp.dps):
            raise NoValue("a division by zero")
        return getattr(self.mp, name)(angle)

    def _factorial(self, value: Value, double: bool) -> Value:
        if isinstance(value, Fraction) and value.denominator == 1:
            n = int(value)
            if n < 0:
                raise NoValue("a factorial of a negative number")
            if n > 5_000:
                raise NoValue("a factorial that is too large")
            return Fraction(math.prod(range(n, 0, -2)) if double else math.factorial(n))
        if abs(value) > 5_000:
            raise NoValue("a factorial that is too large")
        return self.mp.fac2(self._inexact(value)) if double else self.mp.factorial(self._inexact(value))

    def _binomial(self, above: Value, below: Value) -> Value:
        if isinstance(above, Fraction) and isinstance(below, Fraction) and above.denominator == below.denominator == 1:
            n, k = int(above), int(below)
            if 0 <= n <= 100_000 and k >= 0:
                return Fraction(math.comb(n, k))
            raise NoValue("a binomial that is too large")
        if max(abs(above), abs(below)) > 5_000:
            raise NoValue("a binomial that is too large")
        return self.mp.binomial(self._inexact(above), self._inexact(below))

    def _logarithm(self, values: list[Value], natural: bool) -> Value:
        inside = self._inexact(values[0])
        if inside == 0:
            raise NoValue("the logarithm of zero")
        if natural:
            return self.mp.log(inside)
        base = self._inexact(values[1]) if len(values) > 1 else self.mp.mpf(10)
        return self.mp.log(inside) / self.mp.log(base)


@lru_cache(maxsize=32)
def _arithmetic(digits: int) -> Any:
    import mpmath

    context = mpmath.MPContext()
    context.dps = digits
    return context


def _in_degrees(node: Node) -> bool:
    match node:
        case Degrees():
            return True
        case Total(nodes) | Product(nodes):
            return any(_in_degrees(n) for n in nodes)
        case Quotient(above, _):
            return _in_degrees(above)
    return False
