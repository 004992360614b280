"""What handlers write into the audit: the signed-in user as the actor, the request's address."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.audit import service
from app.audit.models import Action
from app.audit.service import Actor
from app.keys import ADDRESS
from app.web.middleware.sign_in import user_of


def actor(request: web.Request, user: User | None = None) -> Actor:
    """The signed-in user, or `user` where nobody is signed in yet."""
    return Actor.of(user or user_of(request), address(request))


def stranger(request: web.Request) -> Actor:
    """Somebody who is not known to have an account."""
    return Actor(None, "", address(request))


def address(request: web.Request) -> str:
    """Where the request came from; "" over a unix socket."""
    return request[ADDRESS]


async def note(
    request: web.Request,
    db: AsyncSession,
    action: Action,
    kind: str = "",
    object_id: int | None = None,
    **details: str | int | float | bool | None,
) -> None:
    """Write what the signed-in user does, in the transaction that does it (see `app.audit.service.record`)."""
    await service.record(db, actor(request), action, kind, object_id, **details)
