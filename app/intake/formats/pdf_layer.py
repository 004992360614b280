"""Whether a PDF page's text layer is what stands on the page, and which of two readings of a page is kept.

Pure: texts and figures only. A text layer is doubtful when it may not be what a person sees there: the picture of a
page with invisible text over it (what a scanner's own software read), a picture over most of the page beside little
text (a photo with a stamp), codes instead of letters (fonts that do not say what their glyphs are), handwriting as
strokes or annotations. Such a page is recognised too, and `keeps_layer` decides.
"""

from __future__ import annotations

from dataclasses import replace

from app.intake.formats.pdf_page import Look
from app.intake.page import PageReading

COVERED = 0.6  # part of the page under pictures from which on they may be the page itself
LITTLE = 200  # characters: less beside such a picture is a stamp or a heading
INVISIBLE = 0.5  # part of the text objects
STROKES = 30  # paths with many segments: more than the arrows and curves of a figure
STRANGE = (
    0.2  # part of the characters that are no letters in any script: private use, replacement, unassigned
)
SHORT_CODES = "/G", "(cid:", "/g", "/uni"  # what libraries write for glyphs without a letter
AGREE = 0.5  # likeness of two readings below which one of them is of something else
# What a layer is worth before it is compared: one that is painted was typed, one that is not was recognised by an
# unknown scanner.
PAINTED, UNPAINTED = 0.95, 0.85
COMPARED = 6000  # characters of each reading that are compared


def doubtful(text: str, look: Look) -> bool:
    """Whether a page with this text layer is recognised too. A page without text is not asked about here."""
    if strange(text) or look.written or look.strokes >= STROKES:
        return True
    return look.pictures > COVERED and (look.invisible > INVISIBLE or len(_solid(text)) < LITTLE)


def strange(text: str) -> bool:
    """Whether a text is codes and not letters."""
    solid = _solid(text)
    if not solid:
        return False
    odd = sum(_odd(character) for character in solid)
    codes = sum(solid.count(code) for code in SHORT_CODES)
    return odd > len(solid) * STRANGE or codes * 4 > len(solid) * STRANGE * 2


def keeps_layer(layer: PageReading, read: PageReading, look: Look) -> bool:
    """Whether the text layer is the better reading of a page than text recognition's.

    Codes never are. Where recognition found nothing, a painted layer is, and an unpainted one if the page is not
    blank. Where the two hardly resemble each other (`AGREE`, by insertions and deletions), recognition is right: it
    looked at what is to be seen, and a right layer would resemble even an uncertain recognition. Else each counts
    what it is worth (a layer PAINTED or UNPAINTED, recognition its own confidence) times how much of the other's
    length it has, and the larger is kept.
    """
    mine, other = _solid(layer.text)[:COMPARED], _solid(read.text)[:COMPARED]
    painted = look.invisible <= INVISIBLE
    if strange(layer.text):
        return False
    if not other:
        return painted or not read.blank
    if _likeness(mine, other) < AGREE:
        return False
    worth = (PAINTED if painted else UNPAINTED) * min(1.0, len(mine) / len(other))
    return worth >= read.confidence * min(1.0, len(other) / len(mine))


def joined(layer: PageReading, read: PageReading) -> PageReading:
    """A kept text layer with what only looking at the page could tell: its codes, its quality, its warnings."""
    return replace(layer, codes=read.codes, quality=read.quality, warnings=read.warnings)


def _likeness(one: str, other: str) -> float:
    from rapidfuzz.distance import Indel

    return Indel.normalized_similarity(one, other)


def _odd(character: str) -> bool:
    code = ord(character)
    return code == 0xFFFD or 0xE000 <= code < 0xF900 or code >= 0xF0000


def _solid(text: str) -> str:
    return "".join(text.split())
