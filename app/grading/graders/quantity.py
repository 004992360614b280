"""Numbers with their units, found in what a student wrote."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from app.grading.graders.units import Unit, read_unit

MAX_EXPONENT = 300
"""Powers of ten beyond which a number is not read: a double ends at 10^308."""

MAX_DIGITS = 60

_INT = r"(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d{1,3}(?: \d{3})+(?!\d)|\d+)"
_MANTISSA = rf"(?:{_INT}(?:\.\d+)?|\.\d+)"
_TEN = r"10\s?(?:\^|\*\*)\s?[({]?\s?"
_TIMES = r"\s?(?:×|\*|·|\\times|\\cdot|(?<=\d)x(?=\s?10\s?\^)|(?<=\d\s)x(?=\s?10\s?\^))\s?"
_NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.^])(?P<sign>[+-]\s?)?(?:"
    r"\\[dt]?frac\s?\{\s?(?P<fn>-?\d+)\s?\}\s?\{\s?(?P<fd>\d+)\s?\}"
    rf"|{_TEN}(?P<bare>[+-]?\d{{1,5}})\s?[)}}]?"
    r"|(?:(?P<whole>\d+)\s)?(?P<numerator>\d+)\s?/\s?(?P<denominator>\d+)(?![\d.])"
    rf"|(?P<mantissa>{_MANTISSA})"
    rf"(?:[eE](?P<e>[+-]?\d{{1,5}})(?![\d.])|{_TIMES}{_TEN}(?P<power>[+-]?\d{{1,5}})\s?[)}}]?)?"
    r")"
)
_SCALES = {
    "万亿": 10**12, "千万": 10**7, "百万": 10**6, "十万": 10**5, "亿": 10**8, "万": 10**4, "千": 1000, "百": 100,
    "million": 10**6, "billion": 10**9, "thousand": 1000, "hundred": 100, "dozen": 12,
}  # fmt: skip
_COMMA_DECIMAL = re.compile(r"\d+,\d+")
_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_STEPS = {"十": 10, "百": 100, "千": 1000}
_CHINESE = re.compile(r"负?[零〇一二两三四五六七八九十百千万亿]+(?:点[零〇一二三四五六七八九]+)?")
_CHINESE_FRACTION = re.compile(
    r"(负?)([百一二两三四五六七八九十]+)分之([零一二两三四五六七八九十百]+(?:点[零〇一二三四五六七八九]+)?)"
)


_BELOW = re.compile(r"(?:负|零下|\bminus |\bnegative )\s?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number as it was written.

    `value` is exact, percent already divided by 100; `step` is the worth of its last written decimal (0.01 for
    9.81, 0.1·10³ for 4.2×10³), None when it was written without decimals. `units` are the readings of its unit, ()
    when it has none; `percent` tells that it had a percent sign. `start`, `end` are offsets in the text that was read,
    the unit included; `unit_start` is where the unit begins (= end without one).
    """

    value: Fraction
    step: Fraction | None
    units: tuple[Unit, ...]
    percent: bool
    start: int
    unit_start: int
    end: int


def quantities(text: str, start: int = 0, end: int | None = None) -> list[Quantity] | None:
    """All numbers in normalised text (case kept) between two offsets, in order; None when one is out of range.

    Digits inside words and units (x1, H2O, m/s2) are not numbers of their own.
    """
    end = len(text) if end is None else end
    found: list[Quantity] = []
    position = start
    while (match := _NUMBER.search(text, position, end)) is not None:
        quantity = _quantity(text, match, end)
        if quantity is None:
            return None
        found.append(quantity)
        position = max(quantity.end, match.start() + 1)
    return found


def _quantity(text: str, match: re.Match[str], limit: int) -> Quantity | None:
    read = _value(match)
    if read is None:
        return None
    value, step = read
    begin = match.start()
    if match["sign"]:
        before = text[:begin].rstrip()[-1:]
        if before and (before.isalnum() or before in ")]}"):
            begin = match.start() + len(match["sign"])  # a minus between two things is an operator
        elif "-" in match["sign"]:
            value = -value
    elif below := _BELOW.search(text[:begin]):
        value, begin = -value, begin - len(below[0])
    value, step, position = _scaled(text, match.end(), value, step)
    percent = False
    blank = text[position : position + 1] == " "
    if (mark := text[position + blank : min(limit, position + blank + 1)]) and mark in "%‰":
        percent, factor = True, 100 if mark == "%" else 1000
        value, step, position = value / factor, step / factor if step else None, position + blank + 1
        return Quantity(value, step, (), percent, begin, position, position)
    inside = text[position + blank : position + blank + 1] in ("(", "[")
    units, end = read_unit(text, position + blank + inside)
    if units and inside:
        # A unit in brackets, "5 (m/s)", counts when the bracket holds nothing else.
        closed = text[end : end + 1] in (")", "]")
        units, end = (units, end + 1) if closed else ((), position)
    if units:
        return Quantity(value, step, units, percent, begin, position + blank, end)
    sign = text[begin - 1 : begin]
    if sign and sign in "$¥€":
        units, _ = read_unit(text, begin - 1)
        return Quantity(value, step, units, percent, begin - 1, begin - 1, position)
    return Quantity(value, step, (), percent, begin, position, position)


def _scaled(
    text: str, position: int, value: Fraction, step: Fraction | None
) -> tuple[Fraction, Fraction | None, int]:
    """The value times 万, million and the like, unless those letters begin a unit (千克 is no thousand)."""
    blank = text[position : position + 1] == " "
    for word, factor in _SCALES.items():
        if text.startswith(word, position + blank) and not read_unit(text, position + blank)[0]:
            after = position + blank + len(word)
            return value * factor, step * factor if step else None, after
    return value, step, position


def _value(match: re.Match[str]) -> tuple[Fraction, Fraction | None] | None:
    """The unsigned value and the worth of the last decimal; None beyond the limits or for a zero denominator."""
    if len(match[0]) > MAX_DIGITS:
        return None
    if match["fd"] or match["denominator"]:
        top, bottom = (
            (match["fn"], match["fd"]) if match["fd"] else (match["numerator"], match["denominator"])
        )
        if int(bottom) == 0:
            return None
        return int(match["whole"] or 0) + Fraction(int(top), int(bottom)), None
    exponent = int(match["bare"] or match["e"] or match["power"] or 0)
    if abs(exponent) > MAX_EXPONENT:
        return None
    scale = Fraction(10) ** exponent
    if match["bare"]:
        return scale, None
    digits = match["mantissa"].replace(",", "").replace(" ", "")
    decimals = len(digits.partition(".")[2])
    return Fraction(digits) * scale, scale / 10**decimals if decimals else None


def comma_doubt(text: str) -> bool:
    """Whether the text holds a comma between digits that is not a thousands separator ("4,2", "1,2345")."""
    return any(
        not re.fullmatch(r"\d{1,3}(?:,\d{3})+", match[0]) for match in re.finditer(r"\d+(?:,\d+)+", text)
    )


def decimal_comma(text: str) -> Fraction | None:
    """The one number of the text with its comma read as a decimal comma ("1,234" as 1.234), or None."""
    commas = _COMMA_DECIMAL.findall(text)
    return (
        Fraction(commas[0].replace(",", ".")) if len(commas) == 1 and len(commas[0]) <= MAX_DIGITS else None
    )


def chinese_quantity(text: str) -> Quantity | None:
    """A text that is wholly a number in Chinese words, perhaps with a unit: 三点五米, 三分之一, 负二; or None."""
    if fraction := _CHINESE_FRACTION.match(text):
        bottom, top = _chinese(fraction[2]), _chinese(fraction[3])
        if fraction[2] == "百":
            bottom = Fraction(100)
        if top is None or not bottom:
            return None
        value, end = (-1 if fraction[1] else 1) * top / bottom, fraction.end()
        percent = fraction[2] == "百"
        return Quantity(value, None, (), percent, 0, end, end) if end == len(text) else None
    match = _CHINESE.match(text)
    if match is None or len(match[0]) > MAX_DIGITS:
        return None
    number = _chinese(match[0].lstrip("负"))
    if number is None:
        return None
    point = match[0].partition("点")[2]
    step = Fraction(1, 10 ** len(point)) if point else None
    units, end = read_unit(text, match.end())
    return Quantity(-number if match[0][0] == "负" else number, step, units, False, 0, match.end(), end)


def _chinese(words: str) -> Fraction | None:
    """The value of a numeral in Chinese words (without sign); None when its characters do not form one."""
    whole, point, decimals = words.partition("点")
    value = _chinese_whole(whole)
    if value is None or (point and not decimals):
        return None
    tail = "".join(str(_DIGITS[char]) for char in decimals)
    return Fraction(value) + (Fraction(int(tail), 10 ** len(tail)) if tail else 0)


def _chinese_whole(words: str) -> int | None:
    if all(char in _DIGITS for char in words):
        return int("".join(str(_DIGITS[char]) for char in words)) if words else None
    for big, factor in (("亿", 10**8), ("万", 10**4)):
        if big in words:
            head, _, tail = words.rpartition(big)
            high, low = _chinese_whole(head or "一"), _chinese_whole(tail) if tail else 0
            return None if high is None or low is None else high * factor + low
    total, digit = 0, None
    for char in words:
        if char in _DIGITS:
            digit = _DIGITS[char]
        else:
            total += (1 if digit is None else digit) * _STEPS[char]
            digit = None
    return total + (digit or 0)
