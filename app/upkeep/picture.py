"""What is kept of a pupil, before anything is done about it: their papers with all that hangs on them, and doubts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import ColumnElement, String, cast, false, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.papers.models import MatchState, Paper, PaperState
from app.upkeep.pupil_pages import Pages, naming, pages_of
from app.upkeep.pupils import Pupil, elsewhere

# A shorter name or number stands in too many words to say anything.
SHORTEST_NAME, SHORTEST_NUMBER = 2, 5


@dataclass(frozen=True, slots=True)
class PaperRef:
    """A paper: where it belongs, what its file is called and where that lies."""

    id: int
    assignment_id: int
    file_name: str
    storage_key: str
    title: str = ""

    @classmethod
    def of(cls, paper: Paper, title: str = "") -> Self:
        """A paper's row."""
        return cls(paper.id, paper.assignment_id, paper.file_name, paper.storage_key, title)


@dataclass(frozen=True, slots=True)
class Picture:
    """What is kept of a pupil.

    `papers` are theirs (with the doubtful ones, if those were asked for), `counts` the rows that hang on these,
    `jobs` the queue's numbers of what graded them. `doubtful` are papers of nobody for which they are a candidate,
    `mentions` papers of others that name them, `unread` papers of the class that nobody has read yet, `elsewhere`
    who may be the same person in other classes. `shared` are files that somebody else's paper or page has as well.
    `pages` are the pages of these papers and those in piles that are theirs, `piled` counts pages of others in piles
    that name them.
    """

    papers: tuple[PaperRef, ...]
    counts: dict[str, int]
    jobs: tuple[int, ...]
    shared: int
    doubtful: tuple[PaperRef, ...]
    mentions: tuple[PaperRef, ...]
    unread: int
    elsewhere: tuple[Pupil, ...]
    pages: Pages
    piled: int


_COUNTS = text(
    """
    select
        (select count(*) from papers where id = any(cast(:ids as bigint[]))) as papers,
        (select count(*) from paper_answers where paper_id = any(cast(:ids as bigint[]))) as answers,
        (select count(*) from marks where paper_id = any(cast(:ids as bigint[]))) as marks,
        (select count(*) from marks where paper_id = any(cast(:ids as bigint[])) and state = 'decided') as decided,
        (select count(*) from mark_changes c join marks m on m.id = c.mark_id
            where m.paper_id = any(cast(:ids as bigint[]))) as changes,
        (select count(*) from run_papers where paper_id = any(cast(:ids as bigint[]))) as runs
    """
)
_JOBS = text(
    """
    select distinct job_id from run_papers
    where job_id is not null and paper_id = any(cast(:ids as bigint[])) order by job_id
    """
)
_SHARED = text(
    """
    select count(distinct p.storage_key) from papers p
    where p.storage_key = any(cast(:keys as text[])) and p.id <> all(cast(:ids as bigint[]))
    """
)


async def picture(session: AsyncSession, pupil: Pupil, *, with_doubtful: bool = False) -> Picture:
    """What is kept of a pupil now; `with_doubtful` counts papers that may be theirs as theirs."""
    own = await _papers(session, pupil, Paper.student_id == pupil.id)
    doubtful = await _papers(
        session,
        pupil,
        Paper.student_id.is_(None)
        & (Paper.match != MatchState.CONFIRMED)
        & Paper.candidates.contains([pupil.id]),
    )
    taken = [*own, *(doubtful if with_doubtful else ())]
    ids = [paper.id for paper in taken]
    seen = [*own, *doubtful]
    named = or_(mentioned_in(Paper.pages, pupil), mentioned_in(Paper.file_name, pupil))
    counts = (await session.execute(_COUNTS, {"ids": ids})).one()
    pages = await pages_of(session, pupil, ids, with_doubtful=with_doubtful)
    # Those of pages are counted with the pages.
    keys = {paper.storage_key for paper in taken} - pages.keys
    shared = await session.scalar(_SHARED, {"ids": ids, "keys": sorted(keys)})
    return Picture(
        papers=tuple(taken),
        counts={**counts._mapping, "pages": len(pages.ids), "pictures_sent": len(pages.sent)},
        jobs=tuple((await session.scalars(_JOBS, {"ids": ids})).all()),
        shared=(shared or 0) + pages.shared,
        doubtful=() if with_doubtful else tuple(doubtful),
        mentions=tuple(await _papers(session, pupil, named, without=seen)),
        unread=await _unread(session, pupil),
        elsewhere=tuple(await elsewhere(session, pupil)),
        pages=pages,
        piled=await naming(session, pupil, _words(pupil), pages.ids),
    )


def mentioned_in(column: Any, pupil: Pupil) -> ColumnElement[bool]:
    """Whether a column (text or JSON) has the pupil's name or number in it, in any capitals."""
    searched = func.lower(cast(column, String))
    return or_(false(), *(func.strpos(searched, word.lower()) > 0 for word in _words(pupil)))


def _words(pupil: Pupil) -> list[str]:
    """The pupil's name and number, if they are long enough to say something."""
    words = [(pupil.name, SHORTEST_NAME), (pupil.number, SHORTEST_NUMBER)]
    return [word for word, shortest in words if len(word) >= shortest]


async def _papers(
    session: AsyncSession, pupil: Pupil, which: ColumnElement[bool], without: Iterable[PaperRef] = ()
) -> Sequence[PaperRef]:
    """Papers of the pupil's class that are meant by a condition."""
    query = (
        select(Paper.id, Paper.assignment_id, Paper.file_name, Paper.storage_key, Assignment.title)
        .join(Assignment, Assignment.id == Paper.assignment_id)
        .where(Assignment.class_id == pupil.class_id, which, Paper.id.not_in([paper.id for paper in without]))
        .order_by(Paper.assignment_id, Paper.id)
    )
    return [PaperRef(*row) for row in await session.execute(query)]


async def _unread(session: AsyncSession, pupil: Pupil) -> int:
    found = (
        select(func.count())
        .select_from(Paper)
        .join(Assignment, Assignment.id == Paper.assignment_id)
        .where(
            Assignment.class_id == pupil.class_id,
            Paper.state == PaperState.RECEIVED,
            Paper.student_id.is_(None),
        )
    )
    return await session.scalar(found) or 0
