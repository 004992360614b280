"""Backups and restores in the audit, beside what they did: a note that cannot be written undoes nothing."""

from __future__ import annotations

import asyncio

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.audit.models import Action
from app.audit.service import COMMAND_LINE, record
from app.db import Database
from app.settings import Settings

log = structlog.get_logger(__name__)


def note(settings: Settings, action: Action, **details: str | int) -> None:
    """Write one entry. A database that is away, or of an older shape without an audit, gets none; the log says so."""

    async def write() -> None:
        database = Database(settings.sqlalchemy_url, pool_size=1)
        try:
            async with database.begin() as session:
                await record(session, COMMAND_LINE, action, "backup", None, **details)
        finally:
            await database.close()

    try:
        asyncio.run(write())
    except (SQLAlchemyError, OSError) as error:
        log.warning("not in the audit", action=action.value, error=type(error).__name__)
