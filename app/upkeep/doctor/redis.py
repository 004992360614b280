"""Redis or Valkey: whether it answers, keeps what it has over a restart, and never throws anything out."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    RedisError,
    ResponseError,
)

from app.i18n import Text
from app.settings import Settings
from app.upkeep.doctor.database import place_of
from app.upkeep.doctor.findings import Finding, megabytes, ok, problem, skipped, warning
from app.upkeep.doctor.limits import resolve

SECONDS = 4.0
NEARLY_FULL = 0.85  # of maxmemory


async def check(settings: Settings) -> list[Finding]:
    """Connect, ask for INFO, and judge."""
    url = settings.redis_url.get_secret_value()
    # Once is enough to know; the client's own retries only make it take longer.
    once = Retry(NoBackoff(), 0)
    redis = Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS, retry=once)
    try:
        await resolve(url)
        async with asyncio.timeout(SECONDS):
            await redis.ping()
            return judge(await _info(redis), place_of(url), settings.production)
    except (RedisError, OSError) as error:
        return [refused(place_of(url), error)]
    finally:
        await redis.aclose()


async def _info(redis: Redis) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = await redis.info()
    except (NoPermissionError, ResponseError):
        return None
    return found


def refused(place: str, error: Exception) -> Finding:
    """Why Redis does not serve, and what to do about it."""
    values = {"place": place}
    if isinstance(error, AuthenticationError) or "NOAUTH" in str(error):
        text = Text("Redis at {place} refuses the password.", values)
        advice = Text("The secret was changed on one side only; restart Redis so that it reads it again.")
    elif isinstance(error, BusyLoadingError):
        text = Text("Redis at {place} is reading its data.", values)
        advice = Text("Wait a minute and ask again.")
    elif _unknown_host(error):
        text = Text("Nobody knows the host of {place}.", values)
        advice = Text("Its container does not run, or the name in REDIS_URL is wrong.")
    else:
        text = Text(
            "Redis at {place} cannot be reached ({error}).", {**values, "error": type(error).__name__}
        )
        advice = Text(
            "Is it running? Nobody can sign in meanwhile; grading goes on and nothing lasting is lost."
        )
    return problem("redis", text, advice)


def _unknown_host(error: BaseException | None) -> bool:
    """Whether a name could not be looked up; redis-py wraps that, and keeps only its words."""
    while error is not None:
        if isinstance(error, socket.gaierror):
            return True
        error = error.__cause__ or error.__context__
    return False


def judge(info: Mapping[str, Any] | None, place: str, production: bool) -> list[Finding]:
    """What INFO says. `production`: a desk's Redis need not keep anything."""
    if info is None:
        text = Text("Redis at {place} answers, and does not let this user ask for INFO.", {"place": place})
        return [ok("redis", text), skipped("redis.memory", Text("INFO is not allowed."))]
    version = str(info.get("valkey_version") or info.get("redis_version", "?"))
    used = int(info.get("used_memory", 0))
    values = {"place": place, "version": version, "size": megabytes(used)}
    return [
        ok("redis", Text("Redis {version} at {place} answers; {size}.", values), version=version, bytes=used),
        _persistence(info, production),
        _memory(used, int(info.get("maxmemory", 0)), str(info.get("maxmemory_policy", "noeviction"))),
    ]


def _persistence(info: Mapping[str, Any], production: bool) -> Finding:
    failed = [
        name
        for name in ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")
        if info.get(name, "ok") != "ok"
    ]
    if failed:
        text = Text("Redis could not write its data ({names}).", {"names": ", ".join(failed)})
        return problem("redis.persistence", text, Text("Its disk is full or read-only: look at its log."))
    if production and not int(info.get("aof_enabled", 0)):
        return warning(
            "redis.persistence",
            Text("Redis does not keep an append-only file: its restart ends all sign-ins."),
            Text("Set appendonly yes."),
        )
    return ok("redis.persistence", Text("Redis writes its data without errors."))


def _memory(used: int, limit: int, policy: str) -> Finding:
    facts = {"used": used, "limit": limit, "policy": policy}
    if not limit:
        return ok("redis.memory", Text("Redis has no memory limit of its own."), **facts)
    values = {"used": megabytes(used), "limit": megabytes(limit), "policy": policy}
    if policy != "noeviction":
        return problem(
            "redis.memory",
            Text("Redis throws data out when its memory is full (maxmemory-policy {policy}).", values),
            Text("Set maxmemory-policy noeviction: sign-ins and streams must not vanish."),
            **facts,
        )
    if used > limit * NEARLY_FULL:
        return warning(
            "redis.memory",
            Text("Redis uses {used} of {limit}.", values),
            Text("Raise maxmemory, or lower CACHE_TTL; when it is full nobody can sign in."),
            **facts,
        )
    return ok("redis.memory", Text("Redis uses {used} of {limit}.", values), **facts)
