"""The boards progress and questions over real rows: what they count and leave out; and that no board reads a name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import event, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.classroom import boards, progress, questions
from app.classroom.models import Board, BoardKind
from app.classroom.progress import ProgressBoard, Stage
from app.classroom.questions import QuestionBar
from app.db import Database
from app.marks import runs
from app.marks.models import MarkState, Run, RunQuestion, RunState
from app.papers.models import Paper, PaperState
from app.web import board_view
from tests import factories, graded
from tests.conftest import World

SignIn = Callable[..., Any]
GRADED, DECIDED, ASKS = MarkState.GRADED, MarkState.DECIDED, MarkState.NEEDS_TEACHER
FULL, HALF, NONE = (2.0, 1.0), (1.0, 0.5), (0.0, 0.0)  # of 3 points


async def made(
    session: AsyncSession, world: World, papers: int, count: int = 2
) -> tuple[Assignment, list[Paper]]:
    """An assignment with papers that were read, of nobody."""
    return await graded.assignment(session, world.klass, papers, count)


async def progress_of(session: AsyncSession, assignment: Assignment) -> ProgressBoard:
    """The progress board's values."""
    return await progress.board(session, await boards.board(session, assignment, BoardKind.PROGRESS))


async def bars_of(session: AsyncSession, assignment: Assignment) -> tuple[QuestionBar, ...]:
    """The questions board's bars."""
    return (await questions.board(session, await boards.board(session, assignment, BoardKind.QUESTIONS))).bars


# --- progress ---------------------------------------------------------------------------------------------------------


async def test_without_papers_and_while_they_are_read(db: Database, world: World) -> None:
    async with db.begin() as session:
        assignment, _ = await made(session, world, 0)
        assert (await progress_of(session, assignment)).stage is Stage.EMPTY
        await factories.paper(session, assignment, state=PaperState.RECEIVED)
        await factories.paper(session, assignment)
        shown = await progress_of(session, assignment)
    assert (shown.stage, shown.counts.papers, shown.counts.read, shown.percent) == (Stage.READING, 2, 1, 0)


async def test_papers_are_counted_by_what_became_of_them(db: Database, world: World) -> None:
    async with db.begin() as session:
        assignment, papers = await made(session, world, 4)
        one, two = assignment.questions
        await factories.paper(session, assignment, state=PaperState.UNREADABLE)
        await factories.paper(session, assignment, state=PaperState.RECEIVED)
        # Whole; whole, one asks; half; none.
        await factories.mark(session, papers[0], one, FULL)
        await factories.mark(session, papers[0], two, FULL, DECIDED)
        await factories.mark(session, papers[1], one, FULL)
        await factories.mark(session, papers[1], two, None, ASKS)
        await factories.mark(session, papers[2], one, None, ASKS)
        shown = await progress_of(session, assignment)
        counts = shown.counts
    assert (counts.papers, counts.readable, counts.read, counts.unreadable) == (6, 5, 4, 1)
    assert (counts.graded, counts.asks, counts.marks, counts.asking) == (2, 2, 5, 2)
    assert (shown.stage, shown.done, shown.total, shown.percent) == (Stage.PARTLY, 5, 10, 50)


async def test_another_assignment_is_not_counted(db: Database, world: World) -> None:
    async with db.begin() as session:
        assignment, papers = await made(session, world, 1)
        other, theirs = await made(session, world, 5)
        for paper in theirs:
            await factories.mark(session, paper, other.questions[0], FULL)
        shown = await progress_of(session, assignment)
        bars = await bars_of(session, assignment)
    assert (shown.counts.papers, shown.counts.marks, shown.stage) == (1, 0, Stage.READ)
    assert [bar.percent for bar in bars] == [None, None]
    assert len(papers) == 1


async def test_a_run_is_followed_through_its_states(db: Database, world: World) -> None:
    async with db.begin() as session:
        assignment, _ = await made(session, world, 3)
        assert (await progress_of(session, assignment)).stage is Stage.READ
        run = await runs.start(session, assignment, world.alice)
        begun = await progress_of(session, assignment)
        await at_pace(session, run, done=4, seconds=43.0)
        running = await progress_of(session, assignment)
        await runs.pause(session, run)
        paused = await progress_of(session, assignment)
        await runs.cancel(session, run)
        over = await progress_of(session, assignment)
    assert (begun.stage, begun.done, begun.total, begun.seconds_left) == (Stage.RUNNING, 0, 6, None)
    # 4 of 6 in 43 s: 21.5 s for the rest, in steps of 5.
    assert (running.stage, running.done, running.percent, running.seconds_left) == (Stage.RUNNING, 4, 66, 20)
    assert (paused.stage, paused.done, paused.seconds_left) == (Stage.PAUSED, 4, None)
    assert (over.stage, over.done) == (Stage.READ, 0)  # the marks of this test's run were never stored


async def at_pace(session: AsyncSession, run: Run, done: int, seconds: float) -> None:
    """As if a run had graded `done` questions within `seconds`."""
    run.resumed_at = datetime.now(UTC) - timedelta(seconds=seconds)
    await session.flush()
    rows = (
        select(RunQuestion.paper_id, RunQuestion.question_id).where(RunQuestion.run_id == run.id).limit(done)
    )
    for paper_id, question_id in (await session.execute(rows)).all():
        await session.execute(
            update(RunQuestion)
            .where(
                RunQuestion.run_id == run.id,
                RunQuestion.paper_id == paper_id,
                RunQuestion.question_id == question_id,
            )
            .values(graded_at=datetime.now(UTC))
        )


async def test_a_finished_run_is_done_when_nothing_is_missing(db: Database, world: World) -> None:
    async with db.begin() as session:
        assignment, papers = await made(session, world, 2)
        for paper in papers:
            for question in assignment.questions:
                await factories.mark(session, paper, question, FULL)
        session.add(Run(assignment_id=assignment.id, grader="local", state=RunState.FINISHED))
        await session.flush()
        whole = await progress_of(session, assignment)
        await factories.paper(session, assignment, state=PaperState.RECEIVED)
        later = await progress_of(session, assignment)
    assert (whole.stage, whole.percent) == (Stage.DONE, 100)
    assert (later.stage, later.percent) == (Stage.PARTLY, 66)


# --- questions --------------------------------------------------------------------------------------------------------


async def test_the_mean_is_over_pencil_and_decided_and_never_what_the_teacher_is_asked(
    db: Database, world: World
) -> None:
    async with db.begin() as session:
        assignment, papers = await made(session, world, 6, 1)
        question = assignment.questions[0]
        for paper, points, state in zip(
            papers, (FULL, FULL, HALF, NONE), (GRADED, DECIDED, GRADED, GRADED), strict=False
        ):
            await factories.mark(session, paper, question, points, state)
        await factories.mark(session, papers[4], question, None, ASKS)
        # Even one that carries points, whatever wrote them.
        asked = await factories.mark(session, papers[5], question, NONE, ASKS)
        asked.points = 0.0
        await session.flush()
        (bar,) = await bars_of(session, assignment)
    # (1 + 1 + .5 + 0) / 4 = 62.5 %, a fourth of the marks decided.
    assert (bar.percent, bar.decided, bar.pencil, bar.asks) == (62, 16, 46, 2)


async def test_two_pupils_show_nothing_and_copies_make_no_third(db: Database, world: World) -> None:
    async with db.begin() as session:
        assignment, _ = await made(session, world, 0, 1)
        question = assignment.questions[0]
        one, two = [await factories.student(session, world.klass, name) for name in ("Ann", "Ben")]
        for student in (one, one, one, two):
            paper = await factories.paper(session, assignment, student)
            await factories.answers(session, paper, {question: None})
            await factories.mark(session, paper, question, FULL)
        (few,) = await bars_of(session, assignment)
        nobody = await factories.paper(session, assignment)  # may be a third one's
        await factories.answers(session, nobody, {question: "Because."})
        await factories.mark(session, nobody, question, NONE)
        (enough,) = await bars_of(session, assignment)
    assert (few.percent, few.decided, few.pencil, few.blank, few.asks) == (None, 0, 0, None, None)
    assert (enough.percent, enough.blank, enough.asks) == (80, 4, 0)


async def test_a_copy_that_cannot_be_read_does_not_take_its_pupil_away(db: Database, world: World) -> None:
    async with db.begin() as session:
        assignment, _ = await made(session, world, 0, 1)
        for name in ("Ann", "Ben", "Cem"):
            student = await factories.student(session, world.klass, name)
            paper = await factories.paper(session, assignment, student)
            await factories.mark(session, paper, assignment.questions[0], FULL)
            await factories.paper(session, assignment, student, state=PaperState.UNREADABLE)
        (bar,) = await bars_of(session, assignment)
    assert bar.percent == 100


@pytest.mark.parametrize(
    ("answer", "blank"), [(None, 3), ("", 3), (" \n\t\r\n ", 3), ("　", 3), ("0", 0), ("不会", 0)]
)
async def test_what_is_blank(db: Database, world: World, answer: str | None, blank: int) -> None:
    async with db.begin() as session:
        assignment, papers = await made(session, world, 4, 1)
        for paper in papers[:3]:
            await factories.answers(session, paper, {assignment.questions[0]: answer})
        await factories.answers(session, papers[3], {assignment.questions[0]: "Warm air rises."})
        (bar,) = await bars_of(session, assignment)
    assert (bar.blank, bar.percent) == (blank, None)


async def test_points_beyond_the_questions_and_a_question_without_points(db: Database, world: World) -> None:
    async with db.begin() as session:
        assignment, papers = await made(session, world, 3)
        one, two = assignment.questions
        for paper in papers:
            await factories.mark(session, paper, one, FULL)
            await factories.mark(session, paper, two, NONE)
        one.points, two.points = 1.0, 0.0  # the scheme was edited since
        await session.flush()
        bars = await bars_of(session, assignment)
    assert [bar.percent for bar in bars] == [100, None]


# --- both as pages ----------------------------------------------------------------------------------------------------


async def sixty(session: AsyncSession, world: World) -> Assignment:
    """An assignment of sixty questions, its four papers marked."""
    assignment, papers = await made(session, world, 4, 60)
    for paper in papers:
        for question in assignment.questions:
            await factories.mark(session, paper, question, HALF)
    return assignment


async def test_every_question_of_sixty_is_on_the_board(
    server: TestServer, database: Database, world: World
) -> None:
    async with database.begin() as session:
        assignment = await sixty(session, world)
        board = await boards.board(session, assignment, BoardKind.QUESTIONS)
    page = await board_view.render(server.app, board.id, "en")
    assert page is not None
    assert "cols-5 rows-12" in page and page.count("<li>") == 60
    assert re.findall(r"<b>(\d+)</b>", page) == [str(number) for number in range(1, 61)]
    assert "Explain observation" not in page and "style=" not in page
    assert len(page.encode()) <= 20_000  # it goes to every screen with every change


async def test_a_bars_parts_are_attributes_and_a_prompt_is_escaped_and_cut(
    server: TestServer, database: Database, world: World
) -> None:
    async with database.begin() as session:
        assignment, papers = await made(session, world, 4, 1)
        assignment.questions[0].prompt = "<b>Why</b> " + "x" * 500
        for paper, state in zip(papers, (DECIDED, GRADED, GRADED, GRADED), strict=True):
            await factories.mark(session, paper, assignment.questions[0], HALF, state)
        board = await boards.board(session, assignment, BoardKind.QUESTIONS)
    page = await board_view.render(server.app, board.id, "zh")
    assert page is not None
    assert '<rect class="pencil" width="50%"' in page and '<rect class="decided" width="12%"' in page
    assert "&lt;b&gt;Why&lt;/b&gt;" in page and "x" * 100 not in page and "老师已定" in page


@pytest.mark.parametrize(("language", "said"), [("en", "No papers yet"), ("zh", "还没有答卷")])
async def test_an_empty_assignment_says_so(
    server: TestServer, database: Database, world: World, language: str, said: str
) -> None:
    async with database.begin() as session:
        assignment, _ = await made(session, world, 0)
        board = await boards.board(session, assignment, BoardKind.PROGRESS)
    page = await board_view.render(server.app, board.id, language)
    assert page is not None and said in page and "<svg" not in page


async def test_progress_in_words_and_as_a_ring(server: TestServer, database: Database, world: World) -> None:
    async with database.begin() as session:
        assignment, papers = await made(session, world, 4, 1)
        await factories.mark(session, papers[0], assignment.questions[0], FULL)
        await factories.mark(session, papers[1], assignment.questions[0], None, ASKS)
        board = await boards.board(session, assignment, BoardKind.PROGRESS)
    page = await board_view.render(server.app, board.id, "en")
    assert page is not None
    assert "Partly graded" in page and "2 of 4 questions" in page and 'stroke-dasharray="125.0 250"' in page
    assert re.search(r"Waiting for the teacher</dt><dd><b>1</b>", page)


# --- nameless by construction -----------------------------------------------------------------------------------------

NAME, NUMBER, FILE, STUDENT = "Zebedee Quux", "NUM-77123", "secret-scan-of-zq.txt", 70_001_234
NEEDLES = (NAME, NUMBER, FILE, str(STUDENT))


@dataclass
class Read:
    """What was read from the database: the statements, and of their rows those that say who somebody is."""

    statements: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)


@contextmanager
def listening(database: Database) -> Iterator[Read]:
    """Looks at every statement and every row that the engine reads meanwhile."""
    read = Read()

    def after(_: Any, cursor: Any, statement: str, *__: Any) -> None:
        read.statements.append(statement)
        # The driver has fetched all rows by now; this is before anybody took one.
        for row in list(cursor._rows):
            if any(needle in repr(tuple(row)) for needle in NEEDLES):
                read.found.append(statement)

    engine = database.engine.sync_engine
    event.listen(engine, "after_cursor_execute", after)
    try:
        yield read
    finally:
        event.remove(engine, "after_cursor_execute", after)


async def crowded(session: AsyncSession, world: World, run: bool) -> Assignment:
    """An assignment of one pupil's papers with a name, a number, a file and an id that can be found again."""
    assignment, _ = await made(session, world, 0)
    student = await factories.student(session, world.klass, NAME, NUMBER)
    await session.execute(
        text("update students set id = :new where id = :old"), {"new": STUDENT, "old": student.id}
    )
    for number in range(4):
        paper = await factories.paper(session, assignment, file_name=f"{number} {FILE}")
        await session.execute(
            text("update papers set student_id = :student, candidates = cast(:c as jsonb) where id = :paper"),
            {"student": STUDENT, "paper": paper.id, "c": f"[{STUDENT}]"},
        )
        for question in assignment.questions:
            await factories.answers(session, paper, {question: "Iron makes the cold."})
        await factories.mark(session, paper, assignment.questions[0], NONE)
    if run:
        await runs.start(session, assignment, world.alice)
    return assignment


@pytest.mark.parametrize("run", [False, True])
@pytest.mark.parametrize("kind", BoardKind)
async def test_no_board_reads_who_somebody_is(
    server: TestServer, database: Database, world: World, kind: BoardKind, run: bool
) -> None:
    async with database.begin() as session:
        assignment = await crowded(session, world, run)
        board = await boards.board(session, assignment, kind)
        if kind is BoardKind.MISCONCEPTIONS:
            board.question_id = assignment.questions[0].id
    with listening(database) as read:
        page = await board_view.render(server.app, board.id, "en")
    assert read.found == []
    assert page is not None and not any(needle in page for needle in NEEDLES)
    whole = " ".join(read.statements).lower()
    assert "boards" in whole
    for word in ("students", "file_name", "candidates", "user_id"):
        assert not re.search(rf"\b{word}\b", whole), word


@pytest.mark.parametrize(
    "statement",
    [
        "select name from students",
        "select s.number as label from students s",
        "select student_id as x from papers",
        "select json_agg(p) from papers p",
        "select max(file_name) from papers",
        "select candidates from papers",
    ],
)
async def test_the_listener_would_notice(database: Database, world: World, statement: str) -> None:
    async with database.begin() as session:
        await crowded(session, world, run=False)
        with listening(database) as read:
            await session.execute(text(statement))
    assert set(read.found) == {statement}


async def test_a_boards_preview_is_for_its_teachers(
    sign_in: SignIn, database: Database, world: World
) -> None:
    async with database.begin() as session:
        assignment = await sixty(session, world)
        made_boards = await boards.of(session, assignment)
        paths = [f"/boards/{made_boards[kind].id}" for kind in (BoardKind.PROGRESS, BoardKind.QUESTIONS)]
    bob, charlie, nobody = await sign_in(world.bob), await sign_in(world.charlie), await sign_in(None)
    for path in paths:
        assert (await bob.get(path)).status == 200
        assert (await charlie.get(path)).status == 404
        assert (await nobody.get(path, allow_redirects=False)).status == 303
        assert (await bob.post(path, data={})).status == 405


async def test_a_board_that_is_hidden_reads_no_marks(
    server: TestServer, database: Database, world: World
) -> None:
    async with database.begin() as session:
        assignment = await sixty(session, world)
        board: Board = await boards.board(session, assignment, BoardKind.QUESTIONS)
        boards.cover([board], hidden=True)
    with listening(database) as read:
        page = await board_view.render(server.app, board.id, "en")
    assert page is not None and "cols-5" not in page
    assert not any("marks" in statement for statement in read.statements)
