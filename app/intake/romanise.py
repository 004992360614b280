"""Chinese names in Latin letters (pinyin without tones), to know "Wang Xiaoming" in a roster of Chinese names."""

from __future__ import annotations

import os
from functools import lru_cache
from itertools import islice, product

from app.intake.normal import is_cjk, normal_name

READINGS = 3  # of one character; 解 is jie and, as a surname, xie
SPELLINGS = 32  # of one name
LONGEST = 6  # characters of a name
# Surnames of two characters; all others have one (from the Hundred Family Surnames and the census's list).
DOUBLE = """
欧阳 司马 上官 诸葛 夏侯 东方 皇甫 尉迟 公孙 慕容 令狐 宇文 长孙 司徒 司空 南宫 端木 独孤 轩辕 百里 呼延 东郭 西门 赫连
"""
DOUBLE_SURNAMES = frozenset(DOUBLE.split())


@lru_cache(maxsize=8192)
def spellings(name: str) -> frozenset[str]:
    """Every way to write a whole Chinese name in pinyin, small letters without spaces, the surname first or last.

    None for names that are not Chinese, or longer than `LONGEST` characters (those are written in their own letters).
    """
    return frozenset(order for family, given in _parts(name) for order in (family + given, given + family))


@lru_cache(maxsize=8192)
def short_spellings(name: str) -> frozenset[str]:
    """The usual abbreviations of a Chinese name in pinyin: wangxm, xmwang, wxm. They point at somebody, no more."""
    found: set[str] = set()
    surname, given = _cut(normal_name(name))
    for family, firsts in product(_syllables(surname), _syllables(given, initials=True)):
        found |= {family + firsts, firsts + family, family[:1] + firsts}
    return frozenset(each for each in found if len(each) > 1)


def _parts(name: str) -> list[tuple[str, str]]:
    surname, given = _cut(normal_name(name))
    return list(islice(product(_syllables(surname), _syllables(given)), SPELLINGS)) if given else []


def _cut(name: str) -> tuple[str, str]:
    plain = name if is_cjk(name) and "·" not in name and 2 <= len(name) <= LONGEST else ""
    length = 2 if len(plain) > 2 and plain[:2] in DOUBLE_SURNAMES else 1
    return plain[:length], plain[length:]


def _syllables(characters: str, initials: bool = False) -> list[str]:
    """The readings of some characters, joined; their first letters with `initials`."""
    if not characters:
        return []
    each = [_readings(character) for character in characters]
    if initials:
        each = [tuple(dict.fromkeys(reading[0] for reading in readings)) for readings in each]
    return ["".join(one) for one in islice(product(*each), SPELLINGS)]


@lru_cache(maxsize=8192)
def _readings(character: str) -> tuple[str, ...]:
    """How one character is read, without tones; ü is written v, u and yu in school lists."""
    # pypinyin reads its table of phrases (43 MB in memory) at import unless this is set; single characters need none.
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "1")
    from pypinyin import Style, pinyin

    found: dict[str, None] = {}
    for reading in pinyin(character, style=Style.NORMAL, heteronym=True)[0][:READINGS]:
        plain = reading.casefold()
        found |= dict.fromkeys(plain.replace("v", vowel) for vowel in ("v", "u", "yu"))
    return tuple(each for each in found if each.isascii() and each.isalpha()) or ("?",)


@lru_cache(maxsize=8192)
def may_be_pinyin(value: str) -> bool:
    """Whether a value is Latin letters that could spell a Chinese name."""
    plain = normal_name(value)
    return any(mark.isascii() and mark.isalpha() for mark in plain) and max(plain) < "\u3400"
