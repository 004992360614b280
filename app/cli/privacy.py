"""Verbs for what the law on personal data asks of a school: hand a pupil's data over, erase it, keep none for ever."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.command import cli
from app.cli.common import confirm, in_database, say, show
from app.cli.parts import with_parts
from app.cli.spans import moment
from app.i18n import LANGUAGES, N_, ProblemError, Text, gettext

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.upkeep.parts import Parts
    from app.upkeep.picture import PaperRef, Picture
    from app.upkeep.privacy import Erased
    from app.upkeep.pupils import Pupil

Class = Annotated[
    str, typer.Argument(metavar="CLASS", help=N_("The class: its name, or its number as id:7."))
]
Number = Annotated[str | None, typer.Argument(metavar="NUMBER", help=N_("The student's number."))]
NameOption = Annotated[
    str | None, typer.Option("--name", help=N_("The student's name, in place of the number."))
]
Yes = Annotated[bool, typer.Option("--yes", help=N_("Do not ask."))]
DryRun = Annotated[bool, typer.Option("--dry-run", help=N_("Only say what would go; change nothing."))]
Json = Annotated[bool, typer.Option("--json", help=N_("Write JSON, for scripts."))]

MOST_LISTED = 20  # papers that a sentence lists; JSON has them all
KINDS = {
    "papers": N_("papers"),
    "pages": N_("pages with their pictures"),
    "pictures_sent": N_("pictures that left for a model, as they are kept here"),
    "files": N_("files"),
    "answers": N_("answers"),
    "marks": N_("marks"),
    "decided": N_("of these decided by a teacher"),
    "changes": N_("entries of the marks' history"),
    "runs": N_("places in grading runs"),
    "jobs": N_("waiting jobs"),
    "checkpoints": N_("checkpoints of unfinished grading"),
    "model_answers": N_("kept answers of a model"),
    "events": N_("events of open pages"),
    "roster_drafts": N_("drafts of the class's roster"),
}


@cli.command("export-student", help=N_("Write everything that is kept about a student into a ZIP archive."))
def export_student(
    klass: Class,
    out: Annotated[str, typer.Option(help=N_("The archive to write; - is standard output."))],
    number: Number = None,
    name: NameOption = None,
    language: Annotated[
        str | None, typer.Option(help=N_("Language of the page: zh or en; else the class's."))
    ] = None,
    as_json: Json = False,
) -> None:
    if language is not None and language not in LANGUAGES:
        raise ProblemError("--language takes zh or en, not {value}.", value=language)
    with_parts(lambda parts: _export(parts, (klass, number, name), out, language, as_json))


async def _export(
    parts: Parts, whom: tuple[str, str | None, str | None], out: str, language: str | None, as_json: bool
) -> None:
    from app.audit.service import COMMAND_LINE
    from app.upkeep import pupil_zip, pupils
    from app.upkeep.picture import picture

    async with parts.database.begin() as session:
        pupil = await pupils.find(session, *whom)
        seen = await picture(session, pupil)
    spoken = language or pupil.language
    if out == "-":
        exported = await pupil_zip.export(parts, pupil, COMMAND_LINE, sys.stdout.buffer, spoken)
        sys.stdout.buffer.flush()
    else:
        with pupil_zip.writing(Path(out)) as file:
            exported = await pupil_zip.export(parts, pupil, COMMAND_LINE, file, spoken)
    if as_json:
        value = {**_of(pupil), "file": out, "bytes": exported.size, "papers": exported.papers}
        value |= {"lost_files": exported.lost, "marks": exported.marks, **_doubts(seen)}
        print(json.dumps(value, ensure_ascii=False, indent=2), file=sys.stderr if out == "-" else sys.stdout)
        return
    for text in [*pupil_zip.said(exported, out), *_doubtful(seen, exporting=True)]:
        print(text, file=sys.stderr if out == "-" else sys.stdout)


@cli.command("erase-student", help=N_("Remove a student and everything that is kept about them, for good."))
def erase_student(
    klass: Class,
    number: Number = None,
    name: NameOption = None,
    with_doubtful: Annotated[
        bool,
        typer.Option("--with-doubtful", help=N_("Also remove papers that are nobody's and may be theirs.")),
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    with_parts(lambda parts: _erase(parts, (klass, number, name), with_doubtful, dry_run, yes, as_json))


async def _erase(
    parts: Parts,
    whom: tuple[str, str | None, str | None],
    with_doubtful: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    from app.audit.service import COMMAND_LINE
    from app.upkeep import privacy, pupils
    from app.upkeep.picture import picture

    async with parts.database.begin() as session:
        pupil = await pupils.find(session, *whom)
        seen = await picture(session, pupil, with_doubtful=with_doubtful)
    if dry_run:
        _tell(pupil, seen, None, as_json)
        return
    values = {"name": pupil.name, "number": pupil.number, "class_name": pupil.class_name}
    confirm(
        Text(
            "Remove {name} ({number}, {class_name}) with {papers} papers and {marks} marks for good?",
            {**values, "papers": seen.counts["papers"], "marks": seen.counts["marks"]},
        ),
        yes,
    )
    erased = await privacy.erase(parts, pupil, COMMAND_LINE, with_doubtful=with_doubtful)
    _tell(pupil, erased.picture, erased, as_json)


def _tell(pupil: Pupil, seen: Picture, erased: Erased | None, as_json: bool) -> None:
    """What was removed, or would be; and what has to be looked at."""
    counts = dict(erased.removed) if erased is not None else seen.counts
    backups = Text(
        "Backups that were made before still hold this student until they age out; whoever restores one erases again."
    )
    later = erased.later if erased is not None else []
    if as_json:
        value = {
            **_of(pupil),
            "dry_run": erased is None,
            "removed": counts,
            "shared_files": seen.shared,
            "papers": [_paper(paper) for paper in seen.papers],
            **_doubts(seen),
            "elsewhere": [_of(each) for each in seen.elsewhere],
            "later": [str(text) for text in later],
            "backups": str(backups),
        }
        print(json.dumps(value, ensure_ascii=False, indent=2))
        return
    rows = [{"what": gettext(KINDS[kind]), "count": counts[kind]} for kind in KINDS if counts.get(kind)]
    title = N_("Would go") if erased is None else N_("Removed")
    say(Text("{name} ({number}, {class_name})", {**_of(pupil), "class_name": pupil.class_name}))
    show(rows, {"what": gettext(title), "count": gettext("Count")}, False)
    if seen.shared:
        say(
            Text(
                "Files that stay, because papers or pages of others are in them: {count}.",
                {"count": seen.shared},
            )
        )
    for text in [*later, *_doubtful(seen, exporting=False), backups]:
        say(text)


def _doubtful(seen: Picture, *, exporting: bool) -> list[Text]:
    """Sentences about what may be theirs as well and was left alone."""
    told = []
    if seen.doubtful:
        text = N_("Nobody's papers that may be theirs; say whose they are on the papers page: {papers}.")
        if not exporting:
            text = N_(
                "Nobody's papers that may be theirs stay; say whose they are on the papers page, or --with-doubtful: "
                "{papers}."
            )
        told.append(Text(text, {"papers": _listed(seen.doubtful)}))
    if seen.unread:
        told.append(
            Text(
                "Papers of the class that are not read yet, perhaps theirs: {count}.", {"count": seen.unread}
            )
        )
    if seen.mentions and not exporting:
        told.append(
            Text(
                "Papers of others that name this student stay as they are: {papers}.",
                {"papers": _listed(seen.mentions)},
            )
        )
    if seen.piled and not exporting:
        told.append(
            Text(
                "Pages of others in piles that name this student stay as they are: {count}.",
                {"count": seen.piled},
            )
        )
    if seen.pages.nameless:
        told.append(
            Text(
                "Pictures of the class that left for a model, of pages removed since, perhaps theirs: {count}.",
                {"count": seen.pages.nameless},
            )
        )
    for each in () if exporting else seen.elsewhere:
        values = {"class_name": each.class_name, "id": each.class_id, "number": each.number}
        told.append(Text("Perhaps the same person is in “{class_name}” (id:{id}) as {number}.", values))
    return told


def _listed(papers: Iterable[PaperRef]) -> str:
    told = [f"{paper.title}: {paper.file_name}" for paper in papers]
    return "; ".join(told[:MOST_LISTED]) + (" …" if len(told) > MOST_LISTED else "")


def _of(pupil: Pupil) -> dict[str, Any]:
    return {
        "class": pupil.class_name,
        "class_id": pupil.class_id,
        "number": pupil.number,
        "name": pupil.name,
    }


def _paper(paper: PaperRef) -> dict[str, Any]:
    names = {"assignment_id": paper.assignment_id, "assignment": paper.title}
    return {"id": paper.id, **names, "file_name": paper.file_name}


def _doubts(seen: Picture) -> dict[str, Any]:
    return {
        "doubtful": [_paper(paper) for paper in seen.doubtful],
        "mentions": [_paper(paper) for paper in seen.mentions],
        "unread": seen.unread,
        "piled": seen.piled,
        "pictures_of_removed_pages": seen.pages.nameless,
    }


@cli.command(help=N_("Show who did what and when, newest first."))
def audit(
    since: Annotated[
        str | None, typer.Option(help=N_("Only since then: 12h, 7d, 2y, or a date such as 2026-01-31."))
    ] = None,
    user: Annotated[str | None, typer.Option(help=N_("Only what this account did."))] = None,
    action: Annotated[str | None, typer.Option(help=N_("Only this action, such as sign-in."))] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help=N_("At most so many."))] = 100,
    as_json: Json = False,
) -> None:
    from app.accounts import service
    from app.audit import store
    from app.audit.models import Action, AuditEntry

    if action is not None and action not in list(Action):
        raise ProblemError(
            "{value} is not an action; actions are {actions}.", value=action, actions=", ".join(Action)
        )
    earliest = moment("--since", since) if since is not None else None
    actor = service.normal(user) if user is not None else None
    wanted = Action(action) if action is not None else None

    def row(entry: AuditEntry) -> dict[str, Any]:
        return {
            "id": entry.id,
            "at": _local(entry.at),
            "user_id": entry.actor_id,
            "user": entry.actor,
            "who": entry.actor if entry.actor_id is not None else gettext(entry.actor) if entry.actor else "",
            "action": entry.action,
            "object": f"{entry.object_kind} {entry.object_id or ''}".strip(),
            "address": entry.address,
            "details": entry.details,
        }

    async def read(session: AsyncSession) -> Sequence[AuditEntry]:
        found = await store.newest(session, since=earliest, actor=actor, action=wanted, most=limit)
        # Entries outlive their account, so one without an account is asked for rightly; a slip of the pen is not.
        if actor is not None and not found and not await store.knows(session, actor):
            await service.named(session, actor)
        return found

    found = in_database(read)
    rows = [row(entry) for entry in found]
    if not as_json:
        for each in rows:
            each["details"] = ", ".join(f"{key}={value}" for key, value in each["details"].items())
    headings = {
        "at": gettext("When"),
        "who": gettext("Who"),
        "action": gettext("Action"),
        "object": gettext("Object"),
        "address": gettext("Address"),
        "details": gettext("Details"),
    }
    show(rows, headings, as_json)


def _local(moment: datetime) -> str:
    return moment.astimezone().isoformat(timespec="seconds")
