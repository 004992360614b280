"""Erasing a pupil: everything that identifies them, wherever it is kept, also while a run has their paper in hand.

The rows go in one transaction. What lies outside them (files, checkpoints, a model's kept answers, events, roster
drafts) goes after it, and once more when the last worker has let go of the papers. All of that would also go by itself
(notes of dropped files, the workers' mending, Redis's own expiry): an interrupted erasure is finished by the server.

Statistics of a class are counted from its marks and kept nowhere, so they are without the pupil from then on.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg
from redis.exceptions import RedisError
from sqlalchemy import delete, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import Actor
from app.classes.models import Student
from app.events.bus import Bus
from app.events.schema import Event, PaperChanged, RunChanged
from app.i18n import N_, Text
from app.marks import runs
from app.marks.models import Run, RunPaper, RunState
from app.papers.models import MatchState, Paper
from app.upkeep import traces
from app.upkeep.dropped import remove_files
from app.upkeep.parts import Parts
from app.upkeep.picture import PaperRef, Picture, mentioned_in, picture
from app.upkeep.pupil_pages import forget_in_piles, forget_pages, hold_piles
from app.upkeep.pupils import Pupil, PupilError

TRIES = 4  # for a transaction that meets another one head-on
COLLISIONS = ("40P01", "40001")  # PostgreSQL's codes for a deadlock and for a serialization failure
LOOK_SECONDS = 0.5
# Beyond LLM_TIMEOUT: a worker comes to its next gate, and a dead one's job is taken over by another.
LET_GO_SECONDS = 45.0


@dataclass
class Erased:
    """What was removed, by kind, and what is left to say: sentences about what goes a little later."""

    picture: Picture
    removed: Counter[str] = field(default_factory=Counter)
    later: list[Text] = field(default_factory=list)


async def erase(parts: Parts, pupil: Pupil, actor: Actor, *, with_doubtful: bool = False) -> Erased:
    """Erase a pupil. `with_doubtful` also takes papers that are nobody's and may be theirs.

    Raises PupilError when somebody else has removed the pupil meanwhile. Waits for workers that have one of the papers
    in hand, LLM_TIMEOUT and LET_GO_SECONDS at most.
    """
    erased, events = await _rows(parts, pupil, actor, with_doubtful)
    papers = erased.picture.papers
    await _outside(parts, pupil, erased, first=True)
    await _publish(parts, events)
    keys = {paper.storage_key for paper in papers} | erased.picture.pages.keys
    erased.removed["files"], waiting = await remove_files(parts, keys)
    if waiting:
        erased.later.append(
            Text(
                N_("Files that the server removes by itself, after a backup under way: {count}."),
                {"count": waiting},
            )
        )
    if not await _let_go(parts, [paper.id for paper in papers]):
        erased.later.append(
            Text(
                N_("A worker still has one of the papers in hand; what it leaves is removed within a minute.")
            )
        )
    await _outside(parts, pupil, erased, first=False)
    return erased


async def _rows(parts: Parts, pupil: Pupil, actor: Actor, with_doubtful: bool) -> tuple[Erased, list[Event]]:
    """Everything in our tables, in one transaction; and the events that tell open pages."""
    for attempt in range(1, TRIES + 1):
        try:
            async with parts.database.begin() as session:
                return await _erase_rows(session, pupil, actor, with_doubtful)
        except DBAPIError as error:
            if attempt == TRIES or getattr(error.orig, "sqlstate", "") not in COLLISIONS:
                raise
            await asyncio.sleep(0.2 * attempt)
    raise AssertionError("unreachable")


async def _erase_rows(
    session: AsyncSession, pupil: Pupil, actor: Actor, with_doubtful: bool
) -> tuple[Erased, list[Event]]:
    await hold_piles(session, pupil)
    # Held from here on: no paper can be given to this pupil.
    held = await session.scalar(select(Student.id).where(Student.id == pupil.id).with_for_update())
    if held is None:
        raise PupilError(N_("This student has been removed meanwhile."))
    seen = await picture(session, pupil, with_doubtful=with_doubtful)
    erased = Erased(seen, Counter(seen.counts))
    ids = [paper.id for paper in seen.papers]
    # The runs before their papers, as those do who store marks.
    open_runs = await _locked_runs(session, ids)
    erased.removed["jobs"] = await traces.withdraw_jobs(session, ids)
    await traces.forget_job_log(session, seen.jobs)
    # Before their papers: the ledger's entries are found by the pages.
    await forget_pages(session, seen.pages)
    await session.execute(delete(Paper).where(Paper.id.in_(ids)))
    await forget_in_piles(session, pupil)
    changed = await _forget_in_others(session, pupil)
    await session.execute(delete(Student).where(Student.id == pupil.id))
    for run in open_runs:
        await runs.finish_if_done(session, run)
    counts = {"papers": len(ids), "marks": seen.counts["marks"], "with_doubtful": with_doubtful}
    await audit.record(
        session, actor, Action.STUDENT_ERASED, "student", pupil.id, class_id=pupil.class_id, **counts
    )
    told = [*seen.papers, *changed]
    events: list[Event] = [PaperChanged(paper.assignment_id, paper.id) for paper in told]
    return erased, [*events, *(RunChanged(run.assignment_id, run.id) for run in open_runs)]


async def _locked_runs(session: AsyncSession, papers: Sequence[int]) -> Sequence[Run]:
    """The open runs that have one of the papers, locked, in the order in which everybody locks them."""
    theirs = select(RunPaper.run_id).where(RunPaper.paper_id.in_(papers))
    found = await session.scalars(
        select(Run)
        .where(Run.id.in_(theirs), Run.state.in_((RunState.RUNNING, RunState.PAUSED)))
        .order_by(Run.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found.all()


async def _forget_in_others(session: AsyncSession, pupil: Pupil) -> list[PaperRef]:
    """Take the pupil out of what is kept about papers that are not theirs: as a candidate, and in the reason why."""
    found = await session.scalars(
        select(Paper)
        .join(Assignment, Assignment.id == Paper.assignment_id)
        .where(
            Assignment.class_id == pupil.class_id,
            Paper.candidates.contains([pupil.id]) | mentioned_in(Paper.match_reason, pupil),
        )
        .order_by(Paper.id)
        .with_for_update(of=Paper)
    )
    changed = []
    for paper in found:
        paper.candidates = [each for each in paper.candidates if each != pupil.id]
        paper.match_reason = None
        if paper.match == MatchState.DOUBTFUL and not paper.candidates:
            paper.match = MatchState.UNKNOWN
        changed.append(PaperRef.of(paper))
    await session.flush()
    return changed


async def _outside(parts: Parts, pupil: Pupil, erased: Erased, *, first: bool) -> None:
    """Remove what is not in our tables. Where something does not answer, say when it goes by itself."""
    papers = {paper.id for paper in erased.picture.papers}
    removed = erased.removed
    try:
        removed["model_answers"] += await traces.forget_answers(parts.redis, papers)
        removed["roster_drafts"] += await traces.forget_rosters(parts.redis, pupil.class_id)
        # The first time only: the news that the papers are gone must reach the open pages.
        for assignment_id in {paper.assignment_id for paper in erased.picture.papers} if first else ():
            removed["events"] += await traces.forget_events(parts.redis, assignment_id, papers)
    except (RedisError, OSError):
        _say_once(
            erased,
            Text(
                N_("Redis does not answer: a model's kept answers go by themselves within {seconds} s."),
                {"seconds": max(parts.settings.cache_ttl, 3600)},
            ),
        )
    if removed["model_answers"] or removed["roster_drafts"]:
        await traces.rewrite_log(parts.redis)
    try:
        names = await traces.threads(parts.settings.checkpoint_url, papers) if papers else []
        await traces.forget_threads(parts.settings.checkpoint_url, names)
        removed["checkpoints"] += len(names)
    except (psycopg.Error, OSError):
        _say_once(erased, Text(N_("The checkpoints' database does not answer: a worker removes them later.")))


def _say_once(erased: Erased, text: Text) -> None:
    if text not in erased.later:
        erased.later.append(text)


async def _publish(parts: Parts, events: Sequence[Event]) -> None:
    bus = Bus(parts.settings.redis_url.get_secret_value())
    try:
        await bus.publish(*events)
    finally:
        await bus.close()


async def _let_go(parts: Parts, papers: Sequence[int]) -> bool:
    """Wait until no worker has one of the papers in hand; False when that takes too long."""
    limit = time.monotonic() + parts.settings.llm_timeout + LET_GO_SECONDS
    while papers:
        async with parts.database.begin() as session:
            # What a worker put back meanwhile is not to be begun again.
            await traces.withdraw_jobs(session, papers)
            if not await traces.at_work(session, papers):
                return True
        if time.monotonic() > limit:
            return False
        await asyncio.sleep(LOOK_SECONDS)
    return True
