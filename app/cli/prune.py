"""`zhupi prune`: retention."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.command import cli
from app.cli.common import confirm, current_settings, say, show
from app.cli.parts import with_parts
from app.cli.spans import span
from app.i18n import N_, ProblemError, Text, gettext

if TYPE_CHECKING:
    from app.upkeep.parts import Parts
    from app.upkeep.prune import Ages, Found

SHORTEST = timedelta(days=30)  # a slip of the pen must not take the term that goes on
KINDS = {
    "class": N_("Class with everything in it"),
    "assignment": N_("Assignment with its papers"),
    "file": N_("File that no paper has"),
    "spool": N_("Broken-off upload"),
    "checkpoints": N_("Checkpoints of ended grading"),
    "roster-drafts": N_("Drafts of rosters"),
    "job-log": N_("Log of finished jobs"),
    "setup-links": N_("Set-up links that are over"),
    "audit": N_("Entries of the audit"),
}


@cli.command(help=N_("Remove what is older than it may be, and what nothing refers to any more."))
def prune(
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than",
            help=N_(
                "Also classes and assignments without activity for so long: 90d, 2y. Without it RETENTION_DAYS "
                "decides; where that is empty they stay."
            ),
        ),
    ] = None,
    audit_older_than: Annotated[
        str, typer.Option("--audit-older-than", help=N_("Entries of the audit older than this."))
    ] = "5y",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=N_("Only say what would go; change nothing."))
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help=N_("Do not ask."))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=N_("Write JSON, for scripts."))] = False,
) -> None:
    from app.upkeep.prune import Ages

    ages = Ages(
        classes=_age("--older-than", older_than) if older_than is not None else _retention(),
        audit=_age("--audit-older-than", audit_older_than),
    )
    with_parts(lambda parts: _prune(parts, ages, dry_run, yes, as_json))


async def _prune(parts: Parts, ages: Ages, dry_run: bool, yes: bool, as_json: bool) -> None:
    from app.audit.service import COMMAND_LINE
    from app.upkeep import prune

    found = await prune.look(parts, ages)
    if dry_run or not found:
        _tell(found, as_json)
        if not as_json:
            say(Text("Nothing was changed.") if found else Text("There is nothing to remove."))
        return
    if not yes and not as_json:
        _tell(found, False)
    classes = sum(each.kind in ("class", "assignment") for each in found)
    confirm(
        Text("Remove this for good? Classes and assignments: {classes}, other things: {others}.",
             {"classes": classes, "others": len(found) - classes}),
        yes,
    )  # fmt: skip
    gone = await prune.prune(parts, found, ages, COMMAND_LINE)
    _tell(gone, as_json)
    if len(gone) < len(found):
        kept = {"count": len(found) - len(gone)}
        print(
            Text("Stayed, because they were used meanwhile or a backup is being made: {count}.", kept),
            file=sys.stderr,
        )
    if not as_json:
        say(Text("Removed. Backups that were made before still hold it until they age out."))


def _tell(found: list[Found], as_json: bool) -> None:
    def row(each: Found) -> dict[str, Any]:
        return {
            "kind": str(each.kind),
            "id": each.id,
            "name": each.name,
            "last": each.last.astimezone().isoformat(timespec="seconds") if each.last else None,
            "count": each.count,
            "bytes": each.size,
        }

    rows = [row(each) for each in found]
    if not as_json:
        for each in rows:
            each["kind"] = gettext(KINDS[each["kind"]])
    headings = {
        "kind": gettext("What"),
        "id": gettext("Number"),
        "name": gettext("Name"),
        "last": gettext("Last activity"),
        "count": gettext("Papers or rows"),
        "bytes": gettext("Bytes"),
    }
    show(rows, headings, as_json)


def _retention() -> timedelta | None:
    """RETENTION_DAYS, None where it is empty."""
    days = current_settings().retention_days
    return None if days is None else timedelta(days=days)


def _age(option: str, value: str) -> timedelta:
    age = span(option, value)
    if age < SHORTEST:
        raise ProblemError(
            "{option} is at least {days}d: {value} would take what is in use.",
            option=option, value=value, days=SHORTEST.days,
        )  # fmt: skip
    return age
