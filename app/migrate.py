"""Bring the database to the shape this version needs: our tables, LangGraph's checkpoints, PgQueuer's queue."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import psycopg

if TYPE_CHECKING:
    from alembic.config import Config

    from app.settings import Settings

MIGRATIONS = Path(__file__).parent.parent / "migrations"
# One number for every process that migrates this database: a second one waits until the first has ended.
LOCK = 0x7A68_7570_69


def config(sqlalchemy_url: str) -> Config:
    """Alembic's configuration, made here so that no ini file has to be found."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    made.attributes["url"] = sqlalchemy_url
    return made


def upgrade(settings: Settings) -> None:
    """Migrate to the newest version. Safe to call from several processes at once and again when up to date."""
    with psycopg.connect(settings.postgres_url, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", (LOCK,))
        _tables(settings)
        _checkpoints(settings)
        asyncio.run(_queue(settings))


def _tables(settings: Settings) -> None:
    from alembic import command

    command.upgrade(config(settings.sqlalchemy_url.replace("+asyncpg", "+psycopg")), "head")


def _checkpoints(settings: Settings) -> None:
    from langgraph.checkpoint.postgres import PostgresSaver

    with PostgresSaver.from_conn_string(settings.checkpoint_url) as saver:
        saver.setup()


async def _queue(settings: Settings) -> None:
    from pgqueuer.queries import Queries

    connection = await asyncpg.connect(settings.postgres_url)
    try:
        queries = Queries.from_asyncpg_connection(connection)
        if await queries.schema_is_installed():
            await queries.upgrade()
        else:
            await queries.install()
    finally:
        await connection.close()
