"""When the last backup was made, by the audit: the archives lie where the server itself cannot look."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError

from app.audit import store
from app.audit.models import Action
from app.db import Database
from app.i18n import Text
from app.settings import Settings
from app.upkeep.doctor.findings import Finding, ok, skipped, warning
from app.upkeep.doctor.limits import resolve

DAYS = 7
"""As long as most schools could bear to mark again; older is a warning."""


async def check(settings: Settings) -> list[Finding]:
    """Ask the database; where it is away, its own check says so."""
    database = Database(settings.sqlalchemy_url, pool_size=1)
    try:
        await resolve(settings.postgres_url)
        async with database.begin() as session:
            entries = await store.newest(session, action=Action.BACKUP_MADE, most=1)
            last = entries[0].at if entries else None
    except (SQLAlchemyError, OSError, ValueError) as error:
        reason = Text("The database could not be asked ({error}).", {"error": type(error).__name__})
        return [skipped("backup", reason)]
    finally:
        await database.close()
    return [age(last, datetime.now(UTC))]


def age(last: datetime | None, now: datetime) -> Finding:
    """What to say of a last backup made at `last` (None: none is known)."""
    advice = Text("Make one with zhupi backup; the compose service backup makes one a day.")
    if last is None:
        return warning("backup", Text("No backup was ever made of this database."), advice, made=None)
    days = (now - last).days
    values = {"days": days, "when": f"{last:%Y-%m-%d %H:%M} UTC"}
    if days >= DAYS:
        text = Text("The last backup is {days} days old ({when}).", values)
        return warning("backup", text, advice, made=last.isoformat())
    return ok("backup", Text("The last backup was made at {when}.", values), made=last.isoformat())
