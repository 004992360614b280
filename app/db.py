"""PostgreSQL: the declarative base and the one engine of a process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import BigInteger, DateTime, Double, MetaData, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# A server that is there but does not answer (frozen, or cut off without a word) must not hold a page for ever.
CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 15.0  # for one statement; ours take milliseconds

Json = dict[str, Any]
JsonList = list[Any]


class Base(DeclarativeBase):
    """Base of all tables; constraint names are fixed by rule so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads a plain dict here
        int: BigInteger(),
        datetime: DateTime(timezone=True),
        float: Double(),
        Json: JSONB(),
        JsonList: JSONB(),
    }


class Created:
    """Mix-in: when a row was made, by the database's clock."""

    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


def _dumps(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


class Database:
    """One engine and its sessions. Made after the fork: a pool must not be shared by processes."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            # A restarted PostgreSQL leaves dead connections in the pool; a ping finds them before a request does.
            pool_pre_ping=True,
            pool_timeout=COMMAND_SECONDS,
            connect_args={"timeout": CONNECT_SECONDS, "command_timeout": COMMAND_SECONDS},
            # Errors and logs must not carry what students wrote.
            hide_parameters=True,
            json_serializer=_dumps,
            json_deserializer=orjson.loads,
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """A session in one transaction: committed when the block ends, rolled back when it raises."""
        async with self._sessions.begin() as session:
            yield session

    async def close(self) -> None:
        """Give all connections back."""
        await self.engine.dispose()
