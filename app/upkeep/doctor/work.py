"""The work itself: the queue, runs that stand still, papers that failed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.db import Database
from app.i18n import Text
from app.settings import Settings
from app.upkeep.doctor.findings import Finding, ok, problem, skipped, warning
from app.upkeep.doctor.limits import resolve
from app.upkeep.figures import Work, work

ABANDONED_SECONDS = 120
"""A job that could be taken waits so long only when nobody takes jobs, or all hands are full."""

LONG_SECONDS = 1800
DAYS = 7

_FAILED = text(
    """
    select count(*) filter (where p.state = 'failed') as failed,
        coalesce(array_agg(distinct r.id) filter (where p.state = 'failed'), '{}') as runs,
        (select count(*) from papers where state = 'unreadable'
            and created_at > now() - make_interval(days => :days)) as unreadable,
        (select count(*) from pgqueuer_log where status = 'exception'
            and created > now() - interval '1 day') as broken
    from runs r join run_papers p on p.run_id = r.id
    where r.state <> 'cancelled' and r.created_at > now() - make_interval(days => :days)
    """
)


async def check(settings: Settings, stuck_minutes: int) -> list[Finding]:
    """Ask the database; where it is away, its own check says so."""
    database = Database(settings.sqlalchemy_url, pool_size=1)
    try:
        await resolve(settings.postgres_url)
        async with database.begin() as session:
            now = await work(session, stuck_minutes)
            failed = (await session.execute(_FAILED, {"days": DAYS})).one()
    except (SQLAlchemyError, OSError, ValueError) as error:
        reason = Text("The database could not be asked ({error}).", {"error": type(error).__name__})
        return [skipped("queue", reason)]
    finally:
        await database.close()
    return [queue(now), jobs(now, failed.broken), _stuck(now, stuck_minutes), _papers(failed)]


def queue(now: Work) -> Finding:
    """Whether waiting jobs are taken up."""
    minutes = now.oldest_seconds / 60
    values = {"waiting": now.waiting, "working": now.working, "minutes": f"{minutes:.0f}"}
    facts: dict[str, Any] = {
        "waiting": now.waiting,
        "working": now.working,
        "oldest_seconds": round(now.oldest_seconds, 1),
        "unread": now.unread,
    }
    if now.oldest_seconds > ABANDONED_SECONDS and now.working <= now.lost:
        return problem(
            "queue",
            Text("{waiting} jobs wait and nobody takes them (the first for {minutes} minutes).", values),
            Text(
                "No server or worker runs on this database, or it cannot reach it: start one, read its log."
            ),
            **facts,
        )
    if now.oldest_seconds > LONG_SECONDS:
        return warning(
            "queue",
            Text(
                "{waiting} jobs wait, {working} are at work; the first waits for {minutes} minutes.", values
            ),
            Text("More comes in than gets done: add workers, or raise MAX_PARALLEL_WORKERS."),
            **facts,
        )
    return ok("queue", Text("{waiting} jobs wait, {working} are at work.", values), **facts)


def jobs(now: Work, broken: int) -> Finding:
    """Whether jobs were lost, or ended with a fault: `broken` within a day."""
    values = {"lost": now.lost, "broken": broken + now.failed}
    if now.lost:
        said = Text("{lost} jobs are held by processes that gave no sign of life for a minute.", values)
        advice = Text("A living server or worker takes them over within 20 seconds.")
        return problem("jobs", said, advice, **values)
    if values["broken"]:
        said = Text("{broken} jobs ended with a fault within a day.", values)
        return warning("jobs", said, Text("The log says which (queue, traceback)."), **values)
    return ok("jobs", Text("No job was lost or broken within a day."), **values)


def _stuck(now: Work, minutes: int) -> Finding:
    if not now.stuck:
        return ok("runs", Text("No run stands still."), stuck=[])
    values = {"runs": ", ".join(map(str, now.stuck)), "minutes": minutes}
    return problem(
        "runs",
        Text("Runs without progress for {minutes} minutes: {runs}.", values),
        Text("Look at them with zhupi runs; zhupi retry RUN puts their papers back into the queue."),
        stuck=list(now.stuck),
    )


def _papers(failed: Any) -> Finding:
    values = {"failed": failed.failed, "days": DAYS, "runs": ", ".join(map(str, sorted(failed.runs)))}
    facts = {"failed": failed.failed, "unreadable": failed.unreadable, "runs": sorted(failed.runs)}
    if failed.failed:
        return warning(
            "papers",
            Text("{failed} papers failed in runs of the last {days} days: runs {runs}.", values),
            Text("Their lines say why; zhupi retry RUN tries them again."),
            **facts,
        )
    return ok("papers", Text("No paper failed in runs of the last {days} days.", values), **facts)
