"""From offsets in a paper's text to boxes on its pages, and back from a box to the text in it."""

from __future__ import annotations

import pytest

from app.document import Box, Page, Word
from app.papers.places import inside, lines, places, region, replace_region, to_document

HIGH = 0.02


def page(number: int, *rows: str, left: float = 0.1, width: float = 0.02) -> Page:
    """A page of rows, every character `width` wide, lines 0.05 apart; words are parted by blanks."""
    text, words = "\n".join(rows), []
    start = 0
    for line, row in enumerate(rows):
        at = 0
        for piece in row.split(" "):
            y = 0.1 + 0.05 * line
            box = Box(left + at * width, y, left + (at + len(piece)) * width, y + HIGH)
            words.append(Word(start + at, start + at + len(piece), box))
            at += len(piece) + 1
        start += len(row) + 1
    return Page(number, text, tuple(words))


def close(box: Box, *corners: float) -> bool:
    return box.to_json() == pytest.approx(list(corners), abs=1e-6)


def test_words_of_a_line_make_one_box() -> None:
    (place,) = places([page(1, "iron conducts heat")], 0, 13)
    assert (place.page, place.start, place.end) == (0, 0, 13)
    assert len(place.boxes) == 1
    assert close(place.boxes[0], 0.1, 0.1, 0.36, 0.12)


def test_a_word_is_cut_where_the_quote_ends() -> None:
    (place,) = places([page(1, "iron conducts heat")], 5, 9)
    assert close(place.boxes[0], 0.2, 0.1, 0.28, 0.12)


def test_lines_and_pages_are_apart() -> None:
    pages = [page(1, "one two", "three"), page(2, "four")]
    found = places(pages, 4, len("one two\nthree\n\nfo"))
    assert [(place.page, len(place.boxes)) for place in found] == [(0, 2), (1, 1)]
    assert close(found[1].boxes[0], 0.1, 0.1, 0.14, 0.12)


@pytest.mark.parametrize("span", [(0, 0), (5, 5), (7, 3), (100, 200), (-9, -1), (3, 4)])
def test_no_characters_are_nowhere(span: tuple[int, int]) -> None:
    assert [box for place in places([page(1, "abc"), page(2, "x")], *span) for box in place.boxes] == []


def test_a_page_without_words_has_a_place_and_no_box() -> None:
    (place,) = places([Page(1, "typed")], 0, 5)
    assert place.boxes == ()


def test_columns_and_leaps_are_not_joined() -> None:
    text = "ab cd ef"
    words = [
        Word(0, 2, Box(0.1, 0.1, 0.2, 0.12)),
        Word(3, 5, Box(0.6, 0.1, 0.7, 0.12)),  # another column
        Word(6, 8, Box(0.1, 0.1, 0.2, 0.12)),  # to the left again
    ]
    assert len(lines(words, text)) == 3


def test_a_step_in_the_writing_stays_one_line() -> None:
    words = [Word(0, 2, Box(0.1, 0.1, 0.2, 0.12)), Word(3, 5, Box(0.21, 0.107, 0.3, 0.127))]
    (box,) = lines(words, "ab cd")
    assert close(box, 0.1, 0.1, 0.3, 0.127)


def test_an_answer_of_two_parts_maps_through_its_spans() -> None:
    spans = [[10, 14], [30, 36]]  # "abcd\nefghij"
    assert to_document(spans, 0, 11) == [(10, 14), (30, 36)]
    assert to_document(spans, 2, 7) == [(12, 14), (30, 32)]
    assert to_document(spans, 4, 5) == []  # only the line break between them
    assert to_document(spans, 5, 11) == [(30, 36)]
    assert to_document([], 0, 3) == []


@pytest.mark.parametrize(
    "box",
    [Box(0.1, 0.1, 0.11, 0.11), Box(0, 0, 1, 1), Box(0.95, 0.97, 1, 1), Box(0, 0, 0.01, 0.01)],
)
def test_a_region_is_readable_and_on_the_page(box: Box) -> None:
    found = region([box])
    assert 0 <= found.x0 <= box.x0
    assert box.x1 <= found.x1 <= 1
    assert 0 <= found.y0 <= box.y0
    assert box.y1 <= found.y1 <= 1
    assert found.x1 - found.x0 >= 0.5999
    assert found.y1 - found.y0 >= 0.0499


def test_no_boxes_have_no_region() -> None:
    with pytest.raises(ValueError, match="empty"):
        region([])


def test_a_region_read_anew_replaces_its_words_only() -> None:
    one = page(1, "1. iron conduts heat", "2. B")
    box = Box(0.15, 0.09, 0.34, 0.13)
    assert [one.text[word.start : word.end] for word in inside(one.words, box)] == ["iron", "conduts"]
    found = replace_region(one.text, one.words, box, " iron conducts ")
    assert (found.before, found.whole) == ("iron conduts", "1. iron conducts heat\n2. B")


def test_a_region_over_two_columns_keeps_what_lies_between() -> None:
    text = "left\nmiddle\nright"
    words = [
        Word(0, 4, Box(0.1, 0.1, 0.2, 0.12)),
        Word(5, 11, Box(0.1, 0.5, 0.2, 0.52)),
        Word(12, 17, Box(0.6, 0.1, 0.7, 0.12)),
    ]
    found = replace_region(text, words, Box(0, 0.05, 1, 0.2), "both")
    assert (found.before, found.whole) == ("left\nright", "both\nmiddle\n")


def test_an_empty_region_adds_a_line_where_it_stands() -> None:
    one = page(1, "above", "below")
    found = replace_region(one.text, one.words, Box(0.1, 0.125, 0.9, 0.145), "between")
    assert (found.before, found.whole) == ("", "above\nbetween\nbelow")
    assert replace_region("", [], Box(0, 0, 1, 1), "first").whole == "first"
