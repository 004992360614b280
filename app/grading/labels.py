"""Question labels as papers write them: 1. 1、 1) (1) （1） ① 第1题 第一题 Q1 Question 1 1a 2(b) 一、 Answer 1: 答：

Everything works on a copy of the text that has the same length (`narrow`), so offsets are those of the
text. A label is compared by its key, a tuple of its parts in digits and lower-case letters: "第2题(b)",
"2(b)" and "2b" are ("2", "b").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

Key = tuple[str, ...]

_CIRCLED = {chr(0x2460 + i): str(i + 1) for i in range(20)}  # ①
_CIRCLED |= {chr(0x2474 + i): str(i + 1) for i in range(20)}  # ⑴
_CIRCLED |= {chr(0x2488 + i): str(i + 1) for i in range(20)}  # ⒈
_CIRCLED |= {chr(0x2776 + i): str(i + 1) for i in range(10)}  # ❶
_WIDTHS = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {
    0x3000: " ", 0x00A0: " ", 0xFF0E: ".", 0x3002: "。", 0x3010: "[", 0x3011: "]", 0x3014: "(", 0x3015: ")",
    0xFF61: "。", 0x2005: " ", 0x2003: " ", 0x2002: " ", 0x200B: " ", 0xFEFF: " ",
}  # fmt: skip
_HAN = {c: i for i, c in enumerate("〇一二三四五六七八九十")} | {"零": 0, "两": 2}

_NUM = r"(?:\d{1,3}|[〇零一二三四五六七八九十]{1,4})"
_WORD = r"(?:questions?|quest|problem|task|exercise|aufgabe|frage|antwort|answers?|ans|ex|no|nr|q|问题|题目|答案|题|答)"
# Repeats of blanks are bounded: two unbounded ones side by side take quadratic time on a page of blanks.
_HEADS = (
    (
        "di",
        re.compile(
            rf"(?:[\[(]\s{{0,4}})?第\s{{0,4}}({_NUM})\s{{0,4}}[小大道]?\s{{0,4}}[题问]\s{{0,4}}[\])]?"
        ),
    ),
    (
        "word",
        re.compile(
            rf"{_WORD}\s{{0,4}}\.?\s{{0,4}}(?:(?:to|for)\s+)?(?:(?:question|number|no\.?|q)\s{{0,4}})?#?\s{{0,4}}({_NUM})",
            re.I,
        ),
    ),
    ("br", re.compile(rf"[(\[]\s{{0,4}}({_NUM}|[A-Za-z]{{1,4}})\s{{0,4}}[)\]]")),
    ("circ", re.compile("([" + "".join(_CIRCLED) + "])")),
    ("n", re.compile(rf"({_NUM})")),
    ("letter", re.compile(r"([A-Za-z]|[ivx]{1,4})(?=\s?[.)、:])")),
)
_SUB = re.compile(
    r"\s?[.\-]?\s?(?:\(\s{0,4}([A-Za-z]{1,4}|\d{1,2}|[一二三四五六七八九十]{1,2})\s{0,4}\)|([a-zA-Z])(?![A-Za-z])"
    r"|([" + "".join(_CIRCLED) + r"]))|[.\-](\d{1,2})(?!\d)"
)
_DELIMITER = re.compile(r"\s?(?:[.](?!\d)|、|\)|:(?!\d)|。)|:")
_CLOSING = re.compile(r"\s?[:.、](?!\d)")
_GAP = re.compile(r"[ \t]{2,}|\t|[ \t]*(?:$|\n)")
_POINTS = re.compile(
    r"\s{0,4}[(\[]\s{0,4}(?:共|本题|满分)?\s{0,4}\d+(?:\.\d+)?\s{0,4}(?:分|points?|marks?|pts?|punkte)\s{0,4}[)\]]",
    re.I,
)
_GOES_ON = r"(?:continued|cont['’]?d|cont\.?|ctd\.?|接上页?|续上?页?|续)"
# "1. continued growth" and "1. 续写" are answers: the word must stand in brackets or alone.
_CONTINUED = re.compile(
    rf"\s{{0,4}}(?:[(\[]\s{{0,4}}{_GOES_ON}\s{{0,4}}[)\]]|{_GOES_ON}(?=\s{{0,4}}(?:[:、.]|\n|$)))\s{{0,4}}[:.]?",
    re.I,
)
_CONTINUES = re.compile(
    r"[(\[]?\s{0,4}(?:接上页?|续上?页?|接|续|continued|continuation of)\s{0,4}[:,]?\s{0,4}", re.I
)
ANSWER_WORD = re.compile(
    r"\s{0,4}(?:(?:my\s+)?(?:answer|ans|antwort)\s{0,4}:|(?-i:A)\s{0,4}:(?=\s)|[答解]\s{0,4}案?\s{0,4}:)",
    re.I,
)
# The strength of a number without a sign: believed only where nothing better is found.
BARE = 2
# "3.100": a label that its answer touches, or a decimal; see `places`.
TIGHT = 4
_LEAD = re.compile(r"[ \t>*#•·|\-]{0,12}")
# A number that fills a table's first cell; cells are parted by a tab or a stroke.
_CELL = re.compile(r" {0,8}[\t|]")
# "1 - D", "1-D", "4 - 5"; "4 -5" is minus five.
_DASH = re.compile(r" {0,4}[-–—]{1,2}(?: {1,8}(?=\S)|(?=[^\W\d]))")
_TIGHT_DOT = re.compile(r"\.(?=\d)")
# Markdown's marks of bold words; inside a formula, ** is a power.
_BOLD = re.compile(r"(?:(?<=[\s(|>])|^)\*{2,3}(?=[^\s*])|(?<=[^\s*])\*{2,3}(?=[\s.:、)|]|$)", re.MULTILINE)
_WIDE_DOT = re.compile(r"^([ \t\u3000]*[0-9０-９]{1,3})．", re.MULTILINE)


def narrow(text: str) -> str:
    """The text with full-width letters, digits and brackets made half-width; its length does not change.

    The wide dot after a number that begins a line is a label's and no decimal point; marks of bold words are blanks.
    """
    plain = _WIDE_DOT.sub(r"\1、", text).translate(_WIDTHS)
    plain = plain.replace("\r", "\n").replace("\f", "\n").replace("\v", "\n")
    return _BOLD.sub(lambda match: " " * len(match[0]), plain) if "**" in plain else plain


def number(word: str) -> str:
    """A number in digits without leading zeros: 07, 七, ⑦ and "7" are "7"; other words in lower case."""
    if word in _CIRCLED:
        return _CIRCLED[word]
    if word.isdecimal():
        return str(int(word))
    if word and all(c in _HAN for c in word):
        return _han_number(word)
    return word.lower()


def _han_number(word: str) -> str:
    if "十" not in word:
        return str(int("".join(str(_HAN[c]) for c in word)))
    tens, _, ones = word.partition("十")
    if any(len(part) > 1 or "十" in part for part in (tens, ones)):
        return word
    return str((_HAN[tens] if tens else 1) * 10 + (_HAN[ones] if ones else 0))


def key_of(label: str) -> Key:
    """A scheme label's key; the empty tuple for a label without number or letter."""
    text = narrow(label).strip()
    text = re.sub(rf"^(?:第|{_WORD}(?![a-z])|#)\s*\.?\s*", "", text, flags=re.I)
    text = re.sub(r"[小大道]?[题问]", " ", text)
    circled = "".join(_CIRCLED)
    return tuple(
        number(part) for part in re.findall(rf"\d+|[A-Za-z]+|[〇零一二三四五六七八九十]+|[{circled}]", text)
    )


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that looks like a label: its place, its key, how it is written, and what speaks for it.

    `style` tells writings apart ("n.", "n)", "br", "di", ...). `strength` is 0..10: how rarely such writing
    is anything but a label. `continued` says that it goes on with an answer begun before. `partial` means
    that the key is only the last part of a label: "(b)" under question 2.
    """

    start: int
    end: int
    key: Key
    style: str
    strength: int
    at_line_start: bool
    indent: int = 0
    continued: bool = False
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """The labels of a scheme: full keys, numbers that only head a group (1 of 1a, 1b), last parts (a, b)."""

    keys: frozenset[Key]
    heads: frozenset[Key]
    tails: frozenset[str]
    letters: bool

    @classmethod
    def of(cls, keys: list[Key]) -> Known:
        """What can be recognised, from the scheme's keys."""
        full = frozenset(key for key in keys if key)
        heads = frozenset(key[:1] for key in full if len(key) > 1) - full
        return cls(
            full, heads, frozenset(k[-1] for k in full if len(k) > 1), any(k[0].isalpha() for k in full)
        )


def line_marks(text: str, start: int, end: int, known: Known) -> Iterator[Mark]:
    """The labels of one line of narrowed text, the first at its start, others after a wide gap."""
    lead = _LEAD.match(text, start, end)
    position = lead.end() if lead else start
    first = mark_at(text, position, end, known, at_line_start=True, indent=position - start)
    if first:
        # Marks of a list (#, *, •) before the label are part of it.
        yield replace(first, start=start)
        position = first.end
        # "Q2) a) ..." or "一、1. ...": a head and its first part.
        if first.key in known.heads and not first.partial:
            part = mark_at(text, _spaces(text, position, end), end, known, at_line_start=True)
            if part and (part.key not in known.heads or part.key[0] in known.tails):
                yield part
                position = part.end
    for gap in _WIDE.finditer(text, position, end):
        if found := mark_at(text, gap.end(), end, known, at_line_start=False):
            yield replace(found, start=gap.start())


def _spaces(text: str, start: int, end: int) -> int:
    while start < end and text[start] in " \t":
        start += 1
    return start


_WIDE = re.compile(r"(?:(?<![ \t])(?:[ \t]{2,}|\t)|[;,]\s{1,40})(?=\S)")


def mark_at(
    text: str, position: int, end: int, known: Known, *, at_line_start: bool, indent: int = 0
) -> Mark | None:
    """The label that begins at a position, if one of the known does."""
    begin = position
    continues = _CONTINUES.match(text, position, end)
    if continues:
        position = continues.end()
    for form, pattern in _HEADS:
        head = pattern.match(text, position, end)
        if head is None:
            continue
        read = _with_sub(text, head, end, known) or _plain(head, known, form)
        if read is None:
            continue
        key, stop, partial = read
        closed = _close(text, stop, end, form, compound=len(key) > 1 and not partial)
        if closed is None:
            continue
        stop, sign, strength = closed
        tail = _CONTINUED.match(text, stop, end)
        points = _POINTS.match(text, tail.end() if tail else stop, end)
        if last := points or tail:
            delimiter = _CLOSING.match(text, last.end(), end)
            stop = delimiter.end() if delimiter else last.end()
        if answer := ANSWER_WORD.match(text, stop, end):
            stop = answer.end()
        style = ("han" if form == "n" and not head[1][0].isdecimal() else form) + sign
        return Mark(
            begin, stop, key, style, strength - (0 if at_line_start else 2), at_line_start, indent,
            continued=bool(continues or tail), partial=partial,
        )  # fmt: skip
    return None


def _with_sub(text: str, head: re.Match[str], end: int, known: Known) -> tuple[Key, int, bool] | None:
    """A label of two parts, such as 2(b), when the scheme has it."""
    sub = _SUB.match(text, head.end(), end)
    if sub is None:
        return None
    key = (number(head[1]), number(next(group for group in sub.groups() if group)))
    return (key, sub.end(), False) if key in known.keys else None


def _plain(head: re.Match[str], known: Known, form: str) -> tuple[Key, int, bool] | None:
    """A label of one part; as a last resort the last part of one of two."""
    part = number(head[1])
    if ((part,) in known.keys or (part,) in known.heads) and (form != "letter" or known.letters):
        return (part,), head.end(), False
    if part in known.tails and (not head[1].isalpha() or head[1].islower() or form == "br"):
        return (part,), head.end(), True
    return None


def _close(text: str, stop: int, end: int, form: str, compound: bool) -> tuple[int, str, int] | None:
    """What must follow a label: (where it ends, the sign after it, strength), None when it is no label."""
    delimiter = _DELIMITER.match(text, stop, end)
    after = text[stop:end][:1]
    if form in ("di", "circ", "br"):
        strength = {"di": 10, "circ": 7, "br": 7}[form]
        return (delimiter.end() if delimiter else stop), "", strength
    if form == "word":
        if delimiter is None and after and not after.isspace() and not _CONTINUED.match(text, stop, end):
            return (stop, "", 10) if text[stop:end].lstrip()[:1] in "([" else None
        return (delimiter.end() if delimiter else stop), "", 10
    if delimiter is not None:
        sign = delimiter[0].strip()
        return (
            delimiter.end(),
            sign,
            6 if sign == ":" and text[delimiter.end() : delimiter.end() + 1].isdigit() else 9,
        )
    if _CONTINUED.match(text, stop, end) or _POINTS.match(text, stop, end):
        return stop, "", 9
    if compound and (not after or after.isspace()):
        return stop, "", 7
    if form != "n":
        return None
    for pattern, sign, strength in ((_CELL, "\t", BARE), (_DASH, "-", BARE), (_TIGHT_DOT, ".", TIGHT)):
        if (found := pattern.match(text, stop, end)) and not (compound and strength == TIGHT):
            return found.end(), sign, strength
    if after == "," and not text[stop + 1 : end][:1].isdigit():
        return stop + 1, ",", BARE
    return (stop, "", BARE) if _GAP.match(text, stop, end) or after == " " else None
