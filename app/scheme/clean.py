"""Cleaning text: what is invisible or means the same is made one, so that every later rule sees one form."""

from __future__ import annotations

import re
import unicodedata

# Every line break that editors and PDF extractors write; str.splitlines knows the same set.
_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]")
# Control characters, zero-width and direction marks, byte order marks, lone surrogates (PostgreSQL stores none).
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_BOLD = re.compile(r"(?<![\w)\]*])\*\*(?=\S)([^*\n]{1,300})\*\*(?!\*)")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s+(.*?)\s*#*$")


def clean(text: str) -> str:
    """The text with line breaks as \\n, tabs as four spaces, every other space plain, invisible characters gone."""
    text = _BREAKS.sub("\n", text)
    return _SPACES.sub(" ", _INVISIBLE.sub("", text.replace("\t", "    ")))


def block(text: str) -> str:
    """Several lines in their normal form: cleaned, no spaces at line ends, no blank lines around, none before.

    Indentation of the second and later lines and blank lines between are kept.
    """
    return "\n".join(line.rstrip() for line in clean(text).split("\n")).strip()


def one_line(text: str) -> str:
    """A text on one line: cleaned, every run of white space one space, none around."""
    return " ".join(clean(text).split())


def half_width(text: str) -> str:
    """Full-width and compatibility characters as their plain forms (Unicode NFKC); for recognising, not for keeping."""
    return unicodedata.normalize("NFKC", text)


def has_han(text: str) -> bool:
    """Whether Chinese characters occur."""
    return _HAN.search(text) is not None


def without_bold(line: str) -> str:
    """A line without Markdown's bold marks; a power such as 2**3 is left alone."""
    return _BOLD.sub(r"\1", line) if "**" in line else line


def heading(line: str) -> str | None:
    """The text of a Markdown heading, None when the line is none."""
    if "#" not in line[:10]:
        return None
    found = _HEADING.match(line[:500])
    return found[1] if found else None
