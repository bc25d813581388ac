"""The symbols of mathematical answers: Unicode characters, LaTeX commands and names of functions."""

from __future__ import annotations

UNICODE = {
    "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "﹣": "-",
    "×": r"\times ", "✕": r"\times ", "·": r"\cdot ", "∙": r"\cdot ", "⋅": r"\cdot ", "•": r"\cdot ", "∗": "*",
    "÷": r"\div ", "⁄": "/", "∕": "/", "√": r"\surd ", "∛": r"\surd[3]", "∜": r"\surd[4]", "∞": r"\infty ", "±": r"\pm ",
    "∓": r"\mp ", "≤": r"\le ", "≥": r"\ge ", "⩽": r"\le ", "⩾": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "≡": r"\equiv ",
    "∪": r"\cup ", "∩": r"\cap ", "∖": r"\setminus ", "∈": r"\in ", "∅": r"\emptyset ", "°": r"^{\circ}", "º": r"^{\circ}",
    "→": r"\to ", "…": r"\ldots ", "∠": r"\angle ", "△": r"\triangle ", "⟨": r"\langle ", "⟩": r"\rangle ", "′": "'",
    "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ", "∨": r"\lor ", "∧": r"\land ", "∼": r"\sim ",
    "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℚ": r"\mathbb{Q}", "ℕ": r"\mathbb{N}", "ℂ": r"\mathbb{C}",
    "。": ".", "，": ",", "、": ",", "；": ";", "：": ":", "∶": ":", "（": "(", "）": ")", "［": "[", "］": "]", "％": "%",
    "£": r"\pounds ", "€": r"\euro ", "¥": r"\yen ", "₹": r"\rupee ", "¢": r"\cents ",
    "“": '"', "”": '"', "’": "'", "‘": "'", "∘": r"\circ ", "∣": "|", "∑": r"\sum ", "∏": r"\prod ", "∫": r"\int ",
}  # fmt: skip
"""What is typed as one character. Superscripts, subscripts and fractions such as ½ are read in cleaning.py."""

GREEK_LETTERS = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta", "λ": "lambda",
    "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "ϕ": "phi", "χ": "chi",
    "ψ": "psi", "ω": "omega", "κ": "kappa", "ι": "iota", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi",
    "Π": "Pi", "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip

GREEK = {f"\\{name}" for name in GREEK_LETTERS.values()} | {
    r"\varepsilon", r"\vartheta", r"\varphi", r"\varrho", r"\varsigma", r"\upsilon", r"\Upsilon", r"\ell", r"\hbar",
    r"\omicron",
}  # fmt: skip

SPACING = {
    r"\,", r"\;", r"\:", r"\!", r"\ ", r"\>", r"\quad", r"\qquad", r"\thinspace", r"\medspace", r"\thickspace", r"\enspace",
    r"\negthinspace", r"\space", r"\null", r"\newline", r"\hfill", r"\nobreak", r"\allowbreak", r"\break", r"\noindent", "~",
}  # fmt: skip
"""Commands that only set space."""

STYLES = {
    r"\displaystyle", r"\textstyle", r"\scriptstyle", r"\limits", r"\nolimits", r"\mathbf", r"\boldsymbol", r"\bm", r"\mathit",
    r"\mathnormal", r"\mathsf", r"\mathtt", r"\mathcal", r"\mathord", r"\bf", r"\rm", r"\it", r"\large", r"\Large", r"\LARGE",
    r"\huge", r"\Huge", r"\small", r"\normalsize", r"\big", r"\Big", r"\bigg", r"\Bigg", r"\bigl", r"\bigr", r"\Bigl", r"\Bigr",
    r"\biggl", r"\biggr", r"\Biggl", r"\Biggr", r"\underline", r"\ensuremath", r"\boxed", r"\fbox", r"\left", r"\right",
    r"\middle", r"\mathop", r"\mathopen", r"\mathclose", r"\pmb", r"\mathstrut", r"\unboldmath", r"\boldmath",
}  # fmt: skip
"""Commands that only change how their argument looks."""

TEXT = {
    r"\text", r"\mbox", r"\hbox", r"\textbf", r"\textit", r"\textrm", r"\textnormal", r"\textsf", r"\texttt", r"\textsc",
    r"\textup", r"\emph", r"\mathrm", r"\operatorname", r"\operatorname*", r"\bold", r"\textsl", r"\textmd", r"\mathsc",
}  # fmt: skip
"""Commands whose argument is words."""

SYNONYMS = {
    r"\dfrac": r"\frac", r"\tfrac": r"\frac", r"\cfrac": r"\frac", r"\dbinom": r"\binom", r"\tbinom": r"\binom",
    r"\leq": r"\le", r"\leqslant": r"\le", r"\leqq": r"\le", r"\geq": r"\ge", r"\geqslant": r"\ge", r"\geqq": r"\ge",
    r"\gt": ">", r"\lt": "<", r"\neq": r"\ne", r"\lbrace": r"\{", r"\rbrace": r"\}", r"\lbrack": "[", r"\rbrack": "]",
    r"\lparen": "(", r"\rparen": ")", r"\lvert": "|", r"\rvert": "|", r"\vert": "|", r"\mid": "|", r"\lVert": r"\|",
    r"\rVert": r"\|", r"\Vert": r"\|", r"\ast": "*", r"\dots": r"\ldots", r"\cdots": r"\ldots", r"\dotsc": r"\ldots",
    r"\dotsb": r"\ldots", r"\vdots": r"\ldots", r"\varnothing": r"\emptyset", r"\wedge": r"\land", r"\vee": r"\lor",
    r"\thickapprox": r"\approx", r"\simeq": r"\approx", r"\cong": r"\approx", r"\degree": r"\circ", r"\smallsetminus":
    r"\setminus", r"\backslash": r"\setminus", r"\colon": ":", r"\ratio": ":", r"\lang": r"\langle", r"\rang": r"\rangle",
    r"\textdegree": r"\circ", r"\arccos": r"\acos", r"\arcsin": r"\asin", r"\arctan": r"\atan", r"\varphi": r"\phi",
    r"\varepsilon": r"\epsilon", r"\vartheta": r"\theta", r"\slash": "/", r"\textdollar": r"\$", r"\texteuro": r"\euro",
    r"\percent": r"\%", r"\tg": r"\tan", r"\ctg": r"\cot", r"\arctg": r"\atan", r"\bigcup": r"\cup", r"\prime": "'",
    r"\isin": r"\in", r"\tabularnewline": r"\\", r"\cr": r"\\", r"\imath": "i", r"\infin": r"\infty", r"\Re": r"\mathbb{R}",
    r"\R": r"\mathbb{R}", r"\lg": r"\log", r"\&": r"\land",
}  # fmt: skip

FUNCTIONS = {
    "sin", "cos", "tan", "cot", "sec", "csc", "asin", "acos", "atan", "sinh", "cosh", "tanh", "log", "ln", "exp", "gcd", "lcm",
    "min", "max", "arcsin", "arccos", "arctan", "lg",
}  # fmt: skip

CIRCULAR = {"sin", "cos", "tan", "cot", "sec", "csc"}

ACCENTS = {r"\overline", r"\bar", r"\vec", r"\hat", r"\tilde", r"\overrightarrow", r"\overleftrightarrow", r"\widehat", r"\dot"}

CURRENCIES = {
    r"\$": "dollar",
    r"\pounds": "pound sterling",
    r"\euro": "euro",
    r"\yen": "yen",
    r"\rupee": "rupee",
    r"\cents": "cent",
}

OPENING = {"(": ")", "[": "]", r"\{": r"\}", r"\langle": r"\rangle", "{": "}", r"\lfloor": r"\rfloor", r"\lceil": r"\rceil"}
CLOSING = set(OPENING.values())
