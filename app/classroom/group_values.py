"""Which answers are the same answer: numbers by value, choices by their letters, formulas and words by spelling.

A little of what the engine's normalising does, for grouping only; nothing here decides about a mark.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.scheme.types import Kind

LONGEST = 1_000
"""Characters of an answer that are compared."""

_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n", strict=True))
_RAISED = re.compile(f"[{''.join(_SUPERSCRIPTS)}]+")
_SAME = str.maketrans(
    {
        **dict.fromkeys("−–‐‑‒—―－", "-"),
        **dict.fromkeys("“”„‟«»「」『』", '"'),
        **dict.fromkeys("‘’‚‛`´′", "'"),
        **dict.fromkeys("×✕✖╳·⋅•∙∗", "*"),
        **dict.fromkeys("∕⁄÷", "/"),
        **dict.fromkeys("≦⩽", "≤"),
        **dict.fromkeys("≧⩾", "≥"),
        "。": ".",
        "、": ",",
    }
)
# Circled numbers are those of gaps; what cannot be seen goes.
_FIRST = {
    **dict.fromkeys(range(ord("①"), ord("⑳") + 1), " "),
    **dict.fromkeys((0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF)),
}
_SPACE = re.compile(r"\s+")
_MARKS = re.compile(r"[^\w+\-*/=<>^%≤≥≠√°℃.]+|(?<!\d)\.|\.(?!\d)")
# 1. 2) (3) ① before the gaps of a blank; a number that is the answer itself has no such mark behind it.
_GAP = re.compile(r"(?:(?<=\s)|^)(?:\(\d{1,2}\)|\d{1,2}[).:](?!\d))\s*")
_CIRCLED = re.compile("[①-⑳]")

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_PLAIN = r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|[+-]?\.\d+"
_NUMBER = re.compile(
    rf"(?<![\w.])(?P<sign>-?)\s*(?P<number>{_PLAIN})"
    r"(?:\s*/\s*(?P<under>\d+(?:\.\d+)?))?"
    r"(?:\s*\*\s*10\s*\^?\s*(?P<power>[+-]?\s*\d{1,3})(?!\d)|e(?P<e>[+-]?\d{1,3})(?![\w]))?"
)
# 1,5 as a decimal, where a single number is asked for; in a list of gaps the comma parts two answers.
_DECIMAL_COMMA = re.compile(r"(?<![\d,.])(\d+),(\d{1,2})(?![\d,.])")
_SEPARATED = re.compile(r"[;；,，、\n/|]+")
_UNIT = re.compile(
    rf"\s*(?P<unit>°\s*[cfk]|%|[^\W\d_{_CJK}]+(?:[/*^]-?[^\W_{_CJK}]+)*|[{_CJK}]{{1,4}})?", re.I
)
_CHOICE = re.compile(r"[A-Z]+(?![a-z])")
_WORDS = re.compile(rf"[{_CJK}]+|(?<![^\W_])[^\W\d_]{{3,}}(?![^\W_])")
_PIECES = re.compile(r"[,;\n]|=>|⇒|→|\.\s")
_OPERATOR = re.compile(r"[=<>≤≥+\-*/^]")


@dataclass(frozen=True, slots=True)
class Value:
    """An answer as it is compared (`key`) and shown; `exact` where likeness would mislead: a number, letters."""

    key: str
    shown: str
    exact: bool


def folded(text: str) -> str:
    """NFKC with superscripts as ^n, one sign for each of the common look-alikes, no invisible signs; case is kept."""
    cut = text[:LONGEST].translate(_FIRST)
    if not _SUPERSCRIPTS.keys().isdisjoint(cut):
        cut = _RAISED.sub(lambda found: "^" + "".join(_SUPERSCRIPTS[c] for c in found[0]), cut)
    return unicodedata.normalize("NFKC", cut).translate(_SAME).strip()


def plain(text: str) -> str:
    """A text in one spelling for comparing: folded, lower case, single spaces, no punctuation but a formula's signs."""
    return _plain(folded(text))


def _plain(written: str) -> str:
    return _SPACE.sub(" ", _MARKS.sub(" ", written.casefold())).strip()


def value_of(text: str, kind: str) -> Value:
    """What an answer to a question of this kind says, for comparing. `kind` is one of app.scheme.types.Kind."""
    written = folded(text)
    if kind == Kind.CHOICE:
        return _choice(written)
    if kind == Kind.NUMBER:
        return _number(written, anywhere=True) or _words(written)
    if kind == Kind.MATHS:
        return _formula(written)
    if kind == Kind.BLANK:
        return _number(written) or _words(_GAP.sub(" ", written))
    return _number(written) or _words(written)


def gaps(text: str, right: Sequence[str]) -> tuple[Value, ...] | None:
    """The wrong gaps of an answer to a blank with several, each with its number; None where they cannot be told apart.

    `right` is what each gap asks for, alternatives joined by "|".
    """
    written = _GAP.sub("\n", _CIRCLED.sub("\n", text[:LONGEST]))
    for split in (_SEPARATED, _SPACE):
        parts = [part for part in split.split(written.strip()) if plain(part)]
        if len(parts) == len(right):
            break
    else:
        return None
    found = []
    for number, (part, asked) in enumerate(zip(parts, right, strict=True)):
        value = value_of(part, Kind.BLANK)
        if value.key not in {value_of(each, Kind.BLANK).key for each in asked.split("|")}:
            sign = chr(ord("①") + number) if number < 20 else f"({number + 1})"
            found.append(Value(f"{sign}{value.key}", f"{sign} {value.shown}", True))
    return tuple(found)


def shown(values: Sequence[Value]) -> str:
    """How a group of the same value is written: as most do, the alphabet deciding between equals."""
    counts = Counter(value.shown for value in values)
    return min(counts, key=lambda text: (-counts[text], text))


def _words(written: str) -> Value:
    return Value(_plain(written), _SPACE.sub(" ", written).strip(" .,;:!?"), False)


def _choice(written: str) -> Value:
    """Letters in the alphabet's order: "B、D", "d b" and "BD" are one answer; else what is written."""
    runs = _CHOICE.findall(written) or _CHOICE.findall(written.upper() if len(written) <= 12 else "")
    letters = "".join(sorted(set("".join(run for run in runs if len(run) <= 8))))
    if not letters or len(letters) > 8:
        return _words(written)
    return Value(letters, letters, True)


def _number(written: str, anywhere: bool = False) -> Value | None:
    """The value that an answer is; `anywhere`: the one that a working ends in. None where there is none."""
    if anywhere:
        written = _DECIMAL_COMMA.sub(r"\1.\2", written)
        # Behind the last = that a number follows; a working without = is its last number.
        tail = next((part for part in reversed(written.split("=")) if _NUMBER.search(part)), "")
        found = list(_NUMBER.finditer(tail))
        match = (found[0] if "=" in written else found[-1]) if found else None
    else:
        match = _NUMBER.match(written)
    if match is None:
        return None
    unit = _UNIT.match(match.string, match.end())
    rest = match.string[unit.end() if unit else match.end() :].strip(" .,;!")
    if not anywhere and rest:
        return None
    number = _value(match)
    if number is None:
        return None
    name = (unit["unit"] or "") if unit else ""
    return Value(f"{number:.6g}", f"{number:.6g} {name}".strip(), True)


def _value(match: re.Match[str]) -> float | None:
    try:
        number = float(match["number"].replace(",", "").replace(" ", ""))
        if match["sign"]:
            number = -number
        if match["under"]:
            number /= float(match["under"])
        power = match["power"] or match["e"]
        number = number * 10.0 ** int(power.replace(" ", "")) if power else number
    except (ValueError, OverflowError, ZeroDivisionError):
        return None
    return number + 0.0 if abs(number) < 1e300 else None


def _formula(written: str) -> Value:
    """The last formula of an answer without spaces; the case of its letters counts. Else what is written."""
    pieces = _PIECES.split(_WORDS.sub("\n", written))
    formulas = [_SPACE.sub("", piece).strip(".:!?\"'") for piece in pieces if _OPERATOR.search(piece)]
    formulas = [formula for formula in formulas if len(formula) > 2]
    if not formulas:
        return _words(written)
    return Value(formulas[-1], formulas[-1], True)
