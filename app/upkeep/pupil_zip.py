"""The archive that a pupil is handed: a page to read, the same as JSON, and their papers as they were uploaded."""

from __future__ import annotations

import errno
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import jinja2
from redis.exceptions import RedisError

from app import i18n
from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import Actor
from app.i18n import N_, ProblemError, Text, language_of_request
from app.intake.process import close_readers
from app.upkeep import traces
from app.upkeep.parts import Parts
from app.upkeep.pupil_data import collect
from app.upkeep.pupil_files import add_pages, short, stored
from app.upkeep.pupils import Pupil

APP = Path(__file__).parent.parent
TEMPLATE, STYLE = "export/student.html", APP / "static" / "css" / "export.css"
BESIDE = ".part"  # the archive while it is written
# What is wrong with a place to write; a lost connection is an OSError as well.
OF_THE_FILE = {
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR,
    errno.EEXIST, errno.EFBIG, errno.EIO, errno.ENAMETOOLONG, errno.EMLINK, errno.ELOOP,
}  # fmt: skip


class OutError(ProblemError):
    """A file that an export cannot be written to; the text says why."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export holds: papers, those whose file the storage has lost, questions with a mark, and its bytes."""

    papers: int
    lost: int
    marks: int
    size: int


async def export(parts: Parts, pupil: Pupil, actor: Actor, file: IO[bytes], language: str) -> Exported:
    """Write the archive to a file that is open for writing bytes, and that it was done into the audit."""
    async with parts.database.begin() as session:
        data = await collect(session, pupil, language)
        await audit.record(
            session, actor, Action.STUDENT_EXPORTED, "student", pupil.id,
            class_id=pupil.class_id, papers=len(data["papers"]),
        )  # fmt: skip
    papers = data["papers"]
    await _add_kept_answers(parts, papers)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        lost = 0
        for number, paper in enumerate(papers, 1):
            key = paper.pop("storage_key")
            paper["file"] = await _add_file(parts, archive, number, paper["file_name"], key)
            lost += paper["file"] is None and key is not None
            lost += await add_pages(parts, archive, number, paper["read_pages"], {key: paper["file"]})
        await close_readers()
        archive.writestr("data.json", json.dumps(data, ensure_ascii=False, indent=2))
        archive.writestr("style.css", STYLE.read_bytes())
        archive.writestr("index.html", page(data, language))
    marked = sum(question["mark"] is not None for paper in papers for question in paper["questions"])
    return Exported(len(papers), lost, marked, file.tell() if file.seekable() else 0)


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """A new file, readable by its owner only; it is there when the block has ended well, and not at all otherwise.

    Raises OutError, also for a file that is there already.
    """
    beside = path.with_name(path.name + BESIDE)
    try:
        if path.exists():
            raise OutError(N_("{path} is there already. Give another name, or remove it."), path=str(path))
        with _opened(beside) as file:
            yield file
        # A link fails where somebody else has made the file meanwhile; a rename would replace it.
        os.link(beside, path)
    except OSError as error:
        if error.errno not in OF_THE_FILE:
            raise  # the database, Redis or the storage
        raise OutError(
            N_("{path} cannot be written: {why}"), path=str(path), why=error.strerror or str(error)
        ) from None
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def _opened(path: Path) -> IO[bytes]:
    path.unlink(missing_ok=True)  # of an export that was killed
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def page(data: Mapping[str, Any], language: str) -> str:
    """The page to read, as one HTML file without script; its style lies beside it."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(APP / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # added by jinja2.ext.i18n
        i18n.gettext, i18n.ngettext, newstyle=True
    )
    environment.filters["number"] = _number
    before = language_of_request.set(language)
    try:
        return environment.get_template(TEMPLATE).render(data=data, language=language)
    finally:
        language_of_request.reset(before)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


async def _add_file(
    parts: Parts, archive: zipfile.ZipFile, number: int, file_name: str, key: str | None
) -> str | None:
    """Put a paper's file into the archive; its name there, or None where there is none or the storage has lost it."""
    if key is None:
        return None
    return await stored(parts, archive, key, f"papers/{number:03}-{short(file_name)}")


async def _add_kept_answers(parts: Parts, papers: list[dict[str, Any]]) -> None:
    """What a model said about each paper, as far as the cache still has it; what it was asked is kept nowhere."""
    by_id = {paper["id"]: paper for paper in papers}
    try:
        kept = await traces.kept_answers(parts.redis, by_id.keys())
    except (RedisError, OSError):
        for paper in papers:
            paper["kept_model_answers"] = None  # not known
        return
    for paper_id, answer in kept.values():
        by_id[paper_id]["kept_model_answers"].append(answer)


def said(exported: Exported, path: str) -> list[Text]:
    """What to tell about an export."""
    values = {"path": path, "papers": exported.papers, "marks": exported.marks}
    told = [Text(N_("Written: {path}. Papers: {papers}, questions with a mark: {marks}."), values)]
    if exported.lost:
        told.append(
            Text(
                N_("Files that the storage has lost: {count}. The page says which."), {"count": exported.lost}
            )
        )
    return told
