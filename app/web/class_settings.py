"""What becomes of a class: its name, who works with it, put away, deleted. Mostly for its owner."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.models import Action
from app.classes import service, store
from app.classes.models import Class
from app.i18n import N_, Text
from app.keys import DATABASE
from app.web.access import the_class
from app.web.audit import note
from app.web.forms import form_of, path_id, text_of
from app.web.middleware.sign_in import user_of
from app.web.pages import flash, go, render


async def _own_class(request: web.Request, db: AsyncSession) -> Class:
    """The class of the address `{id}`, if it is the teacher's own; 403 for a colleague's."""
    klass = await the_class(request, db)
    if not await store.owns(db, klass.id, user_of(request).id):
        raise web.HTTPForbidden
    return klass


async def show(request: web.Request) -> web.StreamResponse:
    """The settings; a colleague sees who works with the class, and may leave."""
    async with request.app[DATABASE].begin() as db:
        klass = await the_class(request, db)
        teachers = await store.teachers(db, klass.id)
        owner = await store.owns(db, klass.id, user_of(request).id)
    return await render(
        request, "pages/class_settings.html", {"klass": klass, "teachers": teachers, "owner": owner}
    )


async def rename(request: web.Request) -> web.StreamResponse:
    """Change name and language."""
    form = await form_of(request)
    async with request.app[DATABASE].begin() as db:
        klass = await _own_class(request, db)
        service.rename(klass, text_of(form, "name", 1000), text_of(form, "language", 10))
    await flash(request, Text(N_("Saved.")))
    return go(request, "class_settings", id=klass.id)


async def put_away(request: web.Request) -> web.StreamResponse:
    """Take the class off the start page."""
    async with request.app[DATABASE].begin() as db:
        klass = await _own_class(request, db)
        service.put_away(klass)
    await flash(
        request, Text(N_("“{name}” was archived. You find it below your classes."), {"name": klass.name})
    )
    return go(request, "home")


async def bring_back(request: web.Request) -> web.StreamResponse:
    """Put an archived class back on the start page."""
    async with request.app[DATABASE].begin() as db:
        klass = await _own_class(request, db)
        service.bring_back(klass)
    await flash(request, Text(N_("“{name}” is back on the start page."), {"name": klass.name}))
    return go(request, "class_page", id=klass.id)


async def delete(request: web.Request) -> web.StreamResponse:
    """Delete the class and everything in it, once its name was typed."""
    form = await form_of(request)
    async with request.app[DATABASE].begin() as db:
        klass = await _own_class(request, db)
        await service.delete(db, klass, text_of(form, "name", 1000))
        await note(request, db, Action.CLASS_DELETED, "class", klass.id, name=klass.name)
    await flash(request, Text(N_("“{title}” was deleted."), {"title": klass.name}))
    return go(request, "home")


async def share(request: web.Request) -> web.StreamResponse:
    """Let a colleague work with the class."""
    form = await form_of(request)
    async with request.app[DATABASE].begin() as db:
        klass = await _own_class(request, db)
        colleague = await service.share(db, klass, text_of(form, "username", 200))
        await note(request, db, Action.CLASS_SHARED, "class", klass.id, user=colleague.username)
    await flash(request, Text(N_("{name} works with this class now."), {"name": colleague.name}))
    return go(request, "class_settings", id=klass.id)


async def unshare(request: web.Request) -> web.StreamResponse:
    """End a colleague's access; or, as a colleague, leave."""
    user_id, me = path_id(request, "user"), user_of(request).id
    async with request.app[DATABASE].begin() as db:
        klass = await (the_class if user_id == me else _own_class)(request, db)
        await service.unshare(db, klass, user_id)
        await note(request, db, Action.CLASS_UNSHARED, "class", klass.id, user_id=user_id)
    if user_id == me:
        await flash(request, Text(N_("You have left “{name}”."), {"name": klass.name}))
        return go(request, "home")
    await flash(request, Text(N_("Sharing ended.")))
    return go(request, "class_settings", id=klass.id)
