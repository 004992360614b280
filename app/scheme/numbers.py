"""Numbers as people write them in a scheme: 4.2e3, 4.2×10³, 1,200, 3/4, -7 %, a tolerance, a unit after the number."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from app.scheme.clean import half_width

_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_RAISED = re.compile(r"(?<=[\w)])([⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3})")
_DIGITS = r"(?:\d{1,3}(?:,\d{3}){1,8}(?!\d)|\d{1,40})(?:\.\d{0,40})?|\.\d{1,40}"
_POWER = r"\s?[x*·⋅]\s?10\s?(?:\^|\*\*)\s?[{(]?\s?([+-]?\d{1,3})\s?[})]?"
_NUMBER = re.compile(
    rf"(?P<sign>[+-]?)\s?(?:(?P<top>\d{{1,15}})\s?/\s?(?P<bottom>\d{{1,15}})|(?P<digits>{_DIGITS})"
    rf"(?:[eE](?P<e>[+-]?\d{{1,3}})(?![\d\w])|{_POWER})?)(?P<percent>\s?%)?"
)
_TOLERANCE = re.compile(
    r"(?:±|\+\s?/?\s?-|within|up to|不超过|不大于|小于|在|<=|≤|plus or minus)?\s*"
    r"(?P<number>\d{1,40}(?:\.\d{1,40})?|\.\d{1,40})(?:[eE](?P<e>[+-]?\d{1,2}))?\s*(?P<percent>%|percent|per cent)?"
    r"\s*(?P<rest>.{0,12}?)\s*(?:以内|之内|内)?[.。]?",
    re.IGNORECASE,
)
_LATIN_UNIT = re.compile(r"[A-Za-zΩΩµμ°℃℉Å$€£¥%][A-Za-zΩΩµμ°Å0-9·⋅*/^²³⁰¹⁴-⁹⁻()\-. ]{0,19}")
_HAN_UNIT = re.compile(
    r"(?:平方|立方|毫|厘|分|千|公|微|纳|海|兆|百|万|亿|每|/)*"
    r"(?:米|克|升|吨|秒|分钟|分|小时|时|天|日|周|月|年|岁|度|摄氏度|开|牛顿|牛|焦耳|焦|瓦特|瓦|伏特|伏|安培|安|欧姆|欧|"
    r"帕斯卡|帕|赫兹|赫|摩尔|摩|库仑|库|法|元|角|个|只|人|名|本|次|倍|种|条|件|台|辆|棵|张|支|页|里|斤|亩|公顷|顷|题|根|块|袋)"
    r"(?:每|/)?(?:秒|小时|时|分|立方米|立方厘米|平方米|千克|克|摩尔|天|人|米)?"
)
# Symbols of the SI, its prefixes, and units of everyday life; a compound unit is made of these.
_SYMBOL = re.compile(
    r"(?:da|[kKMGTmμcdnphu])?(?:mol|cd|Pa|Hz|Wb|lm|lx|Bq|Gy|Sv|eV|cal|min|bar|[mgsAKJNWVΩCFLltThH])|atm|ft|lb|oz|mph"
    r"|hours?|years?|days?|°[CF]?|°|%|[$€£¥]|dB|au|ha|ppm|rad|sr|ev",
)
_JOINTS = re.compile(r"[/·⋅*^()\s.\-\d]+")
_LEAD = re.compile(r"(?:大约是?|约为?|等于|≈|about|approx(?:imately|\.)?|ca?\.|=)\s*", re.IGNORECASE)
_NAMED = re.compile(r"[A-Za-zΑ-ωηρΔ][A-Za-z0-9_]{0,6}\s?[=≈]\s?")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as written, and what stood behind it: a tolerance and a unit, None where there was none."""

    number: str
    tolerance: Tolerance | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far an answer may be off: `value` in the reference's unit, or a fraction of it when `relative`."""

    value: float
    relative: bool = False


def _plain(text: str) -> str:
    """The text with plain digits, signs and powers, one character width."""
    raised = _RAISED.sub(lambda found: "^" + found[1].translate(_SUPERSCRIPT), text)
    return half_width(raised).replace("−", "-").replace("–", "-").replace("⁄", "/").replace("×", "x").strip()


def _value(found: re.Match[str]) -> float | None:
    """The value of a match of _NUMBER; None when it is no finite number (3/0, 1e999)."""
    sign = -1.0 if found["sign"] == "-" else 1.0
    try:
        if found["top"]:
            value = int(found["top"]) / int(found["bottom"])
        else:
            power = found["e"] or found.group(6) or "0"
            value = float(f"{found['digits'].replace(',', '')}e{int(power)}")
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    value = sign * value / (100 if found["percent"] else 1)
    return value if math.isfinite(value) else None


def read_number(text: str) -> float | None:
    """The value of a text that is one number and nothing else, None when it is not. 25 % reads as 0.25."""
    if len(text) > 100:
        return None
    found = _NUMBER.fullmatch(_plain(text))
    return _value(found) if found else None


def read_quantity(text: str) -> Quantity | None:
    """A number with what people write around it: "v = 4.2e3 J ± 2%"; None when it is not of that form.

    The number is kept as it was written, in plain characters, powers of ten as e (4.2e3); `read_number` reads it.
    """
    if len(text) > 100 or "\n" in text:
        return None
    plain = _plain(text).rstrip("。;；")
    plain = plain[:-1] if plain.endswith(".") and not plain[:-1].isdigit() else plain.removesuffix(".")
    for lead in (_NAMED, _LEAD):
        found = lead.match(plain)
        plain = plain[found.end() :] if found else plain
    found = _NUMBER.match(plain)
    if not found or _value(found) is None:
        return None
    rest = plain[found.end() :].strip()
    unit, sign, limit = rest.partition("±")
    if not sign:
        unit, sign, limit = rest.partition("+/-")
    tolerance = read_tolerance(limit) if sign else None
    if sign and tolerance is None:
        return None
    unit = unit.strip() or (tolerance_unit(limit) if sign else "")
    if unit.startswith("(") and unit.endswith(")"):
        unit = unit[1:-1].strip()
    if unit and not is_unit(unit):
        return None
    number = f"{found['sign']}{found['digits']}e{int(found.group(6))}" if found.group(6) else found[0].strip()
    # "4ab" is an expression, "4 apples" a quantity: without a space only a known unit counts.
    if unit and plain[found.end() : found.end() + 1].isalpha() and not is_known_unit(unit):
        return None
    return Quantity(number, tolerance, unit or None)


def is_unit(text: str) -> bool:
    """Whether a short text reads as a unit: J, m/s^2, °C, kg·m, 厘米, 千米/时."""
    if _HAN_UNIT.fullmatch(text):
        return True
    if not _LATIN_UNIT.fullmatch(text) or text.endswith((".", "(", "-")):
        return False
    return " " not in text or is_known_unit(text)


def is_known_unit(text: str) -> bool:
    """Whether a unit is made of symbols of the SI and of everyday life only, or is a Chinese one."""
    parts = [part for part in _JOINTS.split(half_width(text)) if part]
    return bool(_HAN_UNIT.fullmatch(text)) or (bool(parts) and all(_SYMBOL.fullmatch(part) for part in parts))


def read_tolerance(text: str) -> Tolerance | None:
    """A tolerance as written: "±0.1", "2%", "within 0.05 J", "不超过0.5以内"; None when it cannot be read."""
    found = _TOLERANCE.fullmatch(_plain(text)[:100])
    if not found or (found["rest"] and not is_unit(found["rest"].strip())):
        return None
    number = f"{found['number']}e{found['e'] or 0}"
    try:
        value = Decimal(number).scaleb(-2) if found["percent"] else Decimal(number)
    except InvalidOperation:
        return None
    return Tolerance(float(value), bool(found["percent"]))


def tolerance_unit(text: str) -> str:
    """The unit written after a tolerance ("0.1 J" gives "J"), empty when there is none."""
    found = _TOLERANCE.fullmatch(_plain(text)[:100])
    return found["rest"].strip() if found and found["rest"] else ""


def plain_decimal(value: float) -> str:
    """The shortest decimal without an exponent that reads back as the same float: 4, 2.5, 0.0000001."""
    shown = format(Decimal(repr(float(value))), "f")
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def show_tolerance(value: float, relative: bool) -> str:
    """A tolerance as the canonical form writes it: 0.1, or 2% when it is relative. Reads back exactly."""
    if not relative:
        return plain_decimal(value)
    shown = format(Decimal(repr(float(value))).scaleb(2), "f")
    return (shown.rstrip("0").rstrip(".") if "." in shown else shown) + "%"
