"""Read an answer: the statements that it may be. `1,234` may be a number or a list, and `5 m` a length or a product."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from itertools import pairwise

from sdzero_bench.verifiers.answers.brackets import closing_at, parts_of, without_ends
from sdzero_bench.verifiers.answers.cleaning import cleaned
from sdzero_bench.verifiers.answers.nodes import has_plus_minus, with_sign
from sdzero_bench.verifiers.answers.notation import matrix_of, numeral_of, ratio_of, residue_of
from sdzero_bench.verifiers.answers.quantities import quantity, together
from sdzero_bench.verifiers.answers.relations import relation_of
from sdzero_bench.verifiers.answers.statements import (
    Braced,
    Bracketed,
    Combined,
    Letter,
    Named,
    Quantity,
    Several,
    Space,
    Statement,
    Words,
)
from sdzero_bench.verifiers.answers.tokens import NotAnAnswer, Piece, tokenised
from sdzero_bench.verifiers.answers.units import is_noun_phrase
from sdzero_bench.verifiers.answers.words import as_letter, as_words

_COMPARISONS = {"=", "<", ">", r"\le", r"\ge", r"\ne", r"\approx", r"\equiv", r"\in", r"\sim"}
_TURNED = {"<": ">", r"\le": r"\ge", ">": "<", r"\ge": r"\le", r"\ne": r"\ne"}
_SETS = {r"\cup": "union", r"\cap": "intersection", r"\setminus": "difference"}
_JOINING = {"and": "and", "or": "or", r"\land": "and", r"\lor": "or"}
_ROWS = {"cases", "array", "aligned", "align", "gathered", "split", "align*", "dcases", "rcases", "tabular"}


_GROUPED = re.compile(r"[-+]?\$?\d{1,3}(?:,\d{3})+(?:\.\d+)?")


def readings(text: str) -> list[Statement]:
    """What the answer may say, most likely first. Raises `NotAnAnswer` if it says nothing."""
    plain = cleaned(text).rstrip(" .,;?").strip()
    if plain.endswith("\\"):  # a blank, `\\ `, whose space was removed
        plain = plain[:-1].rstrip(" .,;")
    found: list[Statement] = []
    problem: NotAnAnswer | None = None
    # 58,500 alone is a number, and no list; within a list or a pair it may be either.
    for grouped in (True, False) if re.search(r"\d,\d{3}(?!\d)", plain) and not _GROUPED.fullmatch(plain) else (True,):
        try:
            tokens = _turned_brackets(without_ends(tokenised(plain, grouped)))
            for part in _without_label(tokens):
                for measured in (True, False):
                    statement = _statement(part, measured)
                    if statement not in found:
                        found.append(statement)
        except NotAnAnswer as error:
            problem = error
        except RecursionError:
            problem = NotAnAnswer("nested too deeply")
        except (LookupError, ValueError, ArithmeticError, AssertionError) as error:  # a form that nobody thought of
            problem = NotAnAnswer(f"{type(error).__name__}: {error}")
    if not found:
        raise problem or NotAnAnswer("nothing to read")
    return found


def _turned_brackets(tokens: list[Piece]) -> list[Piece]:
    """The French interval ]0, 1[ as (0, 1)."""
    ends = tokens[0].text, tokens[-1].text
    inside = {t.text for t in tokens[1:-1]}
    if set(ends) <= {"[", "]"} and ends != ("[", "]") and "," in inside and not inside & {"[", "]"}:
        opening, closing = {"]": "("}.get(ends[0], "["), {"[": ")"}.get(ends[1], "]")
        return [replace(tokens[0], text=opening), *tokens[1:-1], replace(tokens[-1], text=closing)]
    return tokens


def _without_label(tokens: list[Piece]) -> list[list[Piece]]:
    """The letter of a choice and what follows it, as in (A) 12; or what follows `the answer is`; or all tokens."""
    texts = [t.text for t in tokens[:4]]
    if len(tokens) > 3 and texts[0] == "(" and texts[2] == ")" and tokens[1].prose and re.fullmatch("[A-J]", texts[1]):
        return [tokens[1:2], tokens[3:]]
    if len(tokens) > 2 and re.fullmatch("[A-J]", texts[0]) and _ends_label(texts[1], tokens[2:]):
        return [tokens[:1], tokens[2:]]
    verb = next((n for n, t in enumerate(tokens) if t.prose and t.text.lower() in ("is", "equals")), 0)
    said = tokens[:verb]
    names = all(t.prose and t.kind == "word" for t in said) and is_noun_phrase([t.text for t in said])
    if said and names and verb < len(tokens) - 1 and tokens[verb + 1].kind != "word":
        return [tokens[verb + 1 :]]
    opening = 0
    while opening < len(tokens) - 1 and tokens[opening].prose and tokens[opening].text.lower() in _OPENING_WORDS:
        opening += 1
    if opening == 1 and tokens[0].text.lower() in ("option", "choice") and len(tokens) < 5:
        return [tokens[1:]]
    return [tokens[opening:] if opening > 1 else tokens]


def _ends_label(mark: str, tokens: list[Piece]) -> bool:
    """Whether the letter before the mark is that of a choice, as in `C. 12`, `C) 12` and `C: all of them`."""
    return mark in (")", ".") or (mark == ":" and any(t.kind == "word" and len(t.text) > 2 for t in tokens))


_OPENING_WORDS = {"the", "final", "correct", "answer", "is", "equals", ":", "option", "choice"}


_SPACES = {"R": ("all real number", "real number", "all real", "all number"), "Z": ("all integer", "set of integer")}


def _statement(tokens: list[Piece], measured: bool) -> Statement:
    if (words := as_words(tokens)) is not None:
        return next((Space(name) for name, texts in _SPACES.items() if words.text in texts), words)
    tokens = _with_parameter(_unwrapped_cases(tokens))
    parts, between = parts_of(tokens, {",", ";", r"\\", *_JOINING})
    if any(between):
        joined = next((_JOINING[b.text] for b in between if b.text in _JOINING), ",")
        items = [without_ends(part) for part in parts if part and not _is_condition(part)]
        if not items:
            raise NotAnAnswer("a list of nothing")
        statements = tuple(_item(item, measured) for item in items)
        quantities = [s for s in statements if isinstance(s, Quantity)]
        if len(quantities) == len(statements) and (sum_of_parts := together(quantities)) is not None:
            return sum_of_parts
        return statements[0] if len(statements) == 1 else Several(_with_signs(statements), joined)
    found = _item(tokens, measured)
    both = _with_signs((found,))
    return Several(both, "or") if len(both) > 1 else found


def _with_parameter(tokens: list[Piece]) -> list[Piece]:
    """`k\\pi, k \\in \\mathbb{Z}` with n for k: what an integer is called does not count."""
    name = next((a.text for a, b in pairwise(tokens) if b.text == r"\in" and tokens[-1].text == r"\mathbb{Z}"), "")
    if not re.fullmatch("[a-z]", name) or any(t.text == "n" for t in tokens) or not any(t.text == "," for t in tokens):
        return tokens
    return [replace(t, text="n") if t.text == name else t for t in tokens]


def _is_condition(tokens: list[Piece]) -> bool:
    """Such as `k \\in \\mathbb{Z}` after a comma: a remark on the variable."""
    return any(t.text == r"\in" for t in tokens) and tokens[-1].text in (r"\mathbb{Z}", r"\mathbb{N}", r"\mathbb{R}")


def _unwrapped_cases(tokens: list[Piece]) -> list[Piece]:
    """The rows of a system such as \\left\\{ \\begin{array}{l} x = 1 \\\\ y = 2 \\end{array} \\right."""
    inner = tokens
    if inner and inner[0].text == r"\{" and len(inner) > 1 and inner[1].text.startswith(r"\begin{"):
        inner = inner[1:-1] if inner[-1].text in (".", r"\}") else inner[1:]
    if not inner or not inner[0].text.startswith(r"\begin{") or inner[0].text[7:-1] not in _ROWS:
        return tokens
    if closing_at(inner, 0) != len(inner) - 1:
        return tokens
    body = inner[1:-1]
    if not any(t.text in _COMPARISONS for t in body) and (inner is tokens or any(t.text == "&" for t in body)):
        return tokens
    return [t for t in body if t.text != "&"]


def _with_signs(items: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """Each item with a plus-minus as two items."""
    found: list[Statement] = []
    for item in items:
        match item:
            case Quantity(value) if has_plus_minus(value):
                found += [replace(item, value=with_sign(value, upper)) for upper in (True, False)]
            case Named(names, Quantity(value) as inner) if has_plus_minus(value):
                found += [Named(names, replace(inner, value=with_sign(value, upper))) for upper in (True, False)]
            case _:
                found.append(item)
    return tuple(found)


def _item(tokens: list[Piece], measured: bool) -> Statement:
    tokens = without_ends(tokens)
    if tokens[0].text == r"\approx":
        tokens = tokens[1:]
    if (residue := residue_of(tokens, partial(_value, measured=measured))) is not None:
        return residue
    parts, signs = parts_of(tokens, _COMPARISONS)
    if signs:
        return relation_of(parts, [s.text for s in signs], partial(_value, measured=measured))
    return _value(tokens, measured)


def _value(tokens: list[Piece], measured: bool) -> Statement:
    tokens = without_ends(tokens)
    parts, signs = parts_of(tokens, set(_SETS) | {"U"})
    if signs and all(parts) and (len(parts) > 1) and all(_is_set(part) for part in parts):
        first, *rest = [_value(part, measured) for part in parts]
        return Combined(first, tuple((_SETS.get(s.text, "union"), r) for s, r in zip(signs, rest, strict=True)))
    if len(tokens) == 1 and tokens[0].text.startswith(r"\mathbb{"):
        return Space(tokens[0].text[8:-1])
    if len(tokens) == 1 and tokens[0].text == r"\emptyset":
        return Braced(())
    if (letter := as_letter(tokens)) is not None:
        return Letter(letter)
    if (numeral := numeral_of(tokens)) is not None:
        return numeral
    if (matrix := matrix_of(tokens)) is not None:
        return matrix
    if len(tokens) > 4 and re.fullmatch("[A-Z]", tokens[0].text) and (point := _point(tokens[1:], measured)) is not None:
        return Named((tokens[0].text,), point)
    if (group := _bracketed(tokens, measured)) is not None:
        return group
    if (ratio := ratio_of(tokens)) is not None:
        return ratio
    if (words := as_words(tokens)) is not None:
        return words
    return quantity(tokens, measured)


def _point(tokens: list[Piece], measured: bool) -> Bracketed | None:
    """The coordinates of a point that is named right in front of them, as in P(2, 3)."""
    if tokens[0].text != "(" or closing_at(tokens, 0) != len(tokens) - 1:
        return None
    found = _bracketed(tokens, measured)
    return found if isinstance(found, Bracketed) else None


def _is_set(tokens: list[Piece]) -> bool:
    tokens = without_ends(tokens) if tokens else tokens
    if len(tokens) == 1:
        return tokens[0].text.startswith(r"\mathbb{") or tokens[0].text == r"\emptyset"
    return bool(tokens) and tokens[0].text in ("(", "[", r"\{") and closing_at(tokens, 0) == len(tokens) - 1


def _bracketed(tokens: list[Piece], measured: bool) -> Statement | None:
    opening, closing = tokens[0].text, tokens[-1].text
    if opening not in ("(", "[", r"\{", r"\langle") or closing_at(tokens, 0) != len(tokens) - 1:
        return None
    inner = tokens[1:-1]
    if opening == r"\{":
        if closing != r"\}":
            raise NotAnAnswer("a brace that is not closed")
        if any(t.text in ("|", ":") for t in inner) and any(t.text in _COMPARISONS for t in inner):
            return _described(inner, measured)
        parts, between = parts_of(inner, {",", ";", "and"}) if inner else ([], [])
        if not between and inner and inner[0].text == r"\{":
            return None
        return Braced(_with_signs(tuple(_listed(part, measured) for part in parts)))
    parts, between = parts_of(inner, {",", ";", "|" if opening == r"\langle" else ","})
    if not between:
        if (opening, closing) == ("(", ")") and any(t.text in _COMPARISONS for t in inner):
            return _item(inner, measured)
        return None
    items = tuple(_listed(part, measured) for part in parts)
    return Bracketed(opening, items, closing)


def _listed(tokens: list[Piece], measured: bool) -> Statement:
    if not tokens:
        raise NotAnAnswer("an empty place in a list")
    if [t.text for t in tokens] == [r"\ldots"]:
        return Words("...")
    return _item(tokens, measured)


def _described(inner: list[Piece], measured: bool) -> Statement:
    """{x : x > 2} or {x in R | x > 2}: the condition."""
    parts, between = parts_of(inner, {"|", ":"})
    if len(between) != 1:
        raise NotAnAnswer("a set without a condition")
    variable = parts[0][0].text if parts[0] else ""
    if re.fullmatch("[a-z]", variable) and not any(t.text == "x" for t in inner):
        return _statement([replace(t, text="x") if t.text == variable else t for t in parts[1]], measured)
    return _statement(parts[1], measured)
