"""Words keep their places when a text is corrected."""

from __future__ import annotations

import random

import pytest

from app.document import Box, Word
from app.intake.aligning import realign


def written(text: str, width: float = 0.02) -> list[Word]:
    """Words of a text as a reader gives them: by blanks, every Chinese character for itself; lines 0.05 apart."""
    words: list[Word] = []
    line = at = 0
    start = -1
    for index, character in enumerate(text + "\n"):
        chinese = "\u4e00" <= character <= "\u9fff"
        if start >= 0 and (character.isspace() or chinese):
            words.append(_word(start, index, line, at - (index - start), width))
            start = -1
        if chinese:
            words.append(_word(index, index + 1, line, at, width))
        elif not character.isspace() and start < 0:
            start = index
        line, at = (line + 1, 0) if character == "\n" else (line, at + 1)
    return words


def _word(start: int, end: int, line: int, at: int, width: float) -> Word:
    y = 0.1 + 0.05 * line
    return Word(start, end, Box(0.1 + at * width, y, 0.1 + (at + end - start) * width, y + 0.02), 0.7)


def corrected(old: str, new: str) -> dict[str, Word]:
    return {new[word.start : word.end]: word for word in realign(old, written(old), new)}


def test_the_same_text_is_the_same_words() -> None:
    text = "1. iron conduts heat\n铁导热快 12.5 J"
    assert list(realign(text, written(text), text)) == written(text)


def test_a_replaced_word_takes_the_old_ones_place() -> None:
    old = {old_word.start: old_word for old_word in written("iron conduts heat")}
    found = corrected("iron conduts heat", "iron conducts heat")
    assert found["iron"] == old[0]
    assert found["conducts"].box.to_json() == pytest.approx(old[5].box.to_json())
    assert found["conducts"].confidence == 1.0
    assert found["heat"].box == old[13].box
    assert (found["heat"].start, found["heat"].end, found["heat"].confidence) == (14, 18, 0.7)


def test_two_words_share_the_place_of_one() -> None:
    found = corrected("so itakes heat", "so it takes heat")
    it, takes = found["it"].box, found["takes"].box
    assert (it.x0, takes.x1) == pytest.approx((0.16, 0.28))
    assert it.x1 < takes.x0
    assert it.x1 - it.x0 < takes.x1 - takes.x0


def test_a_word_put_in_stands_in_the_gap() -> None:
    found = corrected("iron heat", "iron conducts heat")
    box = found["conducts"].box
    assert (box.x0, box.x1) == pytest.approx((0.18, 0.2))
    assert found["heat"].box.x0 == pytest.approx(0.2)


def test_words_at_the_ends_stand_beside_their_neighbours() -> None:
    found = corrected("heat", "well heat flows")
    assert found["well"].box.x1 == pytest.approx(0.1)
    assert found["flows"].box.x0 == pytest.approx(0.18)
    assert found["flows"].box.x1 > 0.18


def test_what_is_written_before_blank_edges_is_placed_too() -> None:
    old = "\n heat \n"
    words = [Word(2, 6, Box(0.3, 0.1, 0.4, 0.12))]
    found = realign(old, words, "well\n heat \nso")
    assert [(word.start, word.end) for word in found] == [(0, 4), (6, 10), (12, 14)]
    assert found[1].box == words[0].box


def test_a_small_correction_of_a_long_text_leaves_all_else_alone() -> None:
    old = "one two three " * 500
    new = old[:3500].replace("three", "3") + "X" + old[3500:]
    same = {(old_word.box.x0, old_word.box.y0) for old_word in written(old)}
    found = realign(old, written(old), new)
    assert all(new[word.start : word.end].strip() for word in found)
    kept = [word for word in found if (word.box.x0, word.box.y0) in same and word.confidence == 0.7]
    assert len(kept) > 1200
    assert found[-1].end == len(new.rstrip())


def test_a_deleted_word_takes_no_place_with_it() -> None:
    found = corrected("iron really conducts", "iron conducts")
    assert set(found) == {"iron", "conducts"}
    assert found["conducts"].box.x0 == pytest.approx(0.1 + 12 * 0.02)


def test_replaced_lines_keep_to_their_lines() -> None:
    found = corrected("aaaa bbbb\ncccc dddd", "eeee ffff\ngggg hhhh")
    tops = [found[word].box.y0 for word in ("eeee", "ffff", "gggg", "hhhh")]
    assert tops == pytest.approx([0.1, 0.1, 0.15, 0.15])


def test_chinese_is_aligned_by_characters() -> None:
    found = realign("铁寻热块", written("铁寻热块"), "铁导热快")
    assert [word.box.x0 for word in found] == pytest.approx([0.1, 0.12, 0.14, 0.16])
    assert [word.confidence for word in found] == [0.7, 1.0, 0.7, 1.0]


def test_a_word_that_a_reader_split_otherwise_stays_one() -> None:
    old = "温度23℃高"
    words = [Word(0, 6, Box(0.1, 0.1, 0.4, 0.12), 0.9)]
    found = realign(old, words, "温度23℃高吗")
    assert found[0] == words[0]
    assert (found[1].start, found[1].end) == (6, 7)


@pytest.mark.parametrize(("old", "new"), [("", "typed in"), ("typed", ""), ("", "")])
def test_without_places_there_are_none(old: str, new: str) -> None:
    assert realign(old, [], new) == ()


def test_any_correction_gives_words_in_order_on_the_page() -> None:
    chance = random.Random(7)
    letters = "ab铁热 \n12"
    for _ in range(300):
        old, new = ("".join(chance.choices(letters, k=chance.randrange(40))) for _ in range(2))
        at = 0
        for word in realign(old, written(old), new):
            assert at <= word.start < word.end <= len(new)
            assert new[word.start : word.end].strip() == new[word.start : word.end]
            assert 0 <= word.box.x0 <= word.box.x1 <= 1
            assert word.box.y0 < word.box.y1
            at = word.end
