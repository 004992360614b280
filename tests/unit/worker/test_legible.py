"""Marks do not stand on writing that was guessed."""

from __future__ import annotations

from typing import Any

import pytest

from app.document import PAGE_BREAK, Box, Word
from app.grading.state import Answer, CriterionMark, MarkState, QuestionMark
from app.papers.models import PaperPage
from app.worker.legible import Legibility, legible, placed


def page(text: str, *sure: float, by: str = "ocr") -> PaperPage:
    """A page whose words (parted by blanks) were read with these confidences; 1 for the rest."""
    words, at = [], 0
    for number, word in enumerate(text.split(" ")):
        confidence = sure[number] if number < len(sure) else 1.0
        words.append(Word(at, at + len(word), Box(0, 0, 1, 1), confidence).to_json())
        at += len(word) + 1
    return PaperPage(text=text, words=words, by=by)


class Read(Legibility):
    """A paper of these pages, without a database."""

    def __init__(self, *rows: PaperPage) -> None:
        super().__init__(None, 0)  # type: ignore[arg-type]  # the pages are given
        self._words = placed(rows)
        self._recognised = any(row.by == "ocr" for row in rows)


def mark(kind: str, **values: Any) -> QuestionMark:
    given = {
        "state": MarkState.GRADED,
        "points": 2.0,
        "confidence": 1.0,
        "criteria": (CriterionMark(0, 2.0),),
    }
    return QuestionMark("1", kind, 2.0, **{**given, **values})


def test_words_are_found_across_pages() -> None:
    words = placed([page("one two"), page("three four", 0.5, 0.25)])
    start = len("one two" + PAGE_BREAK)
    found = legible(words, [(4, 7), (start, start + 10)])
    assert found is not None and found.weakest == 0.25 and found.doubtful == "two three four"
    assert found.mean == pytest.approx((3 * 1 + 5 * 0.5 + 4 * 0.25) / 12)
    assert legible(words, [(0, 0)]) is None and legible([], [(0, 5)]) is None
    # A span that begins within a word holds it.
    inside = legible(words, [(1, 2)])
    assert inside is not None and inside.doubtful == "one"


@pytest.mark.parametrize(
    ("kind", "confidences", "state"),
    [
        ("number", (1.0, 0.71), MarkState.GRADED),
        ("number", (1.0, 0.69), MarkState.NEEDS_TEACHER),
        ("maths", (0.2, 1.0), MarkState.NEEDS_TEACHER),
        ("text", (0.86, 0.86), MarkState.GRADED),
        ("text", (0.6, 0.99), MarkState.NEEDS_TEACHER),
    ],
)
async def test_doubtful_writing_goes_to_the_teacher(
    kind: str, confidences: tuple[float, ...], state: MarkState
) -> None:
    judged = await Read(page("4200 J", *confidences)).judged(Answer("1", "4200 J", ((0, 6),)), mark(kind))
    assert judged.state is state
    assert judged.criteria == mark(kind).criteria  # the proposal stays beside it
    if state is MarkState.NEEDS_TEACHER:
        assert judged.points is None and judged.confidence is None and judged.reason is not None
        assert "4200" in str(judged.reason)
    else:
        assert judged.points == 2.0 and judged.confidence == pytest.approx(
            sum(c * n for c, n in zip(confidences, (4, 1), strict=True)) / 5
        )


async def test_nothing_read_on_a_picture_is_not_nothing_written() -> None:
    blank = Answer("1", "", ())
    judged = await Read(page("1.")).judged(blank, mark("text", points=0.0))
    assert judged.state is MarkState.NEEDS_TEACHER and judged.points is None
    typed = await Read(page("1.", by="text")).judged(blank, mark("text", points=0.0))
    assert typed.state is MarkState.GRADED and typed.points == 0.0


async def test_text_layers_and_the_teachers_own_questions_pass_unchanged() -> None:
    answer = Answer("1", "x", ((0, 1),))
    for rows in ((page("x", 0.1, by="pdf"),), (page("", by="teacher"),), ()):
        assert await Read(*rows).judged(answer, mark("number")) == mark("number")
    asked = mark("number", state=MarkState.NEEDS_TEACHER, points=None)
    assert await Read(page("x", 0.1)).judged(answer, asked) == asked
