"""A user's own account: name, language, password."""

from __future__ import annotations

from aiohttp import web

from app.accounts import limits, passwords, service
from app.audit.models import Action
from app.i18n import N_, ProblemError, Text
from app.keys import ADDRESS, DATABASE, REDIS
from app.web.audit import note
from app.web.forms import form_of, text_of
from app.web.middleware.sign_in import user_of
from app.web.pages import flash, go, render
from app.web.sign_in import TOO_MANY, begin_session


class TooManyTriesError(ProblemError):
    """The old password was guessed wrongly too often."""

    status = 429


class DifferentError(ProblemError):
    """The new password and its repetition differ."""


async def show(request: web.Request) -> web.StreamResponse:
    """The page."""
    return await render(request, "pages/account.html", {"shortest": passwords.SHORTEST})


async def save(request: web.Request) -> web.StreamResponse:
    """Change name and language."""
    form = await form_of(request)
    async with request.app[DATABASE].begin() as db:
        await service.change_profile(
            db, user_of(request).id, text_of(form, "name", 1000), text_of(form, "language", 10)
        )
    await flash(request, Text(N_("Saved.")))
    return go(request, "account")


async def change_password(request: web.Request) -> web.StreamResponse:
    """A new password, for who knows the old one. All other sessions end; this one goes on under a new id."""
    form = await form_of(request)
    user, address = user_of(request), request[ADDRESS]
    old, new, again = (text_of(form, name, 1000) for name in ("old", "new", "again"))
    if new != again:
        raise DifferentError(N_("The two new passwords differ. Nothing was changed."))
    # Somebody at an open browser could guess here as well as at the sign-in page.
    if not await limits.allowed(request.app[REDIS], user.username, address):
        raise TooManyTriesError(Text(*TOO_MANY))
    async with request.app[DATABASE].begin() as db:
        changed = await service.change_password(db, user.id, old, new)
        await note(request, db, Action.PASSWORD_CHANGED, "user", user.id)
    await limits.forget(request.app[REDIS], user.username, address)
    await begin_session(request, changed)
    await flash(request, Text(N_("The password was changed. You are signed out everywhere else.")))
    return go(request, "account")
