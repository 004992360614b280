"""The one-time page that makes the first admin."""

from __future__ import annotations

from aiohttp import web

from app.accounts import service
from app.audit import service as audit
from app.audit.models import Action
from app.keys import DATABASE
from app.web.audit import actor
from app.web.forms import form_of, text_of
from app.web.middleware.sign_in import public
from app.web.pages import render, url
from app.web.sign_in import begin_session


@public
async def show(request: web.Request) -> web.StreamResponse:
    """The page, while its link is good."""
    token = request.match_info["token"]
    async with request.app[DATABASE].begin() as db:
        if not await service.setup_is_open(db, token):
            raise service.SetupError(service.USED_LINK)
    return await render(request, "pages/set_up.html", {"token": token})


@public
async def submit(request: web.Request) -> web.StreamResponse:
    """Make the first admin and sign them in."""
    form = await form_of(request)
    async with request.app[DATABASE].begin() as db:
        user = await service.set_up(
            db,
            request.match_info["token"],
            text_of(form, "username", 200),
            text_of(form, "name", 200),
            text_of(form, "password", 1000),
        )
        who = actor(request, user)
        await audit.record(db, who, Action.ACCOUNT_MADE, "user", user.id, name=user.username, role=user.role)
        await audit.record(db, who, Action.SIGN_IN)
    await begin_session(request, user)
    return web.Response(status=303, headers={"Location": url(request, "home")})
