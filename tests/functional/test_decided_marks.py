"""What teachers decided is looked up patiently: a database that is away makes no answer the teacher's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import sqlalchemy.exc

from app.db import Database
from app.grading.model import Stopped
from app.worker.paper import DecidedMarks
from tests import graded


class Away:
    """A database that is away for so many tries."""

    def __init__(self, database: Database, tries: int, error: Exception) -> None:
        self._database, self.left, self._error = database, tries, error

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Any]:
        if self.left:
            self.left -= 1
            raise self._error
        async with self._database.begin() as db:
            yield db


QUESTION = graded.scheme(1).questions[0]
ERRORS = [ConnectionRefusedError(), TimeoutError(), sqlalchemy.exc.TimeoutError("no connection is free")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__module__)
async def test_it_waits_for_the_database(db: Database, error: Exception) -> None:
    away = Away(db, 2, error)
    marks = DecidedMarks(cast(Database, away), {"1": 1}, asyncio.Event())
    assert await marks.earlier(QUESTION) == ()
    assert away.left == 0


async def test_a_process_that_ends_waits_no_more(db: Database) -> None:
    stopping = asyncio.Event()
    marks = DecidedMarks(cast(Database, Away(db, 1000, ConnectionRefusedError())), {"1": 1}, stopping)
    asking = asyncio.ensure_future(marks.earlier(QUESTION))
    await asyncio.sleep(0.3)
    assert not asking.done()
    stopping.set()
    with pytest.raises(Stopped):
        await asyncio.wait_for(asking, 10)


async def test_a_fault_of_ours_is_told(db: Database) -> None:
    marks = DecidedMarks(cast(Database, Away(db, 1, KeyError("x"))), {"1": 1}, asyncio.Event())
    with pytest.raises(KeyError):
        await marks.earlier(QUESTION)
