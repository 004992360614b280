"""Changes of a round are told a few times a second, the last one always; what fails is tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

from app.classroom.models import QuizRound, Verdict
from app.classroom.quiz_live import TELL_SECONDS, Judged, Live
from app.db import Database
from app.scheme.types import Question


class Everything:
    """A grader that finds all answers right."""

    async def judge(
        self, question: Question, question_id: int | None, texts: Sequence[str]
    ) -> Sequence[Judged]:
        return [Judged(Verdict.RIGHT, 1.0)] * len(texts)

    async def close(self) -> None:
        return


class Heard:
    """Collects what is told, with the time."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []
        self.at: list[float] = []

    async def __call__(self, assignment_id: int, round_id: int) -> None:
        self.told.append((assignment_id, round_id))
        self.at.append(asyncio.get_running_loop().time())


def live(heard: Heard) -> Live:
    return Live(cast(Database, None), Everything(), heard)


async def test_five_hundred_changes_are_few_events() -> None:
    heard = Heard()
    room = live(heard)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(500):
        room.changed(1, 7)
        await asyncio.sleep(0.001)
    last = loop.time()
    await asyncio.sleep(2 * TELL_SECONDS)
    assert 2 <= len(heard.told) <= (last - began) / TELL_SECONDS + 2
    assert heard.at[0] - began < TELL_SECONDS / 2 and heard.at[-1] >= last - 0.001
    gaps = [after - before for before, after in zip(heard.at, heard.at[1:], strict=False)]
    assert min(gaps) >= TELL_SECONDS * 0.9


async def test_rounds_do_not_wait_for_each_other() -> None:
    heard = Heard()
    room = live(heard)
    room.changed(1, 7)
    room.changed(2, 8)
    room.changed(2, 8)
    await asyncio.sleep(TELL_SECONDS / 2)
    assert heard.told == [(1, 7), (2, 8)]
    await asyncio.sleep(2 * TELL_SECONDS)
    assert heard.told == [(1, 7), (2, 8), (2, 8)]
    room.changed(1, 7)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert heard.told[-1] == (1, 7)


async def test_answers_wait_while_the_database_is_away() -> None:
    class Away:
        def begin(self) -> None:
            raise ConnectionError

    heard = Heard()
    room = Live(cast(Database, Away()), Everything(), heard)
    room.took(QuizRound(id=7, assignment_id=1), 3)
    for _ in range(2):
        try:
            await room.grade_new()
        except ConnectionError:
            continue
        raise AssertionError("it did not fail")
    assert room._new == {3} and room._arrived.is_set()
    await room.close()
