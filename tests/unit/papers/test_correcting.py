"""What a page's text may hold."""

from __future__ import annotations

import pytest

from app.papers.correcting import LONGEST_PAGE, TextError, clean


def test_line_breaks_and_blank_edges_are_made_one() -> None:
    assert clean("\r\n1. a\t b \r\n2. c\r\n\r\n") == "1. a  b\n2. c"


@pytest.mark.parametrize("character", ["\0", "\x07", "\x1b", "\x7f", "\ud800"])
def test_a_control_character_is_named_with_its_line(character: str) -> None:
    with pytest.raises(TextError, match=rf"Line 2 .*U\+{ord(character):04X}"):
        clean(f"1. a\n2. {character}b")


def test_a_text_too_long_is_named_with_its_length() -> None:
    with pytest.raises(
        TextError, match=f"at most {LONGEST_PAGE} characters; this one has {LONGEST_PAGE + 1}"
    ):
        clean("a" * (LONGEST_PAGE + 1))
    assert len(clean("a" * LONGEST_PAGE)) == LONGEST_PAGE
