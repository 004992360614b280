"""Schemes as teachers write them, each beside what must be understood of it.

`samples/<name>.txt` is what a teacher wrote; `samples/<name>.expected` is the same in the canonical form, a line `~~~`,
and the remarks that must be made, one a line: line number, severity, the sentence.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from app.scheme.canonical import normal, to_text
from app.scheme.parse import ParsedScheme, parse_scheme

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.txt"))


def shown(parsed: ParsedScheme) -> str:
    """A parsed scheme in the form of the expected files."""
    notes = (f"{note.line} {note.severity} {note.text.render('en')}\n" for note in parsed.notes)
    return f"{to_text(parsed.scheme)}~~~\n{''.join(notes)}"


def test_there_are_samples_in_both_languages() -> None:
    names = [path.name for path in SAMPLES]
    assert len(names) >= 25
    assert sum(name.startswith("zh-") for name in names) >= 10
    assert sum(name.startswith("en-") for name in names) >= 10


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_understood_as_expected(path: Path) -> None:
    parsed = parse_scheme(path.read_text(encoding="utf-8"))
    assert shown(parsed) == path.with_suffix(".expected").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_usable_sample_survives_export(path: Path) -> None:
    parsed = parse_scheme(path.read_text(encoding="utf-8"))
    if parsed.usable:
        again = parse_scheme(to_text(parsed.scheme))
        assert again.scheme == normal(parsed.scheme) == parsed.scheme


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_line_ends_marks_and_invisible_characters_change_nothing(path: Path) -> None:
    text = path.read_text(encoding="utf-8").removeprefix("\ufeff")
    dirty = "\ufeff" + text.replace("\n", "\u200b \x00\r\n")
    assert shown(parse_scheme(dirty)) == shown(parse_scheme(text))
