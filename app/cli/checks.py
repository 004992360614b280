"""Verbs that look inside: `zhupi doctor`, `stats`, `runs` and `retry`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.command import PROBLEM, cli
from app.cli.common import confirm, current_settings, in_database, say, show
from app.i18n import N_, ProblemError, Text, gettext

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.settings import Settings
    from app.upkeep.doctor.examine import Options
    from app.upkeep.doctor.findings import Finding
    from app.upkeep.stats import Stats

Json = Annotated[bool, typer.Option("--json", help=N_("Print JSON, for scripts."))]
Minutes = Annotated[
    int, typer.Option(min=1, help=N_("Minutes without progress after which a run stands still."))
]
STUCK_MINUTES = 10  # figures.STUCK_MINUTES; a test compares them
SIGNS = {"problem": "red", "warning": "yellow", "ok": "green", "skipped": "dim"}


@cli.command(
    help=N_("Look at everything the server leans on and say what to do; exit code 2 when there is a problem.")
)
def doctor(
    ask_model: Annotated[
        bool,
        typer.Option("--ask-model", help=N_("Also ask the model for one tiny answer, which costs a little.")),
    ] = False,
    address: Annotated[
        str, typer.Option(help=N_("Whose certificate to look at, such as https://marks.school.example."))
    ] = "",
    minutes: Minutes = STUCK_MINUTES,
    as_json: Json = False,
) -> None:
    from app.upkeep.doctor.examine import Options
    from app.upkeep.doctor.findings import Level, worst

    findings = _examined(Options(ask_model, address, minutes))
    if as_json:
        body = {"status": str(worst(findings)), "findings": [each.to_json() for each in findings]}
        print(json.dumps(body, ensure_ascii=False, indent=2, default=str))
    else:
        _tell(findings)
    if worst(findings) is Level.PROBLEM:
        raise typer.Exit(PROBLEM)


def _examined(options: Options) -> list[Finding]:
    """What the doctor finds; settings and services that cannot be had are findings too."""
    from app.upkeep.doctor.examine import examine
    from app.upkeep.doctor.findings import problem

    try:
        settings = current_settings()
    except ProblemError as error:
        advice = Text(N_("Mend it; without settings nothing else can be looked at."))
        return [problem("settings", text, advice) for text in getattr(error, "problems", (error.text,))]
    found: list[Finding] = []
    with ExitStack() as stack:
        try:
            settings = _with_services(settings, stack)
        except ProblemError as error:
            advice = Text(N_("Mend it; PostgreSQL and Redis were not looked at."))
            found.append(problem("services", error.text, advice))
        return [*found, *asyncio.run(examine(settings, options))]


def _with_services(settings: Settings, stack: ExitStack) -> Settings:
    """The settings with both addresses. Nothing is started or locked where they are given."""
    from app.embedded import attached

    if settings.postgres_url and settings.redis_url.get_secret_value():
        return settings
    return stack.enter_context(attached(settings))


def _tell(findings: Sequence[Finding]) -> None:
    """The findings for a person, the serious ones first, and a last line that counts them."""
    from rich.console import Console
    from rich.text import Text as Line

    from app.upkeep.doctor.findings import ORDER, WORDS, Level

    console = Console(soft_wrap=True)
    for finding in sorted(findings, key=lambda each: ORDER.index(each.level)):
        word = gettext(WORDS[finding.level])
        console.print(Line.assemble((word, SIGNS[finding.level]), f"  {finding.check}: {finding.text}"))
        if finding.advice is not None:
            console.print(Line(f"    → {finding.advice}"))
    count = {level: sum(each.level is level for each in findings) for level in Level}
    say(
        Text(
            N_("{problems} problems, {warnings} warnings, {good} in order."),
            {"problems": count[Level.PROBLEM], "warnings": count[Level.WARNING], "good": count[Level.OK]},
        )
    )


@cli.command(help=N_("Print what is in the system, in figures."))
def stats(as_json: Json = False) -> None:
    from app.upkeep import stats as upkeep

    found = in_database(upkeep.stats)
    if as_json:
        print(json.dumps(found.to_json(), ensure_ascii=False, indent=2))
        return
    rows = [{"figure": label, "value": value} for label, value in _figures(found)]
    show(rows, {"figure": gettext("Figure"), "value": gettext("Value")}, as_json=False)


def _figures(found: Stats) -> list[tuple[str, str]]:
    """Every figure with what it is called."""
    from app.upkeep.doctor.findings import megabytes
    from app.upkeep.stats import DAYS

    rate = "" if found.override_rate is None else f"{found.override_rate:.1%}"
    days = {"days": DAYS}
    return [
        (gettext("Administrators"), str(found.admins)),
        (gettext("Teachers"), str(found.teachers)),
        (gettext("Disabled accounts"), str(found.disabled)),
        (gettext("Classes in use"), str(found.classes)),
        (gettext("Classes put away"), str(found.archived)),
        (gettext("Students"), str(found.students)),
        (gettext("Assignments"), str(found.assignments)),
        (gettext("Papers by state"), _groups(found.papers)),
        (gettext("Marks by state"), _groups(found.marks)),
        (gettext("Marks by who proposed them"), _groups(found.origins)),
        (gettext("Decided proposals"), str(found.decided)),
        (gettext("of which changed by the teacher"), f"{found.overrides} {rate and f'({rate})'}".strip()),
        (gettext("Runs by state"), _groups(found.runs)),
        (
            gettext("Tokens in {days} days, in / out").format(**days),
            f"{found.tokens_in} / {found.tokens_out}",
        ),
        (gettext("Cost in {days} days, US dollars").format(**days), f"{found.cost:.2f}"),
        (gettext("Uploaded files"), megabytes(found.storage_bytes)),
        (gettext("Database"), megabytes(found.database_bytes)),
    ]


def _groups(counts: dict[str, int]) -> str:
    total = sum(counts.values())
    parts = ", ".join(f"{name or gettext('nobody')} {count}" for name, count in counts.items())
    return f"{total} ({parts})" if parts else "0"


@cli.command(help=N_("List grading runs of all teachers: the open ones, or --all."))
def runs(
    state: Annotated[
        list[str] | None, typer.Option(help=N_("running, paused, finished or cancelled; may be repeated."))
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help=N_("Also the runs that have ended."))] = False,
    minutes: Minutes = STUCK_MINUTES,
    as_json: Json = False,
) -> None:
    from app.marks.models import RunState
    from app.upkeep import runs as upkeep

    for value in state or ():
        if value not in list(RunState):
            states = ", ".join(RunState)
            raise ProblemError(
                "{value} is no state of a run; states are {states}.", value=value, states=states
            )
    wanted = state or (None if everything else list(upkeep.OPEN))
    found = in_database(lambda session: upkeep.lines(session, wanted, minutes))
    rows = [each.to_json() for each in found]
    if not rows and not as_json:
        say(Text(N_("No such run; --all lists those that have ended.")))
        return
    show(rows if as_json else [_shown(row) for row in rows], _headings(), as_json)


def _headings() -> dict[str, str]:
    return {
        "id": gettext("Run"),
        "assignment": gettext("Assignment"),
        "class_name": gettext("Class"),
        "teacher": gettext("Teacher"),
        "state": gettext("State"),
        "progress": gettext("Questions"),
        "failed": gettext("Failed papers"),
        "needs_teacher": gettext("For the teacher"),
        "started": gettext("Begun"),
        "last_progress": gettext("Last progress"),
    }


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """A run's line for a person."""
    state = gettext("stands still") if row["stuck"] else row["state"]
    return {**row, "state": state, "progress": f"{row['done']}/{row['total']}"}


@cli.command(help=N_("Put the failed and the stuck papers of a run back into the queue."))
def retry(
    run: Annotated[int, typer.Argument(metavar="RUN", help=N_("The run's number, as zhupi runs shows it."))],
    minutes: Minutes = STUCK_MINUTES,
    yes: Annotated[bool, typer.Option("--yes", help=N_("Do not ask."))] = False,
    as_json: Json = False,
) -> None:
    from app.audit.models import Action
    from app.audit.service import COMMAND_LINE, record
    from app.upkeep.retry import Retried
    from app.upkeep.retry import retry as put_back

    async def again(session: AsyncSession) -> Retried:
        done = await put_back(session, run, minutes)
        await record(
            session, COMMAND_LINE, Action.RUN_RESUMED, "run", run, failed=done.failed, stuck=done.stuck
        )
        return done

    question = N_("Failed and stuck papers of run {run} are graded again, which a model may bill. Go on?")
    confirm(Text(question, {"run": run}), yes)
    done = in_database(again)
    if as_json:
        body = {"run": done.run, "failed": done.failed, "stuck": done.stuck, "state": done.state}
        print(json.dumps(body))
        return
    values = {"run": done.run, "failed": done.failed, "stuck": done.stuck}
    say(Text(N_("Run {run}: {failed} failed and {stuck} stuck papers went back into the queue."), values))
    if done.state == "paused":
        say(Text(N_("The run is paused; they are graded when its teacher goes on with it.")))
