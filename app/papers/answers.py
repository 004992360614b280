"""What was located in a paper, kept by question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import JsonList
from app.papers.models import Paper, PaperAnswer

_INSERT = insert(PaperAnswer)
_UPSERT = _INSERT.on_conflict_do_update(
    index_elements=["paper_id", "question_id"],
    set_={name: _INSERT.excluded[name] for name in ("text", "spans", "found")},
)


async def keep(
    session: AsyncSession, paper_id: int, answers: Sequence[dict[str, Any]], unmatched: JsonList
) -> None:
    """Store a paper's answers ({"question_id", "text", "spans", "found"}) over earlier ones.

    `unmatched` are the (start, end) spans that belong to no question.
    """
    await session.execute(update(Paper).where(Paper.id == paper_id).values(unmatched=unmatched))
    if answers:
        await session.execute(_UPSERT, [{"paper_id": paper_id, **answer} for answer in answers])
