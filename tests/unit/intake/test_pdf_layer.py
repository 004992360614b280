"""Which text layers are believed, and which of two readings of a page is kept."""

from __future__ import annotations

import pytest

from app.i18n import Text
from app.intake.formats.pdf_layer import doubtful, joined, keeps_layer, strange
from app.intake.formats.pdf_page import Look
from app.intake.page import By, PageReading

ESSAY = "1. Photosynthesis turns light into chemical energy. 光合作用把光能变成化学能。" * 6
SCAN = Look(pictures=0.98, invisible=1.0, marks=1, drawn=True)
PRINT = Look(drawn=True)


def layer(text: str) -> PageReading:
    return PageReading(text, By.PDF)


def read(text: str, confidence: float = 0.95, blank: bool = False) -> PageReading:
    return PageReading(text, By.OCR, confidence=confidence, blank=blank)


@pytest.mark.parametrize(
    ("text", "look", "wanted"),
    [
        (ESSAY, PRINT, False),
        ("Name", PRINT, False),
        (ESSAY, SCAN, True),
        (
            ESSAY,
            Look(pictures=0.98, drawn=True),
            False,
        ),  # a page on coloured paper: painted text over a picture
        ("Scanned with a phone", Look(pictures=0.98, drawn=True), True),
        ("Scanned with a phone", Look(pictures=0.3, drawn=True), False),
        (ESSAY, Look(invisible=1.0, drawn=True), False),  # white on white, and no picture to look at
        (ESSAY, Look(written=1, drawn=True), True),
        (ESSAY, Look(strokes=400, drawn=True), True),
        (ESSAY, Look(strokes=5, marks=300, drawn=True), False),  # a figure
        ("\ue001\ue002\ue003\ue004 \ue005" * 9, PRINT, True),
        ("(cid:12)(cid:7)(cid:33)", PRINT, True),
        ("/G01/G02/G03", PRINT, True),
        ("\ufffd\ufffd\ufffda", PRINT, True),
    ],
)
def test_what_is_looked_at_besides(text: str, look: Look, wanted: bool) -> None:
    assert doubtful(text, look) is wanted


def test_letters_of_every_script_are_letters() -> None:
    for text in (
        ESSAY,
        "Größe naïve Ψυχή привет",
        "∫ x² dx ≤ √2 · π ⇒ α",
        "",
        "/gamma is a letter; see page/Group",
    ):
        assert not strange(text)


@pytest.mark.parametrize(
    ("text", "found", "look", "kept"),
    [
        (ESSAY, read(ESSAY), PRINT, True),  # a painted layer that says the same is exact
        (ESSAY, read(ESSAY, 0.7), SCAN, True),  # the scanner read it, and recognition is less certain
        (ESSAY, read(ESSAY, 0.97), SCAN, False),
        ("l;'j fi~~ 1l|I " * 30, read(ESSAY, 0.75), SCAN, False),  # garbage of the same length
        ("Scanned with a phone", read(ESSAY), Look(pictures=0.98, drawn=True), False),
        (ESSAY, read(ESSAY + " my own answer by hand" * 9), Look(written=2, drawn=True), False),
        (ESSAY, read("", 0.0), SCAN, True),  # something is there, and recognition could not read it
        (ESSAY, read("", 0.0, blank=True), SCAN, False),  # nothing is there to be seen
        (ESSAY, read("", 0.0, blank=True), PRINT, True),
        ("\ue001\ue002" * 99, read("", 0.0), PRINT, False),
    ],
)
def test_the_better_reading_is_kept(text: str, found: PageReading, look: Look, kept: bool) -> None:
    assert keeps_layer(layer(text), found, look) is kept


def test_a_kept_layer_has_what_was_seen() -> None:
    seen = PageReading(
        "x", By.OCR, codes=("ZHUPI/1/2/3",), quality=0.4, warnings=(Text("This page is blurred."),)
    )
    kept = joined(layer(ESSAY), seen)
    assert (kept.text, kept.by, kept.confidence) == (ESSAY, By.PDF, 1.0)
    assert (kept.codes, kept.quality, kept.warnings) == (seen.codes, seen.quality, seen.warnings)
