"""Everything a handler works on is fetched through the teacher's access: another teacher's id answers 404."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments import store as assignments
from app.assignments.models import Assignment
from app.classes import store as classes
from app.classes.models import Class
from app.papers import pages
from app.papers import store as papers
from app.papers.models import Paper, PaperPage
from app.web.forms import path_id
from app.web.middleware.sign_in import user_of


async def the_class(request: web.Request, db: AsyncSession) -> Class:
    """The class of the address `{id}`."""
    found = await classes.for_teacher(db, path_id(request), user_of(request).id)
    if found is None:
        raise web.HTTPNotFound
    return found


async def the_assignment(request: web.Request, db: AsyncSession) -> tuple[Assignment, Class]:
    """The assignment of the address `{id}`, its questions loaded, and its class."""
    return await assignment_by_id(request, db, path_id(request))


async def assignment_by_id(
    request: web.Request, db: AsyncSession, assignment_id: int
) -> tuple[Assignment, Class]:
    """An assignment that a form or another object names, and its class."""
    found = await assignments.for_teacher(db, assignment_id, user_of(request).id)
    if found is None:
        raise web.HTTPNotFound
    owner = await db.get(Class, found.class_id)
    assert owner is not None
    return found, owner


async def the_paper(request: web.Request, db: AsyncSession) -> Paper:
    """The paper of the address `{id}`."""
    found = await papers.for_teacher(db, path_id(request), user_of(request).id)
    if found is None:
        raise web.HTTPNotFound
    return found


async def the_page(request: web.Request, db: AsyncSession) -> PaperPage:
    """The page (of a paper or a pile) of the address `{id}`."""
    found = await pages.for_teacher(db, path_id(request), user_of(request).id)
    if found is None:
        raise web.HTTPNotFound
    return found
