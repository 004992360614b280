"""What happens to piles: pictures come in, a split is proposed, the teacher settles it, papers are made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app import jobs
from app.assignments.models import Assignment
from app.classes import store as classes
from app.classes.models import ClassTeacher, Student
from app.i18n import N_, ProblemError
from app.papers import pages as all_pages
from app.papers import store
from app.papers.bundles import Arranged, Proposed, arranged, entry, known_ones, make, open_, place
from app.papers.models import MatchState, PageState, Paper, PaperPage, Pile, PileState
from app.papers.service import File

__all__ = [
    "Arranged", "PileError", "Proposed", "add_file", "arrange", "close", "close_left", "close_token",
    "count_open", "for_teacher", "has_file", "join", "locked", "of_file", "open_", "open_ones", "pages",
    "progress", "propose", "remove", "resume_splits", "settle", "settled_ones", "split_again",
    "split_if_read", "undo",
]  # fmt: skip

CLOSE_AFTER = timedelta(seconds=60)  # without a further picture


class PileError(ProblemError):
    """A pile is not as it was, or not ready for what was asked."""

    status = 409


# (pages, roster, assignment id) -> proposals. Handed in, because domain packages do not import intake.
SplitBy = Callable[[Sequence[PaperPage], Sequence[Student], int], Awaitable[Sequence[Proposed]]]


async def join(session: AsyncSession, assignment_id: int, user_id: int | None, token: str, name: str) -> Pile:
    """The pile of one upload, made by its first picture; held until the transaction ends.

    A closed one takes no more: then a further pile is made.
    """
    for number in range(100):
        key = token if not number else f"{token}:{number}"
        made = insert(Pile).values(assignment_id=assignment_id, uploaded_by=user_id, token=key, name=name)
        await session.execute(made.on_conflict_do_nothing(index_elements=["assignment_id", "token"]))
        pile = await session.scalar(
            select(Pile)
            .where(Pile.assignment_id == assignment_id, Pile.token == key)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if pile is not None and not pile.closed:
            return pile
    raise PileError(N_("This upload has ended. Load the page again and send the pictures once more."))


async def add_file(session: AsyncSession, pile: Pile, file_name: str, stored: File) -> bool:
    """Take a stored picture into a pile, with the job that reads it; False when the assignment has it already."""
    if await has_file(session, pile.assignment_id, stored.key):
        return False
    last = await session.scalar(select(func.max(PaperPage.position)).where(PaperPage.pile_id == pile.id))
    page = PaperPage(
        pile_id=pile.id,
        position=(last or 0) // all_pages.STEP * all_pages.STEP + all_pages.STEP,
        source_key=stored.key,
        source_name=file_name,
    )
    session.add(page)
    pile.touched_at = datetime.now(UTC)
    await session.flush()
    await jobs.enqueue_page(session, page.id)
    return True


async def has_file(session: AsyncSession, assignment_id: int, storage_key: str) -> bool:
    """Whether a file is in a pile of this assignment already."""
    inside = exists().where(
        PaperPage.source_key == storage_key,
        PaperPage.pile_id == Pile.id,
        Pile.assignment_id == assignment_id,
    )
    return bool(await session.scalar(select(inside)))


async def close(session: AsyncSession, pile: Pile) -> None:
    """No more pictures come: when all are read, the pile is split."""
    if not pile.closed:
        pile.closed = True
        await session.flush()
        await split_if_read(session, pile)


async def close_token(session: AsyncSession, assignment_id: int, token: str) -> list[Pile]:
    """Close the piles of one upload. Returns them."""
    found = select(Pile).where(
        Pile.assignment_id == assignment_id, Pile.token.startswith(token, autoescape=True), ~Pile.closed
    )
    piles = list((await session.scalars(found.with_for_update())).all())
    for pile in piles:
        await close(session, pile)
    return piles


async def close_left(session: AsyncSession) -> list[Pile]:
    """Close the piles whose upload ended without saying so. Returns them."""
    old = datetime.now(UTC) - CLOSE_AFTER
    found = select(Pile).where(Pile.state == PileState.READING, ~Pile.closed, Pile.touched_at < old)
    piles = list((await session.scalars(found.with_for_update(skip_locked=True))).all())
    for pile in piles:
        await close(session, pile)
    return piles


async def resume_splits(session: AsyncSession) -> None:
    """Enqueue the splits that are due and whose jobs were lost; a job that waits or runs has no second one."""
    found = select(Pile).where(Pile.state == PileState.READING, Pile.closed).order_by(Pile.id)
    for pile in (await session.scalars(found.with_for_update(skip_locked=True))).all():
        await split_if_read(session, pile)


async def split_if_read(session: AsyncSession, pile: Pile) -> None:
    """Enqueue the split of a closed pile of which no page waits."""
    waiting = exists().where(PaperPage.pile_id == pile.id, PaperPage.state == PageState.WAITING)
    if pile.closed and pile.state == PileState.READING and not await session.scalar(select(waiting)):
        await jobs.enqueue_split(session, pile.id, pile.version)


async def of_file(session: AsyncSession, paper: Paper) -> Pile | None:
    """Make a pile of a paper whose file holds several students' pages; the paper itself goes.

    None when it was removed meanwhile.
    """
    if await store.locked(session, paper.id) is None:
        return None
    pile = Pile(
        assignment_id=paper.assignment_id,
        uploaded_by=paper.uploaded_by,
        token=f"paper {paper.id}",
        name=paper.file_name,
        closed=True,
    )
    session.add(pile)
    await session.flush()
    moved = update(PaperPage).where(PaperPage.paper_id == paper.id)
    await session.execute(moved.values(pile_id=pile.id, paper_id=None))
    await store.delete(session, paper.id)
    return pile


async def locked(session: AsyncSession, pile_id: int) -> Pile | None:
    """A pile as it is now, held until the transaction ends; None when it is gone."""
    return await session.scalar(
        select(Pile).where(Pile.id == pile_id).with_for_update().execution_options(populate_existing=True)
    )


async def for_teacher(session: AsyncSession, pile_id: int, user_id: int) -> Pile | None:
    """A pile, if this teacher works with its class."""
    return await session.scalar(
        select(Pile)
        .join(Assignment, Assignment.id == Pile.assignment_id)
        .join(ClassTeacher, ClassTeacher.class_id == Assignment.class_id)
        .where(Pile.id == pile_id, ClassTeacher.user_id == user_id)
    )


async def open_ones(session: AsyncSession, assignment_id: int) -> Sequence[Pile]:
    """The piles of an assignment that are not papers yet, oldest first."""
    found = select(Pile).where(Pile.assignment_id == assignment_id, Pile.state != PileState.SETTLED)
    return (await session.scalars(found.order_by(Pile.id))).all()


async def count_open(session: AsyncSession, assignment_id: int) -> int:
    """How many piles of an assignment are not papers yet."""
    found = select(func.count()).where(Pile.assignment_id == assignment_id, Pile.state != PileState.SETTLED)
    return await session.scalar(found) or 0


async def settled_ones(session: AsyncSession, assignment_id: int) -> Sequence[Pile]:
    """The piles of an assignment whose papers were made, newest first."""
    found = select(Pile).where(Pile.assignment_id == assignment_id, Pile.state == PileState.SETTLED)
    return (await session.scalars(found.order_by(Pile.id.desc()))).all()


async def pages(session: AsyncSession, pile_id: int) -> Sequence[PaperPage]:
    """A pile's pages in order."""
    return await all_pages.of_pile(session, pile_id)


async def outline(session: AsyncSession, pile_id: int) -> Sequence[PaperPage]:
    """A pile's pages in order without their words: a long pile is arranged and shown without reading them."""
    return await all_pages.outline(session, pile_id)


async def progress(session: AsyncSession, pile_ids: Collection[int]) -> dict[int, tuple[int, int]]:
    """By pile: how many of its pages are done with (read or failed), and how many there are."""
    done = func.count().filter(PaperPage.state != PageState.WAITING)
    counted = select(PaperPage.pile_id, done, func.count()).where(PaperPage.pile_id.in_(pile_ids))
    rows = (await session.execute(counted.group_by(PaperPage.pile_id))).all()
    return {pile: (read, every) for pile, read, every in rows if pile is not None}


async def propose(session: AsyncSession, pile_id: int, split_by: SplitBy) -> tuple[Pile, list[Paper]] | None:
    """Split a pile by itself. Without any doubt its papers are made at once. None when there is nothing to do."""
    pile = await locked(session, pile_id)
    if pile is None or pile.state != PileState.READING or not pile.closed:
        return None
    assignment = await session.get(Assignment, pile.assignment_id)
    assert assignment is not None
    rows = await pages(session, pile.id)
    found = await split_by(rows, await classes.students(session, assignment.class_id), assignment.id)
    pile.bundles = [entry(each) for each in found]
    place(rows, [each.pages for each in found])
    pile.state = PileState.ASKS
    pile.version += 1
    await session.flush()
    certain = found and all(each.match == MatchState.MATCHED and each.doubt is None for each in found)
    made = await make(session, pile, rows) if certain else []
    return pile, made


async def arrange(session: AsyncSession, pile: Pile, version: int, bundles: Sequence[Arranged]) -> None:
    """The teacher's own split, as a whole; pages not named are left out. Raises PileError.

    A bundle that is as it was proposed keeps its doubt; what the teacher put together or named has none.
    """
    found = await _current(session, pile, version)
    rows = await outline(session, found.id)
    named = [each for bundle in bundles for each in bundle.pages]
    if len(set(named)) != len(named) or not set(named) <= {row.id for row in rows}:
        raise PileError(N_("A page of this split is not in the pile any more. Load the page again."))
    assignment = await session.get(Assignment, found.assignment_id)
    assert assignment is not None
    roster = {each.id for each in await classes.students(session, assignment.class_id)}
    before = known_ones(found, rows)
    bundles = [bundle for bundle in bundles if bundle.pages]
    if any(bundle.student_id is not None and bundle.student_id not in roster for bundle in bundles):
        raise PileError(N_("That student is not in this class. Load the page again and choose another."))
    found.bundles = [arranged(bundle, before) for bundle in bundles]
    place(rows, [bundle.pages for bundle in bundles])
    found.version += 1
    await session.flush()


async def settle(session: AsyncSession, pile: Pile, version: int) -> list[Paper]:
    """Make the papers of a pile. Raises PileError while a bundle is in doubt or without a student's word."""
    found = await _current(session, pile, version)
    doubtful = [each for each in found.bundles if open_(each)]
    if not found.bundles:
        raise PileError(N_("There is no paper in this pile: every page is left out."))
    if doubtful:
        raise PileError(
            N_("{count} papers of this pile are still in doubt. Settle them first."), count=len(doubtful)
        )
    return await make(session, found, await outline(session, found.id))


async def undo(
    session: AsyncSession, pile: Pile, decided: Callable[[Sequence[int]], Awaitable[int]]
) -> list[int]:
    """Put a settled pile's papers back into it, with their marks gone. Returns the papers' ids.

    `decided` (paper ids -> how many marks of them a teacher decided, awaitable) is handed in, because marks are a room
    above. Raises PileError when something was decided.
    """
    found = await locked(session, pile.id)
    if found is None or found.state != PileState.SETTLED:
        raise PileError(N_("This pile has changed meanwhile. Load the page again."))
    ids = list((await session.scalars(select(Paper.id).where(Paper.pile_id == found.id))).all())
    if await decided(ids):
        raise PileError(N_("Marks of these papers were decided already, so the split stays as it is."))
    await session.execute(update(PaperPage).where(PaperPage.pile_id == found.id).values(paper_id=None))
    for paper_id in ids:
        await store.delete(session, paper_id)
    found.state = PileState.ASKS
    found.version += 1
    await session.flush()
    return ids


async def split_again(session: AsyncSession, pile: Pile, version: int) -> None:
    """Have a pile split by itself once more; what the teacher arranged goes. Raises PileError."""
    found = await _current(session, pile, version)
    found.state = PileState.READING
    found.version += 1
    await session.flush()
    await split_if_read(session, found)


async def remove(session: AsyncSession, pile: Pile) -> None:
    """Remove a pile that is not papers yet, with its pages. Raises PileError."""
    found = await locked(session, pile.id)
    if found is None:
        return
    if found.state == PileState.SETTLED:
        raise PileError(N_("This pile is papers already. Undo the split first, or remove the papers."))
    await session.delete(found)
    await session.flush()


async def _current(session: AsyncSession, pile: Pile, version: int) -> Pile:
    found = await locked(session, pile.id)
    if found is None or found.version != version or found.state != PileState.ASKS:
        raise PileError(N_("This pile has changed meanwhile. Load the page again."))
    return found
