"""A database or Redis that cannot be used, in words: a person can mend it, so it is a sentence and no traceback."""

from __future__ import annotations

from app.i18n import Text

LONGEST = 300  # characters of what a driver says
# By library and class, so that nothing has to be imported to compare with; subclasses count.
REDIS = {"redis.ConnectionError", "redis.TimeoutError"}
DATABASE = {
    "psycopg.OperationalError",
    "asyncpg.PostgresConnectionError",
    "asyncpg.InternalClientError",  # a session that was just ended, see db.ENDED
    "asyncpg.InvalidAuthorizationSpecificationError",
    "asyncpg.InvalidCatalogNameError",
    "asyncpg.OperatorInterventionError",  # shutting down, starting up
    "asyncpg.InsufficientResourcesError",  # disk full, out of memory, too many connections
    "socket.gaierror",
}


def unreachable(error: BaseException) -> Text | None:
    """The sentence for an error that says that a service is away or refuses us; None for any other error.

    Drivers' own words name host, port and user, never a password.
    """
    found = (
        _names(error) | _names(getattr(error, "orig", None)) | _names(getattr(error, "orig", error).__cause__)
    )
    why = " ".join(str(getattr(error, "orig", None) or error).split())[:LONGEST] or type(error).__name__
    if found & REDIS:
        return Text("Redis cannot be used: {why}. Look at REDIS_URL, and whether it runs.", {"why": why})
    if found & DATABASE or isinstance(error, ConnectionError | TimeoutError):
        return Text(
            "The database cannot be used: {why}. Look at DATABASE_URL, and whether PostgreSQL runs.",
            {"why": why},
        )
    return None


def _names(error: BaseException | None) -> set[str]:
    """An error's class and those above it, as library.Class."""
    return {f"{each.__module__.partition('.')[0]}.{each.__name__}" for each in type(error).__mro__}
