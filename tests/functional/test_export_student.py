"""A pupil's data is handed over: all of theirs, as a page, as JSON and as files, and nothing of anybody else."""

from __future__ import annotations

import errno
import io
import json
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.audit.models import Action, AuditEntry
from app.audit.service import COMMAND_LINE
from app.db import Database
from app.settings import Settings
from app.upkeep import pupil_zip, pupils
from app.upkeep.pupil_zip import Exported, OutError
from tests import factories
from tests.conftest import World
from tests.functional import privacy_help as help_
from tests.functional.pages_help import page_with_files
from tests.functional.test_erase_student import ANN, BEN, two


async def archive_of(
    settings: Settings, number: str, language: str = "en"
) -> tuple[zipfile.ZipFile, dict[str, Any], Exported]:
    """The archive of a pupil of 8C, its data.json, and what was counted."""
    file = io.BytesIO()
    async with help_.parts_of(settings) as parts:
        async with parts.database.begin() as session:
            pupil = await pupils.find(session, "8C", number, None)
        exported = await pupil_zip.export(parts, pupil, COMMAND_LINE, file, language)
    archive = zipfile.ZipFile(file)
    return archive, json.loads(archive.read("data.json")), exported


async def test_all_of_theirs_is_in_it(db: Database, world: World, settings: Settings) -> None:
    ann, _ = await two(db, settings, world)
    archive, data, exported = await archive_of(settings, ANN[1])
    assert archive.testzip() is None
    assert (exported.papers, exported.lost, exported.marks) == (1, 0, 1)
    name = f"papers/001-{ANN[1]} {ANN[0]}.txt"
    assert sorted(archive.namelist()) == ["data.json", "index.html", name, "style.css"]
    assert archive.read(name).decode() == ann.words
    assert (data["format"], data["student"]["name"], data["student"]["number"]) == (1, *ANN)
    (paper,) = data["papers"]
    assert (paper["file"], paper["pages"], paper["file_name"]) == (
        name,
        [ann.words],
        f"{ANN[1]} {ANN[0]}.txt",
    )
    (question,) = paper["questions"]
    mark = question["mark"]
    assert question["answer"] == ann.words
    assert (mark["state"], mark["points"], mark["proposed"], mark["decided_by"]) == ("decided", 2, 3, "Alice")
    assert mark["criteria"][0] == {
        "text": "names the cause", "most": 2.0, "points": 1.0, "proposed": 2, "quote": ann.words,
        "comment": f"Well done {ANN[0]}",
    }  # fmt: skip
    assert mark["feedback"] == f"Dear {ANN[0]}"
    assert {(each["what"], each["by"]) for each in mark["history"]} >= {
        ("feedback", "Alice"),
        ("points", "Alice"),
    }
    (run,) = paper["runs"]
    assert (run["state"], run["questions"][0]["tokens_in"]) == ("done", 7)
    assert paper["kept_model_answers"] == [f"an answer about {ann.words}"]


async def test_nothing_of_anybody_else(db: Database, world: World, settings: Settings) -> None:
    ann, ben = await two(db, settings, world)
    async with db.begin() as session:
        # Ben was a candidate, and the reason names him.
        paper = await session.get_one(type(ann.paper), ann.paper.id)
        paper.candidates = [ben.student.id]
        paper.match_reason = {"message": "Or is it {name}?", "values": {"name": ben.name}}
    for number, other in ((ANN[1], ben), (BEN[1], ann)):
        archive, _, _ = await archive_of(settings, number)
        everything = "".join(
            name + archive.read(name).decode(errors="replace") for name in archive.namelist()
        )
        assert [secret for secret in (*other.secrets, other.paper.sha256) if secret in everything] == []


@pytest.mark.parametrize(("language", "said"), [("zh", "批改记录"), ("en", "Grading runs")])
async def test_the_page_is_in_either_language(
    db: Database, world: World, settings: Settings, language: str, said: str
) -> None:
    await two(db, settings, world)
    archive, _, _ = await archive_of(settings, BEN[1], language)
    page = archive.read("index.html").decode()
    assert f'<html lang="{language}">' in page and said in page
    assert "王小明" in page and "Well done" in page and "<script" not in page


async def test_what_pupils_write_is_text_in_the_page(db: Database, world: World, settings: Settings) -> None:
    async with db.begin() as session:
        assignment = await factories.assignment(session, world.klass, help_.scheme())
        student = await factories.student(session, world.klass, "Eve", "e1")
        words = "<script>alert(1)</script>"
        paper = await factories.paper(session, assignment, student, words, f"../../{words}.txt")
        await factories.answers(session, paper, {assignment.questions[0]: words})
    archive, data, exported = await archive_of(settings, "e1")
    page = archive.read("index.html").decode()
    assert "<script" not in page and "&lt;script&gt;" in page
    # The storage never had this file: the page says so, and no name leads out of the archive.
    assert (exported.lost, data["papers"][0]["file"]) == (1, None)
    assert "not in the storage any more" in page
    assert all(not name.startswith(("/", "..")) and ".." not in name for name in archive.namelist())


async def test_files_of_one_name_do_not_replace_each_other(
    db: Database, world: World, settings: Settings
) -> None:
    async with db.begin() as session:
        student = await factories.student(session, world.klass, "Eve", "e1")
        for title in ("Heat", "Cold"):
            assignment = await factories.assignment(session, world.klass, help_.scheme(), title)
            sha256, key = await help_.file_of(settings, title)
            await factories.paper(
                session, assignment, student, title, "../test.txt", sha256=sha256, storage_key=key
            )
    archive, _, _ = await archive_of(settings, "e1")
    contents = {
        name: archive.read(name).decode() for name in archive.namelist() if name.startswith("papers/")
    }
    assert contents == {"papers/001-test.txt": "Heat", "papers/002-test.txt": "Cold"}


async def test_somebody_without_papers(db: Database, world: World, settings: Settings) -> None:
    async with db.begin() as session:
        await factories.student(session, world.klass, "Eve", "e1")
    archive, data, _ = await archive_of(settings, "e1")
    assert data["papers"] == [] and "There are no papers." in archive.read("index.html").decode()


async def test_it_is_written_down(db: Database, world: World, settings: Settings) -> None:
    ann, _ = await two(db, settings, world)
    await archive_of(settings, ANN[1])
    async with db.begin() as session:
        found = select(AuditEntry).where(AuditEntry.action == Action.STUDENT_EXPORTED)
        entry = (await session.scalars(found)).one()
    assert (entry.object_id, entry.details) == (ann.student.id, {"class_id": world.klass.id, "papers": 1})


# --- Where it is written ----------------------------------------------------------------------------------------------


def test_the_file_is_its_owners_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with pupil_zip.writing(path) as file:
        file.write(b"all")
        assert not path.exists()
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"all", 0o600)
    with pytest.raises(OutError, match="is there already"), pupil_zip.writing(path):
        raise AssertionError
    assert path.read_bytes() == b"all"


def test_a_broken_export_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), pupil_zip.writing(tmp_path / "x.zip") as file:
        file.write(b"half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OutError, match="cannot be written"), pupil_zip.writing(tmp_path / "no" / "x.zip"):
        raise AssertionError


@pytest.mark.parametrize("place", ["/proc/x.zip", "/dev/null/x.zip", "/sys/x.zip", "x" * 300])
def test_places_where_nothing_can_be_written(place: str) -> None:
    """On a read-only system even removing what is not there fails."""
    with pytest.raises(OutError, match="cannot be written"), pupil_zip.writing(Path(place)):
        raise AssertionError


def test_a_full_disk_is_told_and_a_lost_connection_passes(tmp_path: Path) -> None:
    full, lost = (
        OSError(errno.ENOSPC, "No space left on device"),
        ConnectionRefusedError(errno.ECONNREFUSED, "x"),
    )
    with pytest.raises(OutError, match="No space left"), pupil_zip.writing(tmp_path / "x.zip"):
        raise full
    with pytest.raises(ConnectionRefusedError), pupil_zip.writing(tmp_path / "x.zip"):
        raise lost
    assert list(tmp_path.iterdir()) == []


async def test_the_command(db: Database, world: World, settings: Settings, tmp_path: Path) -> None:
    await two(db, settings, world)
    out = tmp_path / "ann.zip"
    done = await help_.zhupi(settings, "export-student", "8C", ANN[1], "--out", str(out), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["file"], told["papers"], told["bytes"]) == (str(out), 1, out.stat().st_size)
    again = await help_.zhupi(settings, "export-student", "8C", ANN[1], "--out", str(out))
    assert (again.returncode, again.stderr) == (
        2,
        f"{out} is there already. Give another name, or remove it.\n",
    )
    for arguments, said in (
        (("8C", ANN[1], "--out", str(tmp_path / "b.zip"), "--language", "fr"), "--language takes zh or en"),
        (("8C", "--out", str(tmp_path / "b.zip")), "Say which student"),
        (("9Z", "1", "--out", str(tmp_path / "b.zip")), "There is no class “9Z”"),
    ):
        bad = await help_.zhupi(settings, "export-student", *arguments)
        assert (bad.returncode, "Traceback" in bad.stderr, said in bad.stderr) == (2, False, True), bad.stderr
    assert not (tmp_path / "b.zip").exists()


async def test_pages_are_in_it_and_the_scan_of_all_is_not(
    db: Database, world: World, settings: Settings
) -> None:
    ann, ben = await two(db, settings, world)
    storage = help_.storage_of(settings)
    async with db.begin() as session:
        for each, word in ((ann, "hers"), (ben, "zebra")):
            page, keys = await page_with_files(session, storage, each.paper, word, source=b"the scan of all")
            page.struck, page.source_name = [["crossed words", 0, 0, 1, 1]], "scan.pdf"
            paper = await session.get_one(type(each.paper), each.paper.id)
            paper.storage_key = keys[0]
    archive, data, exported = await archive_of(settings, ANN[1])
    (paper,) = data["papers"]
    (page,) = paper["read_pages"]
    assert (paper["file"], paper["file_of_others"], exported.lost) == (None, True, 0)
    assert (page["source"], page["text"], page["crossed_out"]) == (None, "What hers says.", ["crossed words"])
    assert archive.read(page["picture"]) == b"hers: picture"
    (sent,) = page["sent_to_models"]
    assert (sent["to"], sent["model"], len(sent["places_painted_over"])) == ("models.example", "sees", 1)
    assert archive.read(sent["picture"]) == b"hers: left"
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"zebra" not in everything and b"scan of all" not in everything
    said = archive.read("index.html").decode()
    assert "a file with papers of others in it" in said and "Crossed out: crossed words" in said
    assert page["picture"] in said and sent["picture"] in said


async def test_photos_of_a_paper_are_in_it_each_once_and_lost_ones_are_counted(
    db: Database, world: World, settings: Settings
) -> None:
    ann, _ = await two(db, settings, world)
    storage = help_.storage_of(settings)
    async with db.begin() as session:
        first, keys = await page_with_files(session, storage, ann.paper, "one", source=b"\xff\xd8\xff one")
        first.source_name, first.image_key = "IMG_1.jpg", None
        second, others = await page_with_files(session, storage, ann.paper, "two", source=b"\xff\xd8\xff two")
        second.source_name, second.position = "IMG_2.jpg", 20
        paper = await session.get_one(type(ann.paper), ann.paper.id)
        paper.storage_key = keys[0]
    (Path(settings.uploads) / others[1]).unlink()
    archive, data, exported = await archive_of(settings, ANN[1])
    one, two_ = data["papers"][0]["read_pages"]
    assert one["source"] == data["papers"][0]["file"]
    assert archive.read(two_["source"]) == b"\xff\xd8\xff two" and two_["source"].endswith("002-IMG_2.jpg")
    assert (one["picture"], two_["picture"], exported.lost) == (None, None, 1)


async def test_a_page_of_a_class_scan_is_drawn_for_it(db: Database, world: World, settings: Settings) -> None:
    """A PDF with a text layer has no pictures of its pages until somebody looks at them."""
    from reportlab.pdfgen.canvas import Canvas

    made = io.BytesIO()
    canvas = Canvas(made, pagesize=(200, 280))
    for name in ("hers", "his"):
        canvas.drawString(20, 200, name)
        canvas.showPage()
    canvas.save()
    ann, ben = await two(db, settings, world)
    storage = help_.storage_of(settings)
    async with db.begin() as session:
        for number, each in enumerate((ann, ben), 1):
            page, _ = await page_with_files(session, storage, each.paper, str(number), source=made.getvalue())
            page.source_name, page.source_page, page.image_key = "scan.pdf", number, None
    archive, data, exported = await archive_of(settings, ANN[1])
    (page_,) = data["papers"][0]["read_pages"]
    assert page_["picture"].endswith(".webp") and archive.read(page_["picture"])[8:12] == b"WEBP"
    assert exported.lost == 0
