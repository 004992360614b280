"""Real pictures through the real worker: a scanned paper, a pile of photos, one scan of several students."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from sqlalchemy import select

from app import jobs
from app.assignments.models import Assignment
from app.db import Database
from app.marks import claims, runs
from app.papers import pages, piles
from app.papers.models import MatchState, PageState, Paper, PaperPage, PaperState, Pile, PileState
from app.papers.service import File
from app.scheme.types import Criterion, Kind, Question, Scheme
from app.settings import Settings
from app.storage import Stored
from benchmarks.paperwork.fonts import printed
from tests import factories, graded
from tests.conftest import World
from tests.functional.worker_help import storage_of, working

SCHEME = Scheme(
    "Heat",
    (
        Question(
            "1",
            Kind.TEXT,
            "Why does warm air rise?",
            1.0,
            ("It is less dense.",),
            (Criterion("Density", 1.0),),
        ),
        Question("2", Kind.TEXT, "What happens above?", 1.0, ("It cools.",), (Criterion("Cools", 1.0),)),
    ),
)
SIZE = (900, 700)


def drawn(*lines: str) -> Image.Image:
    """A small page of print."""
    image = Image.new("RGB", SIZE, "white")
    pen, font = ImageDraw.Draw(image), printed("zh")[0].at(30)
    for number, line in enumerate(lines):
        pen.text((60, 50 + 70 * number), line, "black", font)
    return image


def png(image: Image.Image) -> bytes:
    """The picture as a file."""
    target = io.BytesIO()
    image.save(target, "PNG")
    return target.getvalue()


def pdf(*images: Image.Image) -> bytes:
    """The pictures as a scanned PDF."""
    target = io.BytesIO()
    images[0].save(target, "PDF", save_all=True, append_images=list(images[1:]), resolution=100)
    return target.getvalue()


async def kept(settings: Settings, data: bytes) -> Stored:
    """A file in storage."""

    async def chunks() -> AsyncIterator[bytes]:
        yield data

    storage = storage_of(settings)
    path, sha256, _ = await storage.receive(chunks(), 10**8)
    return await storage.keep(path, sha256)


@pytest.fixture
async def assignment(db: Database, world: World) -> Assignment:
    async with db.begin() as session:
        for number, name in enumerate(("Amelia Hart", "Benjamin Cole", "王小明"), 1):
            await factories.student(session, world.klass, name, f"8A0{number}")
        return await factories.assignment(session, world.klass, SCHEME)


async def scanned(settings: Settings, db: Database, assignment: Assignment, name: str, data: bytes) -> int:
    """An uploaded paper, waiting to be read."""
    stored = await kept(settings, data)
    async with db.begin() as session:
        paper = Paper(
            assignment_id=assignment.id,
            file_name=name,
            size=len(data),
            sha256=stored.sha256,
            storage_key=stored.key,
        )
        session.add(paper)
        await session.flush()
        await jobs.enqueue_read(session, paper.id)
        return paper.id


async def piled(
    settings: Settings, db: Database, assignment: Assignment, files: Sequence[tuple[str, bytes]]
) -> int:
    """A closed pile of pictures."""
    stored = [(name, await kept(settings, data)) for name, data in files]
    async with db.begin() as session:
        pile = await piles.join(session, assignment.id, None, "drop", "pictures")
        for name, each in stored:
            assert await piles.add_file(session, pile, name, File(each.key, each.sha256, each.size))
        await piles.close(session, pile)
        return pile.id


async def test_a_scanned_paper_is_read_graded_and_matched(
    db: Database, world: World, settings: Settings, assignment: Assignment
) -> None:
    data = pdf(
        drawn("Name: Amelia Hart   No. 8A01", "1. Warm air is less dense."), drawn("2. It cools and sinks.")
    )
    paper_id = await scanned(settings, db, assignment, "scan.pdf", data)
    async with working(settings, db):
        await graded.until(lambda: read(db, paper_id), 60)
        async with db.begin() as session:
            paper = await session.get(Paper, paper_id)
            rows = await pages.of_paper(session, paper_id)
        assert paper is not None and paper.match == MatchState.MATCHED
        assert [row.by for row in rows] == ["ocr", "ocr"] and all(row.image_key for row in rows)
        assert paper.pages == [
            {"number": 1, "text": rows[0].text},
            {"number": 2, "text": rows[1].text},
        ]
        assert "Warm air is less dense." in rows[0].text and len(rows[0].words) >= 9
        for key in (rows[0].image_key, rows[0].thumb_key):
            assert (Path(settings.uploads) / str(key)).exists()
        async with db.begin() as session:
            fresh = await claims.assignment_of(session, assignment.id)
            assert fresh is not None
            run = await runs.start(session, fresh, world.alice)
        await graded.finished(db, run.id)
    marks = await graded.marks_of(db, assignment)
    assert len(marks) == 2


async def test_photos_are_put_together_by_the_names_on_them(
    db: Database, settings: Settings, assignment: Assignment
) -> None:
    first = drawn("姓名：王小明   学号：8A03", "1. 热空气密度小，所以上升。")
    pile_id = await piled(
        settings,
        db,
        assignment,
        [
            ("IMG_1.png", png(first.rotate(180))),
            ("IMG_2.png", png(drawn("Name: Benjamin Cole   No. 8A02", "1. Because it is lighter."))),
            ("IMG_3.png", b"\x89PNG\r\n\x1a\n no picture at all"),
        ],
    )
    async with working(settings, db):
        await graded.until(lambda: split(db, pile_id), 60)
    async with db.begin() as session:
        pile = await session.get(Pile, pile_id)
        rows = await piles.pages(session, pile_id)
    assert pile is not None and pile.state == PileState.ASKS  # a page that cannot be read is a doubt
    assert [row.state for row in rows] == [PageState.READ, PageState.READ, PageState.FAILED]
    assert "热空气密度小" in rows[0].text and (rows[0].repair or {})["rotation"] == 180
    assert rows[2].problem is not None
    assert {bundle["match"] for bundle in pile.bundles[:2]} == {MatchState.MATCHED}


async def test_one_scan_of_several_students_becomes_their_papers(
    db: Database, settings: Settings, assignment: Assignment
) -> None:
    data = pdf(
        drawn("Name: Amelia Hart   No. 8A01", "1. Warm air is less dense."),
        drawn("2. It cools."),
        drawn("Name: Benjamin Cole   No. 8A02", "1. Because it is lighter."),
        drawn("2. It sinks again."),
    )
    paper_id = await scanned(settings, db, assignment, "class.pdf", data)

    async def settled() -> bool:
        async with db.begin() as session:
            return bool(await session.scalar(select(Pile.id).where(Pile.state == PileState.SETTLED)))

    async with working(settings, db):
        await graded.until(settled, 60)
    async with db.begin() as session:
        papers = (await session.scalars(select(Paper).order_by(Paper.id))).all()
        assert paper_id not in [paper.id for paper in papers]
        assert [(paper.match, len(paper.pages or [])) for paper in papers] == [("matched", 2)] * 2
        assert (await session.scalars(select(PaperPage.paper_id).order_by(PaperPage.position))).all() == [
            papers[0].id,
            papers[0].id,
            papers[1].id,
            papers[1].id,
        ]


async def read(db: Database, paper_id: int) -> bool:
    """Whether a paper was read."""
    async with db.begin() as session:
        paper = await session.get(Paper, paper_id)
    return paper is not None and paper.state != PaperState.RECEIVED


async def split(db: Database, pile_id: int) -> bool:
    """Whether a pile's split was proposed."""
    async with db.begin() as session:
        pile = await session.get(Pile, pile_id)
    return pile is not None and pile.state != PileState.READING
