"""What was read of a paper, page by page: its text, its picture, and what is wrong with it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from app.db import Json
from app.document import PAGE_BREAK
from app.marks.picture import Located, Pictures, Sheet, has_picture, version_of
from app.marks.segments import Segment, Span, segments
from app.papers.models import PageState, Paper, PaperPage


@dataclass(frozen=True, slots=True)
class PageView:
    """One page as read, cut where text begins that belongs to no question (number 1 of a segment).

    `id` is 0 for a page of a paper that was read before pages were kept: such a page is only text. `text` is what a
    form shows to be corrected, `by` what read it (intake.page.By). `problem` says why it could not be read, `warnings`
    what is wrong with its picture, both i18n.Text as JSON. `struck` are crossed-out words, `earlier` what was read
    before. `picture` names the content in the picture's address, None without a picture; `sheet` is it, drawn whole.
    """

    number: int
    pieces: tuple[Segment, ...]
    id: int = 0
    version: int = 0
    text: str = ""
    by: str = ""
    state: str = PageState.READ
    picture: str | None = None
    sheet: Sheet | None = None
    problem: Json | None = None
    warnings: tuple[Json, ...] = ()
    struck: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()


def pages(
    paper: Paper,
    rows: Sequence[PaperPage],
    pictures: Pictures | None = None,
    located: Sequence[Located] = (),
    only: int | None = None,
) -> tuple[PageView, ...]:
    """What was read, page by page. `rows` are the paper's pages, `only` the id of one of them, None for all.

    With `pictures` each page's is drawn whole, with the answers of `located` outlined. A paper without pages of its own
    is shown by the text that grading reads.
    """
    if not rows:
        texts = [str(page["text"]) for page in paper.pages or []]
        return tuple(
            PageView(number, pieces) for number, pieces in enumerate(_pieces(texts, paper.unmatched), 1)
        )
    cut = _pieces([row.text for row in rows], paper.unmatched)
    return tuple(
        view(row, number, pieces, pictures.of_page(number - 1, located) if pictures else None)
        for number, (row, pieces) in enumerate(zip(rows, cut, strict=True), 1)
        if only in (None, row.id)
    )


def view(row: PaperPage, number: int, pieces: tuple[Segment, ...], sheet: Sheet | None) -> PageView:
    """One page of a paper, or of a pile."""
    return PageView(
        number=number,
        pieces=pieces,
        id=row.id,
        version=row.version,
        text=visible(row.text),
        by=row.by,
        state=row.state,
        picture=version_of(row) if has_picture(row) else None,
        sheet=sheet,
        problem=row.problem if row.state == PageState.FAILED else None,
        warnings=tuple(row.warnings),
        struck=tuple(str(text) for text, *_ in row.struck if text),
        earlier=tuple(str(each["text"]) for each in reversed(row.readings) if each.get("text") != row.text),
    )


def visible(text: str) -> str:
    """A text without control characters, which a form would send back as something that cannot be stored."""
    return "".join(each for each in text if each == "\n" or unicodedata.category(each) != "Cc")


def is_text_of(paper: Paper, rows: Sequence[PaperPage]) -> bool:
    """Whether the pages are those that the paper's text, and so every offset in it, was made of.

    While a page is being read anew they may be ahead of it.
    """
    return [str(page["text"]) for page in paper.pages or []] == [row.text for row in rows]


def _pieces(texts: Sequence[str], unmatched: Sequence[Sequence[int]]) -> list[tuple[Segment, ...]]:
    found, start = [], 0
    for text in texts:
        found.append(segments(text, [Span(s - start, e - start, 1) for s, e in unmatched]))
        start += len(text) + len(PAGE_BREAK)
    return found
