"""Rewrite an answer as it was typed into plain LaTeX: Unicode characters, spaces, styles, groups of digits."""

from __future__ import annotations

import re
import unicodedata

from sdzero_bench.verifiers.answers.symbols import GREEK_LETTERS, UNICODE

SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿ", "0123456789+-()n", strict=True))
SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋", "0123456789+-", strict=True))
_INVISIBLE = re.compile("[\u200b-\u200f\u2060-\u2064\ufeff\u00ad]")
_RAISED = re.compile(f"[{''.join(SUPERSCRIPTS)}]+")
_LOWERED = re.compile(f"[{''.join(SUBSCRIPTS)}]+")
_THIN = r"(?:\\[,;: !]|\{,\}|,\\!|\\,|~|\u00a0|\u2009|\u202f)"
_GROUPED = re.compile(rf"(?<![\d.,])\d{{1,3}}(?:(?:{_THIN})+\s*\d{{3}}(?!\d))+")
_BLANK_GROUPS = re.compile(r"(?<![\d.,/^_])(?<!\d )\d{1,3}(?: \d{3})+(?![\d/]| \d)")
_ROW_SPACING = re.compile(r"\\\\\s*\[-?[\d.]+\s*(?:pt|em|ex|mm|cm|mu|in)\]")
_HORIZONTAL = re.compile(
    r"\\(?:hspace|kern|hskip|mspace|vspace|rule)\*?\s*(?:\{[^{}]*\}(?:\{[^{}]*\})?|-?[\d.]+\s*(?:pt|em|ex|mm|cm|mu|in))"
)
_PHANTOM = re.compile(r"\\[hv]?phantom\s*(?:\{[^{}]*\}|\\[a-zA-Z]+|\S)")
_COLOUR = re.compile(r"\\(?:color|textcolor|colorbox)\s*\{[a-zA-Z]+\}")
_HALF_DAY = re.compile(r"\b([aApP])\.?\s?[mM]\b\.?(?=[\s},$)]|$)")
_BRACED = re.compile(r"\{\s*(\{[^{}]*\})\s*\}")
_COMPARISONS = {"<=": r"\le ", ">=": r"\ge ", "=<": r"\le ", "!=": r"\ne ", "==": "=", "<>": r"\ne "}
_COMPARED = re.compile("|".join(_COMPARISONS))
_ENDLESS = re.compile(r"(\d*\.\d*?)(\d+?)\2{2,}\s*(?:\\(?:l?dots|cdots)\b|\.\.\.)")
_CHOOSE = re.compile(r"\{([^{}]*)\\choose\b([^{}]*)\}")
_SIDE = r"((?:[^{}]|\{[^{}]*\})*)"
_OVER = re.compile(rf"\{{{_SIDE}\\over(?![a-zA-Z]){_SIDE}\}}")
_REPEATED = re.compile(r"(?<![\w.])(\d+\.)\((\d+)\)")
_RAISED_O = re.compile(r"(?<=[\d}])\^\s*(?:o(?![a-zA-Z])|\{o\})")
_MINUTES = re.compile(
    r"(\d+)\s*\^\s*(?:\\circ|\{\\circ\})\s*(\d+)\s*(?:'|\^\s*\\prime|\^\{\\prime\})(?!')(?:\s*(\d+(?:\.\d+)?)\s*(?:''|\"))?"
)
_SCIENTIFIC = re.compile(r"(?<![\w.}])(\d+(?:\.\d+)?)[eE]([+-]?\d+)(?![\w.])")
_MARK_ALONE = re.compile(r"\{([,:])\}")


def cleaned(text: str) -> str:
    """The answer in plain LaTeX. White space other than blanks becomes a blank."""
    text = _INVISIBLE.sub("", text)
    text = _RAISED.sub(lambda found: "^{" + "".join(SUPERSCRIPTS[c] for c in found.group()) + "}", text)
    text = _LOWERED.sub(lambda found: "_{" + "".join(SUBSCRIPTS[c] for c in found.group()) + "}", text)
    text = "".join(_character(c) for c in text)
    text = unicodedata.normalize("NFKC", text)
    text = _HORIZONTAL.sub(r"\\,", _ROW_SPACING.sub(r"\\\\ ", _PHANTOM.sub("", _COLOUR.sub("", text))))
    text = re.sub(r"\\[()\[\]](?!\s*-?[\d.]+\s*pt)", " ", text)  # \\( and \\[ only say that a formula begins
    text = _ENDLESS.sub(r"\1\\overline{\2}", text)
    text = _CHOOSE.sub(r"\\binom{\1}{\2}", text)
    text = _OVER.sub(r"\\frac{\1}{\2}", text)
    text = _REPEATED.sub(r"\1\\overline{\2}", text)
    text = _SCIENTIFIC.sub(r"\1\\times 10^{\2}", text)
    text = _COMPARED.sub(lambda found: _COMPARISONS[found.group()], text)
    text = _GROUPED.sub(lambda found: re.sub(r"\D", "", found.group()), text)
    text = _MARK_ALONE.sub(r"\1", text)
    text = _MINUTES.sub(_degrees, _RAISED_O.sub(r"^\\circ ", text))
    text = " ".join(text.split())
    text = _BLANK_GROUPS.sub(lambda found: found.group().replace(" ", ""), text)
    text = _HALF_DAY.sub(lambda found: f"\\text{{ {found.group(1).lower()}m}}", text) if ":" in text else text
    while (shorter := _BRACED.sub(r"\1", text)) != text:  # {{{5}}}
        text = shorter
    return text.strip()


def _degrees(found: re.Match[str]) -> str:
    """Degrees, minutes and seconds as degrees."""
    return rf"({found[1]}+\frac{{{found[2]}}}{{60}}+\frac{{{found[3] or 0}}}{{3600}})^\circ "


def _character(c: str) -> str:
    if c in UNICODE:
        return UNICODE[c]
    if c in GREEK_LETTERS:
        return f"\\{GREEK_LETTERS[c]} "
    if unicodedata.decomposition(c).startswith("<fraction>"):  # ½, which NFKC would run together with the digits before it
        above, _, below = unicodedata.normalize("NFKC", c).partition("⁄")
        return f"\\frac{{{above}}}{{{below}}}"
    return c
