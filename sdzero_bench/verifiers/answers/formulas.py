"""Read tokens as a formula: all of them, or none."""

from __future__ import annotations

from fractions import Fraction

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
    Symbol,
    Total,
    negative,
)
from sdzero_bench.verifiers.answers.operators import WORDS, OperatorReader
from sdzero_bench.verifiers.answers.symbols import ACCENTS, FUNCTIONS, GREEK, OPENING
from sdzero_bench.verifiers.answers.tokens import NotAnAnswer, Piece
from sdzero_bench.verifiers.answers.units import is_unit

_TIMES = {"*", r"\cdot", r"\times"}
_OVER = {"/", r"\div"}
_SIGNS = {"+", "-", r"\pm", r"\mp"}


def formula(tokens: list[Piece]) -> Node:
    """The formula that the tokens are. Raises `NotAnAnswer` if they are none, or have something else before or after one."""
    reader = _Reader(_spelled_out(tokens))
    node = reader.sum()
    if (token := reader.peek()) is not None:
        raise NotAnAnswer(f"{token.text!r} is out of place")
    return node


def number(token: Piece) -> Number:
    """The value of a number as typed, such as 12, 0.50 or 0.1(6)."""
    plain, _, repeating = token.text.rstrip(")").partition("(")
    whole, _, decimals = plain.partition(".")
    value = Fraction(int(whole or 0)) + (Fraction(int(decimals), 10 ** len(decimals)) if decimals else 0)
    if repeating:
        return Number(value + Fraction(int(repeating), (10 ** len(repeating) - 1) * 10 ** len(decimals)))
    if not decimals:
        return Number(value)
    return Number(value, Fraction(1, 10 ** len(decimals)), len((whole + decimals).lstrip("0")))


def _spelled_out(tokens: list[Piece]) -> list[Piece]:
    """The tokens with words as what they are in a formula: functions, units, or else letters that are multiplied."""
    found: list[Piece] = []
    for token in tokens:
        if token.text.lower() == "infinity":
            found.append(Piece("word", "infinity"))
        elif token.kind != "word" or token.text in FUNCTIONS or token.text in WORDS or token.text == "sqrt":
            found.append(token)
        elif token.prose:
            found.append(token if len(token.text) > 1 else Piece("letter", token.text, token.spaced))
        else:
            start = next((f for f in sorted(FUNCTIONS, key=len, reverse=True) if token.text.startswith(f)), None)
            if start is not None and len(token.text) <= len(start) + 2:
                found.append(Piece("word", start, token.spaced))
                found += [Piece("letter", c) for c in token.text[len(start) :]]
            else:
                found += [Piece("letter", c, token.spaced and n == 0) for n, c in enumerate(token.text)]
    return found


class _Reader(OperatorReader):
    """Recursive descent: each method reads one level of the grammar from the current position."""

    def sum(self) -> Node:
        terms: list[Node] = []
        while True:
            if (token := self.peek()) is not None and token.text in _SIGNS:
                self.position += 1
                term = self.term()
                terms.append(
                    {"+": term, "-": negative(term), r"\pm": PlusMinus(term, 1), r"\mp": PlusMinus(term, -1)}[token.text]
                )
            else:
                terms.append(self.term())
            if not self.next_is(*_SIGNS):
                break
        return terms[0] if len(terms) == 1 else Total(tuple(terms))

    def signed(self) -> Node:
        """A factor that may have signs of its own, as in `3 \\cdot -2`."""
        if self.take("-"):
            return negative(self.signed())
        if self.take("+"):
            return self.signed()
        if self.take(r"\pm"):
            return PlusMinus(self.signed(), 1)
        return self.power()

    def term(self, argument: bool = False) -> Node:
        """A product. As the `argument` of a function without parentheses it ends before the next function."""
        node = self.signed()
        while (token := self.peek()) is not None:
            if argument and self.next_is(*_TIMES):
                break
            if self.take(*_TIMES):
                node = Product((node, self.signed()))
            elif self.take(*_OVER):
                node = Quotient(node, self.signed())
            elif token.kind == "word" and token.prose:
                # A unit within a formula, such as `3 cm + x`, is of no account, if a sign follows.
                if not is_unit(token.text):
                    raise NotAnAnswer(f"the word {token.text!r} within a formula")
                self.position += 1
                if (after := self.peek()) is not None and after.text not in _SIGNS | {")", "]", "}"}:
                    raise NotAnAnswer(f"{after.text!r} after the unit {token.text!r}")
                break
            elif self._starts_factor(token):
                if argument and token.kind == "word" and token.text in FUNCTIONS:
                    break
                node = self._mixed(node, token) or Product((node, self.power()))
            else:
                break
        return node

    def _starts_factor(self, token: Piece) -> bool:
        if token.kind == "number":
            before = self.tokens[self.position - 1]
            if _plain_fraction(self.tokens, self.position):
                return True
            if before.text not in (")", "]", "!", r"\rfloor", r"\rceil"):
                raise NotAnAnswer(f"the number {token.text} right after {before.text!r}")
            return True
        if token.text == "|":
            return self.bars == 0
        return token.kind in ("letter", "word") or token.text in OPENING or token.text in _STARTING or token.text in GREEK

    def _mixed(self, whole: Node, token: Piece) -> Node | None:
        """3 1/2 or 3\\frac{1}{2}, a sum; None if it is no mixed number."""
        if not isinstance(whole, Number) or whole.value.denominator != 1 or whole.last_place is not None:
            return None
        if self.tokens[self.position - 1].kind != "number":
            return None
        start = self.position
        if token.kind == "number":
            above, below = number(token), number(self.tokens[start + 2])
            self.position += 3
            if above.value < below.value:
                return Total((whole, Quotient(above, below)))
            raise NotAnAnswer("two numbers side by side")
        if token.text == r"\frac":
            fraction = self.power()
            match fraction:
                case Quotient(Number(a), Number(b)) if a < b and a.denominator == b.denominator == 1:
                    return Total((whole, fraction))
            self.position = start
        return None

    def power(self) -> Node:
        node = self.atom()
        while True:
            if self.take("^"):
                node = self._raised(node)
            elif self.next_is("!"):
                count = 0
                while self.take("!"):
                    count += 1
                if count > 2:
                    raise NotAnAnswer("more than two factorial signs")
                node = Call("factorial" if count == 1 else "double factorial", (node,))
            elif self.take(r"\%", "%"):
                node = Quotient(node, Number(Fraction(100)))
            elif self.take(r"\circ"):
                node = Degrees(node)
            elif self.take("'"):
                if not isinstance(node, Symbol):
                    raise NotAnAnswer("a prime after a formula")
                node = Symbol(node.name + "'")
            else:
                return node

    def _raised(self, base: Node) -> Node:
        if self.take("'"):
            return self._primed(base)
        if self.take(r"\circ"):
            return Degrees(base)
        if self.next_is("{"):
            after = self.peek(1)
            if after is not None and after.text in ("'", r"\circ") and (end := self.peek(2)) is not None and end.text == "}":
                self.position += 3
                return Degrees(base) if after.text == r"\circ" else self._primed(base)
        if self.next_is(*_SIGNS):  # 10^-3
            return Power(base, self.signed())
        return Power(base, self.argument(digits=False))

    @staticmethod
    def _primed(base: Node) -> Node:
        if isinstance(base, Symbol):
            return Symbol(base.name + "'")
        raise NotAnAnswer("a prime after a formula")

    def argument(self, digits: bool) -> Node:
        """What a command or ^ applies to: a group in braces or one symbol; of a number its first digit only, if `digits`."""
        token = self.peek()
        if token is None:
            raise NotAnAnswer("something is missing at the end")
        if self.take("{"):
            node = self.sum()
            self.expect("}")
            return node
        if token.kind == "number" and digits and len(token.text) > 1 and token.text.isdigit():
            self.tokens[self.position] = Piece("number", token.text[1:])
            return Number(Fraction(int(token.text[0])))
        return self.atom()

    def atom(self) -> Node:
        token = self.peek()
        if token is None:
            raise NotAnAnswer("something is missing at the end")
        if token.kind == "word" and token.prose:
            raise NotAnAnswer(f"the word {token.text!r} within a formula")
        self.position += 1
        text = token.text
        if token.kind == "number":
            if self.next_is("_"):
                raise NotAnAnswer("a numeral of another base within a formula")
            return number(token)
        if token.kind == "letter" or text in GREEK:
            return self._subscripted(text.removeprefix("\\"))
        if token.kind == "word":
            return self._word(text)
        if text == "(" or text == "[" or text == "{":
            node = self.sum()
            self.expect(OPENING[text])
            return node
        if text == "|":
            self.bars += 1
            node = self.sum()
            self.bars -= 1
            self.expect("|")
            return Call("abs", (node,))
        return self._command(text)

    def _command(self, text: str) -> Node:
        match text:
            case r"\frac":
                return Quotient(self.argument(digits=True), self.argument(digits=True))
            case r"\binom":
                return Call("binomial", (self.argument(digits=True), self.argument(digits=True)))
            case r"\sqrt":
                return self._root(digits=True)
            case r"\surd":
                return self._root(digits=False)
            case r"\infty":
                return Infinity()
            case r"\lfloor" | r"\lceil":
                node = self.sum()
                self.expect(OPENING[text])
                return Call("floor" if text == r"\lfloor" else "ceiling", (node,))
            case r"\sum" | r"\prod":
                return self._repeated(text[1:])
            case r"\int" | r"\lim":
                return self._opaque(text[1:])
            case r"\ldots":
                return Symbol("...")
            case r"\angle" | r"\triangle":
                return self._figure(text[1:])
            case _ if text in ACCENTS:
                return self._accented(text[1:])
        raise NotAnAnswer(f"{text!r} is not known here")


_STARTING = {
    r"\sum",
    r"\prod",
    r"\int",
    r"\lim",
    r"\frac",
    r"\binom",
    r"\sqrt",
    r"\surd",
    r"\infty",
    r"\angle",
    r"\triangle",
    *ACCENTS,
}


def _plain_fraction(tokens: list[Piece], start: int) -> bool:
    """Whether a fraction such as 1/2 begins here, after a blank and a whole number: the rest of a mixed number."""
    parts = tokens[start : start + 3]
    return (
        len(parts) == 3
        and parts[0].spaced
        and tokens[start - 1].kind == "number"
        and parts[1].text == "/"
        and parts[2].kind == "number"
        and parts[0].text.isdigit()
        and parts[2].text.isdigit()
    )
