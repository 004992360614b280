"""`/metrics` for Prometheus, and a look at each process now and then. Requests count `middleware.counting`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress

from aiohttp import web
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from sqlalchemy.pool import QueuePool

from app import metrics
from app.keys import BUS, DATABASE
from app.upkeep.state import ASIDE, State
from app.web.connected import CONNECTED
from app.web.health import LOOK
from app.web.middleware.proxies import parse
from app.web.middleware.sign_in import public

SAMPLE_SECONDS = 5.0
# Set by whoever passes a request on: then it came from outside, through the proxy.
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")
RUN_STATES = ("running", "paused", "finished", "cancelled")


@public
async def show(request: web.Request) -> web.Response:
    """The figures in Prometheus's text format; 404 through a proxy or from a public address."""
    if not from_inside(request):
        raise web.HTTPNotFound
    sample(request.app)
    state = await request.app[LOOK].now()
    # Reads the files of the other processes.
    body = await asyncio.get_running_loop().run_in_executor(ASIDE, metrics.render, list(facts(state)))
    return web.Response(
        body=body, headers={"Content-Type": metrics.CONTENT_TYPE, "Cache-Control": "no-store"}
    )


def from_inside(request: web.Request) -> bool:
    """Whether a request came straight from this machine or its private network, through no proxy."""
    if any(name in request.headers for name in FORWARDED):
        return False
    address = parse(request.remote or "")
    return address is not None and not address.is_global


def sample(app: web.Application) -> None:
    """Take the figures that are not events: open streams, connections, the process itself."""
    metrics.OPEN_STREAMS.set(app[BUS].open_pages)
    metrics.SCREENS.set(app[CONNECTED].screens)
    pool = app[DATABASE].engine.pool
    if isinstance(pool, QueuePool):
        metrics.POOL_IN_USE.set(pool.checkedout())
        metrics.POOL_LIMIT.set(pool.size() + pool._max_overflow)
    metrics.sample_process()


async def sampled(app: web.Application) -> AsyncIterator[None]:
    """A part of the application (`cleanup_ctx`): each process notes its figures, so that any can tell all."""
    task = asyncio.create_task(_sample_for_ever(app), name="metrics")
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _sample_for_ever(app: web.Application) -> None:
    while True:
        sample(app)
        await asyncio.sleep(SAMPLE_SECONDS)


def facts(state: State) -> Iterable[Metric]:
    """What is true of the whole system and not of one process; every server tells the same."""
    up = GaugeMetricFamily("zhupi_up", "1 while a part answers.", labels=["part"])
    for part, answers in (("database", state.database), ("redis", state.redis), ("storage", state.storage)):
        up.add_metric([part], float(answers))
    yield up
    if state.free_bytes is not None:
        yield GaugeMetricFamily("zhupi_storage_free_bytes", "Room for uploads.", value=state.free_bytes)
    work = state.work
    if work is None:
        return
    jobs = GaugeMetricFamily("zhupi_queue_jobs", "Jobs in the queue.", labels=["kind", "state"])
    oldest = GaugeMetricFamily(
        "zhupi_queue_oldest_seconds", "How long the first waiting job has waited.", labels=["kind"]
    )
    known = {each.kind: each for each in work.queue}
    for kind in ("grade", "read", "page"):
        queue = known.get(kind)
        jobs.add_metric([kind, "waiting"], queue.waiting if queue else 0)
        jobs.add_metric([kind, "working"], queue.working if queue else 0)
        jobs.add_metric([kind, "lost"], queue.lost + queue.failed if queue else 0)
        oldest.add_metric([kind], queue.oldest_seconds if queue else 0)
    runs = GaugeMetricFamily("zhupi_runs", "Grading runs.", labels=["state"])
    for name in RUN_STATES:
        runs.add_metric([name], work.runs.get(name, 0))
    yield from (jobs, oldest, runs)
    yield GaugeMetricFamily(
        "zhupi_runs_stuck", "Runs without progress for ten minutes.", value=len(work.stuck)
    )
    yield GaugeMetricFamily("zhupi_papers_unread", "Papers that wait to be read.", value=work.unread)
