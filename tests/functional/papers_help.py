"""What the tests of papers share: forms as browsers send them, and reading what was uploaded."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from sqlalchemy import select, text

from app.assignments.models import Assignment
from app.classes.models import Student
from app.db import Database
from app.intake.errors import UnreadableError
from app.intake.matching import match_paper
from app.intake.process import read_document
from app.keys import DATABASE, STORAGE
from app.papers import service
from app.papers.models import Paper, PaperState
from app.scheme.types import Criterion, Kind, Question, Scheme
from tests import factories
from tests.conftest import World

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
SCHEME = Scheme(
    "Heat", (Question("1", Kind.TEXT, "Why?", 2.0, ("Because.",), (Criterion("says why", 2.0),)),)
)
HTMX = {"HX-Request": "true"}


@dataclass
class Work:
    """Alice's assignment and three of its class."""

    assignment: Assignment
    ann: Student
    ben: Student
    wei: Student


async def make_work(database: Database, world: World) -> Work:
    """An assignment with a scheme and a class of three."""
    async with database.begin() as db:
        assignment = await factories.assignment(db, world.klass, SCHEME)
        ann = await factories.student(db, world.klass, "Ann Lee", "8C001")
        ben = await factories.student(db, world.klass, "Ben Okafor", "8C002")
        wei = await factories.student(db, world.klass, "张伟", "8C003")
    return Work(assignment, ann, ben, wei)


def part(name: str, content: bytes, field: str = "files") -> bytes:
    """One file of a form, its name escaped as browsers do."""
    shown = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{shown}"\r\n'
    return head.encode() + b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n"


def form(files: Sequence[tuple[str, bytes]]) -> dict[str, Any]:
    """Arguments for `client.post`: a form of files."""
    body = b"".join(part(name, content) for name, content in files) + f"--{BOUNDARY}--\r\n".encode()
    return {"data": body, "headers": {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}}


def htmx_form(files: Sequence[tuple[str, bytes]]) -> dict[str, Any]:
    """The same as the page's script sends it."""
    arguments = form(files)
    arguments["headers"] |= HTMX
    return arguments


def archive(members: Mapping[str, bytes]) -> bytes:
    """A ZIP of files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return made.getvalue()


async def papers(database: Database) -> list[Paper]:
    """All papers, oldest first."""
    async with database.begin() as db:
        return list((await db.scalars(select(Paper).order_by(Paper.id))).all())


async def jobs(database: Database) -> int:
    """How many jobs wait."""
    async with database.begin() as db:
        return int(await db.scalar(text("select count(*) from pgqueuer")) or 0)


async def read_all(app: web.Application) -> None:
    """Read what was received, as the worker does."""
    for paper in await papers(app[DATABASE]):
        if paper.state != PaperState.RECEIVED:
            continue
        async with app[STORAGE].local(paper.storage_key) as path:
            try:
                document = await read_document(path, paper.file_name)
            except UnreadableError as error:
                async with app[DATABASE].begin() as db:
                    await service.record_unreadable(db, paper, error.text)
                continue
        async with app[DATABASE].begin() as db:
            await service.record_reading(db, paper, document, match_paper)
