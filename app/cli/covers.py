"""The verb that writes cover sheets as a file to print."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.command import cli
from app.cli.common import in_database
from app.i18n import LANGUAGES, N_, ProblemError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


@cli.command(help=N_("Write an assignment's cover sheets as an HTML page to print, to standard output."))
def covers(
    assignment: Annotated[
        int,
        typer.Argument(
            metavar="ASSIGNMENT", help=N_("The assignment: its number, as in the address of its page.")
        ),
    ],
    language: Annotated[
        str | None, typer.Option(help=N_("Language of the sheets: zh or en; else the class's."))
    ] = None,
) -> None:
    if language is not None and language not in LANGUAGES:
        raise ProblemError("--language takes zh or en, not {value}.", value=language)
    # As bytes: the page says that it is UTF-8, whatever the terminal's encoding.
    sys.stdout.buffer.write(in_database(lambda session: _page(session, assignment, language)).encode())
    sys.stdout.buffer.flush()


async def _page(session: AsyncSession, number: int, language: str | None) -> str:
    from app.assignments.models import Assignment
    from app.classes.models import Class
    from app.web.covers import document, sheets_of

    assignment = await session.get(Assignment, number) if 0 < number < 2**63 else None
    klass = await session.get(Class, assignment.class_id) if assignment is not None else None
    if assignment is None or klass is None:
        raise ProblemError(
            "There is no assignment {value}. Its number stands in the address of its page.", value=number
        )
    sheets = await sheets_of(session, assignment)
    if not sheets:
        raise ProblemError("The class of this assignment has no students yet, so there are no cover sheets.")
    return document(assignment, klass, sheets, language or klass.language)
