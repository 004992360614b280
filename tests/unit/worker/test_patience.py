"""What counts as an outage of the database, and is waited for; what does not, and is raised at once."""

from __future__ import annotations

import asyncio

import asyncpg
import psycopg
import pytest
import sqlalchemy.exc

from app.cli.unreachable import unreachable
from app.jobs import AWAY
from app.web.middleware import errors
from app.worker import patience
from app.worker.patience import is_away, patiently

ENDED = asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress")


def wrapped(original: Exception, *, invalidated: bool = False) -> sqlalchemy.exc.DBAPIError:
    """As SQLAlchemy wraps a driver's error: in its adapter's class, the driver's own as its cause."""
    adapted = Exception(str(original))
    adapted.__cause__ = original
    return sqlalchemy.exc.DBAPIError("select 1", None, adapted, connection_invalidated=invalidated)


@pytest.mark.parametrize(
    "error",
    [
        ENDED,
        wrapped(ENDED),
        sqlalchemy.exc.StatementError("x", "select 1", None, ENDED),  # met before the statement was sent
        asyncpg.AdminShutdownError("terminating connection due to administrator command"),
        asyncpg.InterfaceError("connection is closed"),
        wrapped(asyncpg.CannotConnectNowError("the database system is starting up")),
        wrapped(ValueError("x"), invalidated=True),
        psycopg.OperationalError("server closed the connection unexpectedly"),
        sqlalchemy.exc.TimeoutError("QueuePool limit"),
        ConnectionResetError(104, "reset"),
        TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_outage(error: Exception) -> None:
    assert is_away(error)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        asyncpg.UniqueViolationError("x"),
        wrapped(asyncpg.UniqueViolationError("x")),
        wrapped(ValueError("x")),
        sqlalchemy.exc.StatementError("x", "select 1", None, ValueError("x")),
        sqlalchemy.exc.StatementError("x", "select 1", None, None),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_fault(error: Exception) -> None:
    assert not is_away(error)


def test_the_queue_the_pages_and_the_commands_decide_alike() -> None:
    assert isinstance(ENDED, AWAY) and isinstance(ENDED, errors.AWAY)
    assert str(unreachable(ENDED)).startswith("The database cannot be used: ")


async def test_it_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.01)
    answers: list[Exception | int] = [ENDED, wrapped(ENDED), 7]

    async def call() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert await patiently(call, asyncio.Event()) == 7
    answers[:] = [ValueError("x"), 7]
    with pytest.raises(ValueError, match="x"):
        await patiently(call, asyncio.Event())
    stopping = asyncio.Event()
    stopping.set()
    answers[:] = [ENDED, 7]
    with pytest.raises(asyncpg.InternalClientError):
        await patiently(call, stopping)
