"""File names as they may be shown: what people called a file, without what could deceive or break a page."""

from __future__ import annotations

import re
import unicodedata

MAX_CHARACTERS = 255  # what common file systems allow, and a database column holds
MAX_EXTENSION = 16
UNNAMED = "file"
JOINER = "\u200d"  # holds emoji such as families together
SEPARATORS = re.compile(r"[\\/\u2044\u2215\u29f8\uff0f\uff3c]+")


def clean_name(name: str) -> str:
    """A safe display name: at most 255 characters, one line, never empty, never a path.

    Only the last part of a path stays. Control marks, lone surrogates and invisible marks are dropped, right-to-left
    overrides with them ("exe.fdp" must not read as "pdf.exe"); emoji stay, joined ones too. Full-width and
    mathematical slashes count as separators. The extension survives shortening. This is for showing: nothing is
    stored under it.
    """
    visible = "".join(map(_visible, unicodedata.normalize("NFC", name)))
    parts = [part.strip() for part in SEPARATORS.split(visible)]
    last = next((part for part in reversed(parts) if part.strip(". ")), "")
    last = re.sub(r"\s+", " ", last).strip().lstrip(".").strip()
    last = _without_loose_joiners(last)
    return _shorten(last) or UNNAMED


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " " if character in "\t\n\r\x0b\x0c\x85\u2028\u2029" else ""
    if category in ("Cf", "Cs") and character != JOINER:
        return ""
    if (
        category == "Cn" and ord(character) & 0xFFFE == 0xFFFE
    ):  # non-characters; other unassigned ones may be new emoji
        return ""
    return character


def _without_loose_joiners(name: str) -> str:
    """Joiners only between signs: elsewhere two different names would look the same."""
    return re.sub(f"(?<=[\\w\\s.]){JOINER}+|^{JOINER}+|{JOINER}+(?=[\\w\\s.]|$)", "", name)


def _shorten(name: str) -> str:
    if len(name) <= MAX_CHARACTERS:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem or len(extension) > MAX_EXTENSION:
        stem, dot, extension = name, "", ""
    kept = stem[: MAX_CHARACTERS - len(dot) - len(extension)]
    return kept.rstrip(JOINER + " ") + dot + extension
