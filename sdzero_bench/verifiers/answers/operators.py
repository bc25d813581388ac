"""Roots, functions, sums, accents and subscripts within a formula."""

from __future__ import annotations

from fractions import Fraction

from sdzero_bench.verifiers.answers.nodes import (
    MINUS_ONE,
    Call,
    Infinity,
    Node,
    Number,
    Power,
    Product,
    Root,
    Symbol,
    renamed,
    symbols,
)
from sdzero_bench.verifiers.answers.symbols import OPENING
from sdzero_bench.verifiers.answers.token_reader import TokenReader
from sdzero_bench.verifiers.answers.tokens import NotAnAnswer

WORDS = {"pi": "pi", "infinity": "infinity", "infty": "infinity", "inf": "infinity", "theta": "theta", "alpha": "alpha"}
"""Names that are typed without a backslash."""
_NAMES = {"asin": "asin", "arcsin": "asin", "acos": "acos", "arccos": "acos", "atan": "atan", "arctan": "atan", "lg": "log"}
_INVERSES = {"sin": "asin", "cos": "acos", "tan": "atan"}
_SIGNS = ("+", "-", r"\pm", r"\mp")
_BOUND = "bound "
_OF_SEVERAL = ("gcd", "lcm", "min", "max")


def _bound_variable(body: Node) -> str:
    """A name that no formula has, and no sum within this one."""
    inner = [int(name.removeprefix(_BOUND)) for name in symbols(body) if name.startswith(_BOUND)]
    return f"{_BOUND}{max(inner, default=-1) + 1}"


class OperatorReader(TokenReader):
    """Reads what a command or a name applies to."""

    def _root(self, digits: bool) -> Node:
        degree: Node = Number(Fraction(2))
        if self.take("["):
            degree = self.sum()
            self.expect("]")
        return Root(self.argument(digits), degree)

    def _repeated(self, kind: str) -> Node:
        """A sum or product over a variable, such as \\sum_{k=1}^{n} k^2."""
        self.expect("_")
        self.expect("{")
        variable = self.atom()
        if not isinstance(variable, Symbol):
            raise NotAnAnswer(f"a {kind} without a variable")
        self.expect("=")
        low = self.sum()
        self.expect("}")
        self.expect("^")
        high = self.argument(digits=False)
        body = self.term(argument=True)
        bound = _bound_variable(body)  # what it is called does not count
        return Call(kind, (Symbol(bound), low, high, renamed(body, variable.name, bound)))

    def _opaque(self, kind: str) -> Node:
        """An integral or a limit, whose value is not computed: equal to itself only."""
        bounds = ""
        while self.next_is("_", "^"):
            self.position += 1
            start = self.position
            if self.next_is("{"):
                depth = 0
                while (token := self.peek()) is not None:
                    depth += {"{": 1, "}": -1}.get(token.text, 0)
                    self.position += 1
                    if depth == 0:
                        break
            else:
                self.position += 1
            bounds += "|" + " ".join(t.text for t in self.tokens[start : self.position])
        return Call("opaque", (Symbol(kind + bounds), self.term()))

    def _figure(self, kind: str) -> Node:
        letters = ""
        while (token := self.peek()) is not None and token.kind == "letter":
            letters += token.text
            self.position += 1
        if not letters:
            raise NotAnAnswer(f"a {kind} without a name")
        return Symbol(f"{kind} {letters}")

    def _accented(self, accent: str) -> Node:
        braces = self.take("{")
        letters = ""
        while (token := self.peek()) is not None and token.kind == "letter":
            letters += token.text
            self.position += 1
            if not braces:
                break
        if braces:
            self.expect("}")
        if not letters:
            raise NotAnAnswer(f"{accent} over a formula")
        return Symbol(f"{accent} {letters}")

    def _subscripted(self, name: str) -> Node:
        if self.take("_"):
            start = self.position
            if self.take("{"):
                depth = 1
                while depth:
                    if (token := self.peek()) is None:
                        raise NotAnAnswer("a brace is never closed")
                    depth += {"{": 1, "}": -1}.get(token.text, 0)
                    self.position += 1
            else:
                if self.peek() is None:
                    raise NotAnAnswer("a subscript is missing")
                self.position += 1
            name += "_" + "".join(t.text for t in self.tokens[start : self.position] if t.text not in "{}")
        return Symbol(name)

    def _word(self, name: str) -> Node:
        if name in WORDS:
            return Infinity() if WORDS[name] == "infinity" else Symbol(WORDS[name])
        if name == "sqrt":
            return self._root(digits=False)
        base: Node | None = None
        power: Node | None = None
        while self.next_is("^", "_"):
            if self.take("_"):
                base = self.argument(digits=False)
            elif self.take("^"):
                power = self.signed() if self.next_is(*_SIGNS) else self.argument(digits=False)
        if base is not None and name not in ("log", "lg"):
            raise NotAnAnswer(f"a subscript of {name}")
        name = _NAMES.get(name, name)
        if power in (MINUS_ONE, Product((MINUS_ONE, Number(Fraction(1))))) and name in _INVERSES:
            name, power = _INVERSES[name], None
        node = Call(name, (*self._arguments(name), *([base] if base is not None else [])))
        return node if power is None else Power(node, power)

    def _arguments(self, name: str) -> list[Node]:
        opening = self.peek()
        if opening is not None and opening.text in ("(", r"\{", "[", "{"):
            self.position += 1
            found = [self.sum()]
            while self.take(","):
                found.append(self.sum())
            self.expect(OPENING[opening.text])
            if len(found) > 1 and name not in _OF_SEVERAL:
                raise NotAnAnswer(f"{name} of several values")
            return found
        if name in _OF_SEVERAL:
            raise NotAnAnswer(f"{name} without parentheses")
        return [self.term(argument=True)]
