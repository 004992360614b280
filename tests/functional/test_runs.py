"""Runs: what they take up, their clock, and that one is never begun or ended twice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from app.db import Database
from app.i18n import Text
from app.marks import claims, proposals, runs
from app.marks.claims import ClaimResult, LetGo
from app.marks.models import Mark, MarkChange, MarkState, Run, RunPaper, RunPaperState, RunQuestion, RunState
from app.marks.proposals import Proposal
from app.marks.runs import RunError, RunMovedOnError, Which
from tests import factories, graded
from tests.conftest import World


def proposal(run: Run, paper_id: int, question_id: int, **changes: object) -> Proposal:
    values: dict[str, object] = {
        "run_id": run.id,
        "paper_id": paper_id,
        "question_id": question_id,
        "scheme_version": 1,
        "state": "graded",
        "points": 2.0,
        "reason": None,
        "confidence": 0.5,
        "criteria": [],
        "feedback": "",
        "grader": "test",
        "tokens_in": 100,
        "tokens_out": 10,
        "cost": 0.25,
    }
    return Proposal(**{**values, **changes})  # type: ignore[arg-type]


async def jobs_in(db: Database) -> list[str]:
    async with db.begin() as session:
        found = await session.scalars(text("select dedupe_key from pgqueuer order by id"))
        return list(found.all())


async def test_it_takes_what_no_teacher_decided(db: Database, world: World) -> None:
    async with db.begin() as session:
        assignment, papers = await graded.assignment(session, world.klass, papers=2, questions=3)
        session.add(
            Mark(
                paper_id=papers[0].id,
                question_id=assignment.questions[1].id,
                state=MarkState.DECIDED,
                points=1,
                criteria=[],
                scheme_version=1,
            )
        )
        await session.flush()
        run = await runs.start(session, assignment, world.alice)
    async with db.begin() as session:
        rows = (await session.execute(select(RunQuestion.paper_id, RunQuestion.question_id))).all()
        assert len(rows) == 5 and (papers[0].id, assignment.questions[1].id) not in rows
        progress = await runs.progress(session, run)
    assert (progress.papers, progress.total, progress.done, progress.seconds_left) == (2, 5, 0, None)
    assert len(await jobs_in(db)) == 2


async def test_scope_papers_and_which(db: Database, world: World) -> None:
    async with db.begin() as session:
        assignment, papers = await graded.assignment(session, world.klass, papers=3, questions=3)
        ids = [question.id for question in assignment.questions]
        for question_id, state in zip(ids, ("graded", "needs_teacher"), strict=False):
            session.add(
                Mark(
                    paper_id=papers[0].id, question_id=question_id, state=state, criteria=[], scheme_version=1
                )
            )
        await session.flush()
    wanted: list[tuple[dict[str, object], set[tuple[int, int]]]] = [
        ({"papers": [papers[1].id], "scope": ["1", "3"]}, {(papers[1].id, ids[0]), (papers[1].id, ids[2])}),
        ({"which": Which.NEEDS_TEACHER}, {(papers[0].id, ids[1])}),
        ({"which": Which.NEW, "papers": [papers[0].id]}, {(papers[0].id, ids[2])}),
    ]
    for arguments, places in wanted:
        async with db.begin() as session:
            fresh = await claims.assignment_of(session, assignment.id)
            assert fresh is not None
            run = await runs.start(session, fresh, world.alice, **arguments)  # type: ignore[arg-type]
            rows = await session.execute(
                select(RunQuestion.paper_id, RunQuestion.question_id).where(RunQuestion.run_id == run.id)
            )
            assert {tuple(row) for row in rows} == places
            await runs.cancel(session, await runs.of_assignment(session, run.id, assignment.id))


async def test_a_refused_start_leaves_nothing(db: Database, world: World) -> None:
    async with db.begin() as session:
        assignment, _ = await graded.assignment(session, world.klass)
        for paper in await session.scalars(select(graded.Paper)):
            paper.state = "unreadable"
    with pytest.raises(RunError, match="no paper that can be read"):
        async with db.begin() as session:
            fresh = await claims.assignment_of(session, assignment.id)
            assert fresh is not None
            await runs.start(session, fresh, world.alice)
    assert await graded.count(db, Run) == 0 and await jobs_in(db) == []


async def test_two_starts_at_once_make_one_run(db: Database, world: World) -> None:
    async with db.begin() as session:
        assignment, _ = await graded.assignment(session, world.klass)

    async def begin() -> None:
        async with db.begin() as session:
            fresh = await claims.assignment_of(session, assignment.id)
            assert fresh is not None
            await runs.start(session, fresh, world.alice)

    results = await asyncio.gather(begin(), begin(), return_exceptions=True)
    assert sorted(isinstance(each, RunError) for each in results) == [False, True]
    assert await graded.count(db, Run) == 1 and len(await jobs_in(db)) == 2


async def test_the_clock_stops_in_a_pause(db: Database, world: World) -> None:
    async with db.begin() as session:
        assignment, _ = await graded.assignment(session, world.klass)
        run = await runs.start(session, assignment, world.alice)
    before = await jobs_in(db)
    async with db.begin() as session:
        run = await runs.of_assignment(session, run.id, assignment.id)
        run.resumed_at = datetime.now(UTC) - timedelta(seconds=10)
        await runs.pause(session, run)
        assert 10 <= run.seconds_before < 12
        with pytest.raises(RunMovedOnError):
            await runs.pause(session, run)
    async with db.begin() as session:
        run = await runs.of_assignment(session, run.id, assignment.id)
        assert (await runs.progress(session, run)).seconds == run.seconds_before
        await runs.resume(session, run, None)
    # A job that is just ending because of the pause must not swallow the one that goes on.
    assert len(await jobs_in(db)) == 2 * len(before)


async def test_time_left_by_the_measured_pace(db: Database, world: World) -> None:
    async with db.begin() as session:
        assignment, papers = await graded.assignment(session, world.klass, papers=2, questions=4)
        run = await runs.start(session, assignment, world.alice)
    told = [proposal(run, papers[0].id, question.id) for question in assignment.questions]
    async with db.begin() as session:
        await proposals.store(session, told)
    async with db.begin() as session:
        stored = await runs.of_assignment(session, run.id, assignment.id)
        stored.resumed_at = datetime.now(UTC) - timedelta(seconds=20)
        progress = await runs.progress(session, stored)
    assert progress.done == 4 and progress.seconds_left == pytest.approx(20, abs=1)


async def test_a_mark_told_twice_counts_once(db: Database, world: World) -> None:
    async with db.begin() as session:
        assignment, papers = await graded.assignment(session, world.klass, papers=1, questions=2)
        run = await runs.start(session, assignment, world.alice)
    told = proposal(run, papers[0].id, assignment.questions[0].id)
    async with db.begin() as session:
        assert await proposals.store(session, [told, told]) == [told]
    async with db.begin() as session:
        assert await proposals.store(session, [told]) == []
    stored = await graded.run_of(db, run.id)
    assert (stored.tokens_in, stored.tokens_out, stored.cost) == (100, 10, 0.25)
    async with db.begin() as session:
        paper = await session.get(RunPaper, (run.id, papers[0].id))
        assert paper is not None and paper.graded == 1


async def test_the_teachers_decision_is_final_and_changes_are_kept(db: Database, world: World) -> None:
    async with db.begin() as session:
        assignment, papers = await graded.assignment(session, world.klass, papers=1, questions=2)
        first, second = assignment.questions
        run = await runs.start(session, assignment, world.alice)
        common = {"paper_id": papers[0].id, "criteria": [], "scheme_version": 1}
        session.add(Mark(question_id=first.id, state=MarkState.DECIDED, points=3, **common))
        session.add(Mark(question_id=second.id, state=MarkState.NEEDS_TEACHER, **common))
    async with db.begin() as session:
        await proposals.store(
            session,
            [proposal(run, papers[0].id, first.id, points=0.5), proposal(run, papers[0].id, second.id)],
        )
    marks = await graded.marks_of(db, assignment)
    assert [(mark.state, mark.points, mark.version) for mark in marks] == [
        ("decided", 3.0, 1),
        ("graded", 2.0, 2),
    ]
    async with db.begin() as session:
        changes = (await session.scalars(select(MarkChange).order_by(MarkChange.id))).all()
    assert [(c.mark_id, c.user_id, c.what, c.before, c.after) for c in changes] == [
        (marks[1].id, None, "points", None, "2"),
        (marks[1].id, None, "state", "needs_teacher", "graded"),
    ]


async def test_a_teachers_first_words_are_as_safe_as_a_decision(db: Database, world: World) -> None:
    async with db.begin() as session:
        assignment, papers = await graded.assignment(session, world.klass, papers=1, questions=2)
        first, second = assignment.questions
        # A run is under way while the teacher gives the first of two points and writes a line.
        run = await runs.start(session, assignment, world.alice)
        entries = [{"points": 0.0, "proposed": None, "quote": "", "start": 0, "end": 0, "comment": "see me"}]
        session.add(
            Mark(
                paper_id=papers[0].id,
                question_id=first.id,
                state=MarkState.NEEDS_TEACHER,
                criteria=entries,
                feedback="Almost.",
                scheme_version=1,
                decided_by=world.alice.id,
            )
        )
    async with db.begin() as session:
        told = [proposal(run, papers[0].id, question.id) for question in (first, second)]
        assert len(await proposals.store(session, told)) == 2
        assert not (await session.scalars(select(MarkChange))).all()
    mark = (await graded.marks_of(db, assignment))[0]
    assert (mark.state, mark.points, mark.feedback, mark.version) == ("needs_teacher", None, "Almost.", 1)
    assert mark.criteria == entries and mark.run_id is None
    # Nor does another run take it up, whatever it is asked for.
    async with db.begin() as session:
        await runs.cancel(session, await runs.of_assignment(session, run.id, assignment.id))
        again = await runs.start(session, assignment, world.alice)
        rows = await session.scalars(select(RunQuestion.question_id).where(RunQuestion.run_id == again.id))
        assert rows.all() == [second.id]
        await runs.cancel(session, again)
    for which in (Which.NEW, Which.NEEDS_TEACHER):
        with pytest.raises(runs.RunError):
            async with db.begin() as session:
                await runs.start(session, assignment, world.alice, scope=["1"], which=which)


async def test_the_cost_cap_pauses_and_says_so(db: Database, world: World) -> None:
    async with db.begin() as session:
        assignment, papers = await graded.assignment(session, world.klass, papers=1, questions=2)
        assignment.cost_cap = 0.2
        run = await runs.start(session, assignment, world.alice)
    async with db.begin() as session:
        await proposals.store(session, [proposal(run, papers[0].id, assignment.questions[0].id)])
    stored = await graded.run_of(db, run.id)
    assert stored.state == RunState.PAUSED and stored.reason is not None
    assert "cost cap" in Text.from_json(stored.reason).render("en")
    async with db.begin() as session:
        with pytest.raises(RunError, match="cost cap"):
            await runs.resume(session, await runs.of_assignment(session, run.id, assignment.id), 0.2)
    async with db.begin() as session:
        await runs.resume(session, await runs.of_assignment(session, run.id, assignment.id), 5.0)
    assert (await graded.run_of(db, run.id)).state == RunState.RUNNING


async def test_a_paper_belongs_to_one_job(db: Database, world: World) -> None:
    async with db.begin() as session:
        assignment, papers = await graded.assignment(session, world.klass, papers=1)
        run = await runs.start(session, assignment, world.alice)
        jobs = (await session.scalars(text("select id from pgqueuer"))).all()
    job = int(jobs[0])
    async with db.begin() as session:
        result, number = await claims.claim(session, run.id, papers[0].id, job)
        assert result is ClaimResult.MINE
    async with db.begin() as session:
        assert (await claims.claim(session, run.id, papers[0].id, job + 1))[0] is ClaimResult.BUSY
        # The same job in another process: the first one died.
        result, second = await claims.claim(session, run.id, papers[0].id, job)
        assert result is ClaimResult.MINE and second != number
    async with db.begin() as session:
        assert await claims.let_go(session, run.id, papers[0].id, number, RunPaperState.DONE) is None
        await session.execute(text("delete from pgqueuer"))
    async with db.begin() as session:
        result, third = await claims.claim(session, run.id, papers[0].id, job + 1)
        assert result is ClaimResult.MINE
        let = await claims.let_go(session, run.id, papers[0].id, third, RunPaperState.DONE)
        assert let == LetGo(assignment.id, ended=True, running=False)
    assert (await graded.run_of(db, run.id)).state == RunState.FINISHED
    async with db.begin() as session:
        assert (await claims.claim(session, run.id, papers[0].id, job))[0] is ClaimResult.OVER


async def test_the_last_two_papers_end_the_run_once(db: Database, world: World) -> None:
    async with db.begin() as session:
        assignment, papers = await graded.assignment(session, world.klass, papers=2)
        run = await runs.start(session, assignment, world.alice)
    numbers = []
    for index, paper in enumerate(papers):
        async with db.begin() as session:
            numbers.append((await claims.claim(session, run.id, paper.id, 100 + index))[1])

    async def end(index: int) -> bool:
        async with db.begin() as session:
            let = await claims.let_go(session, run.id, papers[index].id, numbers[index], RunPaperState.DONE)
            assert let is not None
            return let.ended

    assert sorted(await asyncio.gather(end(0), end(1))) == [False, True]


async def test_mending_brings_lost_jobs_back_and_ends_what_has_nothing_left(
    db: Database, world: World
) -> None:
    async with db.begin() as session:
        assignment, papers = await graded.assignment(session, world.klass, papers=2)
        run = await runs.start(session, assignment, world.alice)
        waiting = await graded.paper(session, assignment, "late.txt", None)
    keys = await jobs_in(db)
    async with db.begin() as session:
        await session.execute(text("delete from pgqueuer"))
        await session.execute(text("update papers set created_at = now() - interval '1 hour'"))
    for _ in range(2):
        async with db.begin() as session:
            assert await claims.mend(session) == []
        assert sorted(await jobs_in(db)) == sorted([*keys, f"read:{waiting.id}"])
    async with db.begin() as session:
        await session.execute(text("delete from papers where state = 'read'"))
    async with db.begin() as session:
        assert [each.id for each in await claims.mend(session)] == [run.id]
    assert papers and (await graded.run_of(db, run.id)).state == RunState.FINISHED


async def test_an_assignment_without_scheme_is_refused(db: Database, world: World) -> None:
    async with db.begin() as session:
        bare = await factories.assignment(session, world.klass, graded.scheme(0))
        with pytest.raises(RunError, match="no marking scheme"):
            await runs.start(session, bare, world.alice)
