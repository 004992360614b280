"""Piles: pictures come in, a split is proposed, the teacher settles it, papers are made, and all of it is undone."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence

import pytest
from sqlalchemy import func, select, text

from app.assignments.models import Assignment
from app.classes.models import Student
from app.db import Database
from app.document import Box, Word
from app.i18n import Text
from app.papers import pages, piles
from app.papers.models import MatchState, PageState, Paper, PaperPage, Pile, PileState
from app.papers.piles import Arranged, PileError, Proposed
from app.papers.service import File
from app.scheme.types import Criterion, Kind, Question, Scheme
from tests import factories
from tests.conftest import World

SCHEME = Scheme("Heat", (Question("1", Kind.TEXT, "Why?", 1.0, (), (Criterion("Air", 1.0),)),))


def stored(name: str) -> File:
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    return File(f"{sha256[:2]}/{sha256}", sha256, len(name))


def read(said: str, **values: object) -> dict[str, object]:
    """A reading as columns; `source_part` as the worker gives it."""
    return {"by": "ocr", "text": said, "confidence": 0.9, "source_part": 0, **values}


class Desk:
    """One assignment of two students, and a pile of it."""

    def __init__(
        self, db: Database, assignment: Assignment, students: Sequence[Student], user_id: int
    ) -> None:
        self.db, self.assignment, self.students, self.user_id = db, assignment, students, user_id

    async def pile(self, *names: str, token: str = "drop") -> Pile:
        async with self.db.begin() as session:
            pile = await piles.join(session, self.assignment.id, self.user_id, token, "4 pictures")
            for name in names:
                assert await piles.add_file(session, pile, name, stored(name))
        return pile

    async def read_all(self, pile: Pile) -> list[int]:
        """Read every page; its text is its file's name."""
        async with self.db.begin() as session:
            for row in await piles.pages(session, pile.id):
                await pages.keep(session, row.id, [read(row.source_name)])
            await piles.close(session, await self._fresh(session, pile))
        return await self.ids(pile)

    async def propose(self, pile: Pile, *bundles: Proposed) -> list[Paper]:
        async def split_by(rows: object, roster: object, assignment_id: int) -> Sequence[Proposed]:
            return bundles

        async with self.db.begin() as session:
            done = await piles.propose(session, pile.id, split_by)
        assert done is not None
        return done[1]

    async def ids(self, pile: Pile) -> list[int]:
        async with self.db.begin() as session:
            return [row.id for row in await piles.pages(session, pile.id)]

    async def now(self, pile: Pile) -> Pile:
        async with self.db.begin() as session:
            return await self._fresh(session, pile)

    async def _fresh(self, session: object, pile: Pile) -> Pile:
        found = await piles.locked(session, pile.id)  # type: ignore[arg-type]  # the tests' sessions are AsyncSession
        assert found is not None
        return found

    def matched(self, number: int, *ids: int) -> Proposed:
        student = self.students[number]
        return Proposed(ids, student.id, "matched", None, (student.id,), None)

    def doubted(self, *ids: int) -> Proposed:
        candidates = tuple(each.id for each in self.students)
        return Proposed(ids, None, "doubtful", Text("Which?"), candidates, Text("Whose is it?"))


@pytest.fixture
async def desk(db: Database, world: World) -> Desk:
    async with db.begin() as session:
        assignment = await factories.assignment(session, world.klass, SCHEME)
        students = [await factories.student(session, world.klass, name) for name in ("王小明", "Ann Lee")]
    return Desk(db, assignment, students, world.alice.id)


async def test_pictures_of_one_upload_join_one_pile(desk: Desk) -> None:
    first, second = await asyncio.gather(desk.pile("a.jpg", "b.jpg"), desk.pile("c.jpg"))
    assert first.id == second.id
    other = await desk.pile("d.jpg", token="another drop")
    assert other.id != first.id and len(await desk.ids(first)) == 3
    async with desk.db.begin() as session:
        assert not await piles.add_file(session, other, "the same again.jpg", stored("a.jpg"))
        jobs = await session.scalar(text("select count(*) from pgqueuer where entrypoint = 'page'"))
    assert jobs == 4


async def test_a_closed_pile_takes_no_more_and_is_split_once_all_is_read(desk: Desk) -> None:
    pile = await desk.pile("a.jpg", "b.jpg")
    await desk.read_all(pile)
    late = await desk.pile("late.jpg")
    assert late.id != pile.id
    async with desk.db.begin() as session:
        payloads = await session.scalars(text("select convert_from(payload, 'UTF8') from pgqueuer"))
        assert [each for each in payloads if "pile_id" in each] == [f'{{"pile_id":{pile.id}}}']


async def test_a_pile_without_doubt_becomes_papers_by_itself(desk: Desk) -> None:
    pile = await desk.pile("1.jpg", "2.jpg", "cover.jpg", "3.jpg")
    one, two, _, three = await desk.read_all(pile)
    made = await desk.propose(pile, desk.matched(0, one, two), desk.matched(1, three))
    assert [(paper.student_id, paper.match, paper.state) for paper in made] == [
        (desk.students[0].id, "matched", "read"),
        (desk.students[1].id, "matched", "read"),
    ]
    assert made[0].pages == [{"number": 1, "text": "1.jpg"}, {"number": 2, "text": "2.jpg"}]
    assert (await desk.now(pile)).state == PileState.SETTLED
    async with desk.db.begin() as session:
        assert len(await pages.of_paper(session, made[0].id)) == 2


async def test_a_doubtful_pile_waits_for_the_teacher(desk: Desk) -> None:
    pile = await desk.pile("1.jpg", "2.jpg", "3.jpg")
    one, two, three = await desk.read_all(pile)
    assert await desk.propose(pile, desk.matched(0, one), desk.doubted(two, three)) == []
    asking = await desk.now(pile)
    assert asking.state == PileState.ASKS
    async with desk.db.begin() as session:
        with pytest.raises(PileError, match="still in doubt"):
            await piles.settle(session, asking, asking.version)
    # The teacher cuts the doubtful one in two: one page is Ann's, one is nobody's.
    async with desk.db.begin() as session:
        await piles.arrange(
            session,
            asking,
            asking.version,
            [
                Arranged((one,), desk.students[0].id),
                Arranged((three,), desk.students[1].id),
                Arranged((two,), nobody=True),
            ],
        )
    settled = await desk.now(pile)
    async with desk.db.begin() as session:
        made = await piles.settle(session, settled, settled.version)
    assert [(paper.student_id, paper.match) for paper in made] == [
        (desk.students[0].id, "matched"),
        (desk.students[1].id, MatchState.CONFIRMED),
        (None, MatchState.CONFIRMED),
    ]
    assert [paper.pages for paper in made][1:] == [
        [{"number": 1, "text": "3.jpg"}],
        [{"number": 1, "text": "2.jpg"}],
    ]


async def test_a_doubt_goes_when_the_teacher_names_the_same_student(desk: Desk) -> None:
    pile = await desk.pile("1.jpg")
    (one,) = await desk.read_all(pile)
    student = desk.students[0]
    doubt = Proposed(
        (one,), student.id, "matched", None, (student.id,), Text("It has one page, most have two.")
    )
    await desk.propose(pile, doubt)
    asking = await desk.now(pile)
    async with desk.db.begin() as session:
        await piles.arrange(session, asking, asking.version, [Arranged((one,), student.id)])
    asking = await desk.now(pile)
    assert asking.bundles[0]["doubt"] is None and asking.bundles[0]["match"] == MatchState.CONFIRMED


async def test_old_versions_strange_pages_and_strange_students_are_refused(desk: Desk) -> None:
    pile = await desk.pile("1.jpg", "2.jpg")
    one, two = await desk.read_all(pile)
    await desk.propose(pile, desk.doubted(one, two))
    asking = await desk.now(pile)
    for version, bundles in (
        (asking.version - 1, [Arranged((one, two))]),
        (asking.version, [Arranged((one, one))]),
        (asking.version, [Arranged((one, 10**12))]),
        (asking.version, [Arranged((one, two), student_id=10**12)]),
    ):
        with pytest.raises(PileError):
            async with desk.db.begin() as session:
                await piles.arrange(session, asking, version, bundles)
    assert (await desk.now(pile)).version == asking.version
    with pytest.raises(PileError, match="every page is left out"):
        async with desk.db.begin() as session:
            await piles.arrange(session, asking, asking.version, [])
            await piles.settle(session, asking, asking.version + 1)


async def test_a_split_is_undone_unless_something_was_decided(desk: Desk) -> None:
    pile = await desk.pile("1.jpg", "2.jpg")
    one, two = await desk.read_all(pile)
    made = await desk.propose(pile, desk.matched(0, one), desk.matched(1, two))

    async def some(ids: Sequence[int]) -> int:
        return 1

    async def none(ids: Sequence[int]) -> int:
        assert sorted(ids) == sorted(paper.id for paper in made)
        return 0

    with pytest.raises(PileError, match="decided"):
        async with desk.db.begin() as session:
            await piles.undo(session, pile, some)
    async with desk.db.begin() as session:
        await piles.undo(session, pile, none)
        assert not await session.scalar(select(func.count()).select_from(Paper))
    again = await desk.now(pile)
    assert again.state == PileState.ASKS and await desk.ids(pile) == [one, two]
    async with desk.db.begin() as session:
        assert len(await piles.settle(session, again, again.version)) == 2


async def test_a_removed_pile_leaves_notes_of_its_files(desk: Desk) -> None:
    pile = await desk.pile("1.jpg", "2.jpg")
    async with desk.db.begin() as session:
        await piles.remove(session, pile)
        noted = set(await session.scalars(text("select storage_key from dropped_files")))
        left = await session.scalar(select(func.count()).select_from(PaperPage))
    assert noted == {stored("1.jpg").key, stored("2.jpg").key} and left == 0


async def test_a_photo_of_two_pages_is_two_pages_however_often_it_is_read(desk: Desk) -> None:
    pile = await desk.pile("open book.jpg", "next.jpg")
    first, following = await desk.ids(pile)
    halves = [read("left", source_part=1), read("right", source_part=2)]
    word = Word(0, 4, Box(0.1, 0.1, 0.2, 0.2), 0.5).to_json()
    for _ in range(2):
        async with desk.db.begin() as session:
            await pages.keep(session, first, halves)
    async with desk.db.begin() as session:
        await pages.keep(session, following, [read("next", words=[word])])
        rows = await piles.pages(session, pile.id)
        assert [(row.text, row.source_part) for row in rows] == [("left", 1), ("right", 2), ("next", 0)]
        assert rows[2].words == [[0, 4, 0.1, 0.1, 0.2, 0.2, 0.5]]
        assert await pages.fail(session, 10**12, Text("gone")) is None
        failed = await pages.fail(session, rows[1].id, Text("It crashed the reader."))
    assert failed is not None and failed.state == PageState.FAILED


async def test_piles_whose_upload_broke_off_are_closed_after_a_while(desk: Desk) -> None:
    old, new = await desk.pile("1.jpg", token="old"), await desk.pile("2.jpg", token="new")
    async with desk.db.begin() as session:
        await session.execute(
            text("update piles set touched_at = now() - interval '2 minutes' where id = :id"), {"id": old.id}
        )
        assert [pile.id for pile in await piles.close_left(session)] == [old.id]
    assert not (await desk.now(new)).closed


async def test_a_split_whose_job_was_lost_is_asked_for_again(desk: Desk) -> None:
    pile = await desk.pile("1.jpg")
    await desk.read_all(pile)
    count = text("select count(*) from pgqueuer where convert_from(payload, 'UTF8') like '%pile_id%'")
    async with desk.db.begin() as session:
        await session.execute(text("delete from pgqueuer"))
        for _ in range(2):
            await piles.resume_splits(session)
        assert await session.scalar(count) == 1


async def test_only_the_class_s_teachers_see_a_pile_and_its_pages(desk: Desk, world: World) -> None:
    pile = await desk.pile("1.jpg")
    (one,) = await desk.ids(pile)
    async with desk.db.begin() as session:
        for user, sees in ((world.alice, True), (world.bob, True), (world.charlie, False)):
            assert (await piles.for_teacher(session, pile.id, user.id) is not None) is sees
            assert (await pages.for_teacher(session, one, user.id) is not None) is sees


async def test_a_paper_that_was_removed_becomes_no_pile(desk: Desk) -> None:
    async with desk.db.begin() as session:
        paper = await factories.paper(session, desk.assignment)
        await session.delete(paper)
        await session.flush()
        assert await piles.of_file(session, paper) is None
        assert not await session.scalar(select(func.count()).select_from(Pile))
