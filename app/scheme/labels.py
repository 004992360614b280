"""How questions are numbered: 1. 1、 (1) ① 第1题 第一题 一、 Q1 1a 2(b) 1.1, and the order that numbers come in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

_HAN_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")} | {
    "〇": 0,
    "两": 2,
}
_CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
_HAN_NUMBER = "[一二三四五六七八九十百]{1,5}"
_SUB = r"(?:\s?[(（](?P<{0}p>[a-h]|i{{1,3}}|iv|vi{{0,3}}|\d{{1,2}})[)）]|(?P<{0}l>[a-f])(?![A-Za-z0-9]))"
_STOP = r"\s?[.．、:：)）]?(?!\d)\s*"
_WORD = re.compile(
    rf"(?:第\s?(?:(?P<n1>\d{{1,3}})|(?P<h1>{_HAN_NUMBER}))\s?[题題问問](?P<h1s>{_SUB.format('a')})?"
    rf"|(?:question|problem|exercise|task|item|q|题目?|问题)\s?[.#№]?\s?(?P<n2>\d{{1,3}}(?:\.\d{{1,2}})?)(?![\d\-–—~])"
    rf"(?:{_SUB.format('b')})?(?![A-Za-z])){_STOP}",
    re.IGNORECASE,
)
_PLAIN = re.compile(r"(?P<n>\d{1,3})\s?[.．、)）:：](?!\d)\s*")
_DECIMAL = re.compile(r"(?P<n>\d{1,3})[.．](?P<m>\d{1,2})(?:[.．、)）:：](?!\d)\s*|\s+(?=\S)|$)")
_LETTERED = re.compile(rf"(?P<n>\d{{1,3}})[.．]?{_SUB.format('c')}[.．、:：)）]?\s*")
_PAREN = re.compile(r"[(（]\s?(?P<n>\d{1,2})\s?[)）]\s*[.．、:：]?\s*")
_HAN = re.compile(rf"(?P<n>{_HAN_NUMBER})\s?[、.．]\s*|[(（](?P<p>{_HAN_NUMBER})[)）]\s*[、.]?\s*")
_ALPHA = re.compile(r"(?:[(（](?P<p>[a-h]|[ivx]{1,4})[)）]|(?P<l>[a-h])[)）])\s*[.、:：]?\s*")

_BARE = re.compile(r"(?P<n>[1-9]\d?)(?:$| {1,4}(?=[A-Z\u4e00-\u9fff]))")


class Style(IntEnum):
    """A way of numbering; the smaller, the more surely it begins a question."""

    WORD = 0  # 第1题, Question 1, Q1
    PLAIN = 1  # 1. 1、 1)
    DECIMAL = 2  # 1.1
    LETTERED = 3  # 1a 2(b)
    PAREN = 4  # (1)
    CIRCLED = 5  # ①
    HAN = 6  # 一、
    ALPHA = 7  # (a) a) (ii)
    BARE = 8  # 2 Explain: a number and no sign; a question only with points behind it, or after a blank line


@dataclass(frozen=True, slots=True)
class Head:
    """A numbered line: its style, label in normal form, the number to compare, and what follows the label."""

    style: Style
    label: str
    number: int
    rest: str
    sub: str = ""


def han_number(text: str) -> int:
    """The value of a Chinese number from 1 to 999 (十二 is 12, 二十 is 20, 一百零五 is 105); 0 when it is none."""
    total = part = 0
    for character in text:
        if character == "十":
            total, part = total + (part or 1) * 10, 0
        elif character == "百":
            total, part = total + (part or 1) * 100, 0
        elif character in _HAN_DIGITS:
            part = _HAN_DIGITS[character]
        else:
            return 0
    return total + part


def read_head(line: str) -> Head | None:
    """The number that a line (without spaces before it) begins with; None when it begins with none."""
    if not line or not (line[0].isdigit() or line[0] in _STARTS):
        return None
    start = line[:80]
    for reader in (_word, _decimal, _lettered, _plain, _paren, _circled, _han, _alpha, _bare):
        head = reader(start, line)
        if head:
            return head
    return None


_STARTS = frozenset("第题问QqPpEeTtIi(（一二三四五六七八九十百abcdefgh" + _CIRCLED)


def _sub(match: re.Match[str], group: str) -> str:
    if match[f"{group}p"]:
        return f"({match[f'{group}p'].lower()})"
    return (match[f"{group}l"] or "").lower()


def _word(start: str, line: str) -> Head | None:
    found = _WORD.match(start)
    if not found:
        return None
    sub = _sub(found, "a") or _sub(found, "b")
    number = found["n1"] or found["n2"] or str(han_number(found["h1"]))
    return Head(Style.WORD, number + sub, int(number.split(".")[0]), line[found.end() :], sub)


def _decimal(start: str, line: str) -> Head | None:
    found = _DECIMAL.match(start)
    if not found or int(found["m"]) == 0:
        return None
    return Head(Style.DECIMAL, f"{found['n']}.{found['m']}", int(found["n"]), line[found.end() :], found["m"])


def _lettered(start: str, line: str) -> Head | None:
    found = _LETTERED.match(start)
    if not found:
        return None
    sub = _sub(found, "c")
    # "3. (2) foo" is question 3 with its points; only "3. (1) foo" opens sub-questions.
    if found[0].lstrip("0123456789")[0] in ".．" and sub[1:-1].isdigit() and sub != "(1)":
        return None
    return Head(Style.LETTERED, found["n"] + sub, int(found["n"]), line[found.end() :], sub)


def _plain(start: str, line: str) -> Head | None:
    found = _PLAIN.match(start)
    return Head(Style.PLAIN, str(int(found["n"])), int(found["n"]), line[found.end() :]) if found else None


def _paren(start: str, line: str) -> Head | None:
    found = _PAREN.match(start)
    return Head(Style.PAREN, found["n"], int(found["n"]), line[found.end() :]) if found else None


def _circled(start: str, line: str) -> Head | None:
    number = _CIRCLED.find(start[0]) + 1
    return Head(Style.CIRCLED, str(number), number, line[1:].lstrip(" .、:：")) if number else None


def _han(start: str, line: str) -> Head | None:
    found = _HAN.match(start)
    if not found:
        return None
    written = found["n"] or found["p"]
    return Head(Style.HAN, written, han_number(written), line[found.end() :])


def _alpha(start: str, line: str) -> Head | None:
    found = _ALPHA.match(start)
    if not found:
        return None
    letter = found["p"] or found["l"]
    number = (
        ord(letter[0]) - ord("a") + 1 if len(letter) == 1 and letter in "abcdefgh" else _ROMAN.get(letter, 0)
    )
    return Head(Style.ALPHA, letter, number, line[found.end() :]) if number else None


def _bare(start: str, line: str) -> Head | None:
    found = _BARE.match(start)
    return Head(Style.BARE, found["n"], int(found["n"]), line[found.end() :]) if found else None


_ROMAN = {
    numeral: value for value, numeral in enumerate(("i", "ii", "iii", "iv", "v", "vi", "vii", "viii"), 1)
}


def split_circled(text: str) -> list[str]:
    """A line cut before every circled number when it holds several: "①a②b" gives ["①a", "②b"]."""
    if sum(text.count(sign) for sign in _CIRCLED[:8]) < 2:
        return [text]
    return [part.strip(" ;；,，") for part in re.split(f"(?=[{_CIRCLED}])", text) if part.strip(" ;；,，")]
