"""PostgreSQL: the declarative base and the one engine of a process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

import asyncpg
import orjson
from sqlalchemy import BigInteger, DateTime, Double, MetaData, event, exc, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app import network

# A server that is there but does not answer (frozen, or cut off without a word) must not hold a page for ever.
COMMAND_SECONDS = 15.0  # for one statement; ours take milliseconds
USED = "used"  # whether a connection has been in use before
TRY_SECONDS = 3.0  # for a connection to show that it is alive before it is used

# PostgreSQL said that it ends the session, the socket is still open, and the next statement comes in between: asyncpg
# has no class for that, it complains of itself ("cannot switch to state 15; another operation (2) is in progress").
ENDED = asyncpg.InternalClientError

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
    """One engine and its sessions. Made after the fork: a pool must not be shared by processes.

    `url` is SQLAlchemy's or libpq's spelling, `command_seconds` the limit of one statement. A server that does not
    answer costs a caller at most a connection's or a statement's limit, then TimeoutError; what else is in the pool
    from before is not tried again but made anew.
    """

    def __init__(self, url: str, *, pool_size: int = 10, command_seconds: float = COMMAND_SECONDS) -> None:
        # asyncpg reads the address itself: SQLAlchemy would not hand on all of its options (sslmode, for one).
        address = url.replace("postgresql+asyncpg://", "postgresql://", 1)

        async def connect() -> asyncpg.Connection:
            return await network.postgres(address, command_seconds)

        self.engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=connect,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=COMMAND_SECONDS,
            # Errors and logs must not carry what students wrote.
            hide_parameters=True,
            json_serializer=_dumps,
            json_deserializer=orjson.loads,
        )
        event.listen(self.engine.sync_engine, "checkout", _try_before_use)
        event.listen(self.engine.sync_engine, "handle_error", _give_up_silent)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """A session in one transaction: committed when the block ends, rolled back when it raises."""
        async with self._sessions.begin() as session:
            yield session

    async def close(self) -> None:
        """Give all connections back."""
        await self.engine.dispose()


def _try_before_use(connection: Any, record: Any, _: Any) -> None:
    """Find a connection that died while it rested, before a request does.

    SQLAlchemy's own pre-ping would do so with three statements and with the long limit of COMMAND_SECONDS. What asyncpg
    knows to be closed is found without asking, and a connection that was just made is not asked.
    """
    raw = connection.driver_connection
    if not raw.is_closed():
        if not record.info.get(USED):  # SQLAlchemy empties it for every new connection
            record.info[USED] = True
            return
        try:
            connection.run_async(lambda raw: raw.execute("select 1", timeout=TRY_SECONDS))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ENDED):  # TimeoutError is an OSError
            raw.terminate()  # a polite good-bye would wait once more
        else:
            return
    # All that rested as long: they went the same way.
    raise exc.InvalidatePoolError


def _give_up_silent(context: ExceptionContext) -> None:
    """A statement that ran out of time, or met a session that was ended: its connection is not asked to roll back.

    That would take as long again, or fail the same way, and the pool would hand the connection on.
    """
    if not isinstance(context.original_exception, (TimeoutError, ENDED)) or context.connection is None:
        return
    with suppress(exc.SQLAlchemyError):
        raw = context.connection.connection.driver_connection
        if isinstance(raw, asyncpg.Connection):
            raw.terminate()
    context.is_disconnect = True
