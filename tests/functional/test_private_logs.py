"""What the log of a whole run says: which run and which paper, and nobody's name, number or words."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import text

from app import logs
from app.classes.models import Student
from app.db import Database
from app.main import create_app
from app.settings import Environment, Settings
from tests import factories, graded
from tests.conftest import World
from tests.functional.worker_help import working
from tests.stubs.processes import ModelServer

PUPILS = ["欧阳秋月", "Wilhelmina Zuckerkandl", "Ótto Ünsterblich"]
NUMBERS = ["ZQ90011", "ZQ90012", "ZQ90013"]
WORDS = "The xylophone quenches magnesium because my grandmother Kunigunde says so."
SEARCHED = "findmequickly"
PRIVATE = [*PUPILS, *NUMBERS, "xylophone", "Kunigunde", "conducts heat better", SEARCHED, factories.PASSWORD]


@pytest.fixture
def log(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """The log file of a production server that says everything it can."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    path = tmp_path / "log"
    logs.configure(
        settings.model_copy(
            update={"environment": Environment.PRODUCTION, "log_file": path, "log_level": "DEBUG"}
        )
    )
    # The test server's own access log, which the real one does not have, repeats addresses.
    access = logging.getLogger("aiohttp.access")
    access.disabled = True
    yield path
    access.disabled = False
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def told(path: Path) -> list[dict[str, object]]:
    """The lines of the log; each must be JSON."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


async def test_a_whole_run(log: Path, settings: Settings, world: World, db: Database) -> None:
    async with db.begin() as session:
        for name, number in zip(PUPILS, NUMBERS, strict=True):
            session.add(Student(class_id=world.klass.id, name=name, number=number))
        assignment, _ = await graded.assignment(session, world.klass, 0, 2, "model")
    with ModelServer(latency=0.01) as model:
        settings = settings.model_copy(
            update={"llm_provider": "custom", "llm_base_url": model.url, "llm_model": "stub"}
        )
        async with (
            TestClient(TestServer(create_app(settings, grading=False))) as client,
            working(settings, db),
        ):
            form = {"username": "alice", "password": factories.PASSWORD}
            assert (await client.post("/sign-in", data=form, allow_redirects=False)).status == 303
            files = FormData()
            for name, number in zip(PUPILS, NUMBERS, strict=True):
                words = f"{name} {number}\n{graded.text_of(1)}\n{WORDS}".encode()
                files.add_field("files", words, filename=f"{name} {number}.txt")
            files.add_field("files", b"%PDF-1.7 broken", filename=f"{PUPILS[0]} again.pdf")
            page = f"/assignments/{assignment.id}"
            assert (await client.post(f"{page}/papers", data=files)).status == 200

            async def read() -> bool:
                async with db.begin() as session:
                    return not await session.scalar(
                        text("select count(*) from papers where state='received'")
                    )

            await graded.until(read)
            model.control(mode="not_json", once=2)
            started = await client.post(f"{page}/run/start", data={"which": "undecided"})
            assert started.status == 200, await started.text()
            async with db.begin() as session:
                run_id = await session.scalar(text("select max(id) from runs"))
            assert run_id
            await graded.finished(db, run_id)
            for path in (f"{page}/results?q={SEARCHED}", f"{page}/papers?name={PUPILS[1]}", f"/{PUPILS[2]}"):
                await client.get(path)
    lines = told(log)
    everything = log.read_text(encoding="utf-8")
    for private in PRIVATE:
        assert private not in everything, [line for line in lines if private in json.dumps(line)][:1]
        assert json.dumps(private)[1:-1] not in everything
    finished = [line for line in lines if line["event"] == "run finished"]
    assert [(line["run"], isinstance(line["paper"], int)) for line in finished] == [(run_id, True)]
    assert {"timestamp", "level", "logger", "event"} <= set(lines[0])


async def test_what_goes_wrong_names_run_and_paper_and_no_words(
    log: Path, settings: Settings, world: World, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours in the middle of a paper: its traceback comes without what the paper says."""
    from app.marks import claims, runs
    from app.worker import service

    async def broken(graph: object, engine: object, thread: str) -> None:
        answer = WORDS
        logging.getLogger("some.library").warning("retrying", extra={"answer": answer})
        raise RuntimeError("a fault")

    monkeypatch.setattr(service, "grade_paper", broken)
    monkeypatch.setattr(service, "MOST_TRIES", 0)
    async with db.begin() as session:
        assignment, papers = await graded.assignment(session, world.klass, 1, 1)
        fresh = await claims.assignment_of(session, assignment.id)
        assert fresh is not None
        run = await runs.start(session, fresh, world.alice)
    async with working(settings, db):
        await graded.finished(db, run.id)
    lines = told(log)
    failed = [line for line in lines if line["event"] == "grading failed"]
    library = [line for line in lines if line["logger"] == "some.library"]
    assert len(failed) == len(library) == 1
    for line in (*failed, *library):
        assert (line["run"], line["paper"]) == (run.id, papers[0].id)
    assert "RuntimeError: a fault" in str(failed[0]["exception"])
    assert library[0]["answer"] == f"<{len(WORDS)} characters>"
    assert "xylophone" not in log.read_text(encoding="utf-8")


async def test_every_line_of_a_request_has_its_id(
    log: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.web.middleware import language

    def fault(_: str) -> str:
        logging.getLogger("some.library").warning("about to fail")
        raise RuntimeError("a fault")

    monkeypatch.setattr(language, "accepted", fault)
    monkeypatch.setattr("app.web.middleware.errors.log", structlog.get_logger("app.web.middleware.errors"))
    app = create_app(settings, grading=False)
    # The layer that fails is put below the one that answers errors.
    app.middlewares.remove(language.middleware)
    app.middlewares.append(language.middleware)
    async with TestClient(TestServer(app)) as client:
        first = await client.get("/sign-in", headers={"Accept-Language": "zh"})
        second = await client.get("/sign-in", headers={"Accept-Language": "zh"})
    assert (first.status, second.status) == (500, 500)
    ids = [response.headers["X-Request-ID"] for response in (first, second)]
    by_event: dict[object, list[object]] = {}
    for line in told(log):
        by_event.setdefault(line["event"], []).append(line.get("request"))
    assert by_event["about to fail"] == by_event["request failed"] == ids
