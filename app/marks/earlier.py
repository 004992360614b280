"""What the teacher decided about other answers of the same question: what the graders learn from."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.marks.models import Mark, MarkState
from app.papers.models import PaperAnswer

MOST = 300


async def decided(session: AsyncSession, question_id: int) -> Sequence[tuple[str, float]]:
    """(answer, points) of a question's decided marks, newest first, at most MOST."""
    rows = await session.execute(
        select(PaperAnswer.text, Mark.points)
        .join(
            Mark,
            (Mark.paper_id == PaperAnswer.paper_id) & (Mark.question_id == PaperAnswer.question_id),
        )
        .where(
            Mark.question_id == question_id,
            Mark.state == MarkState.DECIDED,
            Mark.points.is_not(None),
            PaperAnswer.found,
        )
        .order_by(Mark.decided_at.desc(), Mark.id.desc())
        .limit(MOST)
    )
    return [(answer, points) for answer, points in rows if points is not None]
