"""Reading measured against the truth: what is right counts as right, and every way of being wrong is seen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.document import Box, Word
from app.i18n import Text
from app.intake import evaluating, process
from app.intake.errors import UnreadableError
from app.intake.evaluation import pages as measures
from app.intake.evaluation.piles import split_figures
from app.intake.evaluation.placing import QUARTERS, around, moved, placing
from app.intake.evaluation.truth import EvaluationError, PageTruth, PilePage, Pupil, WordTruth, read_truth
from app.intake.evaluation.usage import children
from app.intake.page import By, PageReading, Picture, Repair, Struck
from app.intake.piles.types import Bundle

UPRIGHT = np.eye(3)
TEXT = "water boils\nat 100 degrees"
PLACES = {"water": 0.1, "boils": 0.3, "at": 0.1, "100": 0.2, "degrees": 0.35}


def corners(box: Box) -> tuple[tuple[float, float], ...]:
    return ((box.x0, box.y0), (box.x1, box.y0), (box.x1, box.y1), (box.x0, box.y1))


def boxes() -> dict[tuple[int, int], Box]:
    """Where the words of TEXT stand."""
    found = {}
    for word, x in PLACES.items():
        start = TEXT.index(word)
        y = 0.1 if start < 11 else 0.2
        found[start, start + len(word)] = Box(x, y, x + 0.03 * len(word), y + 0.04)
    return found


def truth(**changes: Any) -> PageTruth:
    words = tuple(WordTruth(start, end, corners(box)) for (start, end), box in boxes().items())
    made = PageTruth("a.jpg", 1, 0, TEXT, words, 0, ((0, 11), (15, 26)), (), False)
    return replace(made, **changes)


def reading(text: str = TEXT, shift: float = 0.0, **changes: Any) -> PageReading:
    """TEXT as read, its boxes lower by `shift`."""
    words = tuple(
        Word(start, end, Box(box.x0, box.y0 + shift, box.x1, box.y1 + shift))
        for (start, end), box in boxes().items()
    )
    made = PageReading(text, By.OCR, words, picture=Picture(b"", 100, 140))
    return replace(made, **changes)


class TestPages:
    def test_a_page_read_right(self) -> None:
        found = measures.measured(truth(), reading(), UPRIGHT)
        assert found.accuracy == 1.0
        assert (found.upright, found.turns, found.drawn, found.found, found.quotes) == (1, 1, 2, 2, 2)

    def test_blanks_and_full_width_forms_are_no_errors(self) -> None:
        found = measures.measured(truth(text="水：100 度", words=()), reading("水:１００度"), UPRIGHT)
        assert found.edits == 0

    def test_every_wrong_character_counts(self) -> None:
        found = measures.measured(truth(), reading(TEXT.replace("boils", "bails!")), UPRIGHT)
        assert (found.characters, found.edits) == (22, 2)
        assert found.accuracy == pytest.approx(20 / 22)

    def test_boxes_a_line_too_low_are_wrong(self) -> None:
        found = measures.measured(truth(), reading(shift=0.03), UPRIGHT)
        assert (found.found, found.drawn) == (2, 0)

    def test_boxes_a_little_off_are_right(self) -> None:
        assert measures.measured(truth(), reading(shift=0.01), UPRIGHT).drawn == 2

    def test_a_quote_that_was_not_read_is_not_drawn(self) -> None:
        found = measures.measured(truth(), reading("water boils\nnothing else"), UPRIGHT)
        assert (found.found, found.drawn) == (1, 1)

    def test_a_misread_quote_is_found_by_likeness(self) -> None:
        found = measures.measured(truth(), reading(TEXT.replace("degrees", "degnees")), UPRIGHT)
        assert (found.found, found.drawn) == (2, 2)

    def test_without_a_map_no_quote_is_right(self) -> None:
        found = measures.measured(truth(), reading(), None)
        assert (found.found, found.drawn, found.upright) == (2, 0, 1)

    @pytest.mark.parametrize("degrees", [90, 180, 270])
    def test_a_page_left_turned_is_not_upright(self, degrees: int) -> None:
        assert measures.measured(truth(), reading(), np.array(QUARTERS[degrees], float)).upright == 0

    @pytest.mark.parametrize("degrees", [90, 180, 270])
    def test_a_turn_undone_puts_words_where_they_were_drawn(self, degrees: int) -> None:
        turn, back = (np.array(QUARTERS[each], float) for each in (degrees, 360 - degrees))
        lying = tuple(
            WordTruth(word.start, word.end, tuple(moved(turn, word.corners))) for word in truth().words
        )
        found = measures.measured(truth(words=lying, turned=degrees), reading(), back)
        assert (found.upright, found.drawn) == (1, 2)

    def test_a_turn_is_believed_where_no_map_is_found(self) -> None:
        undone = reading(repair=Repair(rotation=270))
        assert measures.measured(truth(turned=90), undone, None).upright == 1
        assert measures.measured(truth(turned=180), undone, None).upright == 0

    def test_blank_pages(self) -> None:
        empty = truth(text="", words=(), quotes=(), blank=True)
        assert measures.measured(empty, reading("", blank=True, words=()), None).blanks_right == 1
        assert measures.measured(empty, reading("x", words=()), None).blanks_right == 0
        assert measures.measured(truth(), reading("", blank=True, words=()), UPRIGHT).lost == 1

    def test_crossed_out_text(self) -> None:
        box = Box(0, 0, 1, 1)
        found = measures.measured(
            truth(struck=("because it is heavy", "水蒸气")),
            reading(struck=(Struck("becavse it is heavy", box), Struck("boils", box))),
            UPRIGHT,
        )
        assert (found.struck, found.struck_right, found.struck_wrong) == (2, 1, 1)

    def test_a_page_that_failed(self) -> None:
        found = measures.missed(truth())
        assert (found.accuracy, found.failed, found.quotes, found.drawn) == (0.0, 1, 2, 0)

    def test_overlap(self) -> None:
        one = Box(0, 0, 0.2, 0.1)
        assert measures.overlap(one, one) == pytest.approx(1)
        assert measures.overlap(one, Box(0.1, 0, 0.3, 0.1)) == pytest.approx(1 / 3)
        assert measures.overlap(one, Box(0.2, 0, 0.3, 0.1)) == 0

    def test_a_quote_that_stands_twice_has_two_places(self) -> None:
        assert measures.spans_of("a b\nx ab", "ab") == [(0, 3), (6, 8)]
        assert measures.spans_of("", "ab") == measures.spans_of("ab", " ") == []


class TestPlacing:
    def page(self, folder: Path) -> tuple[Path, Any]:
        """A picture with features all over: blots of chance, the same every time."""
        cv2 = pytest.importorskip("cv2")
        chance = np.random.default_rng(3)
        image = np.full((600, 440), 255, np.uint8)
        for _ in range(250):
            x, y, size = (int(each) for each in chance.integers((20, 20, 3), (420, 580, 12)))
            cv2.rectangle(image, (x, y), (x + size, y + 2 * size // 3), int(chance.integers(0, 120)), -1)
        cv2.imwrite(str(folder / "page.png"), image)
        return folder / "page.png", image

    def test_a_cut_and_straightened_picture_is_placed(self, tmp_path: Path) -> None:
        path, image = self.page(tmp_path)
        import cv2

        turn = cv2.getRotationMatrix2D((220, 300), 4, 1.0)
        moved_image = cv2.warpAffine(image, turn, (440, 600), borderValue=255)[50:, 40:]
        shown = Picture(cv2.imencode(".png", moved_image)[1].tobytes(), 400, 550)
        matrix = placing(path, shown, Repair(skew=4.0))
        assert matrix is not None
        x, y = turn @ np.array([300.0, 250.0, 1.0]) - np.array([40, 50])
        ((found_x, found_y),) = moved(matrix, ((300 / 440, 250 / 600),))
        assert (found_x * 400, found_y * 550) == pytest.approx((x, y), abs=1.0)

    def test_another_picture_is_not_placed(self, tmp_path: Path) -> None:
        path, image = self.page(tmp_path)
        import cv2

        other = Picture(cv2.imencode(".png", np.full_like(image, 200))[1].tobytes(), 440, 600)
        assert placing(path, other, Repair(perspective=True)) is None
        assert placing(path, Picture(b"no picture", 1, 1), Repair(perspective=True)) is None
        assert placing(path, None, Repair()) is None

    def test_only_turned_needs_no_search(self) -> None:
        matrix = placing(Path("nowhere.jpg"), Picture(b"", 10, 10), Repair(rotation=90))
        assert matrix is not None
        found = around(moved(matrix, corners(Box(0, 0.9, 0.1, 1))))
        assert found.to_json() == [0.0, 0.0, 0.1, 0.1]


class TestPiles:
    roster = (Pupil(1, "01", "Ann"), Pupil(2, "02", "Ben"))
    truth = (
        PilePage(1, 1, True, False, False),
        PilePage(2, 1, False, False, False),
        PilePage(3, 1, False, True, False),
        PilePage(4, 2, False, False, False),
        PilePage(5, 2, False, False, False),
    )

    def bundle(self, pages: tuple[int, ...], student: int | None, doubt: str = "") -> Bundle:
        entry = None if student is None else self.roster[student - 1]
        matched = "matched" if entry else "doubtful"
        return Bundle(pages, entry, matched, (), None, Text(doubt) if doubt else None, "field")  # type: ignore[arg-type]

    def outcome(self, *bundles: Bundle) -> tuple[int, int, int]:
        found = split_figures(self.truth, self.roster, bundles)
        return found.right, found.asked, found.wrong

    def test_right_with_and_without_cover_and_blank_back(self) -> None:
        assert self.outcome(self.bundle((2, 3), 1), self.bundle((4, 5), 2)) == (2, 0, 0)
        assert self.outcome(self.bundle((1, 2), 1), self.bundle((4, 5), 2)) == (2, 0, 0)

    def test_a_doubt_or_no_match_is_asked(self) -> None:
        assert self.outcome(self.bundle((2,), 1, "Really?"), self.bundle((4, 5), None)) == (0, 2, 0)

    def test_another_pupils_page_is_wrong_for_both(self) -> None:
        assert self.outcome(self.bundle((2, 4), 1), self.bundle((5,), 2)) == (0, 0, 2)

    def test_exchanged_pupils_are_wrong(self) -> None:
        assert self.outcome(self.bundle((2,), 2), self.bundle((4, 5), 1)) == (0, 0, 2)

    def test_a_dropped_page_is_wrong(self) -> None:
        assert self.outcome(self.bundle((2,), 1), self.bundle((4,), 2)) == (1, 0, 1)
        assert self.outcome(self.bundle((4, 5), 2)) == (1, 0, 1)

    def test_one_paper_in_two_bundles_is_wrong_unless_asked(self) -> None:
        both = (self.bundle((2,), 1), self.bundle((4,), 2), self.bundle((5,), 2))
        assert self.outcome(*both) == (1, 0, 1)

    def test_examples_tell_what_happened(self) -> None:
        found = split_figures(self.truth, self.roster, (self.bundle((2, 4, 5), 1, "Long."),))
        assert found.needless == 2
        assert found.examples[1] == "asked: 02, pages [4, 5]: pages [2, 4, 5] -> 01 (matched, Long.)"


def written(folder: Path, content: object) -> Path:
    (folder / "truth.json").write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return folder


PAGE = {
    "file": "a.txt", "page": 1, "part": 0, "text": "water", "words": [], "turned": 0, "quotes": [], "struck": [],
    "student": "", "blank": False,
}  # fmt: skip


class TestTruth:
    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("{", "Expecting property name"),
            ("[]", "list indices"),
            ({"format": 2, "sets": {}}, "format 2"),
            ({"format": 1}, "no 'sets'"),
            ({"format": 1, "sets": {}}, "no sets"),
            ({"format": 1, "sets": {"a": {"kind": "poems"}}}, "kind 'poems'"),
            ({"format": 1, "sets": {"a": {"kind": "pages", "pages": [{}]}}}, "no 'file'"),
            (
                {"format": 1, "sets": {"a": {"kind": "pages", "pages": [{**PAGE, "words": [[0, 5]]}]}}},
                "a word of 2 numbers",
            ),
            ("[" * 100_000, "truth of drawn papers"),
        ],
    )
    def test_garbage_is_a_sentence(self, tmp_path: Path, content: object, said: str) -> None:
        with pytest.raises(EvaluationError, match="is not the truth of drawn papers") as caught:
            read_truth(written(tmp_path, content))
        assert said in str(caught.value)

    def test_what_is_missing_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(EvaluationError, match=r"There is no truth\.json in"):
            read_truth(tmp_path / "nowhere")
        written(tmp_path, {"format": 1, "sets": {"a": {"kind": "pages", "pages": [PAGE]}}})
        with pytest.raises(EvaluationError, match=r"a\.txt, which truth\.json tells of, is missing"):
            read_truth(tmp_path)
        with pytest.raises(EvaluationError, match=r"There is no set b in .*; there are: a\."):
            read_truth(tmp_path, "b")


class TestEvaluate:
    async def test_a_folder_is_read_and_compared(self, tmp_path: Path) -> None:
        """Through the real children; text files, so that no model is loaded."""
        (tmp_path / "a.txt").write_text("water", "utf-8")
        (tmp_path / "b.txt").write_text("wine", "utf-8")
        (tmp_path / "c.txt").write_bytes(b"\x7fELF\x00\x01")
        pages = [PAGE, {**PAGE, "file": "b.txt"}, {**PAGE, "file": "c.txt"}]
        written(tmp_path, {"format": 1, "sets": {"a": {"kind": "pages", "pages": pages}}})
        steps: list[tuple[int, int]] = []
        found = await evaluating.evaluate(tmp_path, progress=lambda done, total: steps.append((done, total)))
        assert children() != []
        await process.close_readers()
        assert children() == []
        (result,) = found.sets
        assert steps == [(1, 3), (2, 3), (3, 3)]
        assert (result.figures.characters, result.figures.edits, result.figures.failed) == (15, 8, 1)
        assert len(result.problems) == 1
        assert result.worst[0] == ("c.txt", 0.0)
        data = found.to_json()["sets"][0]
        assert data["accuracy"] == pytest.approx(7 / 15, abs=1e-4)
        assert data["upright"] is None

    async def test_a_pile_is_split_with_its_covers_and_without(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from app.intake import covers

        async def read_page(path: Path, name: str, number: int, **_: object) -> list[PageReading]:
            if number == 6:
                raise UnreadableError("broken", Text("Torn."))
            who = "Ann Lee 2024001" if number < 4 else "Ben Orr 2024002"
            cover = number in (1, 4)
            head = f"Zhupi cover {who}" if cover else f"Name: {who.rsplit(' ', 1)[0]}   No.: {who[-7:]}"
            code = (covers.payload(7, 1 if number < 4 else 2),) if cover else ()
            return [PageReading(f"{head}\n1. water", By.OCR, codes=code)]

        monkeypatch.setattr(process, "read_page", read_page)
        (tmp_path / "scan.pdf").write_bytes(b"%PDF-")
        pile = [
            {"page": n, "student": 1 if n < 4 else 2, "cover": n in (1, 4), "blank": False, "asked": False}
            for n in range(1, 7)
        ]
        roster = [
            {"id": 1, "number": "2024001", "name": "Ann Lee"},
            {"id": 2, "number": "2024002", "name": "Ben Orr"},
        ]
        content = {"kind": "pile", "file": "scan.pdf", "assignment": 7, "roster": roster, "pages": pile}
        written(tmp_path, {"format": 1, "sets": {"class": content}})
        (result,) = (await evaluating.evaluate(tmp_path)).sets
        assert result.covers is not None
        assert result.fields is not None
        assert (result.covers.right, result.covers.wrong) == (1, 0)
        assert (result.fields.right, result.fields.wrong) == (1, 0)
        assert result.covers.asked == result.fields.asked == 1
        assert [text.render("en") for text in result.problems] == ["Torn."]
