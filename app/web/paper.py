"""One paper under review: its answers, what is proposed for them, and what the teacher decides."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.classes.models import Class, Student
from app.keys import BUS, DATABASE
from app.marks import regrade, review, transcript
from app.marks.neighbours import neighbours
from app.papers.models import Paper
from app.web.access import assignment_by_id, the_paper
from app.web.middleware.sign_in import user_of
from app.web.page_view import Shown, shown
from app.web.pages import render
from app.web.presence_view import colleagues

NEEDS = "needs"  # ?order=needs: only papers that need the teacher come next


async def show(request: web.Request) -> web.StreamResponse:
    """The page of one paper."""
    async with request.app[DATABASE].begin() as db:
        paper = await the_paper(request, db)
        assignment, klass = await assignment_by_id(request, db, paper.assignment_id)
        context = await page_context(request, db, paper, assignment, klass)
    return await render(request, "pages/paper.html", context)


def order_of(request: web.Request) -> tuple[str, str]:
    """Which papers come next, and the query that keeps it over links and forms."""
    return (NEEDS, f"?order={NEEDS}") if request.query.get("order") == NEEDS else ("", "")


async def page_context(
    request: web.Request,
    db: AsyncSession,
    paper: Paper,
    assignment: Assignment,
    klass: Class,
    drafts: Mapping[int, review.Draft] | None = None,
) -> dict[str, Any]:
    """All values of pages/paper.html; `drafts` is what was typed and could not be stored."""
    # Taken before the marks are read: what happens after it comes over the stream.
    cursor = await request.app[BUS].last_id(assignment.id)
    pages = await shown(db, paper)
    return {
        **await questions_context(request, db, paper, assignment, drafts, pages),
        **await head_context(request, db, paper, assignment, klass, pages),
        "cursor": cursor,
        "others": (await colleagues(request, assignment.id)).get(paper.id, ()),
        # The name of this page where several are open.
        "page": secrets.token_hex(8),
        "tab": "results",
    }


async def head_context(
    request: web.Request,
    db: AsyncSession,
    paper: Paper,
    assignment: Assignment,
    klass: Class,
    pages: Shown | None = None,
) -> dict[str, Any]:
    """What stands above and below the questions: whose paper, which come next, and what was read."""
    order, query = order_of(request)
    student = await db.get(Student, paper.student_id) if paper.student_id else None
    pages = pages or await shown(db, paper)
    stale = await regrade.waiting(db, paper)
    return {
        "paper": paper,
        "assignment": assignment,
        "klass": klass,
        "student": student,
        "title": student.name if student else paper.file_name,
        "pages": transcript.pages(paper, pages.rows),
        "alone": False,
        "drawn": pages.pictures is not None and pages.pictures.any,
        "unmatched": len(paper.unmatched),
        "stale": [each.label for each in assignment.questions if each.id in stale],
        "near": await neighbours(db, paper, order == NEEDS),
        "order": order,
        "query": query,
    }


async def questions_context(
    request: web.Request,
    db: AsyncSession,
    paper: Paper,
    assignment: Assignment,
    drafts: Mapping[int, review.Draft] | None = None,
    pages: Shown | None = None,
) -> dict[str, Any]:
    """The questions with their marks, and the sum: what the answer to an action needs as well."""
    pages = pages or await shown(db, paper)
    views = await review.questions(
        db, paper, assignment.questions, user_of(request).id, drafts, pages.pictures
    )
    return {
        "paper": paper,
        "questions": views,
        "total": review.total(views),
        "query": order_of(request)[1],
    }
