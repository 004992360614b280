"""`zhupi doctor`: looks at everything that a server leans on, all at once, and says what to do.

It is called when something is broken, so nothing here may need what it examines: each check has its own connection and
time limit, and what it cannot find out is a finding too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from app.i18n import Text
from app.settings import Settings
from app.upkeep.doctor import backup, database, machine, model, redis, storage, tls, work
from app.upkeep.doctor.findings import Finding, problem
from app.upkeep.figures import STUCK_MINUTES

LIMIT_SECONDS = 8.0
"""For one check; its own limits, which name what did not answer, are shorter."""

Check = Callable[[], Awaitable[list[Finding]]]


@dataclass(frozen=True, slots=True)
class Options:
    """`ask_model`: one real, tiny call. `address`: whose certificate to look at, https://…; "" finds one by itself."""

    ask_model: bool = False
    address: str = ""
    stuck_minutes: int = STUCK_MINUTES


async def examine(settings: Settings, options: Options = Options()) -> list[Finding]:
    """All findings, in the order of the checks. Never raises for what it finds; LIMIT_SECONDS at most, and a little."""
    checks: dict[str, Check] = {
        "database": lambda: database.check(settings),
        "redis": lambda: redis.check(settings),
        "storage": lambda: storage.check(settings),
        "machine": lambda: machine.check(settings),
        "model": lambda: model.check(settings, options.ask_model),
        "certificate": lambda: tls.check(settings, options.address),
        "work": lambda: work.check(settings, options.stuck_minutes),
        "backup": lambda: backup.check(settings),
    }
    # Own services that could not be started have no address: whoever asks knows, and says so.
    if not settings.postgres_url:
        checks = {name: check for name, check in checks.items() if name not in ("database", "work", "backup")}
    if not settings.redis_url.get_secret_value():
        checks.pop("redis", None)
    # A model takes as long as LLM_TIMEOUT allows.
    limits = {"model": settings.llm_timeout + LIMIT_SECONDS} if options.ask_model else {}
    found: Sequence[list[Finding]] = await asyncio.gather(
        *(_bounded(name, check, limits.get(name, LIMIT_SECONDS)) for name, check in checks.items())
    )
    return [finding for findings in found for finding in findings]


async def _bounded(name: str, check: Check, seconds: float) -> list[Finding]:
    try:
        async with asyncio.timeout(seconds):
            return await check()
    except TimeoutError:
        return [
            problem(
                name,
                Text("This check did not end within {seconds} seconds.", {"seconds": f"{seconds:g}"}),
                Text("What it looks at hangs: a disk, a name server or a network that swallows packets."),
            )
        ]
    except Exception as error:
        # A message may hold an address with its password; its kind is enough to find the line.
        return [
            problem(
                name,
                Text("This check failed itself ({error}).", {"error": type(error).__name__}),
                Text("Please report this as a fault of Zhupi."),
            )
        ]
