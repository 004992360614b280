"""Names and numbers of people in one spelling, so that equal ones are equal."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

DOTS = re.compile("[·•‧∙⋅・･᛫﹒]")  # the marks that people use inside names such as 阿依古丽·买买提
CJK = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
BETWEEN_CJK = re.compile(f"(?<=[{CJK}·])\\s+(?=[{CJK}·])")
HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn")


def normal_text(text: str) -> str:
    """NFKC (full-width to plain), invisible and control marks removed, white space single and trimmed."""
    folded = unicodedata.normalize("NFKC", DOTS.sub("·", text))
    kept = (" " if mark.isspace() else mark for mark in folded)
    return re.sub(r" +", " ", "".join(m for m in kept if unicodedata.category(m) not in HIDDEN)).strip()


@lru_cache(maxsize=16384)
def normal_name(name: str) -> str:
    """A person's name as it is shown: `normal_text`, without spaces inside a Chinese name, dots unified."""
    return BETWEEN_CJK.sub("", re.sub(r" ?· ?", "·", normal_text(name)))


def normal_number(number: str) -> str:
    """A student number as it is shown: `normal_text` without white space; leading zeros and case stay."""
    return normal_text(number).replace(" ", "")


def number_key(number: str) -> str:
    """What two spellings of the same number share."""
    return normal_number(number).casefold()


def is_cjk(text: str) -> bool:
    """Whether a text is made of Chinese characters (and name dots) only."""
    return bool(text) and re.fullmatch(f"[{CJK}·]+", text) is not None


def words(text: str) -> tuple[str, ...]:
    """The words of a text: runs of letters, case folded, Chinese runs and others apart; digits and marks part them."""
    folded = normal_name(text).casefold()
    return tuple(re.findall(f"[{CJK}·]+|[^\\W\\d_{CJK}]+(?:['’][^\\W\\d_{CJK}]+)*", folded))


@lru_cache(maxsize=8192)
def name_forms(name: str) -> frozenset[str]:
    """Every way to write a person's name, case folded and without spaces: Ann Lee, Lee Ann, LEE, Ann.

    The family name may stand first or last, so the first word may come last and the last one first. Initials,
    left-out middle names and pinyin are other names, not other forms.
    """
    parts = words(name)
    if not parts:
        return frozenset()
    turned = {parts, parts[1:] + parts[:1], parts[-1:] + parts[:-1]}
    if "," in normal_text(name):  # "Lee, Ann Marie": what stands after the comma comes first
        family, _, given = normal_text(name).partition(",")
        turned |= {words(given) + words(family), words(family) + words(given)}
    return frozenset("".join(order) for order in turned)
