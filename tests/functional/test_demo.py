"""The demo: loaded once, whole classes only, its sign-in kept for later starts."""

from __future__ import annotations

import stat
from typing import Any

import pytest
from sqlalchemy import func, select, text

from app import demo
from app.accounts import passwords, store
from app.accounts import service as accounts
from app.accounts.models import Role, User
from app.assignments.models import Assignment
from app.classes.models import Class, Student
from app.db import Database
from app.i18n import ProblemError, Text
from app.marks.models import Run
from app.papers.models import Paper, PaperPage, Pile
from app.settings import Settings
from app.storage import Storage
from tests import factories


@pytest.fixture
def storage(settings: Settings) -> Storage:
    return Storage(settings.uploads, settings.var_dir / "spool")


async def counts(db: Database) -> dict[str, int]:
    async with db.begin() as session:
        tables = {"classes": Class, "students": Student, "papers": Paper, "runs": Run, "users": User}
        found = {
            name: await session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in tables.items()
        }
        for kind in ("read", "grade"):
            waiting = text("select count(*) from pgqueuer where entrypoint = :kind")
            found[kind] = await session.scalar(waiting, {"kind": kind}) or 0
    return found


WHOLE = {"classes": 2, "students": 31, "papers": 28, "runs": 1, "users": 1, "read": 28, "grade": 13}


async def signs_in(db: Database, said: Text) -> bool:
    async with db.begin() as session:
        user = await store.by_username(session, said.values["name"])
    return await passwords.verify(user.password_hash if user else None, said.values["password"])


async def test_loaded_once(settings: Settings, db: Database, storage: Storage) -> None:
    first = await demo.load_async(settings, db, storage)
    assert await counts(db) == WHOLE
    assert await signs_in(db, first)
    assert await demo.load_async(settings, db, storage) == first
    assert await counts(db) == WHOLE
    kept = settings.var_dir / "demo-sign-in"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert list((settings.var_dir / "spool").iterdir()) == []
    async with db.begin() as session:
        user = await session.scalar(select(User))
        assert user is not None and user.role == Role.ADMIN


async def test_the_class_of_the_servers_language_is_graded(
    settings: Settings, db: Database, storage: Storage
) -> None:
    await demo.load_async(settings.model_copy(update={"language": "zh"}), db, storage)
    assert (await counts(db))["grade"] == 14
    async with db.begin() as session:
        graded = select(Class.language).join(Assignment, Assignment.class_id == Class.id)
        graded = graded.join(Run, Run.assignment_id == Assignment.id)
        assert (await session.scalars(graded)).all() == ["zh"]


async def test_scans_and_photos_have_assignments_of_their_own(
    settings: Settings, db: Database, storage: Storage
) -> None:
    await demo.load_async(settings, db, storage)
    async with db.begin() as session:
        works = (await session.scalars(select(Assignment).order_by(Assignment.created_at.desc()))).all()
        piles = (await session.scalars(select(Pile))).all()
        pages = (await session.scalars(select(PaperPage).order_by(PaperPage.position))).all()
        scan = await session.scalar(select(Paper).where(Paper.file_name.like("扫描%")))
    # Before the photographed ones, whatever was made first: the home page shows the newest first.
    assert [each.title for each in works[2:]].count("Forces and energy (photographed)") == 1
    assert {each.id for each in works[:2]} == {1, 2}
    assert [pile.closed for pile in piles] == [True]
    assert [page.source_name for page in pages] == ["IMG_4711.jpg", "IMG_4712.jpg", "IMG_4713.jpg"]
    assert scan is not None
    assert scan.assignment_id not in {1, 2}


async def test_without_text_recognition_nothing_is_photographed(
    settings: Settings, db: Database, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "recognises", lambda: False)
    await demo.load_async(settings, db, storage)
    assert await counts(db) == {**WHOLE, "papers": 27, "read": 27}
    monkeypatch.undo()
    await demo.load_async(settings, db, storage)
    assert await counts(db) == WHOLE


async def test_interrupted_half_way(
    settings: Settings, db: Database, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start dies in the middle of the second class: the first is whole, the next start brings the rest."""
    keep, kept = storage.keep, 0

    async def dies(*arguments: Any) -> Any:
        nonlocal kept
        kept += 1
        if kept > 20:
            raise KeyboardInterrupt
        return await keep(*arguments)

    monkeypatch.setattr(storage, "keep", dies)
    with pytest.raises(KeyboardInterrupt):
        await demo.load_async(settings, db, storage)
    half = await counts(db)
    assert (half["classes"], half["papers"], half["read"]) == (1, 14, 14)
    monkeypatch.undo()
    said = await demo.load_async(settings, db, storage)
    assert await counts(db) == WHOLE
    assert await signs_in(db, said)


async def test_interrupted_between_file_and_account(
    settings: Settings, db: Database, storage: Storage
) -> None:
    demo._keep(settings.var_dir / "demo-sign-in", demo.SignIn("teacher", "bcdfg-hjkmn-pqrst"))
    said = await demo.load_async(settings, db, storage)
    assert said.values["password"] == "bcdfg-hjkmn-pqrst"
    assert await signs_in(db, said)
    assert await counts(db) == WHOLE


async def test_what_the_teacher_deletes_stays_deleted(
    settings: Settings, db: Database, storage: Storage
) -> None:
    await demo.load_async(settings, db, storage)
    async with db.begin() as session:
        await session.execute(text("delete from classes where language = 'zh'"))
        await session.execute(text("update classes set name = 'mine now'"))
    await demo.load_async(settings, db, storage)
    assert (await counts(db))["classes"] == 1


async def test_a_changed_password_is_not_told(settings: Settings, db: Database, storage: Storage) -> None:
    await demo.load_async(settings, db, storage)
    async with db.begin() as session:
        await accounts.set_password(session, "teacher", "another good one 9")
    said = await demo.load_async(settings, db, storage)
    assert "password" not in said.values
    assert "was set for that account" in said.render("en")
    assert await counts(db) == WHOLE


async def test_a_lost_var_dir_makes_no_second_demo(
    settings: Settings, db: Database, storage: Storage
) -> None:
    await demo.load_async(settings, db, storage)
    (settings.var_dir / "demo-sign-in").unlink()
    said = await demo.load_async(settings, db, storage)
    assert said.message == demo.SAID_WITHOUT
    assert await counts(db) == WHOLE


async def test_somebodys_account_named_teacher_is_left_alone(
    settings: Settings, db: Database, storage: Storage
) -> None:
    async with db.begin() as session:
        await factories.user(session, "teacher", Role.ADMIN)
    said = await demo.load_async(settings, db, storage)
    assert said.values["name"] == "demo-teacher"
    assert await signs_in(db, said)
    async with db.begin() as session:
        made = await session.scalar(select(User).where(User.username == "demo-teacher"))
        assert made is not None and made.role == Role.TEACHER


async def test_the_files_are_missing(
    settings: Settings, db: Database, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "FOLDER", settings.var_dir / "nowhere")
    with pytest.raises(ProblemError, match="files are not here"):
        await demo.load_async(settings, db, storage)
    assert (await counts(db))["users"] == 0


def test_the_sign_in_of_a_strange_file(settings: Settings) -> None:
    path = settings.var_dir / "demo-sign-in"
    path.parent.mkdir(parents=True)
    path.write_text("one line\n")
    assert demo._kept(path) is None
