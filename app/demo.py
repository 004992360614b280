"""`zhupi serve --demo`: two classes to try Zhupi with, loaded once, for an account of their own.

Each class comes in one transaction with its papers and their jobs, so that an interrupted start leaves whole classes
only, and the next one loads what is missing. The class in the server's language begins to be graded at once, to be
watched; the other waits for the teacher to press start. The sign-in is kept in VAR_DIR, readable by its owner only.

Where text recognition is installed, each class gets a further assignment: a scan of several pupils' papers, or photos.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import passwords, store
from app.accounts import service as accounts
from app.accounts.models import Role, User
from app.assignments import service as assignments
from app.assignments.models import Assignment
from app.audit import service as audit
from app.audit.models import Action
from app.classes.models import Class, ClassTeacher, Student
from app.db import Database
from app.i18n import N_, ProblemError, Text
from app.intake.inspection import recognises
from app.intake.roster import read_roster
from app.marks import runs
from app.papers import files, piles
from app.papers import service as papers
from app.scheme.parse import parse_scheme
from app.settings import Settings
from app.storage import Storage

FOLDER = Path(__file__).parents[1] / "demo"
CLASSES = ("zh-physics", "en-science")
PHOTOGRAPHED = "photographed"  # the folder of a class's scans and photos
SIGN_IN = "demo-sign-in"
USERNAME = "teacher"
LETTERS = "bcdfghjkmnpqrstvwxyz"  # no vowels: no words; no l: it looks like 1
LOCK = 0x7A687564656D6F  # any number that nothing else locks

SAID = N_("The demo classes are loaded. Sign in as {name} with the password {password}")
SAID_WITHOUT = N_(
    "The demo classes are loaded. Sign in as {name} with the password that was set for that account."
)
NOT_HERE = N_("The demo's files are not here: {path}")


@dataclass(frozen=True, slots=True)
class SignIn:
    """The demo's account, and the folders that were loaded for it: what the teacher deletes stays deleted."""

    username: str
    password: str
    loaded: tuple[str, ...] = ()


def load(settings: Settings) -> str:
    """Load what is missing of the demo; how to sign in, in the server's language. Raises ProblemError."""
    return asyncio.run(_load(settings)).render(settings.language)


async def _load(settings: Settings) -> Text:
    database = Database(settings.sqlalchemy_url, pool_size=1)
    try:
        storage = Storage(settings.uploads, settings.var_dir / "spool")
        return await load_async(settings, database, storage)
    finally:
        await database.close()


async def load_async(settings: Settings, database: Database, storage: Storage) -> Text:
    """Load what is missing of the demo; the sentence that says how to sign in. Raises ProblemError."""
    if not FOLDER.is_dir():
        raise ProblemError(NOT_HERE, path=str(FOLDER))
    path = settings.var_dir / SIGN_IN
    async with database.begin() as session:
        await _lock(session)
        user, kept, said = await _account(session, path)
    for name in CLASSES:
        if name in kept.loaded:
            continue
        async with database.begin() as session:
            await _lock(session)
            await _load_class(session, storage, user, FOLDER / name, settings.language)
        kept = replace(kept, loaded=(*kept.loaded, name))
        _keep(path, kept)
    for name in CLASSES if recognises() else ():
        if f"{name}/{PHOTOGRAPHED}" in kept.loaded:
            continue
        async with database.begin() as session:
            await _lock(session)
            await _load_photographed(session, storage, user, FOLDER / name)
        kept = replace(kept, loaded=(*kept.loaded, f"{name}/{PHOTOGRAPHED}"))
        _keep(path, kept)
    return said


async def _lock(session: AsyncSession) -> None:
    """Two servers that start at once load one demo."""
    await session.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": LOCK})


async def _account(session: AsyncSession, path: Path) -> tuple[User, SignIn, Text]:
    """The demo's account, made when it is missing; its sign-in is on disk before the account is in the database."""
    kept = _kept(path)
    user = await store.by_username(session, kept.username if kept else USERNAME)
    if kept and user and await passwords.verify(user.password_hash, kept.password):
        return user, kept, Text(SAID, {"name": kept.username, "password": kept.password})
    if user and (kept or await _owns_demo(session, user)):
        # The teacher has changed the password, or VAR_DIR was emptied.
        return user, kept or SignIn(user.username, ""), Text(SAID_WITHOUT, {"name": user.username})
    # A new account, and a database that has none of the classes, whatever was loaded into an earlier one.
    made = SignIn(kept.username, kept.password) if kept else SignIn(await _free_name(session), _password())
    _keep(path, made)
    # The first account administers: with one there, no set-up link is offered any more.
    role = Role.TEACHER if await store.any_user(session) else Role.ADMIN
    user = await accounts.create(session, made.username, made.username.title(), made.password, role)
    await audit.record(
        session,
        audit.COMMAND_LINE,
        Action.ACCOUNT_MADE,
        "user",
        user.id,
        name=user.username,
        role=role,
        demo=True,
    )
    return user, made, Text(SAID, {"name": made.username, "password": made.password})


async def _free_name(session: AsyncSession) -> str:
    """USERNAME, or one like it where somebody has that."""
    name, number = USERNAME, 1
    while await store.by_username(session, name):
        name = f"demo-{USERNAME}{number if number > 1 else ''}"
        number += 1
    return name


async def _owns_demo(session: AsyncSession, user: User) -> bool:
    names = [json.loads((FOLDER / name / "class.json").read_text("utf-8"))["name"] for name in CLASSES]
    return any([await _owned(session, user, name) is not None for name in names])


async def _owned(session: AsyncSession, user: User, name: str) -> Class | None:
    """The class of this name that a user owns."""
    found = (
        select(Class)
        .join(ClassTeacher, ClassTeacher.class_id == Class.id)
        .where(Class.name == name, ClassTeacher.user_id == user.id, ClassTeacher.owner)
    )
    klass: Class | None = await session.scalar(found.limit(1))
    return klass


async def _load_class(
    session: AsyncSession, storage: Storage, user: User, folder: Path, language: str
) -> None:
    """One class with roster, assignment and papers; nothing when the user has it."""
    about = json.loads((folder / "class.json").read_text("utf-8"))
    if await _owned(session, user, about["name"]) is not None:
        return
    klass = Class(name=about["name"], language=about["language"])
    session.add(klass)
    await session.flush()
    session.add(ClassTeacher(class_id=klass.id, user_id=user.id, owner=True))
    roster = read_roster((folder / "roster.csv").read_bytes(), "roster.csv")
    session.add_all(
        Student(class_id=klass.id, number=entry.number, name=entry.name) for entry in roster.students
    )
    scheme = (folder / "scheme.md").read_text("utf-8")
    assignment = await assignments.create(
        session, klass, user.id, about["assignment"], parse_scheme(scheme), scheme
    )
    for path in sorted((folder / "papers").iterdir()):
        file = await _stored(session, storage, path)
        await papers.receive(session, assignment.id, user.id, path.name, file)
    if about["language"] == language:
        await _start(session, assignment, user)


async def _load_photographed(session: AsyncSession, storage: Storage, user: User, folder: Path) -> None:
    """The class's assignment of scans and photos, with the same scheme; nothing when it is there, or the class no more.

    Photos are one pile; a scan becomes one when it is read.
    """
    about = json.loads((folder / "class.json").read_text("utf-8"))
    klass = await _owned(session, user, about["name"])
    if klass is None or await _has(session, klass, about["photographed"]):
        return
    scheme = (folder / "scheme.md").read_text("utf-8")
    assignment = await assignments.create(
        session, klass, user.id, about["photographed"], parse_scheme(scheme), scheme
    )
    # Behind the other one, which is what a visitor is to see first.
    assignment.created_at = datetime.now(UTC) - timedelta(days=1)
    token = secrets.token_hex(16)
    pile = None
    for path in sorted((folder / PHOTOGRAPHED).iterdir()):
        file = await _stored(session, storage, path)
        if path.suffix == ".pdf":
            await papers.receive(session, assignment.id, user.id, path.name, file)
        else:
            pile = await piles.join(session, assignment.id, user.id, token, path.name)
            await piles.add_file(session, pile, path.name, file)
    if pile is not None:
        await piles.close(session, pile)


async def _has(session: AsyncSession, klass: Class, title: str) -> bool:
    """Whether a class has an assignment of this title."""
    found = select(Assignment.id).where(Assignment.class_id == klass.id, Assignment.title == title)
    return await session.scalar(found.limit(1)) is not None


async def _stored(session: AsyncSession, storage: Storage, path: Path) -> papers.File:
    spooled, sha256, size = await storage.receive(_bytes(path), 2**30)
    await files.hold(session, sha256)
    stored = await storage.keep(spooled, sha256)
    return papers.File(stored.key, sha256, size)


async def _start(session: AsyncSession, assignment: Assignment, user: User) -> None:
    await session.refresh(assignment, ["questions"])
    await runs.start(session, assignment, user)


async def _bytes(path: Path) -> AsyncIterator[bytes]:
    yield await asyncio.to_thread(path.read_bytes)


def _password() -> str:
    """Random, easy to type; about 65 bits."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(5)) for _ in range(3))


def _kept(path: Path) -> SignIn | None:
    """What an earlier start kept; None when there is nothing, or nothing that can be understood."""
    try:
        username, password, *loaded = path.read_text("utf-8").splitlines()
    except (FileNotFoundError, ValueError):
        return None
    return SignIn(username, password, tuple(loaded))


def _keep(path: Path, sign_in: SignIn) -> None:
    """Write a sign-in: whole or not at all, and never readable by others."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join((sign_in.username, sign_in.password, *sign_in.loaded)) + "\n")
    draft.replace(path)
