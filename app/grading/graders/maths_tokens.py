"""The alphabet of typed mathematics: LaTeX, Chinese and full-width spellings as one list of tokens."""

from __future__ import annotations

import re

from app.grading.normalise import normalise

Token = tuple[str, str]
"""(kind, text): num ("num " after a space), name, const, func, op, frac, sqrt, or, and."""

MAX_LENGTH = 400
"""Characters of a formula; longer ones are no answers to a school question."""

MAX_TOKENS = 250
MAX_DIGITS = 40

FUNCTIONS = (
    "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "sqrt", "sin", "cos", "tan", "cot",
    "sec", "csc", "exp", "log", "abs", "ln", "lg",
)  # fmt: skip
_GREEK = (
    "epsilon", "lambda", "alpha", "gamma", "delta", "theta", "sigma", "omega", "beta", "zeta", "rho", "tau", "phi",
    "psi", "mu",
)  # fmt: skip
_CONSTANTS = {"pi": "pi", "π": "pi", "e": "e", "i": "i", "∞": "oo", "oo": "oo", "infinity": "oo", "inf": "oo"}
_GREEK_LETTERS = dict(
    zip("αβγδεζθλμρσςτφϕψω", (
        "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "theta", "lambda", "mu", "rho", "sigma", "sigma", "tau",
        "phi", "phi", "psi", "omega",
    ), strict=True)
)  # fmt: skip
_LATEX = {
    r"\dfrac": r"\frac", r"\tfrac": r"\frac", r"\cdot": "*", r"\times": "*", r"\div": "/", r"\pm": "±", r"\mp": "∓",
    r"\leqslant": "≤", r"\geqslant": "≥", r"\leq": "≤", r"\geq": "≥", r"\neq": "≠", r"\le": "≤", r"\ge": "≥",
    r"\ne": "≠", r"\lt": "<", r"\gt": ">", r"\infty": "∞", r"\cup": "∪", r"\cap": "∩", r"\in": "∈", r"\pi": "π",
    r"\emptyset": "∅", r"\varnothing": "∅", r"\lor": " or ", r"\land": " and ", r"\degree": "°", r"\circ": "°",
    r"\left": "", r"\right": "", r"\displaystyle": "", r"\quad": " ", r"\qquad": " ", r"\mid": "|", r"\vert": "|",
    r"\lvert": "|", r"\rvert": "|", r"\R": "ℝ", r"\varphi": "phi ", r"\varepsilon": "epsilon ",
}  # fmt: skip
_WORDS = (
    (re.compile(r"或者?"), " or "), (re.compile(r"并且|且|以及|和|与|&"), " and "),
    (re.compile(r"无实?数?解|没有解|空集|\bno (?:real )?solutions?\b", re.I), "∅"),
    (re.compile(r"全体实数|一切实数|任意实数|实数集|\ball real numbers\b", re.I), "ℝ"),
    (re.compile(r"\\mathbb\s*\{?\s*R\s*\}?|(?<=∈)\s*R\b"), "ℝ"),
    (re.compile(r"属于|\b(?:is|lies|are|lie)\s+(?:in|an? (?:element|member) of)\b", re.I), "∈"),
    (re.compile(r"根号"), "√"), (re.compile(r"正负"), "±"), (re.compile(r"度"), "°"),
    (re.compile(r"[×✕]"), "*"), (re.compile(r"·"), "*"), (re.compile(r"÷"), "/"), (re.compile(r"\*\*"), "^"),
    (re.compile(r">="), "≥"), (re.compile(r"<="), "≤"), (re.compile(r"!=|<>"), "≠"), (re.compile(r"\+-|\+/-"), "±"),
    (re.compile(r"\bunion\b|\bU\b(?=\s*[(\[])"), "∪"),
)  # fmt: skip
_TOKEN = re.compile(
    r"[^\S\n]*(?:(?P<num>\d+(?:\.\d+)?|\.\d+)|(?P<word>[A-Za-z]+)|(?P<greek>[α-ωϕ])|(?P<command>\\[A-Za-z]+)"
    r"|(?P<brace>\\[{}])|(?P<op>[-+*/^_=<>≤≥≠∈∪∩∅ℝ±∓√∞|!°%(){}\[\],;:\n])|(?P<bad>\S))"
)


class Unreadable(Exception):  # noqa: N818 - caught by the grader, never shown
    """The text is no mathematics that this reader knows, or too large."""


def _plain(text: str) -> str:
    """LaTeX and Chinese spellings in one small alphabet."""
    text = normalise(text, fold_case=False).text
    text = re.sub(r"\$|\\[()\[\]]|\\[,;:! ]|\\begin\{\w+\}|\\end\{\w+\}|(?<!\\)&", " ", text)
    text = text.replace("\\\\", ";")
    text = re.sub(r"\\(?:text|mathrm|mbox|operatorname)\s*\{([^{}]*)\}", r" \1 ", text)
    text = re.sub(r"^\s*\\boxed\s*\{(.*)\}\s*$", r"\1", text, flags=re.DOTALL)
    text = re.sub(r"\^\s*\{?\s*\\circ\s*\}?", "°", text)
    for pattern, plain in _WORDS:
        text = pattern.sub(plain, text)
    return re.sub(r"\\[A-Za-z]+", lambda match: _LATEX.get(match[0], match[0]), text)


def tokens_of(text: str) -> list[Token]:
    """(kind, text) pairs: num, name, func, const, op, frac, sqrt, or, and; \\{ becomes the set brace."""
    plain = _plain(text)
    if len(plain) > MAX_LENGTH:
        raise Unreadable
    latex = "\\" in plain
    tokens: list[Token] = []
    for match in _TOKEN.finditer(plain):
        kind = match.lastgroup or ""
        value = match[kind] if kind else ""
        if kind == "bad" or (kind == "num" and len(value) > MAX_DIGITS):
            raise Unreadable
        spaced = match[0][:1].isspace()
        if spaced and kind in ("word", "greek") and _ends_fraction(tokens):
            tokens.append(("op", "*"))  # in "1/2 x" the space ends the fraction
        if kind == "word":
            tokens += _letters(value)
        elif kind == "greek":
            word = _CONSTANTS.get(value)
            tokens.append(("const", word) if word else ("name", _GREEK_LETTERS.get(value, value)))
        elif kind == "command":
            tokens.append(_command(value[1:]))
        elif kind == "brace":
            tokens.append(("op", value[1:]))
        elif value in _CONSTANTS:
            tokens.append(("const", _CONSTANTS[value]))
        elif kind == "num":
            tokens.append(("num " if spaced else "num", value))
        elif kind:
            # In LaTeX a bare brace groups; only \{ opens a set.
            grouped = {"{": "⟨", "}": "⟩"}.get(value, value) if latex else value
            tokens.append(("op", ";" if grouped == "\n" else grouped))
    if len(tokens) > MAX_TOKENS or not tokens:
        raise Unreadable
    return tokens


def _ends_fraction(tokens: list[Token]) -> bool:
    """Whether the tokens end in a stroke and a number."""
    return len(tokens) > 1 and tokens[-1][0] == "num" and tokens[-2] == ("op", "/")


def _command(name: str) -> Token:
    if name in ("frac", "sqrt"):
        return (name, name)
    if name in FUNCTIONS:
        return ("func", name)
    if name in _GREEK:
        return ("name", name)
    raise Unreadable


def _letters(run: str) -> list[Token]:
    """A run of letters as known words and single-letter names: "xsin" is x·sin, "hello" is no mathematics."""
    if run.lower() in ("or", "and"):
        return [(run.lower(), run)]
    found: list[Token] = []
    position = single = 0
    while position < len(run):
        rest = run[position:]
        lower = rest.lower()
        word = next(
            (w for w in (*FUNCTIONS, *_GREEK, "infinity", "pi", "oo", "inf") if lower.startswith(w)), ""
        )
        if word and word in _CONSTANTS:
            found.append(("const", _CONSTANTS[word]))
        elif word == "sqrt":
            found.append(("op", "√"))
        elif word:
            found.append(("func" if word in FUNCTIONS else "name", word))
        else:
            word, single = rest[0], single + 1
            found.append(("const", word) if word in ("e", "i") else ("name", word))
        position += len(word)
    if single > 3:
        raise Unreadable
    return found
