"""Plain text: finding its encoding, and cleaning what databases and pages cannot hold."""

from __future__ import annotations

import re
from pathlib import Path

from app.i18n import Text
from app.intake.errors import UnreadableError
from app.intake.limits import Limits

# Longest first: the UTF-32 little-endian mark starts with the UTF-16 one.
MARKS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
# Control characters but tab and line feed, lone surrogates, byte-order marks, non-characters.
UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
LINE_ENDS = re.compile("\r\n?|\x0b|\x0c|\x85|\u2028|\u2029")
CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\r\x0b\x0c\x1b")
HIGH_RUNS = re.compile(b"[\x80-\xff]+")
BROKEN_SHARE = 0.01  # of the characters may be undecodable before a text counts as not text


def clean(text: str) -> str:
    """A text that PostgreSQL, JSON and HTML can hold: no NUL, no control marks, no lone surrogates; "\\n" line ends."""
    return UNWANTED.sub("", LINE_ENDS.sub("\n", text))


def looks_like_text(head: bytes) -> bool:
    """Whether bytes read as text in an encoding that `decode` knows: few controls, few undecodable places."""
    if not head:
        return False
    if any(head.startswith(mark) for mark, _ in MARKS):
        return True
    # A head may end inside a character.
    return _encoding(head, cut=len(head) >= 1024) is not None


def decode(data: bytes) -> str:
    """Bytes to text: byte-order mark, UTF-8, UTF-16 without a mark, GB18030 or Windows-1252, in this order.

    NUL bytes and control marks are taken out. Raises UnreadableError("type") when it is no text in any of them.
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return clean(data[len(mark) :].decode(encoding, "replace"))
    found = _encoding(data)
    if found is None:
        raise UnreadableError("type", Text("This file is not text in an encoding that can be read here."))
    return clean(data.decode(found, "replace"))


def read(path: Path, name: str, limits: Limits) -> str:
    """The text of a text file. Raises UnreadableError: "empty", "type", "too_long"."""
    text = decode(path.read_bytes()).rstrip()
    if not text.strip():
        raise UnreadableError("empty", Text("“{name}” holds no text.", {"name": name}))
    check_length(len(text), name, limits)
    return text


def check_length(characters: int, name: str, limits: Limits) -> None:
    """Raise UnreadableError("too_long") when a text has more characters than the limits allow."""
    if characters > limits.characters:
        raise UnreadableError(
            "too_long",
            Text(
                "“{name}” holds more than {limit} characters of text.",
                {"name": name, "limit": limits.characters},
            ),
        )


def _encoding(data: bytes, cut: bool = False) -> str | None:
    """The encoding of bytes without a mark; None when they are not text. `cut`: the last character may be torn."""
    if b"\x00" in data and not _stray_nuls(data) and (wide := _wide(data)):
        return wide
    if sum(data.count(byte) for byte in CONTROLS) > max(len(data) * BROKEN_SHARE, 1 if len(data) < 64 else 4):
        return None
    body = data[:-3] if cut else data
    narrow = ("gb18030", "cp1252") if high_bytes_pair(body) else ("cp1252", "gb18030")
    for encoding in ("utf-8", *narrow):
        if _decodes(body, encoding, slack=3 if cut else 0):
            return encoding
    return next((encoding for encoding in ("utf-8", *narrow) if _nearly(body, encoding)), None)


def _stray_nuls(data: bytes) -> bool:
    """Whether NULs are strays in UTF-8: two of its letters read as UTF-16 are a Chinese character, and a usual one.

    In UTF-16 either every other byte is NUL (letters), or the bytes between are no UTF-8 (Chinese).
    """
    return data.count(b"\x00") * 4 < len(data) and _nearly(data, "utf-8")


def _decodes(data: bytes, encoding: str, slack: int) -> bool:
    """Whether data decodes; an error within `slack` bytes of the end is a torn character."""
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        return bool(slack) and error.start > len(data) - 1 - slack
    return True


def _nearly(data: bytes, encoding: str) -> bool:
    """Whether only a few places of a long text do not decode: one damaged byte must not lose an essay."""
    text = data.decode(encoding, "replace")
    return text.count("\ufffd") <= len(text) * BROKEN_SHARE


def high_bytes_pair(data: bytes) -> bool:
    """Whether most bytes above 127 stand together, as Chinese does, and not alone, as in German or French words."""
    runs = [len(run) for run in HIGH_RUNS.findall(data)]
    return sum(run for run in runs if run > 1) > sum(run for run in runs if run == 1)


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark: told by almost all characters being ones that texts are made of."""
    body = data[: len(data) // 2 * 2]
    for encoding in ("utf-16-le", "utf-16-be"):
        text = body.decode(encoding, "replace")
        usual = sum(_usual(character) for character in text)
        if text and usual >= len(text) * 0.97:
            return encoding
    return None


def _usual(character: str) -> bool:
    code = ord(character)
    return (
        0x20 <= code < 0x7F
        or code in (9, 10, 13)
        or 0xA0 <= code < 0x250
        or 0x2010 <= code < 0x2040
        or 0x3000 <= code < 0x3020
        or 0x4E00 <= code < 0xA000
        or 0xFF00 < code < 0xFF5F
    )
