"""The answers that misconceptions are looked for in: their texts and counts. No name, no file, nobody's number.

Wrong means: its mark is below full points, or waits for the teacher. A pupil with several papers counts once, with the
newest: three copies of one paper are not three who think so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

MOST = 3_000
"""Answers of a question that are read; bounds memory."""

LONGEST = 1_000
"""Characters of an answer that are read."""

_SEPARATOR = "\x1f"

# Points are sums of floats: what lies this near to full is full.
_WRONG = """
    from questions q
    join paper_answers a on a.question_id = q.id and a.found and btrim(a.text, E' \\t\\r\\n') <> ''
    join papers p on p.id = a.paper_id
    join marks m on m.paper_id = a.paper_id and m.question_id = a.question_id
    where {which}
        and (m.state = 'needs_teacher' or m.points < q.points - 1e-9)
        and not exists (
            select from papers newer
            join paper_answers there on there.paper_id = newer.id and there.question_id = q.id and there.found
            where newer.assignment_id = p.assignment_id and newer.student_id = p.student_id and newer.id > p.id
        )
"""
# Ordered by their own words: the order of the papers would say whose they are.
_ONE = (
    f"select left(a.text, {LONGEST}) as text "
    + _WRONG.format(which="q.id = :question")
    + f' order by left(a.text, {LONGEST}) collate "C" limit {MOST}'
)
_TEXTS = text(_ONE)
_STAMP = text(
    f"select count(*), md5(string_agg(text, E'\\x1f' order by text collate \"C\")) from ({_ONE}) as wrong"  # noqa: S608
)
_COUNTS = text(
    "select q.id, count(*) " + _WRONG.format(which="q.assignment_id = :assignment") + " group by q.id"
)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the wrong answers of a question are at a moment: how many, and the digest of their texts."""

    count: int
    digest: str


def stamp_of(texts: list[str]) -> Stamp:
    """The stamp of texts as `wrong` gives them: the same as the database's own."""
    whole = _SEPARATOR.join(texts).encode()
    return Stamp(len(texts), hashlib.md5(whole, usedforsecurity=False).hexdigest() if texts else "")


async def stamp(session: AsyncSession, question_id: int) -> Stamp:
    """Whether the wrong answers of a question are still the same, without reading them."""
    count, digest = (await session.execute(_STAMP, {"question": question_id})).one()
    return Stamp(count, digest or "")


async def wrong(session: AsyncSession, question_id: int) -> list[str]:
    """The texts of the wrong answers to a question, in the order of their characters."""
    return list((await session.scalars(_TEXTS, {"question": question_id})).all())


async def counts(session: AsyncSession, assignment_id: int) -> Mapping[int, int]:
    """How many wrong answers each question of an assignment has, by question id; questions without any are missing."""
    return {row[0]: row[1] for row in await session.execute(_COUNTS, {"assignment": assignment_id})}
