"""One log for our messages and the libraries': lines for people in development, JSON in production.

No student's words: values under the keys of WITHHELD are replaced by their length, and the parts of a database
error that repeat values (DETAIL, parameters) are cut off. Requests are logged by their
route's pattern: paths hold one-time links, and queries what somebody searched for.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, Any

import structlog
from structlog.types import EventDict, Processor

from app.i18n import ProblemError
from app.log_file import SharedLogFile

if TYPE_CHECKING:
    from aiohttp.web import BaseRequest

    from app.settings import Settings

# Keys under which someone might log what a student or a teacher wrote, or a secret.
WITHHELD = frozenset(
    [
        "answer",
        "answers",
        "body",
        "comment",
        "content",
        "feedback",
        "form",
        "number",
        "password",
        "prompt",
        "query",
        "quote",
        "reason",
        "reply",
        "secret",
        "student",
        "text",
        "token",
        "transcript",
    ]
)
_VALUES = re.compile(r"\n?(DETAIL|CONTEXT):.*|\n?\[parameters: .*", re.DOTALL)
QUIET = (
    "asyncio",
    "httpx",
    "httpx2",
    "httpcore",
    "httpcore2",
    "openai",
    "urllib3",
    "alembic",
    "pgqueuer",
    "psycopg.pool",
)
NO_ROUTE = "(no route)"  # somebody else's path may hold a token as well, one cut short or mistyped
PATHS_OF_PROBES = ("/health", "/metrics", "/static/")


def withhold(_: Any, __: str, event: EventDict) -> EventDict:
    """Replace what could be a student's words by how long it is. A structlog processor."""
    for key in WITHHELD & event.keys():
        value = event[key]
        event[key] = f"<{len(value)} characters>" if isinstance(value, str) else "<withheld>"
    return event


def cut_values(_: Any, __: str, event: EventDict) -> EventDict:
    """Cut the values that PostgreSQL and SQLAlchemy repeat in their errors. A structlog processor."""
    for key in ("exception", "event", "error"):
        if isinstance(event.get(key), str):
            event[key] = _VALUES.sub(" [values withheld]", event[key])
    return event


def configure(settings: Settings) -> None:
    """Set up logging for this process: standard error, and LOG_FILE if given. Raises ProblemError.

    LOG_FILE is put aside when it is large, and opened again when it was moved away, as logrotate does (log_file).
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    terminal = sys.stderr.isatty() and not settings.production
    for handler in _handlers(settings):
        colours = terminal and type(handler) is logging.StreamHandler
        handler.setFormatter(_formatter(shared, settings.production, colours))
        root.addHandler(handler)
    root.setLevel("DEBUG" if settings.debug else settings.log_level)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(True)


def _handlers(settings: Settings) -> list[logging.Handler]:
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if settings.log_file is not None:
        try:
            settings.log_file.parent.mkdir(parents=True, exist_ok=True)
            handlers.append(
                SharedLogFile(settings.log_file, settings.log_file_max_size, settings.log_file_kept)
            )
        except OSError as error:
            why = error.strerror or str(error)
            raise ProblemError(
                "LOG_FILE={path} cannot be written: {why}", path=str(settings.log_file), why=why
            ) from None
    return handlers


def _formatter(shared: list[Processor], production: bool, colours: bool) -> logging.Formatter:
    # Tracebacks without local variables: those hold answers.
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if production
        else structlog.dev.ConsoleRenderer(
            colors=colours, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
        )
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            withhold,
            cut_values,
            renderer,
        ],
    )


def route_of(request: BaseRequest) -> str:
    """The pattern of the route that served a request ("/set-up/{token}"), for a log that others read."""
    match = getattr(request, "match_info", None)
    resource = match.route.resource if match is not None else None
    return resource.canonical if resource is not None else NO_ROUTE
