"""Whether two statements are the same answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sdzero_bench.verifiers.answers.amounts import same_measure, same_quantity, total
from sdzero_bench.verifiers.answers.equality import equal, same_up_to_a_factor
from sdzero_bench.verifiers.answers.labels import argument, may_be_one, variables
from sdzero_bench.verifiers.answers.nodes import Call, Node, Product, Quotient, Symbol, Total, negative, renamed, symbols
from sdzero_bench.verifiers.answers.orderings import same_set
from sdzero_bench.verifiers.answers.statements import (
    Braced,
    Bracketed,
    Compound,
    Equation,
    Letter,
    Matrix,
    Named,
    Quantity,
    Ratio,
    Residue,
    Several,
    Statement,
    Words,
)

_PARENTHESES = {"(": "(", r"\langle": "(", "[": "["}


def same(gold: Statement, answer: Statement) -> bool:
    """Whether two statements say the same. Raises `NoValue` if a formula in them cannot be evaluated."""
    if gold == answer:
        return True
    match gold, answer:
        case Named(formula=True), Quantity():
            return False  # x + y = 1 is a line, which is not 1
        case Named(), _:
            return _same_named(gold, answer)
        case _, Named():
            return _same_named(answer, gold)
        case (Several(items, "="), _) if items:
            return _same_chain(gold, answer)
        case (_, Several(items, "=")) if items:
            return _same_chain(answer, gold)
        case (Words(text), Braced(())) | (Braced(()), Words(text)):
            return text in _NOTHING
        case Letter(name), Quantity() | Equation():
            return same(Quantity(Symbol(name)), answer)
        case Quantity() | Equation(), Letter(name):
            return same(gold, Quantity(Symbol(name)))
        case Letter(), Letter():
            return False
        case (Letter(), Words()) | (Words(), Letter()):
            return False
        case Quantity(), Quantity():
            return same_quantity(gold, answer)
        case (Compound() as one, Quantity() as other) | (Quantity() as other, Compound() as one):
            return same_measure(one, other)
        case Compound(), Compound():
            return same_measure(gold, total(answer))
        case Matrix(rows, kind), Matrix(its_rows, its_kind):
            return kind == its_kind and _same_rows(rows, its_rows)
        case (Matrix(rows, True), Quantity()) | (Quantity(), Matrix(rows, True)):
            return _same_determinant(rows, answer if isinstance(answer, Quantity) else gold)
        case Ratio(), Ratio():
            return _same_ratio(gold, answer)
        case (Ratio(parts, False), Quantity(value)) | (Quantity(value), Ratio(parts, False)) if len(parts) == 2:
            return equal(Quotient(*parts), value)
        case Residue(value, modulus), Residue(its_value, its_modulus):
            return equal(modulus, its_modulus) and _congruent(value, its_value, modulus)
        case (Residue(value), Quantity() as other) | (Quantity() as other, Residue(value)):
            return same(value, other)
        case Equation(one), Equation(other):
            return same_up_to_a_factor(one, other, positive=False)
    if isinstance(gold, _LISTS) or isinstance(answer, _LISTS):
        return _same_lists(gold, answer)
    return same_set(gold, answer)


_NOTHING = ("no solution", "no real solution", "empty set", "null set")
_LISTS = (Several, Bracketed, Braced)


def _same_named(named: Named, other: Statement) -> bool:
    if isinstance(other, Named):
        if len(named.names) != len(other.names):
            return False
        if len(named.names) > 1:
            mine, its = _values_by_name([named]), _values_by_name([other])
            if mine is None or its is None or list(mine) != list(its):
                return False
            return all(same(mine[name], its[name]) for name in mine)
        if not may_be_one(named.names[0], other.names[0]):
            return False
        match argument(other.names[0]), argument(named.names[0]):
            case str(own), str(to) if own != to:
                if to in _letters(other.value):
                    return False  # f(y) = x is not f(x) = x
                other = _with_argument(other, own, to)
        if named.as_equation is not None and other.as_equation is not None and _are_curves(named, other):
            return same_up_to_a_factor(named.as_equation, other.as_equation, positive=False)
        if named.as_equation is not None and other.as_equation is not None and symbols(named.as_equation):
            value = named.value
            if not (isinstance(value, Quantity) and not symbols(value.value)):
                plain = named.names == other.names and same(value, other.value)
                return (
                    plain
                    or same_up_to_a_factor(named.as_equation, other.as_equation, positive=False)
                    or _of_functions(named, other)
                )
        return same(named.value, other.value)
    if isinstance(other, Equation):
        return named.as_equation is not None and same_up_to_a_factor(named.as_equation, other.difference, positive=False)
    if len(named.names) > 1 and isinstance(other, Several) and (values := _values_by_name(other.items)):
        mine = _values_by_name([named])
        return mine is not None and list(mine) == list(values) and all(same(mine[n], values[n]) for n in mine)
    if isinstance(other, Several) and other.joined == "=" and len(set(other.items)) == 1:
        return False  # 5 = 5 says nothing
    if isinstance(other, Several) and len(other.items) == 1:
        return same(named.value, other.items[0])
    return same(named.value, other)


def _with_argument(named: Named, own: str, to: str) -> Named:
    """f(t) = t^2 as f(x) = x^2."""
    value = named.value
    match value:
        case Quantity(inner):
            value = replace(value, value=renamed(inner, own, to))
        case Letter(name) if name == own:
            value = Letter(to)
    equation = named.as_equation and renamed(named.as_equation, own, to)
    return Named((named.names[0].replace(f"({own})", f"({to})"),), value, equation, named.formula)


def _letters(statement: Statement) -> frozenset[str]:
    match statement:
        case Quantity(value):
            return symbols(value)
        case Letter(name):
            return frozenset([name])
    return frozenset()


def _are_curves(named: Named, other: Named) -> bool:
    """x + y = 12 and x - y = 12, or x = 5 and y = 5: the left side matters, although the right one is a number."""
    letters = [n for one in (named, other) for n in one.names if len(n) == 1 and n.islower()]
    return named.formula or other.formula or (len(letters) == 2 and letters[0] != letters[1])


def _of_functions(named: Named, other: Named) -> bool:
    """f(x) = 2x and g(x) = 2x, or y = 2x and f(x) = 2x: the name is not what is asked for."""
    function = [n for n in (*named.names, *other.names) if "(" in n or len(n) > 1]
    return bool(function) and same(named.value, other.value)


def _values_by_name(items: Sequence[Statement]) -> dict[str, Statement] | None:
    """The values of distinct names, in the order of the names; None if an item has no name, or a name occurs twice."""
    found: dict[str, Statement] = {}
    for item in items:
        if not isinstance(item, Named):
            return None
        if len(item.names) > 1 and isinstance(item.value, Bracketed) and len(item.value.items) == len(item.names):
            pairs = list(zip(item.names, item.value.items, strict=True))
        else:
            pairs = [(",".join(item.names), item.value)]
        for name, value in pairs:
            if name in found or not name:
                return None
            found[name] = value
    return dict(sorted(found.items()))


def _same_chain(chain: Several, other: Statement) -> bool:
    """A chain of values such as 12 = 3 * 4, which have to be equal."""
    return all(same(item, other) for item in chain.items)


def _same_rows(rows: tuple[tuple[Node, ...], ...], its_rows: tuple[tuple[Node, ...], ...]) -> bool:
    return [len(row) for row in rows] == [len(row) for row in its_rows] and all(
        equal(one, other) for row, its_row in zip(rows, its_rows, strict=True) for one, other in zip(row, its_row, strict=True)
    )


def _same_determinant(rows: tuple[tuple[Node, ...], ...], other: Statement) -> bool:
    if len(rows) != 2 or len(rows[0]) != 2 or not isinstance(other, Quantity):
        return False
    (a, b), (c, d) = rows
    return equal(Total((Product((a, d)), negative(Product((b, c))))), other.value)


def _same_ratio(gold: Ratio, answer: Ratio) -> bool:
    if len(gold.parts) != len(answer.parts) or (gold.half and answer.half and gold.half != answer.half):
        return False
    if all(equal(one, other) for one, other in zip(gold.parts, answer.parts, strict=True)):
        return True
    if gold.clock or answer.clock:
        return False
    first, its_first = gold.parts[0], answer.parts[0]
    return all(
        equal(Product((first, other)), Product((its_first, one))) for one, other in zip(gold.parts, answer.parts, strict=True)
    )


def _congruent(one: Statement, other: Statement, modulus: Node) -> bool:
    if same(one, other):
        return True
    if not isinstance(one, Quantity) or not isinstance(other, Quantity):
        return False
    quotient = Quotient(Total((one.value, negative(other.value))), modulus)
    return not symbols(quotient) and equal(quotient, Call("floor", (quotient,)))


def _same_lists(gold: Statement, answer: Statement) -> bool:
    mine, its = _listed(gold), _listed(answer)
    if (isinstance(gold, Several) and isinstance(answer, Several)) or isinstance(gold, Braced) or isinstance(answer, Braced):
        if isinstance(gold, Bracketed) or isinstance(answer, Bracketed):
            return False
        if (left := _values_by_name(mine)) and (right := _values_by_name(its)):
            if list(left) == list(right):
                return all(same(left[name], right[name]) for name in left)
        elif _labels_differ(mine, its):
            return False
        elif _distinct_labels(mine) or _distinct_labels(its):
            if _in_order(mine, its):
                return True
        elif _in_any_order(_bare(mine), _bare(its)):
            return True
        return same_set(gold, answer)
    if isinstance(gold, Bracketed) and isinstance(answer, Bracketed):
        shapes = [(_PARENTHESES[b.opening], {r"\rangle": ")"}.get(b.closing, b.closing)) for b in (gold, answer)]
        if shapes[0] == shapes[1] and _in_order(mine, its):
            return True
        return same_set(gold, answer)
    for one, other in ((gold, answer), (answer, gold)):
        if isinstance(one, Several) and not isinstance(other, _LISTS) and len(one.items) > 1 and one.joined != "or":
            return all(same(item, other) for item in one.items) or same_set(gold, answer)
    group, other = (gold, answer) if isinstance(gold, Bracketed) else (answer, gold)
    if isinstance(group, Bracketed) and isinstance(other, Several):
        values = _values_by_name(other.items)
        if group.opening == "[" or group.closing == "]":
            return same_set(gold, answer)
        if values and _in_order(group.items, list(values.values())):
            return True
    return same_set(gold, answer)


def _listed(statement: Statement) -> Sequence[Statement]:
    return statement.items if isinstance(statement, Several | Bracketed | Braced) else (statement,)


def _bare(items: Sequence[Statement]) -> list[Statement]:
    """The items without a name that is the same for all: x = 1, x = 2, or n = 1, 2."""
    names = [item.names for item in items if isinstance(item, Named)]
    if names and len(set(names)) == 1:
        return [item.value if isinstance(item, Named) else item for item in items]
    return list(items)


def _labels(items: Sequence[Statement]) -> set[str]:
    return variables(name for item in items if isinstance(item, Named) for name in item.names)


def _labels_differ(mine: Sequence[Statement], its: Sequence[Statement]) -> bool:
    """x = 1 or x = 2 is not x = 1 and y = 2."""
    return bool(_labels(mine) and _labels(its)) and _labels(mine) != _labels(its)


def _distinct_labels(items: Sequence[Statement]) -> bool:
    """x = 1, y = 2, whose values have an order even where they stand alone."""
    return len(_labels(items)) > 1


def _in_order(mine: Sequence[Statement], its: Sequence[Statement]) -> bool:
    return len(mine) == len(its) and all(same(one, other) for one, other in zip(mine, its, strict=True))


def _in_any_order(mine: Sequence[Statement], its: Sequence[Statement]) -> bool:
    """Whether two lists have the same items. One may leave out repeats: a double root counts once or twice."""
    if len(mine) != len(its):
        mine, its = _distinct(mine), _distinct(its)
    left = list(its)
    if len(left) != len(mine):
        return False
    for item in mine:
        place = next((n for n, other in enumerate(left) if same(item, other)), None)
        if place is None:
            return False
        del left[place]
    return True


def _distinct(items: Sequence[Statement]) -> list[Statement]:
    found: list[Statement] = []
    for item in items:
        if not any(same(item, other) for other in found):
            found.append(item)
    return found
