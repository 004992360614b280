"""A teacher's browser in front of the stack: signs in over https, makes classes, uploads, grades, listens."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests import graded
from tests.compose.stack import Stack

PASSWORD = "correct horse 7"
USER = "ann"
SECONDS = 60.0
RETRY_SECONDS = 1.0  # what the stream itself asks for (`retry:`)
SILENT_SECONDS = 20.0  # a stream that says nothing for longer is dead: it beats every 15 s

FIGURES = ("Nought", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")

CELL = re.compile(r'id="cell-(\d+-\d+)" class="([^"]*)"')
DONE = re.compile(r"(\d+)</b> / \d+ questions")


def scheme(questions: int) -> str:
    """A marking scheme of so many questions, three points each in two criteria."""
    return "\n".join(
        f"## {number}. [text] (3)\nExplain observation {number}.\n"
        f"= {graded.REFERENCES[number % len(graded.REFERENCES)]}\n"
        "- names the cause (2)\n- names the effect (1)\n"
        for number in range(1, questions + 1)
    )


def number_of(pupil: int) -> str:
    """A pupil's number in the roster, long enough to be known from a file's name."""
    return str(20_240_000 + pupil)


def name_of(pupil: int) -> str:
    """A pupil's name in the roster."""
    return f"Pupil {FIGURES[pupil // 10]}-{FIGURES[pupil % 10]}"


@dataclass(frozen=True)
class Answer:
    """A response: its status, where it points, and its body."""

    status: int
    location: str
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")

    def number(self, kind: str) -> int:
        """The id in an address such as /classes/7 of a redirect; AssertionError where there is none."""
        found = re.search(rf"/{kind}/(\d+)", self.location)
        assert found is not None, f"{self.status} {self.location} {self.text[:2000]}"
        return int(found[1])


class Teacher:
    """Cookies, and the forms that a teacher sends. `keep` holds connections, as browsers do."""

    def __init__(self, stack: Stack, keep: bool = False, language: str = "en") -> None:
        self.stack = stack
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=stack.tls(), force_close=not keep, limit=0),
            timeout=aiohttp.ClientTimeout(SECONDS),
            headers={
                "Origin": stack.url,
                "Sec-Fetch-Site": "same-origin",
                "Accept-Language": language,
                "Accept": "text/html",
            },
        )

    async def close(self) -> None:
        """Leave."""
        await self.session.close()

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        """A request, redirects not followed. Raises aiohttp.ClientError and TimeoutError."""
        sent = self.session.request(method, self.stack.url + path, allow_redirects=False, **more)
        async with sent as answer:
            return Answer(answer.status, answer.headers.get("Location", ""), await answer.read())

    async def get(self, path: str) -> Answer:
        """A page."""
        return await self.ask("GET", path)

    async def post(self, path: str, data: Any, partial: bool = False) -> Answer:
        """Send a form; `partial` as htmx does."""
        return await self.ask("POST", path, data=data, headers={"HX-Request": "true"} if partial else {})

    async def first(self, link: str) -> None:
        """Make the first account by the one-time link."""
        path = link[link.index("/set-up/") :]
        answer = await self.post(path, {"username": USER, "name": "Ann", "password": PASSWORD})
        assert answer.status == 303, answer.text

    async def sign_in(self) -> None:
        """Sign in as the first account."""
        answer = await self.post("/sign-in", {"username": USER, "password": PASSWORD})
        assert answer.status == 303, answer.text

    async def signed_in(self) -> bool:
        """Whether pages are shown without signing in again."""
        return (await self.get("/")).status == 200

    async def new_class(self, name: str, pupils: int = 0) -> int:
        """A class with so many pupils; its id."""
        klass = (await self.post("/classes", {"name": name, "language": "en"})).number("classes")
        for pupil in range(1, pupils + 1):
            form = {"number": number_of(pupil), "name": name_of(pupil)}
            answer = await self.post(f"/classes/{klass}/students", form)
            assert answer.status == 303, answer.text
        return klass

    async def new_assignment(self, klass: int, title: str, questions: int, grader: str = "model") -> int:
        """An assignment of a class; its id."""
        form = {"title": title, "text": f"# {title}\n\n{scheme(questions)}"}
        made = (await self.post(f"/classes/{klass}/assignments/new", form)).number("assignments")
        options = {"strictness": "2", "feedback_language": "en", "grader": grader, "cost_cap": ""}
        answer = await self.post(f"/assignments/{made}/options", options)
        assert answer.status == 303, answer.text
        return made

    async def upload(self, assignment: int, files: Iterable[tuple[str, Any]]) -> Answer:
        """Papers, in one form."""
        form = aiohttp.FormData(quote_fields=False)
        for name, content in files:
            form.add_field("files", content, filename=name)
        return await self.post(f"/assignments/{assignment}/papers", form, partial=True)

    async def hand_in(self, assignment: int, papers: int, questions: int) -> None:
        """So many papers that answer all questions; waits until they have been read."""
        # The texts differ from assignment to assignment: what a model said to one is no cached answer to another.
        texts = [
            (
                f"{number_of(paper)}.txt",
                graded.text_of(assignment * 1000 + paper, questions),
            )
            for paper in range(1, papers + 1)
        ]
        answer = await self.upload(assignment, texts)
        assert answer.status == 200, answer.text

        async def read() -> bool:
            page = await self.get(f"/assignments/{assignment}/papers")
            return page.status == 200 and "p waiting" not in page.text

        await graded.until(read, SECONDS)

    async def start(self, assignment: int) -> None:
        """Begin a run."""
        answer = await self.post(f"/assignments/{assignment}/run/start", {})
        assert answer.status == 303, answer.text

    async def done(self, assignment: int) -> int:
        """How many questions the run's page says are done; 0 while it cannot be shown."""
        with suppress(aiohttp.ClientError, TimeoutError):
            page = await self.get(f"/assignments/{assignment}/run")
            found = DONE.search(page.text)
            return int(found[1]) if page.status == 200 and found else 0
        return 0

    async def cells(self, assignment: int) -> dict[str, str]:
        """The state of each cell of the run's page, by paper-question."""
        page = await self.get(f"/assignments/{assignment}/run")
        return {cell: name.split()[0] for cell, name in CELL.findall(page.text)}


@dataclass
class Listener:
    """An open run page: reads the stream, and comes back with its place when it breaks, as htmx does."""

    teacher: Teacher
    assignment: int
    last: str = ""
    ids: list[str] = field(default_factory=list)
    text: str = ""
    opened: int = 0
    broken: list[float] = field(default_factory=list)
    away: list[float] = field(default_factory=list)  # seconds from each break until it heard again
    _event: str = ""

    async def run(self) -> None:
        """Listen until cancelled."""
        path = f"/assignments/{self.assignment}/run"
        page = await self.teacher.get(path)
        cursor = re.search(r"after=([\d-]+)", page.text)
        assert cursor is not None, page.text[:2000]
        self.last = cursor[1]
        while True:
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                await self._listen()
            if len(self.broken) == len(self.away):
                self.broken.append(time.monotonic())
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        url = f"{self.teacher.stack.url}/assignments/{self.assignment}/events?view=run"
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=SILENT_SECONDS)
        headers = {"Last-Event-ID": self.last, "Accept": "text/event-stream"}
        async with self.teacher.session.get(url, headers=headers, timeout=timeout) as answer:
            if answer.status != 200:
                return
            self.opened += 1
            if len(self.broken) > len(self.away):
                self.away.append(time.monotonic() - self.broken[-1])
            async for line in answer.content:
                self._take(line.decode())

    def _take(self, line: str) -> None:
        if line.startswith("id: "):
            self._event = line[4:].strip()
        elif not line.strip() and self._event:
            # Only a whole event moves the place, as in a browser.
            self.last = self._event
            self.ids.append(self._event)
            self._event = ""
        self.text += line

    @property
    def cells(self) -> dict[str, str]:
        """The state of each cell that the stream told of, the last one counts."""
        return {cell: name.split()[0] for cell, name in CELL.findall(self.text)}

    def lost(self, entries: Iterable[tuple[str, str, dict[str, Any]]], first: str) -> list[str]:
        """Ids of the stream's entries after `first` that were not heard, and nothing newer about their subject."""
        heard = set(self.ids)
        newest: set[tuple[str, str]] = set()
        missing = []
        for entry_id, name, told in reversed(list(entries)):
            if place(entry_id) <= place(first):
                break
            subject = _subject(name, told)
            if entry_id in heard:
                newest.add(subject)
            elif subject not in newest:
                missing.append(entry_id)
        return missing


def place(entry_id: str) -> tuple[int, int]:
    """A stream id as two numbers that compare."""
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence or 0)


def _subject(name: str, told: dict[str, Any]) -> tuple[str, str]:
    """What an event is about: the server sends of several at once about the same only the last."""
    if name in ("mark", "grading"):
        return "cell", f"{told['paper_id']}-{told['question_id']}"
    return name, str(told.get("run_id", told.get("paper_id")))
