"""Units of measurement, and the words that may follow a number without changing it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Unit:
    """What a number counts. Two measures of one dimension are compared in its base unit; any other noun is no measure."""

    dimension: str
    scale: Fraction
    """One of these in base units."""


_MEASURES = {
    "length": {
        "mm millimeter millimetre": "1/1000", "cm centimeter centimetre": "1/100", "dm decimeter": "1/10", "m meter metre": "1",
        "km kilometer kilometre": "1000", "in inch inches": "254/10000", "ft foot feet": "3048/10000", "yd yard": "9144/10000",
        "mi mile": "1609344/1000",
    },
    "time": {
        "s sec second": "1", "min minute": "60", "h hr hour": "3600", "day": "86400", "week": "604800",
    },
    "mass": {"mg milligram": "1/1000", "g gram": "1", "kg kilogram": "1000", "oz ounce": "28349523125/1000000000",
             "lb lbs pound": "45359237/100000"},
    "volume": {"ml mL milliliter millilitre": "1/1000", "cl": "1/100", "l L liter litre": "1",
               "gal gallon": "3785411784/1000000000"},
    "money": {"cent cents ¢": "1/100", "dollar USD usd buck": "1"},
    "euro": {"euro eur EUR": "1"},
    "pound sterling": {"pounds_sterling": "1"},
    "yen": {"yen": "1"},
    "rupee": {"rupee": "1"},
    "angle": {"degree deg": "1"},
    "radians": {"rad radian": "1"},
    "temperature": {"celsius": "1"},
    "fahrenheit": {"fahrenheit": "1"},
    "speed": {"mph": "44704/100000", "kph kmh kmph": "1000/3600"},
    "months": {"month": "1", "year yr": "12", "years_old": "12"},
    "power": {"W watt": "1", "kW kilowatt": "1000"},
    "energy": {"J joule": "1", "kJ": "1000"},
    "force": {"N newton": "1"},
    "frequency": {"Hz hertz": "1"},
    "voltage": {"volt": "1"},
}  # fmt: skip
_UNITS = {
    word: Unit(dimension, Fraction(scale))
    for dimension, units in _MEASURES.items()
    for words, scale in units.items()
    for name in words.split()
    for word in {name, name + "s" if len(name) > 2 else name}
}
_SQUARE = {"square": 2, "sq": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3}
_SINGLE = {"m", "s", "g", "h", "L", "l", "N", "W", "J"}
_MULTIPLIERS = {"dozen": 12, "hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_FORBIDDEN = frozenset(
    [
        "not",
        "no",
        "non",
        "nor",
        "or",
        "and",
        "more",
        "less",
        "than",
        "least",
        "most",
        "times",
        "between",
        "except",
        "plus",
        "minus",
        "from",
        "to",
        "vs",
        "versus",
        "maybe",
        "perhaps",
        "over",
        "under",
        "above",
        "below",
        "about",
        "but",
        "if",
        "is",
        "are",
        "was",
        "mod",
        "base",
        "point",
        "approximately",
        "around",
        "up",
        "until",
        "without",
        "excluding",
        "only",
        "either",
        "neither",
        "both",
        "any",
        "all",
        "none",
        "some",
        "each",
        "half",
        "twice",
        "double",
        "triple",
        "negative",
        "positive",
        "squared_off",
        "unless",
        "when",
        "where",
        "can",
        "cannot",
        "undefined",
        "unknown",
        "error",
        "answer",
        "choice",
        "option",
        "remainder",
        "factorial",
        "root",
        "divided",
        "multiplied",
        "added",
        "subtracted",
    ]
)
"""Words that change what a number says, or deny it. A phrase with one of them is no unit."""
_SMALL = frozenset(["per", "of", "in", "the", "a", "an", "for", "old", "each", "whole", "total", "right", "sq"])

KNOWN_NOUNS = frozenset(["units", "unit", "box", "boys", "cost", "days", "ways"])


def is_unit(word: str) -> bool:
    """Whether a word of text may be dropped after a number within a formula."""
    return word in _UNITS or word.lower() in _UNITS or word.lower() in ("unit", "units", "sq", "square", "cubic")


def known(word: str) -> bool:
    """Whether a word right behind a number, such as cm or kg, is a unit, and no product of variables."""
    return len(word) > 1 and (word in _UNITS or word.lower() in _UNITS or word in _MULTIPLIERS or word in KNOWN_NOUNS)


def single(letter: str) -> bool:
    """Whether a single letter after a blank may be a unit, such as m or s."""
    return letter in _SINGLE


def multiplier(word: str) -> int | None:
    return _MULTIPLIERS.get(word.lower().removesuffix("s"))


def is_noun_phrase(words: list[str]) -> bool:
    """Whether words after a number only say what it counts."""
    return all(word.lower() not in _FORBIDDEN and len(word) < 30 for word in words)


def unit_of(words: list[str], power: int) -> Unit | None:
    """The measure that words name, raised to a power; None if they are no measure: then they are not compared."""
    raised = power
    names: list[str] = []
    below: list[str] = []
    divided = False
    for word in words:
        if word.lower() in _SQUARE:
            raised = _SQUARE[word.lower()]
        elif word in ("/", "per"):
            divided = True
        elif word.lower() not in _SMALL:
            (below if divided else names).append(word)
    if not names and words == ["in"]:
        names = words  # inches, and no preposition
    if len(names) != 1 or len(below) > 1:
        return None
    above, under = _unit(names[0]), _unit(below[0]) if below else None
    if above is None or (below and under is None):
        return None
    if under is not None:
        return Unit("speed" if (above.dimension, under.dimension) == ("length", "time") else
                    f"{above.dimension}/{under.dimension}", above.scale / under.scale)  # fmt: skip
    return above if raised == 1 else Unit(f"{above.dimension}^{raised}", above.scale**raised)


def currency(name: str) -> Unit | None:
    return _UNITS.get(name, Unit(name, Fraction(1)))


def _unit(word: str) -> Unit | None:
    return _UNITS.get(word) or _UNITS.get(word.lower())
