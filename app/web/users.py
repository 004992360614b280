"""For admins: who has an account."""

from __future__ import annotations

from aiohttp import web

from app.accounts import passwords, service, store
from app.accounts.models import Role, User
from app.audit.models import Action
from app.i18n import N_, Text
from app.keys import DATABASE
from app.web.audit import note
from app.web.forms import form_of, path_id, text_of
from app.web.middleware.sign_in import user_of
from app.web.pages import flash, go, render


def _admin(request: web.Request) -> User:
    """The signed-in admin; 403 for others."""
    user = user_of(request)
    if user.role != Role.ADMIN:
        raise web.HTTPForbidden
    return user


async def show(request: web.Request) -> web.StreamResponse:
    """All accounts."""
    _admin(request)
    async with request.app[DATABASE].begin() as db:
        everybody = await store.everybody(db)
    return await render(request, "pages/users.html", {"everybody": everybody, "shortest": passwords.SHORTEST})


async def create(request: web.Request) -> web.StreamResponse:
    """Make an account."""
    _admin(request)
    form = await form_of(request)
    role = Role.ADMIN if text_of(form, "role", 20) == Role.ADMIN else Role.TEACHER
    async with request.app[DATABASE].begin() as db:
        made = await service.create(
            db,
            text_of(form, "username", 200),
            text_of(form, "name", 1000),
            text_of(form, "password", 1000),
            role,
        )
        await note(request, db, Action.ACCOUNT_MADE, "user", made.id, name=made.username, role=made.role)
    await flash(request, Text(N_("The account {name} was made."), {"name": made.username}))
    return go(request, "users")


async def disable(request: web.Request) -> web.StreamResponse:
    """Shut an account."""
    me = _admin(request)
    async with request.app[DATABASE].begin() as db:
        user = await service.disable(db, path_id(request, "user"), me.id)
        await note(request, db, Action.ACCOUNT_DISABLED, "user", user.id, name=user.username)
    await flash(request, Text(N_("{name} cannot sign in any more."), {"name": user.username}))
    return go(request, "users")


async def enable(request: web.Request) -> web.StreamResponse:
    """Open an account again."""
    _admin(request)
    async with request.app[DATABASE].begin() as db:
        user = await service.enable(db, path_id(request, "user"))
        await note(request, db, Action.ACCOUNT_ENABLED, "user", user.id, name=user.username)
    await flash(request, Text(N_("{name} can sign in again."), {"name": user.username}))
    return go(request, "users")


async def reset_password(request: web.Request) -> web.StreamResponse:
    """A password that the admin has chosen for somebody; their sessions end."""
    me = _admin(request)
    user_id = path_id(request, "user")
    if user_id == me.id:
        raise service.AdminError(N_("Change your own password on your account page."))
    form = await form_of(request)
    async with request.app[DATABASE].begin() as db:
        user = await service.reset_password(db, user_id, text_of(form, "password", 1000))
        await note(request, db, Action.PASSWORD_RESET, "user", user.id, name=user.username)
    await flash(
        request,
        Text(
            N_("{name} has a new password and is signed out everywhere. Tell them in person."),
            {"name": user.username},
        ),
    )
    return go(request, "users")
