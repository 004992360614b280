"""The way through an assignment's papers: which comes before and after one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.marks import store
from app.marks.order import natural
from app.papers.models import Paper


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another paper of the assignment."""

    id: int
    title: str


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The papers before and after this one, and its place among all; `waiting` others need the teacher."""

    previous: Neighbour | None
    next: Neighbour | None
    place: int
    all: int
    waiting: int


async def neighbours(session: AsyncSession, paper: Paper, only_needing: bool) -> Neighbours:
    """The papers around this one by student; `only_needing` passes over those that need no teacher."""
    rows = sorted(
        await store.queue(session, paper.assignment_id),
        key=lambda row: (row.number is None, natural(row.number or row.file_name), row.id),
    )
    ids = [row.id for row in rows]
    here = ids.index(paper.id)
    wanted = [not only_needing or row.needs > 0 for row in rows]
    before = next((rows[i] for i in range(here - 1, -1, -1) if wanted[i]), None)
    after = next((rows[i] for i in range(here + 1, len(rows)) if wanted[i]), None)
    if only_needing and after is None:
        # Those further up that were passed over come last, so that the way through ends with none left.
        after = next((rows[i] for i in range(here) if wanted[i]), None)
    return Neighbours(
        previous=_neighbour(before),
        next=_neighbour(after),
        place=here + 1,
        all=len(rows),
        waiting=sum(row.needs > 0 for row in rows if row.id != paper.id),
    )


def _neighbour(row: Any) -> Neighbour | None:
    return None if row is None else Neighbour(row.id, row.name or row.file_name)
