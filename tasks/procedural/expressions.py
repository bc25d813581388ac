"""Formulas that are safe to pass to a scorer that evaluates them as Python.

Several scorers of reasoning-gym do so, with `eval` or SymPy's `parse_expr`, so anything a policy writes would run in the
verifier's process. Answers are therefore parsed first, and only numbers, variables, the four operations, powers of bounded size
and elementary functions are accepted.
"""

from __future__ import annotations

import ast
import math

LONGEST = 1000
"""Characters; also bounds the depth of the tree."""
MOST_DIGITS = 1000.0
"""Maximum number of digits of any intermediate result."""
FUNCTIONS = {"sin", "cos", "tan", "exp", "log", "sqrt", "asin", "acos", "atan", "sinh", "cosh", "tanh", "Abs"}
_OPERATIONS = (ast.Add, ast.Sub, ast.Mult, ast.Div)


def is_arithmetic(text: str) -> bool:
    """Only numbers, + - * / and parentheses."""
    return _digits(text, algebra=False) is not None


def is_formula(text: str) -> bool:
    """Also variables of one letter, `pi`, powers, and the functions above."""
    return _digits(text, algebra=True) is not None


def _digits(text: str, algebra: bool) -> float | None:
    """Upper bound on the decimal digits of any intermediate result; None if the text is not accepted."""
    if len(text) > LONGEST or not text.isascii():
        return None
    try:
        return _bound(ast.parse(text.strip(), mode="eval").body, algebra)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _bound(node: ast.expr, algebra: bool) -> float:
    """Digits of numerator and denominator together. Raises `ValueError` for anything that is not accepted."""
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            digits = math.log10(abs(number) + 1) + 1 if isinstance(number, int) else 20.0
        case ast.UnaryOp(op=ast.UAdd() | ast.USub(), operand=operand):
            digits = _bound(operand, algebra)
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _OPERATIONS):
            digits = _bound(left, algebra) + _bound(right, algebra) + 1
        case ast.BinOp(left=left, op=ast.Pow(), right=right) if algebra:
            digits = (_bound(left, algebra) + 1) * _exponent(right)
        case ast.Name(id=name) if algebra and (len(name) == 1 or name == "pi"):
            digits = 1.0
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if algebra and name in FUNCTIONS:
            digits = _bound(argument, algebra) + 1
        case _:
            raise ValueError(f"a {type(node).__name__}")
    if digits > MOST_DIGITS:
        raise ValueError("too large a number")
    return digits


def _exponent(node: ast.expr) -> float:
    """Factor by which a power may multiply the digits of its base. Raises `ValueError` for an exponent that would have to be
    computed."""
    match node:
        case ast.Constant(value=int() | float() as number):
            return max(float(number), 1.0)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _exponent(operand)
        case ast.BinOp(left=ast.Constant() as above, op=ast.Div(), right=ast.Constant()):
            return _exponent(above)
    if not any(isinstance(part, ast.Name) and len(part.id) == 1 for part in ast.walk(node)):
        raise ValueError("an exponent that is not a plain number")
    _bound(node, algebra=True)
    return 1.0  # with a variable in the exponent, the power is not evaluated
