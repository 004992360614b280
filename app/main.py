"""create_app(settings): the one place where the parts meet, and gunicorn's factory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress

import structlog
from aiohttp import web

from app import keys, metrics, network
from app.classroom.quiz_live import Live
from app.db import Database
from app.events.bus import Bus
from app.events.schema import QuizChanged
from app.leaving import CUT_SECONDS, Runner
from app.looplag import LOOP_LAG, LoopLag, measured, settle
from app.settings import Settings, load_settings
from app.storage import Storage
from app.web import dropped_files, health, pages, routes
from app.web.access_log import AccessLog
from app.web.metrics import sampled
from app.web.middleware import install
from app.web.quiz import LIVE

log = structlog.get_logger(__name__)

# The largest form that is read into memory: a pasted marking scheme. Files stream, counted by their own handler.
MAX_FORM_BYTES = 4 * 2**20


def create_app(settings: Settings, *, grading: bool = True) -> web.Application:
    """The whole server as one application; nothing is connected before it starts.

    `grading` False leaves the grading to other processes (`zhupi worker`).
    """
    app = web.Application(client_max_size=MAX_FORM_BYTES)
    app[keys.SETTINGS] = settings
    app[keys.REDIS] = network.redis_client(settings.redis_url.get_secret_value())
    app[keys.BUS] = Bus(settings.redis_url.get_secret_value())
    app[keys.STORAGE] = Storage(settings.uploads, settings.var_dir / "spool")
    app[LOOP_LAG] = LoopLag(metrics.LOOP_LAG.observe)
    # In this order they start, in the reverse order they end.
    app.cleanup_ctx.append(measured)
    app.cleanup_ctx.append(database)
    app.cleanup_ctx.append(sessions_and_limits)
    app.cleanup_ctx.append(bus)
    app.cleanup_ctx.append(health.looked)
    app.cleanup_ctx.append(sampled)
    app.cleanup_ctx.append(removal)
    app.cleanup_ctx.append(rounds)
    if grading:
        app.cleanup_ctx.append(worker)
    pages.setup(app)
    install(app)
    routes.add(app)
    return app


async def database(app: web.Application) -> AsyncIterator[None]:
    """One engine a process, made after the fork."""
    app[keys.DATABASE] = Database(app[keys.SETTINGS].sqlalchemy_url)
    yield
    await app[keys.DATABASE].close()


async def sessions_and_limits(app: web.Application) -> AsyncIterator[None]:
    """Redis for sessions, sign-in limits and the cache."""
    yield
    await app[keys.REDIS].aclose()


async def bus(app: web.Application) -> AsyncIterator[None]:
    """The process's hub: one reading loop on Redis Streams for all open pages."""
    await app[keys.BUS].start()
    # Open streams hold SIGTERM until the graceful timeout; ending them first lets clients reconnect elsewhere.
    app.on_shutdown.append(_end_streams)
    yield
    await app[keys.BUS].close()


async def _end_streams(app: web.Application) -> None:
    app[keys.BUS].end_streams()


async def removal(app: web.Application) -> AsyncIterator[None]:
    """Files of deleted papers are removed meanwhile."""
    task = asyncio.create_task(dropped_files.remove_for_ever(app), name="removal")
    yield
    await dropped_files.stop(task)


async def rounds(app: web.Application) -> AsyncIterator[None]:
    """Answers of the quiz are graded here, in every process that takes them; no run and no queue is needed."""
    from app.worker.quiz import QuizGrader

    bus, database = app[keys.BUS], app[keys.DATABASE]

    async def tell(assignment_id: int, round_id: int) -> None:
        await bus.publish(QuizChanged(assignment_id, round_id))

    app[LIVE] = Live(database, QuizGrader(database), tell)
    await app[LIVE].start()
    yield
    await app[LIVE].close()


async def worker(app: web.Application) -> AsyncIterator[None]:
    """Grading inside the server's own loop."""
    # LangGraph and the graders are loaded by the processes that grade.
    from app.worker import Worker

    grading = Worker(app[keys.SETTINGS], app[keys.DATABASE], app[keys.BUS], app[keys.STORAGE])
    await grading.start()
    ending: list[asyncio.Task[None]] = []

    async def begin_to_end(_: web.Application) -> None:
        # Beside the last requests, not after them: who stops us counts the seconds of both.
        ending.append(asyncio.create_task(grading.stop(), name="grading ends"))

    app.on_shutdown.append(begin_to_end)
    yield
    await (ending[0] if ending else grading.stop())


async def warm(app: web.Application) -> AsyncIterator[None]:
    """For a process that lasts: load what grading needs while the first pages are served, and keep it for good."""
    settle()
    task = asyncio.create_task(_load_rest(app[keys.SETTINGS]), name="warm")
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _load_rest(settings: Settings) -> None:
    from app.worker.warm import load

    try:
        await asyncio.to_thread(load, settings)
    except ImportError as error:
        # A run says so as well, to those whom it concerns.
        log.warning("not loaded", module=error.name)
    settle()


async def create() -> web.AppRunner:
    """Gunicorn's factory. The runner cancels a handler when its client leaves, which a plain app does not."""
    app = create_app(load_settings())
    app.cleanup_ctx.append(warm)
    return Runner(
        app,
        handler_cancellation=True,
        access_log=logging.getLogger("zhupi.access"),
        access_log_class=AccessLog,
        shutdown_timeout=CUT_SECONDS,
    )
