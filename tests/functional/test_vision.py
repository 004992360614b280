"""A page shown to a vision model: what leaves, what is written down before it does, and what becomes of the answer."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageDraw
from sqlalchemy import select

from app.db import Database
from app.document import Box, Word
from app.intake import process
from app.intake.page import By, PageReading, Picture, Struck
from app.papers.models import Paper, PaperPage, Pile, SentImage
from app.settings import Settings
from app.storage import Storage
from app.worker import vision
from app.worker.vision import Vision
from tests import factories
from tests.conftest import World
from tests.functional.papers_help import SCHEME
from tests.stubs.processes import ModelServer

WIDE, HIGH = 600, 800
LINES = (
    "Name: Ann Lee No. 8C0014",
    "",
    "1. Heat flws frorn hot to cald",
    "my freind Ben Okafor said it",
    "2. 水在一百度时拂腾",
    "第三题 王小朋 已经说过了",
)
COPIED = [
    "Name: No.",
    "1. Heat flows from hot to cold",
    "my friend said it",
    "2. 水在一百度时沸腾",
    "第三题 已经说过了",
]
SECRETS = ("Ann", "Lee", "8C0014", "Ben", "Okafor", "王小")
WORD = re.compile(r"[\u4e00-\u9fff]|[^\s\u4e00-\u9fff]+")


@pytest.fixture(scope="module")
def process_of_model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture
def model(process_of_model: ModelServer) -> ModelServer:
    process_of_model.control(reset=True, lines=COPIED)
    return process_of_model


@pytest.fixture(autouse=True)
async def no_readers_left(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr(vision, "RETRIES", 0)
    yield
    await process.close_readers()


@dataclass
class Desk:
    """A page in the database, what recognition read of it, and what reads it again."""

    settings: Settings
    database: Database
    storage: Storage
    row: PaperPage
    reading: PageReading

    async def improve(self, reading: PageReading | None = None, **changes: Any) -> PageReading:
        """The page shown to the model of these settings."""
        eyes = Vision(self.settings.model_copy(update=changes), self.database, self.storage)
        try:
            return await eyes.improve(self.row, reading or self.reading)
        finally:
            await eyes.close()

    async def ledger(self) -> Sequence[SentImage]:
        """What is written down."""
        async with self.database.begin() as db:
            return (await db.scalars(select(SentImage).order_by(SentImage.id))).all()


@pytest.fixture
async def desk(db: Database, settings: Settings, world: World, model: ModelServer) -> Desk:
    asked = {"llm_provider": "custom", "llm_base_url": model.url, "llm_model": "text", "vision_model": "sees"}
    async with db.begin() as session:
        assignment = await factories.assignment(session, world.klass, SCHEME)
        for name, number in (("Ann Lee", "8C0014"), ("Ben Okafor", "8C0015"), ("王小明", "8C0016")):
            await factories.student(session, world.klass, name, number)
        paper = await factories.paper(session, assignment, file_name="Ann Lee.jpg")
        row = PaperPage(paper_id=paper.id, position=10, source_key="ab/c", source_name=paper.file_name)
        session.add(row)
    mine = settings.model_copy(update=asked)
    return Desk(mine, db, Storage(settings.uploads, settings.var_dir / "spool"), row, drawn())


def drawn(lines: Sequence[str] = LINES, confidence: float = 0.5) -> PageReading:
    """A page with ink where words stand, and what was recognised of it."""
    image = Image.new("RGB", (WIDE, HIGH), "white")
    pen, words, start = ImageDraw.Draw(image), [], 0
    for number, line in enumerate(lines):
        for found in WORD.finditer(line):
            left, right, top = 40 + 12 * found.start(), 38 + 12 * found.end(), 60 + 60 * number
            pen.rectangle((left, top, right, top + 20), fill="black")
            box = Box(left / WIDE, top / HIGH, right / WIDE, (top + 20) / HIGH)
            words.append(Word(start + found.start(), start + found.end(), box, confidence))
        start += len(line) + 1
    kept = BytesIO()
    image.save(kept, "PNG")
    return PageReading(
        "\n".join(lines), By.OCR, tuple(words), confidence, picture=Picture(kept.getvalue(), WIDE, HIGH)
    )


def told(reading: PageReading) -> str:
    return " | ".join(text.render("en") for text in reading.warnings)


def picture_in(body: dict[str, Any]) -> bytes:
    """The picture of a request, taken out of it."""
    [part] = [part for part in body["messages"][-1]["content"] if part["type"] == "image_url"]
    head, _, data = part["image_url"].pop("url").partition(",")
    assert head == "data:image/jpeg;base64"
    return base64.b64decode(data, validate=True)


def ink(image: Image.Image, box: Box) -> tuple[int, int]:
    """The darkest and the lightest grey inside a box."""
    inner = (int(box.x0 * WIDE) + 1, int(box.y0 * HIGH) + 1, int(box.x1 * WIDE), int(box.y1 * HIGH))
    low, high = image.convert("L").crop(inner).getextrema()
    assert isinstance(low, int) and isinstance(high, int)
    return low, high


async def test_what_leaves_is_what_the_ledger_keeps_without_names(desk: Desk, model: ModelServer) -> None:
    after = await desk.improve()
    [body] = model.counters()["bodies"]
    sent = picture_in(body)
    [entry] = await desk.ledger()
    assert entry.image_key.rpartition("/")[2] == hashlib.sha256(sent).hexdigest()
    assert b"".join([chunk async for chunk in desk.storage.stream(entry.image_key)]) == sent
    assert (entry.size, entry.model, entry.purpose, entry.outcome) == (len(sent), "sees", "read", "answered")
    assert f"http://{entry.endpoint}/v1" == model.url
    assert (entry.page_id, body["model"]) == (desk.row.id, "sees")

    image = Image.open(BytesIO(sent))
    assert image.size == (WIDE, HIGH)
    text = desk.reading.text
    for word in desk.reading.words:
        said = text[word.start : word.end]
        darkest, lightest = ink(image, word.box)
        if said in (*SECRETS, *"王小朋"):
            assert 110 < darkest <= lightest < 146, said
        elif said in ("flws", "cald", "freind", "沸", "第"):
            assert darkest < 60, said
    # In nothing else that left either, headers included.
    rest = json.dumps([body, *model.counters()["headers"]], ensure_ascii=False)
    assert not any(secret in rest for secret in SECRETS)

    assert after.by is By.MODEL
    assert "1. Heat flows from hot to cold\n" in after.text and "2. 水在一百度时沸腾" in after.text
    assert "Name: Ann Lee No. 8C0014\n" in after.text and "Okafor" in after.text and "王小朋" in after.text
    assert after.picture == desk.reading.picture


async def test_it_is_written_down_before_it_leaves(desk: Desk, model: ModelServer) -> None:
    model.control(mode="silent")
    asking = asyncio.create_task(desk.improve(llm_timeout=30.0))
    while not model.counters()["in_flight"]:  # noqa: ASYNC110 - another process's counter
        await asyncio.sleep(0.02)
    [entry] = await desk.ledger()
    assert entry.outcome == ""
    # The job is broken off, as a stopping worker does: what has left stays written down.
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    [entry] = await desk.ledger()
    assert entry.outcome == "failed"


FAULTS = {
    "500": ("a fault of its own (status 500)", "failed"),
    "401": ("refused the API key", "failed"),
    "reset": ("broke off the connection", "failed"),
    "cut": ("was of no use", "failed"),
    "refusal": ("was of no use", "failed"),
    "not_json": ("was of no use", "failed"),
    "wrong_shape": ("was of no use", "failed"),
    "wrong_page": ("too little in common", "answered"),
}


async def test_recognitions_words_stay_where_the_model_is_of_no_use(desk: Desk, model: ModelServer) -> None:
    for mode, (says, _) in FAULTS.items():
        model.control(mode=mode)
        after = await desk.improve()
        assert (after.text, after.words, after.by) == (desk.reading.text, desk.reading.words, By.OCR), mode
        assert says in told(after), mode
    assert [entry.outcome for entry in await desk.ledger()] == [outcome for _, outcome in FAULTS.values()]


async def test_a_model_that_does_not_answer(desk: Desk, model: ModelServer) -> None:
    model.control(mode="silent")
    assert "did not answer within" in told(await desk.improve(llm_timeout=0.3))
    after = await desk.improve(llm_base_url="http://127.0.0.1:9/v1")
    assert "cannot be reached" in told(after)
    assert after.text == desk.reading.text


async def test_a_rude_answer_is_text_and_bounded(desk: Desk, model: ModelServer) -> None:
    model.control(mode="rude")
    after = await desk.improve()
    assert "1. Heat flows from hot to cold" in after.text
    assert "full points" not in after.text
    assert len(after.text) < 2 * len(desk.reading.text)
    assert not re.search(r"[\x00\x1b\u202e]", after.text + told(after))


async def test_what_is_not_shown_at_all(desk: Desk, model: ModelServer) -> None:
    cases: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {"vision_model": ""}),
        ({}, {"llm_provider": "openai", "llm_base_url": ""}),
        ({}, {"vision_below": 0.5}),
        ({"blank": True}, {}),
        ({"by": By.PDF}, {}),
        ({"picture": None}, {}),
        ({"codes": ("ZHUPI/1/3/4/ABCD",)}, {}),
    ]
    for change, settings in cases:
        reading = replace(desk.reading, **change)
        assert await desk.improve(reading, **settings) is reading, (change, settings)
    assert model.counters()["calls"] == 0
    assert await desk.ledger() == []


async def test_a_code_with_a_pupils_number_and_a_broken_picture_are_not_shown(
    desk: Desk, model: ModelServer
) -> None:
    after = await desk.improve(replace(desk.reading, codes=("exam;8c0014;3",)))
    assert "holds a student's name or number" in told(after)
    assert model.counters()["calls"] == 0
    # A picture that cannot be painted over does not leave either.
    broken = replace(desk.reading, picture=Picture(b"\x89PNG\r\n\x1a\n no picture", WIDE, HIGH))
    after = await desk.improve(broken)
    assert after.text == desk.reading.text
    assert "has not read this page" in told(after)
    assert model.counters()["calls"] == 0
    after = await desk.improve(replace(desk.reading, codes=("https://school.example/form/7",)))
    assert after.by is By.MODEL


async def test_without_a_ledger_nothing_leaves(
    desk: Desk, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(data: bytes) -> Any:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(desk.storage, "put", full)
        assert "was not asked (OSError)" in told(await desk.improve())
    away = Database("postgresql+asyncpg://nobody@127.0.0.1:9/none", pool_size=1)
    desk.database, known = away, desk.database
    after = await desk.improve()
    desk.database = known
    await away.close()
    assert "was not asked" in told(after)
    assert after.text == desk.reading.text
    async with desk.database.begin() as db:
        await db.delete(await db.get_one(PaperPage, desk.row.id))
    assert "removed meanwhile" in told(await desk.improve())
    assert model.counters()["calls"] == 0
    assert await desk.ledger() == []


async def test_a_page_of_a_pile_and_crossed_out_names(desk: Desk, model: ModelServer) -> None:
    place = Box(0.5, 0.9, 0.7, 0.94)
    async with desk.database.begin() as db:
        row = await db.get_one(PaperPage, desk.row.id)
        paper = await db.get_one(Paper, row.paper_id)
        pile = Pile(assignment_id=paper.assignment_id, name="scan.pdf", token="t")
        db.add(pile)
        await db.flush()
        row.paper_id, row.pile_id = None, pile.id
    desk.row = row
    await desk.improve(replace(desk.reading, struck=(Struck("Ben Okafor", place),)))
    [entry] = await desk.ledger()
    assert entry.assignment_id == pile.assignment_id
    assert any(box[0] <= place.x0 and place.x1 <= box[2] and box[1] <= place.y0 for box in entry.masked)
    # The worker's own limit of calls counts for these as well.
    eyes = Vision(desk.settings, desk.database, desk.storage, asyncio.Semaphore(1))
    model.control(latency=0.05)
    await asyncio.gather(*(eyes.improve(desk.row, desk.reading) for _ in range(3)))
    await eyes.close()
    assert model.counters()["in_flight_max"] == 1
    assert len(await desk.ledger()) == 4
