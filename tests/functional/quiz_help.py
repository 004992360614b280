"""What the tests of the quiz share: an assignment with questions of several kinds, phones, and a teacher's forms."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select

from app.assignments.models import Assignment
from app.classroom.models import QuizAnswer, QuizRound
from app.db import Database
from app.scheme.types import Criterion, Kind, Question, Scheme
from tests import factories
from tests.conftest import Client, World

SignIn = Callable[..., Any]
HTMX = {"HX-Request": "true"}

SCHEME = Scheme(
    "Heat",
    (
        Question(
            "1",
            Kind.CHOICE,
            "Which conducts best?\nA. wood\nB. iron\nC. air\nD. wool",
            2.0,
            ("B",),
            (Criterion("right option", 2.0),),
        ),
        Question("2", Kind.NUMBER, "How fast?", 2.0, ("25 m/s",), (Criterion("value", 2.0),), unit="m/s"),
        Question(
            "3",
            Kind.TEXT,
            "Why does iron feel colder than wood?",
            4.0,
            ("Iron conducts heat better, so it takes heat from the hand faster.",),
            (Criterion("conducts heat better", 2.0), Criterion("takes heat from the hand faster", 2.0)),
        ),
        Question("4", Kind.MATHS, "Expand (x+1)^2", 2.0, ("x^2+2x+1",), (Criterion("result", 2.0),)),
    ),
)


async def heat(db: Database, world: World) -> Assignment:
    """The assignment."""
    async with db.begin() as session:
        return await factories.assignment(session, world.klass, SCHEME)


async def begin(client: Client, assignment: Assignment, place: int = 0, **form: str) -> int:
    """Ask a question of the scheme, by its place; the round's id."""
    data = {"question": str(assignment.questions[place].id), **form}
    answer = await client.post(f"/assignments/{assignment.id}/quiz", data=data, headers=HTMX)
    assert answer.status == 200, await answer.text()
    found = re.search(rf"/assignments/{assignment.id}/quiz/(\d+)/reveal", await answer.text())
    assert found
    return int(found[1])


async def the_round(db: Database, round_id: int) -> QuizRound:
    """A round as it is stored now."""
    async with db.begin() as session:
        found = await session.get(QuizRound, round_id)
    assert found is not None
    return found


async def stored(db: Database, round_id: int) -> list[QuizAnswer]:
    """All answers of a round."""
    async with db.begin() as session:
        rows = await session.scalars(
            select(QuizAnswer).where(QuizAnswer.round_id == round_id).order_by(QuizAnswer.id)
        )
        return list(rows)


async def graded(db: Database, round_id: int, seconds: float = 10.0) -> list[QuizAnswer]:
    """All answers of a round, when none waits any more."""
    limit = asyncio.get_running_loop().time() + seconds
    while True:
        rows = await stored(db, round_id)
        if all(row.verdict != "waiting" for row in rows):
            return rows
        assert asyncio.get_running_loop().time() < limit, [row.verdict for row in rows]
        await asyncio.sleep(0.05)


def phone(server: TestServer) -> Client:
    """A phone with no cookies yet; close its session."""
    return TestClient(server)


async def send(client: Client, code: str, answer: str, status: int = 200, **fields: str) -> str:
    """Send an answer as the page's script does; the page that comes back."""
    data = {"answer": answer, **fields}
    response = await client.post(f"/q/{code}", data=data, headers={"X-Zhupi-Phone": "1"})
    text = await response.text()
    assert response.status == status, text
    return text
