"""Points as people write them: (8分), [8 marks], 8', 2M+1A, 每题4分, +2, M1."""

from __future__ import annotations

import re
from dataclasses import dataclass

_I = re.IGNORECASE
_N = r"(\d{1,5}(?:\.\d{1,3})?)"
_UNIT = r"(?:分|marks?|points?|pts?\.?|M(?![A-Za-z]))"
_LEADING = r"(?:本小?题|本题满分|满分|共计?|得|total|worth|max\.?|maximum)?\s?[:：]?\s?"
_BRACKET = re.compile(rf"[(（\[【]\s?{_LEADING}{_N}\s?{_UNIT}\s?[)）\]】]", _I)
_ANY_BRACKET = re.compile(r"[(（\[【]([^()（）\[\]【】]{1,60})[)）\]】]")
_BARE_END = re.compile(
    rf"(?:(?:^|(?<=[\s.。?？!！:：,，…_)）]))\s?[(（]\s?{_N}\s?[)）]|\[\s?{_N}\s?\])\s?[.。:：;；]?$"
)
_BARE_START = re.compile(rf"(?:[(（\[]\s?{_N}\s?[)）\]])\s?[.。:：;；、]?\s?")
_PRIME_END = re.compile(rf"(?:^|(?<=[\s(（?？.。）)_])){_N}['′’][)）]?$")
_WHOLE = re.compile(rf"[-–—:：\s]{{0,3}}{_N}\s?{_UNIT}\s?[.。:：]?", _I)
_EACH = re.compile(
    rf"每(?:小?题|题|道题|点|项|步|个要点|条)\s?(?:得|各)?\s?{_N}\s?分|各(?:得)?\s?{_N}\s?分"
    rf"|{_N}\s?(?:marks?|points?|pts?)\s?(?:each|per (?:question|item|point)|apiece|for each)"
    rf"|each (?:question |item |point )?(?:is )?(?:worth |carries )?{_N}\s?(?:marks?|points?|pts?)",
    _I,
)
_EACH_GAP = re.compile(
    rf"每空\s?{_N}\s?分|{_N}\s?(?:marks?|points?)\s?(?:per|for each|each) (?:blank|gap)", _I
)
_TOGETHER = re.compile(
    rf"(?:共计?|满分|总分|合计|计)\s?{_N}\s?分|(?:total|total of)\s?[:：]?\s?{_N}"
    rf"|{_N}\s?(?:marks?|points?|pts?)(?: in total| total)",
    _I,
)
_CODE = re.compile(r"(?:([1-9])\s?([MAB])|([MAB])([1-9]))")
_CODES = re.compile(r"(?:[1-9]\s?[MAB]|[MAB][1-9])(?:\s?[+/,，、]\s?(?:[1-9]\s?[MAB]|[MAB][1-9])){0,5}")
_CODES_BRACKET = re.compile(rf"[(（\[]\s?({_CODES.pattern})\s?[)）\]]")
_CODE_END = re.compile(rf"(?:^|[\s.…:：,，(（\[])({_CODES.pattern})\s?[)）\]]?$")
_CODE_START = re.compile(rf"[(（\[]?({_CODES.pattern})[)）\]]?(?=[\s:：])\s?[:：]?\s?")
_LINE_START = re.compile(
    rf"(?:[(（\[【]\s?{_LEADING}{_N}\s?{_UNIT}\s?[)）\]】]\s?[:：]?|{_N}\s?{_UNIT}\s?[:：]|\+\s?{_N}\s?{_UNIT}?(?=[\s:：])\s?[:：]?"
    rf"|得\s?{_N}\s?分\s?[:：,，]?|(?:award\s)?{_N}\s(?:marks?|points?|pts?)\s(?:for|if|when)\b|{_N}\s?分\s)\s*",
    _I,
)
_LINE_END = re.compile(
    rf"[\s.…·:：,，;；\-–—=]{{0,40}}(?:[(（\[【]\s?{_LEADING}\+?\s?{_N}\s?{_UNIT}\s?[)）\]】]|\+\s?{_N}\s?{_UNIT}?"
    rf"|(?<![A-Za-z0-9])[(（\[]\s?\+?{_N}\s?[)）\]]|(?:(?<=[\s.…·:：,，;；\-–—])(?:得|给)?|得|给){_N}\s?{_UNIT}"
    rf"|(?<=[\u4e00-\u9fff”\"])(?<![扣减共各每处个第了]){_N}分)\s?[.。;；]?$",
    _I,
)


def _number(match: re.Match[str]) -> float:
    return float(next(group for group in match.groups() if group is not None))


def _cut(line: str, match: re.Match[str], offset: int = 0) -> str:
    """The line without a match, the gap closed."""
    before, after = line[: offset + match.start()].rstrip(), line[offset + match.end() :].strip()
    return f"{before} {after}".strip() if before and after else before or after.lstrip(" ：:，,")


@dataclass(frozen=True, slots=True)
class Found:
    """Points found on a line, and the line without them. `codes` are mark codes: (("M", 2.0), ("A", 1.0)).

    `per_gap` says that the points are for each gap of the question.
    """

    points: float
    text: str
    codes: tuple[tuple[str, float], ...] = ()
    per_gap: bool = False


def read_codes(text: str) -> tuple[tuple[str, float], ...]:
    """The mark codes of exam boards in a text that is nothing else: "2M/1A" or "M1 A1"; empty when it is not."""
    plain = text.strip()
    if not _CODES.fullmatch(plain):
        return ()
    return tuple((m[2] or m[3], float(m[1] or m[4])) for m in _CODE.finditer(plain))


def on_question(line: str, *, head: bool) -> Found | None:
    """A question's points on a line of its text: at its start or end, or in a bracket that says 分 or marks.

    `head` is True for the question's first line, where a bare (8) at the end also counts.
    """
    if len(line) > 5000:
        return None
    found = _with_unit(line)
    if found:
        return found
    bare = _PRIME_END.search(line[-20:]) or _BARE_END.search(line[-20:])
    if bare and (head or bare[0].lstrip().startswith("[")):
        return Found(_number(bare), _cut(line, bare, max(0, len(line) - 20)))
    if head:
        whole = _WHOLE.fullmatch(line[:40]) if len(line) <= 40 else None
        if whole:
            return Found(_number(whole), "")
    return None


def _with_unit(line: str) -> Found | None:
    """Points in a bracket with their unit, or mark codes in a bracket."""
    for bracket in _ANY_BRACKET.finditer(line):
        inner = bracket[1]
        plain = _BRACKET.fullmatch(bracket[0])
        together = _TOGETHER.search(inner) if not plain else None
        if plain or together:
            return Found(_number(plain or together), _cut(line, bracket))  # type: ignore[arg-type]  # one is set
        gap = _EACH_GAP.search(inner)
        if gap:
            return Found(_number(gap), _cut(line, bracket), per_gap=True)
        codes = read_codes(inner)
        if codes:
            return Found(sum(points for _, points in codes), _cut(line, bracket), codes)
    return None


def on_criterion(line: str) -> Found | None:
    """A criterion's points at the start or the end of its line, and the rest of the line; None when there are none.

    A mark code keeps its letter behind the text: "x = 3 A1" gives 1 point for "x = 3 (A)".
    """
    start = _LINE_START.match(line)
    if start:
        return Found(_number(start), line[start.end() :].strip())
    code = _CODE_START.match(line)
    if code:
        return _coded(code[1], line[code.end() :].strip())
    cut = max(0, len(line) - 90)
    code = _CODE_END.search(line, cut)
    if code:
        return _coded(code[1], line[: code.start()].rstrip(" .…:：([（"))
    end = _LINE_END.search(line, cut)
    if end:
        return Found(_number(end), line[: end.start()].strip())
    bare = _BARE_START.match(line)
    return Found(_number(bare), line[bare.end() :].strip()) if bare else None


def _coded(written: str, text: str) -> Found:
    codes = read_codes(written)
    letters = "/".join(letter for letter, _ in codes)
    return Found(sum(points for _, points in codes), f"{text} ({letters})".strip(), codes)


@dataclass(frozen=True, slots=True)
class SectionPoints:
    """What a section's heading says of points: for each question, for each gap, and for the whole section."""

    each: float | None = None
    each_gap: float | None = None
    total: float | None = None


def on_section(line: str) -> SectionPoints:
    """The points in a section's heading: "（每题4分，共20分）", "(2 marks each)", "[20 marks]"."""
    line = line[:300]
    each, gap, together = _EACH.search(line), _EACH_GAP.search(line), _TOGETHER.search(line)
    plain = _BRACKET.search(line)
    total = _number(together) if together else _number(plain) if plain and not (each or gap) else None
    return SectionPoints(_number(each) if each else None, _number(gap) if gap else None, total)


def each_of(line: str) -> float | None:
    """The points that each item of a list gives ("每点2分", "2 marks each"), None when the line does not say."""
    found = _EACH.search(line[:200])
    return _number(found) if found else None
