"""Units as students write them, in English and Chinese, on top of pint.

pint knows what the units mean; this module knows how they are spelled. Only spellings listed here are read:
student text never reaches pint's own parser.
"""

from __future__ import annotations

import re
import threading
from functools import cache, lru_cache
from itertools import product
from typing import Any

Unit = tuple[tuple[str, int], ...]
"""A product of pint unit names with their powers: (("meter", 1), ("second", -1)). () has no dimension."""

_PREFIXES = {
    "k": "kilo", "M": "mega", "G": "giga", "h": "hecto", "d": "deci", "c": "centi", "m": "milli", "μ": "micro",
    "u": "micro", "n": "nano", "p": "pico",
}  # fmt: skip
_SYMBOLS = {
    "m": "meter", "g": "gram", "s": "second", "A": "ampere", "K": "kelvin", "mol": "mole", "N": "newton", "J": "joule",
    "W": "watt", "V": "volt", "Ω": "ohm", "Pa": "pascal", "Hz": "hertz", "C": "coulomb", "F": "farad", "H": "henry",
    "T": "tesla", "Wb": "weber", "L": "liter", "l": "liter", "eV": "electron_volt", "Wh": "watt_hour", "cal": "calorie",
}  # fmt: skip
_WORDS = {
    "meter": "meter", "metre": "meter", "gram": "gram", "gramme": "gram", "second": "second", "ampere": "ampere",
    "amp": "ampere", "mole": "mole", "newton": "newton", "joule": "joule", "watt": "watt", "volt": "volt", "ohm": "ohm",
    "pascal": "pascal", "hertz": "hertz", "coulomb": "coulomb", "farad": "farad", "tesla": "tesla", "liter": "liter",
    "litre": "liter", "calorie": "calorie", "electronvolt": "electron_volt",
}  # fmt: skip
_WORD_PREFIXES = ("kilo", "mega", "giga", "hecto", "deci", "centi", "milli", "micro", "nano")
_CHINESE_PREFIXES = {
    "千": "kilo", "兆": "mega", "吉": "giga", "百": "hecto", "分": "deci", "厘": "centi", "毫": "milli", "微": "micro",
    "纳": "nano", "皮": "pico",
}  # fmt: skip
_CHINESE = {
    "米": "meter", "克": "gram", "秒": "second", "牛": "newton", "牛顿": "newton", "焦": "joule", "焦耳": "joule",
    "瓦": "watt", "瓦特": "watt", "伏": "volt", "伏特": "volt", "安": "ampere", "安培": "ampere", "欧": "ohm",
    "欧姆": "ohm", "帕": "pascal", "帕斯卡": "pascal", "赫": "hertz", "赫兹": "hertz", "库": "coulomb",
    "库仑": "coulomb", "法": "farad", "法拉": "farad", "升": "liter", "摩": "mole", "摩尔": "mole", "特斯拉": "tesla",
    "电子伏": "electron_volt", "电子伏特": "electron_volt", "卡": "calorie", "卡路里": "calorie", "瓦时": "watt_hour",
}  # fmt: skip
# Spelling -> pint names; several where the spelling is ambiguous (度 is an angle, a temperature or a kWh).
_SPECIAL: dict[str, tuple[str, ...]] = {
    "min": ("minute",), "mins": ("minute",), "minute": ("minute",), "minutes": ("minute",), "分钟": ("minute",),
    "分": ("minute", "fen"), "h": ("hour",), "hr": ("hour",), "hrs": ("hour",), "hour": ("hour",), "hours": ("hour",),
    "小时": ("hour",), "时": ("hour",), "sec": ("second",), "secs": ("second",), "秒钟": ("second",), "d": ("day",),
    "day": ("day",), "days": ("day",), "天": ("day",), "日": ("day",), "week": ("week",), "weeks": ("week",),
    "周": ("week",), "星期": ("week",), "year": ("year",), "years": ("year",), "年": ("year",),
    "t": ("metric_ton",), "tonne": ("metric_ton",), "tonnes": ("metric_ton",), "吨": ("metric_ton",),
    "公斤": ("kilogram",), "斤": ("jin",), "公里": ("kilometer",), "公顷": ("hectare",), "ha": ("hectare",),
    "亩": ("mu_area",), "°C": ("degree_Celsius",), "° C": ("degree_Celsius",),
    "Nm": ("newton_times_meter",), "C": ("coulomb", "degree_Celsius"), "摄氏度": ("degree_Celsius",),
    "celsius": ("degree_Celsius",), "Celsius": ("degree_Celsius",), "degrees Celsius": ("degree_Celsius",),
    "degrees C": ("degree_Celsius",), "°F": ("degree_Fahrenheit",), "华氏度": ("degree_Fahrenheit",),
    "F": ("farad", "degree_Fahrenheit"), "开": ("kelvin",), "开尔文": ("kelvin",), "kelvin": ("kelvin",),
    "kelvins": ("kelvin",), "°": ("degree", "degree_Celsius"), "度": ("degree", "degree_Celsius", "kilowatt_hour"),
    "degree": ("degree", "degree_Celsius"), "degrees": ("degree", "degree_Celsius"), "rad": ("radian",),
    "radian": ("radian",), "radians": ("radian",), "弧度": ("radian",), "atm": ("atmosphere",),
    "标准大气压": ("atmosphere",), "大气压": ("atmosphere",), "bar": ("bar",), "mmHg": ("millimeter_Hg",),
    "毫米汞柱": ("millimeter_Hg",), "kph": ("kilometer_per_hour",), "mph": ("mile_per_hour",), "inch": ("inch",),
    "inches": ("inch",), "英寸": ("inch",), "ft": ("foot",), "foot": ("foot",), "feet": ("foot",), "英尺": ("foot",),
    "mile": ("mile",), "miles": ("mile",), "英里": ("mile",), "yard": ("yard",), "yards": ("yard",), "lb": ("pound",),
    "lbs": ("pound",), "pound": ("pound",), "pounds": ("pound",), "磅": ("pound",), "oz": ("ounce",),
    "Kg": ("kilogram",), "KG": ("kilogram",), "KM": ("kilometer",), "Km": ("kilometer",), "CM": ("centimeter",),
    "Cm": ("centimeter",), "ML": ("milliliter",), "KJ": ("kilojoule",), "kj": ("kilojoule",), "KW": ("kilowatt",),
    "kw": ("kilowatt",), "KPa": ("kilopascal",), "kpa": ("kilopascal",), "hz": ("hertz",), "HZ": ("hertz",),
    "pa": ("pascal",), "j": ("joule",), "n": ("newton",), "v": ("volt",), "w": ("watt",), "ohms": ("ohm",),
    "元": ("yuan",), "块": ("yuan",), "元钱": ("yuan",), "块钱": ("yuan",), "¥": ("yuan",), "yuan": ("yuan",),
    "RMB": ("yuan",), "角": ("jiao",), "毛": ("jiao",), "$": ("us_dollar",), "美元": ("us_dollar",),
    "dollar": ("us_dollar",), "dollars": ("us_dollar",), "USD": ("us_dollar",), "€": ("euro_money",),
    "欧元": ("euro_money",), "euro": ("euro_money",), "euros": ("euro_money",), "EUR": ("euro_money",),
}  # fmt: skip
# What pint does not define; a jin is 500 g and a mu 2000/3 m² in today's Chinese market system.
_DEFINITIONS = (
    "yuan = [money_cny]",
    "jiao = yuan / 10",
    "fen = yuan / 100",
    "us_dollar = [money_usd]",
    "euro_money = [money_eur]",
    "jin = 500 * gram",
    "newton_times_meter = newton * meter",
    "mu_area = 2000 / 3 * meter ** 2",
)
_POWER_WORDS = {
    "平方": 2, "立方": 3, "二次方": 2, "三次方": 3, "square ": 2, "cubic ": 3, "sq ": 2, "sq. ": 2, "cu ": 3,
}  # fmt: skip
_POWER = re.compile(r"\s?(?:\^|\*\*)\s?[({]?([+-]?\d)[)}]?|([23](?![\d.]))")
_TIMES = re.compile(r"\s?[·*×]\s?|\.(?=[A-Za-z])| (?=[A-Za-zΩμ°])")
_PER = re.compile(r"\s?(?:/|÷|每|\bper\b)\s?")
_MAX_PARTS = 6

_lock = threading.Lock()


@cache
def spellings() -> dict[str, tuple[str, ...]]:
    """Every spelling that is read, with the pint unit names that it may mean."""
    table: dict[str, tuple[str, ...]] = {}
    for symbol, name in _SYMBOLS.items():
        table[symbol] = (name,)
        table |= {prefix + symbol: (long + name,) for prefix, long in _PREFIXES.items()}
    for word, name in _WORDS.items():
        for prefix in ("", *_WORD_PREFIXES):
            names = (prefix + name,)
            table |= dict.fromkeys(_cases(prefix + word), names)
    for word, name in _CHINESE.items():
        table[word] = (name,)
        table |= {prefix + word: (long + name,) for prefix, long in _CHINESE_PREFIXES.items()}
    return table | _SPECIAL


def _cases(word: str) -> tuple[str, ...]:
    plural = word if word.endswith("z") else word + "s"
    return (word, plural, word.capitalize(), plural.capitalize())


@cache
def _longest() -> int:
    return max(map(len, spellings()))


def read_unit(text: str, start: int) -> tuple[tuple[Unit, ...], int]:
    """The units that the normalised text may name at `start` (case kept), and where they end.

    ((), start) when there is none. A unit is one or more names with powers, joined by / · 每 per or a space, with
    one bracket after a stroke allowed: kg·m/s^2, J/(kg·°C), 千米每小时.
    """
    parts: list[tuple[tuple[str, ...], int]] = []
    position = end = start
    sign, bracket = 1, False
    while len(parts) < _MAX_PARTS and (factor := _factor(text, position)) is not None:
        names, power, end = factor
        parts.append((names, sign * power))
        if bracket and text[end : end + 1] == ")":
            end, bracket, sign = end + 1, False, 1
        if match := _PER.match(text, end):
            # a/b/c divides by both; a/b·c is read as (a/b)·c.
            sign = -1
            bracket = text[match.end() : match.end() + 1] == "("
            position = match.end() + bracket
        elif match := _TIMES.match(text, end):
            sign = sign if bracket else 1
            position = match.end()
        else:
            break
    if not parts:
        return (), start
    options = product(*(names for names, _ in parts))
    units = tuple(
        tuple((name, power) for name, (_, power) in zip(option, parts, strict=True)) for option in options
    )
    return units, end


def _factor(text: str, position: int) -> tuple[tuple[str, ...], int, int] | None:
    """One unit name with its power at `position`: (pint names, power, end); None when there is none."""
    power = 1
    for word, value in _POWER_WORDS.items():
        if text.startswith(word, position):
            power, position = value, position + len(word)
            break
    table = spellings()
    for size in range(min(_longest(), len(text) - position), 0, -1):
        names = table.get(text[position : position + size])
        if names is None or _inside_word(text, position + size):
            continue
        position += size
        if power == 1 and (match := _POWER.match(text, position)):
            power, position = int(match[1] or match[2]), match.end()
        return names, power, position
    return None


def _inside_word(text: str, end: int) -> bool:
    """Whether a Latin word goes on at `end`: the "m" of "mangoes" is no metre."""
    return (
        end < len(text)
        and text[end - 1].isascii()
        and text[end - 1].isalpha()
        and ((text[end].isascii() and text[end].isalpha()) or text[end] in "Ωμ")
    )


@cache
def _build() -> Any:
    from pint import UnitRegistry

    made: Any = UnitRegistry()
    for definition in _DEFINITIONS:
        made.define(definition)
    return made


def registry() -> Any:
    """The one pint registry, built when first needed (about half a second); safe from several threads."""
    with _lock:
        return _build()


def ready() -> bool:
    """Whether `registry` has been built, so that calling it takes no time."""
    return _build.cache_info().currsize > 0


@lru_cache(maxsize=1024)
def _pint_unit(unit: Unit) -> Any:
    units = registry()
    alone = len(unit) == 1 and unit[0][1] == 1
    made = units.Unit("dimensionless")
    for name, power in unit:
        # In J/(kg·°C) a degree is a difference, not a point on the scale.
        shown = name if alone or name not in ("degree_Celsius", "degree_Fahrenheit") else "delta_" + name
        made = made * units.Unit(shown) ** power if not alone else units.Unit(shown)
    return made


@lru_cache(maxsize=4096)
def _line(source: Unit, target: Unit) -> tuple[float, float] | None:
    """The (factor, offset) with target = factor * source + offset; None when the dimensions differ."""
    units = registry()
    first, second = _pint_unit(source), _pint_unit(target)
    if first.dimensionality != second.dimensionality:
        return None
    if first == second:
        return (1.0, 0.0)
    # Every conversion here is linear, so two points give it exactly up to rounding.
    zero = units.Quantity(0.0, first).to(second).magnitude
    factor = units.Quantity(1.0, first).to(second).magnitude - zero
    return (factor, zero)


def convert(value: float, source: Unit, target: Unit) -> float | None:
    """A value in another unit; None when the units measure different things."""
    line = _line(source, target)
    return None if line is None else value * line[0] + line[1]


def scale(source: Unit, target: Unit) -> float:
    """How many of `target` one step of `source` is, offsets aside (1 °C is a step of 1 K); 0 when they differ."""
    line = _line(source, target)
    return 0.0 if line is None else abs(line[0])
