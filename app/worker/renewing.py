"""A page that was read once more by a teacher's wish, in a paper that had been read before: its text and answers."""

from __future__ import annotations

import asyncio

from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments import convert
from app.assignments.models import Assignment
from app.document import Document
from app.grading.locate import locate
from app.grading.packing import located_rows
from app.marks import regrade
from app.papers import correcting, pages, store
from app.papers.models import PageState, Paper, PaperState


async def renew(session: AsyncSession, paper_id: int) -> Paper | None:
    """Write a paper's text anew from its pages and find its answers in it; None when it is gone or not read yet.

    Marks stay as they are. The questions that nobody decided and whose answers changed are offered to the teacher to be
    graded again (`Paper.stale`).
    """
    paper = await store.locked(session, paper_id)
    if paper is None or paper.state == PaperState.RECEIVED:
        return None
    if not any(row.state == PageState.READ for row in await pages.of_paper(session, paper.id)):
        return None
    document = await pages.refresh_text(session, paper)
    paper.state, paper.problem = PaperState.READ, None
    assignment = await session.get(Assignment, paper.assignment_id)
    assert assignment is not None
    await session.refresh(assignment, ["questions"])
    rows = assignment.questions
    scheme, ids = convert.to_scheme("", rows), {row.label: row.id for row in rows}

    async def find(text: Document) -> correcting.Found:
        return correcting.Found(*located_rows(await asyncio.to_thread(locate, text, scheme), ids))

    changes = await correcting.located_again(session, paper, document, find if rows else None)
    touched = await regrade.note(session, paper, changes, None)
    regrade.wait(paper, touched.open)
    return paper
