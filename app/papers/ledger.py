"""The ledger of pictures that left for a model: written before one leaves, never changed but for what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.classes.models import ClassTeacher
from app.document import Box
from app.papers.models import Paper, PaperPage, Pile, SentImage

SHOWN = 24  # entries of one page of the list
# A call with all its retries ends long before; what still has no outcome was under way when its process died.
UNDER_WAY = timedelta(hours=4)


class Purpose(StrEnum):
    """What a picture was sent for."""

    READ = "read"  # to be transcribed


class Outcome(StrEnum):
    """What came of it; "" while the call is under way."""

    ANSWERED = "answered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page belongs."""

    assignment_id: int
    class_id: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture that left, as it is listed.

    `size` is in bytes, `masked` counts the places that were painted over. `state` is an Outcome, "under way", or "lost"
    where the process ended before the answer came. `name` and `number` are the file's name and the page in it,
    `paper_id` its paper; None where the page is gone.
    """

    id: int
    at: datetime
    endpoint: str
    model: str
    purpose: str
    state: str
    size: int
    masked: int
    name: str | None
    number: int | None
    paper_id: int | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A stretch of an assignment's ledger, newest first; `all` counts every entry, `older` leads on or is None."""

    entries: Sequence[Entry]
    all: int
    older: int | None


async def place_of(session: AsyncSession, page: PaperPage) -> Place | None:
    """The assignment and class of a page, by its paper or pile; None when they are gone."""
    owner, owner_id = (Paper, page.paper_id) if page.paper_id is not None else (Pile, page.pile_id)
    found = await session.execute(
        select(Assignment.id, Assignment.class_id)
        .join(owner, owner.assignment_id == Assignment.id)
        .where(owner.id == owner_id)
    )
    row = found.one_or_none()
    return Place(*row) if row is not None else None


async def enter(
    session: AsyncSession,
    page: PaperPage,
    place: Place,
    *,
    image_key: str,
    size: int,
    endpoint: str,
    model: str,
    masked: Sequence[Box],
    purpose: Purpose = Purpose.READ,
) -> int:
    """Write that a stored picture is about to leave; the entry's id. Nothing may be sent before the commit."""
    made = SentImage(
        assignment_id=place.assignment_id,
        page_id=page.id,
        image_key=image_key,
        size=size,
        endpoint=endpoint,
        model=model,
        purpose=purpose,
        masked=[box.to_json() for box in masked],
    )
    session.add(made)
    await session.flush()
    return made.id


async def conclude(session: AsyncSession, entry_id: int, outcome: Outcome) -> None:
    """Write what came of it. An entry that is gone meanwhile needs nothing."""
    await session.execute(update(SentImage).where(SentImage.id == entry_id).values(outcome=outcome))


async def for_teacher(session: AsyncSession, entry_id: int, user_id: int) -> SentImage | None:
    """An entry, if this teacher works with its class."""
    return await session.scalar(
        select(SentImage)
        .join(Assignment, Assignment.id == SentImage.assignment_id)
        .join(ClassTeacher, ClassTeacher.class_id == Assignment.class_id)
        .where(SentImage.id == entry_id, ClassTeacher.user_id == user_id)
    )


async def count(session: AsyncSession, assignment_id: int) -> int:
    """How many pictures of an assignment have left."""
    asked = select(func.count()).select_from(SentImage).where(SentImage.assignment_id == assignment_id)
    return await session.scalar(asked) or 0


async def listed(session: AsyncSession, assignment_id: int, before: int | None = None) -> Listed:
    """SHOWN entries of an assignment, newest first; those older than entry `before` where one is given."""
    asked = (
        select(
            SentImage.id,
            SentImage.at,
            SentImage.endpoint,
            SentImage.model,
            SentImage.purpose,
            SentImage.outcome,
            func.now() - SentImage.at,
            SentImage.size,
            func.jsonb_array_length(SentImage.masked),
            PaperPage.source_name,
            PaperPage.source_page,
            PaperPage.paper_id,
        )
        .outerjoin(PaperPage, PaperPage.id == SentImage.page_id)
        .where(SentImage.assignment_id == assignment_id)
        .order_by(SentImage.id.desc())
        .limit(SHOWN + 1)
    )
    if before is not None:
        asked = asked.where(SentImage.id < before)
    rows = (await session.execute(asked)).all()
    entries = [
        Entry(*row[:5], _state(row[5], row[6]), *row[7:])  # type: ignore[call-arg]  # the rest of the row
        for row in rows[:SHOWN]
    ]
    older = entries[-1].id if len(rows) > SHOWN else None
    return Listed(entries, await count(session, assignment_id), older)


def _state(outcome: str, age: timedelta) -> str:
    if outcome:
        return outcome
    return "lost" if age > UNDER_WAY else "under way"
