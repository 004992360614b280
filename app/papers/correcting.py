"""Correcting what was read of a page: its words, the paper's text, and the answers found in it anew.

How words keep their places and how answers are found is handed in: domain packages import neither intake nor grading.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app import jobs
from app.db import JsonList
from app.document import Document, Word
from app.i18n import N_, ProblemError
from app.papers import answers, pages, store
from app.papers.models import PageState, Paper, PaperAnswer, PaperPage, PaperState

LONGEST_PAGE = 50_000  # characters of a page whose words have places; a densely printed A4 page has 6,000
LONGEST_TEXT = 1_000_000  # characters of a text file, which is one page
READINGS_KEPT = 20
TEACHER = "teacher"  # intake.page.By.TEACHER

# (old text, its words, new text) -> the new text's words (`app.intake.aligning.realign`)
Realign = Callable[[str, Sequence[Word], str], Awaitable[Sequence[Word]]]


class TextError(ProblemError):
    """A text that a page cannot have."""

    status = 422


class PageMovedOnError(ProblemError):
    """The page was read anew or corrected by somebody else after this teacher's page showed it."""

    status = 409


@dataclass(frozen=True, slots=True)
class Found:
    """What was located in a paper: rows {"question_id", "text", "spans", "found"} and the spans of no question."""

    answers: Sequence[dict[str, Any]]
    unmatched: JsonList


# document -> what is in it (`app.grading.locate.locate`, its labels as ids)
Locate = Callable[[Document], Awaitable[Found]]


@dataclass(frozen=True, slots=True)
class AnswerChange:
    """An answer that a correction changed."""

    question_id: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Correction:
    """What came of a correction. `paper` is None for a page that only a pile has."""

    page: PaperPage
    paper: Paper | None
    changes: tuple[AnswerChange, ...] = ()


def clean(text: str, most: int = LONGEST_PAGE) -> str:
    """A page's text as it is stored: line breaks as one character. Raises TextError for what no page says."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    if len(plain) > most:
        raise TextError(
            N_("The text of a page has at most {most} characters; this one has {count}. Nothing was saved."),
            most=most,
            count=len(plain),
        )
    for number, line in enumerate(plain.split("\n"), 1):
        for character in line:
            if unicodedata.category(character) in ("Cc", "Cs"):
                raise TextError(
                    N_(
                        "Line {line} has a character that cannot be shown (U+{code}). Remove it and save again; "
                        "nothing was saved."
                    ),
                    line=number,
                    code=f"{ord(character):04X}",
                )
    return _trimmed(plain)


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")


async def correct(
    session: AsyncSession, page_id: int, version: int, text: str, realign: Realign, locate: Locate | None
) -> Correction | None:
    """Give a page another text; None when it is gone.

    The earlier reading is kept in `readings`. The paper's text is written anew and its answers are located by `locate`
    (None: there is no scheme). Raises TextError, and PageMovedOnError when `version` is not the page's.
    """
    page = await _held(session, page_id)
    if page is None:
        return None
    text = clean(text, LONGEST_PAGE if page.words else LONGEST_TEXT)
    if page.version != version:
        raise PageMovedOnError(
            N_(
                "This page was changed meanwhile. Compare the two texts below, then save yours or keep the other."
            )
        )
    paper = await store.locked(session, page.paper_id) if page.paper_id is not None else None
    if text == _trimmed(page.text) and page.state == PageState.READ:
        return Correction(page, paper)
    await _write(page, text, realign)
    await session.flush()
    if paper is None:
        return Correction(page, None)
    document = await pages.refresh_text(session, paper)
    # A paper of which nothing could be read is one that a teacher has typed in.
    paper.state, paper.problem = PaperState.READ, None
    return Correction(page, paper, await located_again(session, paper, document, locate))


async def read_again(session: AsyncSession, page_id: int) -> None:
    """Have a page that could not be read tried once more; its paper keeps what it has until then."""
    page = await _held(session, page_id)
    if page is None or page.state == PageState.READ:
        return
    if page.state == PageState.FAILED:
        page.state, page.problem = PageState.WAITING, None
        page.version += 1
    await jobs.enqueue_page(session, page.id)


async def located_again(
    session: AsyncSession, paper: Paper, document: Document, locate: Locate | None
) -> tuple[AnswerChange, ...]:
    """Find a paper's answers in its new text and keep them; those that were known and are others now.

    Answers of a paper that was never located are left to its first grading.
    """
    before = await _answers(session, paper.id)
    if locate is None or not before:
        return ()
    found = await locate(document)
    await answers.keep(session, paper.id, found.answers, found.unmatched)
    changes = []
    for row in found.answers:
        known = before.get(row["question_id"])
        if known is None or (known.text, known.found) != (row["text"], row["found"]):
            changes.append(AnswerChange(row["question_id"], known.text if known else "", str(row["text"])))
    return tuple(changes)


async def _answers(session: AsyncSession, paper_id: int) -> dict[int, Any]:
    rows = await session.execute(
        select(PaperAnswer.question_id, PaperAnswer.text, PaperAnswer.found).where(
            PaperAnswer.paper_id == paper_id
        )
    )
    return {row.question_id: row for row in rows}


async def _held(session: AsyncSession, page_id: int) -> PaperPage | None:
    """A page, locked; its paper's row first, as everybody locks them, so that two cannot wait for each other."""
    page = await session.get(PaperPage, page_id)
    if page is not None and page.paper_id is not None:
        await store.locked(session, page.paper_id)
    return await pages.locked(session, page_id)


async def _write(page: PaperPage, text: str, realign: Realign) -> None:
    if page.by or page.text:
        earlier = {"by": page.by, "text": page.text, "confidence": page.confidence}
        page.readings = [*page.readings, earlier][-READINGS_KEPT:]
    words = [Word.from_json(each) for each in page.words]
    page.words = [word.to_json() for word in await realign(page.text, words, text)]
    page.text, page.by, page.confidence = text, TEACHER, 1.0
    page.blank = not text.strip()
    page.state, page.problem = PageState.READ, None
    page.version += 1
