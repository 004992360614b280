"""A question to the room: 500 phones answer within five seconds, some of them twice; a screen shows how many."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import aiohttp
from sqlalchemy import func, select

from app.assignments.models import Assignment
from app.classroom import quiz, screens, store
from app.classroom.models import BoardKind, QuizAnswer, Verdict
from app.classroom.pairing import digest
from app.db import Database
from app.settings import Settings
from benchmarks import live_parts as parts
from benchmarks.live_parts import Clients, percentile
from benchmarks.report import Figure

if TYPE_CHECKING:
    from benchmarks.live import Size

PHONES = 500
TWICE = 50  # of them send again
SECONDS = 5.0
TOKEN = "bench-quiz-screen"
TEACHER = 1


async def _begin(db: Database, origin: str) -> tuple[int, str]:
    """A number question of the bench assignment and a screen with its board; the round's id and code."""
    async with db.begin() as session:
        assignment = await session.get(Assignment, 1)
        assert assignment is not None
        board = await store.board_of(session, assignment.id, BoardKind.QUIZ, "en")
        await screens.pair(session, board, digest(TOKEN), "", TEACHER)
        typed = quiz.Typed("number", "How many degrees has a triangle?", reference="180")
        asked = await quiz.begin(session, assignment, typed, by=TEACHER, language="en", origin=origin)
        return asked.id, asked.code


class Board:
    """The screen: when did it first show so many answers?"""

    def __init__(self) -> None:
        self.wanted = f"<b>{PHONES}</b> answers"
        self.right_at = 0.0

    async def watch(self, session: aiohttp.ClientSession, url: str) -> None:
        """Listen until it does."""
        headers = {"Cookie": f"zhupi_screen={TOKEN}"}
        async with session.get(f"{url}/kiosk/events", headers=headers) as answer:
            assert answer.status == 200, answer.status
            async for line in answer.content:
                if self.wanted in line.decode():
                    self.right_at = time.perf_counter()
                    return


async def _answer(url: str, code: str) -> tuple[list[int], list[float], float, float]:
    """Statuses, seconds of each answer, and the moments of the last answer and of the right board."""
    limits = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(
        connector=limits, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        board, took = Board(), []
        watching = asyncio.create_task(board.watch(session, url))
        await asyncio.sleep(1)

        async def one(number: int) -> int:
            await asyncio.sleep(number / (PHONES + TWICE) * SECONDS)
            headers = {"Cookie": f"zhupi_phone={number % PHONES:0>24}", "X-Zhupi-Phone": "1"}
            began = time.perf_counter()
            data = {"answer": "180" if number % 2 else "90"}
            async with session.post(f"{url}/q/{code}", data=data, headers=headers) as answer:
                await answer.read()
                took.append(time.perf_counter() - began)
                return answer.status

        statuses = await asyncio.gather(*(one(number) for number in range(PHONES + TWICE)))
        last = time.perf_counter()
        async with asyncio.timeout(30):
            await watching
        return statuses, took, last, board.right_at


async def _stored(db: Database, round_id: int) -> tuple[int, int, int]:
    """Rows, phones, and how many are graded."""
    async with db.begin() as session:
        found = await session.execute(
            select(
                func.count(),
                func.count(func.distinct(QuizAnswer.device_hash)),
                func.count().filter(QuizAnswer.verdict != Verdict.WAITING.value),
            ).where(QuizAnswer.round_id == round_id)
        )
        rows, phones, graded = found.one()
    return rows, phones, graded


async def _run(settings: Settings, place: int) -> list[Figure]:
    url = f"http://127.0.0.1:{place}"
    db = Database(settings.sqlalchemy_url, pool_size=2)
    round_id, code = await _begin(db, url)
    statuses, took, last, right = await _answer(url, code)
    limit = last + 30
    while (await _stored(db, round_id))[2] < PHONES and time.perf_counter() < limit:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    graded = time.perf_counter()
    rows, phones, _ = await _stored(db, round_id)
    await db.close()
    name = f"{PHONES} answers of a quiz in {SECONDS:.0f} s"
    refused = sum(status != 200 for status in statuses)
    return [
        Figure(f"{name}: stored", rows, "answers", None, PHONES, at_least=True),
        Figure(f"{name}: doubled", rows - phones, "answers", None, 0),
        Figure(f"{name}: refused", refused, "answers", None, 0),
        Figure(f"{name}: board right after the last", max(0.0, right - last), "s", None, 2),
        Figure(f"{name}: all graded after the last", graded - last, "s"),
        Figure(f"{name}: time of one, p99", percentile(took, 0.99), "s"),
    ]


def quiz_round(settings: Settings, clients: Clients, size: Size) -> list[Figure]:
    """The quiz; the phones are in this process."""
    with parts.server(settings) as (place, _):
        return asyncio.run(_run(settings, place))
