"""For verbs that need more than one transaction: the migrated database, Redis and storage together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from app.cli.common import services

if TYPE_CHECKING:
    from app.settings import Settings
    from app.upkeep.parts import Parts

T = TypeVar("T")


def with_parts(action: Callable[[Parts], Awaitable[T]]) -> T:
    """Run an action on the parts of the system; the database is migrated before."""
    from app.migrate import upgrade
    from app.upkeep.parts import opened

    async def run(settings: Settings) -> T:
        async with opened(settings) as parts:
            return await action(parts)

    with services() as settings:
        upgrade(settings)
        return asyncio.run(run(settings))
