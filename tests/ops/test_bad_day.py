"""A bad day for the server as `zhupi serve` runs it: killed in a run, killed in an upload, its services stopped.

One server on a folder of its own, with the stub model behind it, used as a teacher's browser uses it: over HTTP, with
a session. What is in the database is read beside the server.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
from sqlalchemy import func, select

from app import embedded
from app.db import Database
from app.marks.models import Mark, Run, RunPaper, RunState
from app.papers.models import Paper
from app.settings import Settings
from tests import graded
from tests.functional.test_bad_input import long_pdf
from tests.stubs.processes import ModelServer

pytestmark = pytest.mark.ops

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
PASSWORD = "correct horse 7"
PAPERS, QUESTIONS = 8, 5
MODEL_CALLS = 4
SCHEME = "\n".join(
    f"## {number}. [text] (3)\nExplain observation {number}.\n"
    f"= {graded.REFERENCES[number % len(graded.REFERENCES)]}\n- names the cause (2)\n- names the effect (1)\n"
    for number in range(1, QUESTIONS + 1)
)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Server:
    """`zhupi serve` in a process group of its own, on a folder; it can be killed and started again."""

    def __init__(self, var: Path, model: ModelServer, port: int | None = None, **environment: str) -> None:
        self.var, self.model, self.port = var, model, port or free_port()
        self.log = var.parent / f"{var.name}.log"
        self.environment = environment
        self.process: subprocess.Popen[bytes]

    async def start(self) -> None:
        """Start it and wait until it serves."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        ours = {
            "VAR_DIR": str(self.var),
            "PORT": str(self.port),
            "LANGUAGE": "en",
            "LLM_PROVIDER": "custom",
            "LLM_BASE_URL": self.model.url,
            "LLM_MODEL": "stub",
            "MAX_PARALLEL_WORKERS": str(MODEL_CALLS),
            "PYTHONUNBUFFERED": "1",
        }
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(  # noqa: ASYNC220 - it takes a millisecond
                [sys.executable, "-m", "app.cli", "serve"],
                cwd=ROOT,
                env={**kept, **ours, **self.environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        said = self.printed.count("Zhupi serves")

        async def serves() -> bool:
            assert self.process.poll() is None, self.printed
            return self.printed.count("Zhupi serves") > said

        await graded.until(serves, START_SECONDS)

    @property
    def printed(self) -> str:
        """All output so far, of all its lives."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def kill(self) -> None:
        """SIGKILL for the server and its workers at once, as the kernel does when memory is short."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        """Stop it, whatever state it is in."""
        family = self.family() if self.process.poll() is None else []
        for process in family:
            with suppress(psutil.Error):
                process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()

    def family(self, name: str = "") -> list[psutil.Process]:
        """Its processes, or those of one program."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if name in child.name()]

    def worker(self) -> psutil.Process:
        """The process that serves pages: the one that listens, beside its parent."""
        guard = [child for child in self.family() if "app.embedded.guard" in child.cmdline()]
        assert guard
        direct = psutil.Process(self.process.pid).children()
        return next(child for child in direct if child.pid != guard[0].pid)

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Its database, seen from outside."""
        settings = Settings(var_dir=self.var, _env_file=None)  # type: ignore[call-arg]
        with embedded.attached(settings) as attached:
            yield Database(attached.sqlalchemy_url, pool_size=1)


class Teacher:
    """A browser's worth of cookies and the forms that a teacher sends."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = f"http://127.0.0.1:{server.port}"
        # Nothing is asked twice by itself, and no connection outlives its server.
        self.session = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            connector=aiohttp.TCPConnector(force_close=True),
            timeout=aiohttp.ClientTimeout(60),
        )

    async def post(self, path: str, data: Any, headers: dict[str, str] | None = None) -> int:
        """Send a form; the status, redirects not followed."""
        sent = self.session.post(self.url + path, data=data, headers=headers, allow_redirects=False)
        async with sent as answer:
            await answer.read()
            return answer.status

    async def get(self, path: str) -> tuple[int, str]:
        """A page: its status and its text."""
        async with self.session.get(self.url + path, allow_redirects=False) as answer:
            return answer.status, await answer.text()

    async def set_up(self) -> None:
        """The first account, a class, and an assignment that a model grades."""
        found = re.search(r"/set-up/\S+", self.server.printed)
        assert found is not None
        assert await self.post(found[0], {"username": "ann", "name": "Ann", "password": PASSWORD}) == 303
        assert await self.post("/classes", {"name": "8C", "language": "en"}) == 303
        form = {"title": "Heat", "text": f"# Heat\n\n{SCHEME}"}
        assert await self.post("/classes/1/assignments/new", form) == 303
        options = {"strictness": "2", "feedback_language": "en", "grader": "model", "cost_cap": ""}
        assert await self.post("/assignments/1/options", options) == 303

    async def upload(self, files: Iterable[tuple[str, Any]]) -> int:
        """Papers, in one form."""
        form = aiohttp.FormData(quote_fields=False)
        for name, content in files:
            form.add_field("files", content, filename=name)
        return await self.post("/assignments/1/papers", form, {"HX-Request": "true"})

    async def begin(self) -> None:
        """Eight papers, read, and a run over them."""
        texts = [(f"paper{each}.txt", graded.text_of(each, QUESTIONS)) for each in range(1, PAPERS + 1)]
        assert await self.upload(texts) == 200

        await no_paper_waits(self)
        assert await self.post("/assignments/1/run/start", {}) == 303

    async def done(self) -> int:
        """How many questions the run's page says are done; 0 while it cannot be shown."""
        with suppress(aiohttp.ClientError):
            status, page = await self.get("/assignments/1/run")
            found = re.search(r"(\d+)</b> / \d+ questions", page)
            return int(found[1]) if status == 200 and found else 0
        return 0


@pytest.fixture
def model() -> Iterator[ModelServer]:
    """A model that answers after a third of a second."""
    with ModelServer(latency=0.3) as server:
        yield server


@asynccontextmanager
async def teaching(server: Server) -> AsyncIterator[Teacher]:
    """A server that runs, and its teacher."""
    await server.start()
    teacher = Teacher(server)
    try:
        await teacher.set_up()
        yield teacher
    finally:
        await teacher.session.close()
        await asyncio.to_thread(server.end)


async def finished(server: Server, seconds: float) -> None:
    """Wait for the run's end."""
    with server.database() as database:
        try:
            await graded.finished(database, 1, seconds)
        finally:
            await database.close()


async def totals(server: Server) -> dict[str, int]:
    """What the database holds of the one run."""
    with server.database() as database:
        async with database.begin() as db:
            found = {
                "marks": await db.scalar(select(func.count()).select_from(Mark)),
                "versions": await db.scalar(select(func.max(Mark.version))),
                "papers": await db.scalar(select(func.count()).select_from(RunPaper)),
                "done": await db.scalar(
                    select(func.count()).select_from(RunPaper).where(RunPaper.state == "done")
                ),
                "runs": await db.scalar(
                    select(func.count()).select_from(Run).where(Run.state == RunState.FINISHED)
                ),
            }
        await database.close()
    return {name: int(value or 0) for name, value in found.items()}


WHOLE = {"marks": PAPERS * QUESTIONS, "versions": 1, "papers": PAPERS, "done": PAPERS, "runs": 1}


async def killed_in_a_run(server: Server, teacher: Teacher, after: int = 12) -> dict[str, Any]:
    """Kill the server when so many questions are done, start it again, and wait for the end; the figures."""
    await teacher.begin()

    async def enough() -> bool:
        return await teacher.done() >= after

    await graded.until(enough)
    before = await teacher.done()
    killed = time.time()
    server.kill()
    answered = server.model.counters()["answered"]
    began = time.monotonic()
    await server.start()
    up = time.monotonic() - began
    shown = await teacher.done()
    await finished(server, 60)
    over = time.monotonic() - began
    counters = server.model.counters()
    return {
        "before": before,
        "answered": answered,
        "shown": shown,
        "up": up,
        "over": over,
        "calls": len(counters["by_key"]),
        "repeated": len(server.model.paid_again([killed], MODEL_CALLS)),
        **await totals(server),
    }


async def test_killed_in_a_run(tmp_path: Path, model: ModelServer) -> None:
    """The teacher is still signed in, every mark is there once, and no finished call is made again."""
    server = Server(tmp_path / "var", model)
    async with teaching(server) as teacher:
        figures = await killed_in_a_run(server, teacher)
        print(figures)
        assert figures["shown"] >= figures["before"]
        assert {name: figures[name] for name in WHOLE} == WHOLE
        assert (figures["calls"], figures["repeated"]) == (PAPERS * QUESTIONS, 0)
        status, page = await teacher.get("/assignments/1/run")
        assert status == 200 and page.count('class="graded') + page.count("needs_teacher") >= 40
    assert "Traceback" not in server.printed


async def test_killed_in_an_upload(tmp_path: Path, model: ModelServer) -> None:
    """What had arrived whole is there, nothing of the half one is, and the same upload then works."""
    server = Server(tmp_path / "var", model)
    arrived = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"2. Half a paper. " * 4096
        arrived.set()
        await asyncio.sleep(30)

    async with teaching(server) as teacher:
        files = [("one.txt", b"1. Whole."), ("two.txt", b"1. Whole as well."), ("half.txt", slow())]
        uploading = asyncio.create_task(teacher.upload(files))
        await arrived.wait()

        async def two() -> bool:
            return "two.txt" in (await teacher.get("/assignments/1/papers"))[1]

        await graded.until(two)
        server.kill()
        with pytest.raises(aiohttp.ClientError):
            await uploading
        await server.start()
        assert await stored(server) == {"one.txt", "two.txt"}
        page = (await teacher.get("/assignments/1/papers"))[1]
        assert "one.txt" in page and "half.txt" not in page
        again = [("one.txt", b"1. Whole."), ("two.txt", b"1. Whole as well."), ("half.txt", b"1. Now whole.")]
        assert await teacher.upload(again) == 200
        assert await stored(server) == {"one.txt", "two.txt", "half.txt"}
        uploads = [path for path in (server.var / "uploads").rglob("*") if path.is_file()]
        assert len(uploads) == 3


async def stored(server: Server) -> set[str]:
    """The papers in the database, none of them twice, each with its whole file."""
    with server.database() as database:
        async with database.begin() as db:
            papers = list((await db.scalars(select(Paper))).all())
        await database.close()
    assert len({paper.file_name for paper in papers}) == len(papers)
    for paper in papers:
        assert (server.var / "uploads" / paper.storage_key).stat().st_size == paper.size
    return {paper.file_name for paper in papers}


async def test_large_files_leave_the_server_alone(tmp_path: Path, model: ModelServer) -> None:
    """200 MB and 10,000 pages: memory stays flat, and other pages answer meanwhile."""
    server = Server(tmp_path / "var", model, MAX_FILE_SIZE=str(LARGE + 2**20))
    async with teaching(server) as teacher:
        assert await teacher.upload([("first.txt", b"1. Warm air rises.")]) == 200
        await no_paper_waits(teacher)
        watch = Watch(teacher, server.worker())
        watching = asyncio.create_task(watch.run())
        assert await teacher.upload([("large.txt", lines(LARGE)), ("pages.pdf", long_pdf(10_000))]) == 200
        await no_paper_waits(teacher)
        watching.cancel()
        page = (await teacher.get("/assignments/1/papers"))[1]
        print(f"memory +{watch.grown / 2**20:.1f} MB; pages {max(watch.seconds) * 1000:.0f} ms at most")
        assert "has 10000 pages; at most 600 are read" in page
        assert "“large.txt” is larger than 100 MB" in page
        assert watch.grown < 60 * 2**20
        assert sorted(watch.seconds)[-2] < 0.5 and len(watch.seconds) > 5


LARGE = 200 * 2**20


async def lines(size: int) -> AsyncIterator[bytes]:
    """A text of so many bytes."""
    piece = b"1. Warm air rises because it is less dense than the cold air around it.\n" * 897  # about 64 kB
    sent = 0
    while sent < size:
        yield piece[: size - sent]
        sent += len(piece)


async def no_paper_waits(teacher: Teacher) -> None:
    """Wait until every paper has been read."""

    async def read() -> bool:
        return "p waiting" not in (await teacher.get("/assignments/1/papers"))[1]

    await graded.until(read, 40)


class Watch:
    """Looks at a page and at a process's memory again and again."""

    def __init__(self, teacher: Teacher, process: psutil.Process) -> None:
        self._teacher, self._process = teacher, process
        self._before = process.memory_info().rss
        self.grown = 0
        self.seconds: list[float] = []

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            began = time.monotonic()
            status, _ = await self._teacher.get("/assignments/1/scheme")
            assert status == 200
            self.seconds.append(time.monotonic() - began)
            self.grown = max(self.grown, self._process.memory_info().rss - self._before)
            await asyncio.sleep(0.1)


class Listener:
    """An open page: reads the stream, and comes back with its place when it breaks, as htmx does."""

    def __init__(self, teacher: Teacher) -> None:
        self._teacher = teacher
        self.last, self.opened = "", 0
        self.text = ""

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                await self._listen()
            await asyncio.sleep(0.3)

    async def _listen(self) -> None:
        headers = {"Last-Event-ID": self.last} if self.last else {}
        url = f"{self._teacher.url}/assignments/1/events?view=run"
        async with self._teacher.session.get(url, headers=headers) as answer:
            if answer.status != 200:
                return
            self.opened += 1
            async for line in answer.content:
                text = line.decode()
                if text.startswith("id: "):
                    self.last = text[4:].strip()
                self.text += text


async def test_services_die_and_freeze_in_a_run(tmp_path: Path, model: ModelServer) -> None:
    """Pages say so in a friendly way meanwhile and come back; the run ends whole, and so does the open page."""
    server = Server(tmp_path / "var", model)
    async with teaching(server) as teacher:
        listener = Listener(teacher)
        listening = asyncio.create_task(listener.run())
        await teacher.begin()
        for name, number, after in (
            ("postgres", signal.SIGSTOP, 4),
            ("valkey-server", signal.SIGSTOP, 10),
            ("valkey-server", signal.SIGKILL, 16),
            ("postgres", signal.SIGKILL, 24),
        ):

            async def reached(after: int = after) -> bool:
                return await teacher.done() >= after

            await graded.until(reached, 40)
            hit = server.family(name)
            assert hit
            for process in hit:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
            began = time.monotonic()
            if number == signal.SIGSTOP:
                status, page = await teacher.get("/assignments/1/run")
                print(f"{name} frozen: {status} after {time.monotonic() - began:.1f} s")
                assert status == 503 and "Your data is safe" in page
                for process in hit:
                    with suppress(psutil.NoSuchProcess):
                        process.send_signal(signal.SIGCONT)
                began = time.monotonic()
            statuses: set[int] = set()

            async def back(statuses: set[int] = statuses) -> bool:
                status, page = await teacher.get("/assignments/1/run")
                statuses.add(status)
                assert status in (200, 503), page
                assert status == 200 or "Your data is safe" in page
                return status == 200

            await graded.until(back, 30)
            print(f"{name} {number.name}: {sorted(statuses)}, back after {time.monotonic() - began:.1f} s")
        await finished(server, 60)
        assert await totals(server) == WHOLE
        assert model.paid_again() == []

        async def heard() -> bool:
            return f"<b>{PAPERS * QUESTIONS}</b> / {PAPERS * QUESTIONS} questions" in listener.text

        await graded.until(heard, 20)
        print(f"the stream was opened {listener.opened} times")
        # What the open page shows in the end, whatever it missed in between.
        cells = dict(re.findall(r'id="cell-(\d+-\d+)" class="([^"]*)"', listener.text))
        assert len(cells) == PAPERS * QUESTIONS
        assert {state.split()[0] for state in cells.values()} <= {"graded", "needs_teacher"}, cells
        listening.cancel()
