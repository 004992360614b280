"""Whether a word is a slip of the pen or of the keyboard away from another.

In Chinese, slips take a character that sounds the same (夜化 for 液化) or looks nearly the same (末 for 未). No
table of sounds is needed: GB 2312 orders its 3755 common characters by their pinyin, and Unicode orders all by
radical and strokes, so that characters that sound or look alike stand near each other in one of them. 凝固 for 凝华
is neither, and so another word.
"""

from __future__ import annotations

from app.grading.normalise import is_cjk

SAME_SOUND = 60
"""Places of GB 2312's first level that the longest syllables (yi, shi, ji) take; such neighbours may sound alike."""

SAME_LOOK = 48
"""Code points within which characters of one radical differ by a few strokes; chosen on pairs that schools list as
often confused (末未, 己已, 拨拔, 折拆, 候侯), not measured."""


def slip(one: str, other: str) -> bool:
    """Whether two different characters are near each other by sound or look; True also where that is not known."""
    if abs(ord(one) - ord(other)) <= SAME_LOOK:
        return True
    places = _place(one), _place(other)
    return any(place is None for place in places) or abs(places[0] - places[1]) <= SAME_SOUND  # type: ignore[operator]


def _place(char: str) -> int | None:
    """A character's place among those ordered by sound; None for rarer ones, which GB 2312 orders by radical."""
    try:
        first, second = char.encode("gb2312")
    except (UnicodeEncodeError, ValueError):
        return None
    return (first - 0xB0) * 94 + second - 0xA1 if 0xB0 <= first <= 0xD7 else None


def near(said: str, wanted: str) -> bool:
    """Whether one edit (or two neighbours exchanged) leads from one to the other, in words long enough for it."""
    chinese = any(is_cjk(char) for char in wanted)
    if min(len(said), len(wanted)) < (2 if chinese else 4) or abs(len(said) - len(wanted)) > 1:
        # A Chinese word of two characters with one missing is covered by "contains".
        return False
    if any(char.isdigit() for char in said + wanted):
        return False  # another digit is another number, not a slip
    if sorted(said) == sorted(wanted) and sum(a != b for a, b in zip(said, wanted, strict=True)) == 2:
        return True
    short, long = sorted((said, wanted), key=len)
    start = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if short[start + (len(short) == len(long)) :] != long[start + 1 :]:
        return False
    # In words of two characters another character makes another word (变大, 变小), if it is no slip.
    other = len(short) == len(long) == 2 and is_cjk(long[start])
    return not other or slip(short[start], long[start])
