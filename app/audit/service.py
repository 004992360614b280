"""Writing down who did what, in the transaction that does it: there is no deed without its entry, nor the reverse.

    await audit.record(session, Actor.of(user, address), Action.CLASS_DELETED, "class", klass.id, name=klass.name)

An administrator on the command line is COMMAND_LINE.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.audit.models import Action, AuditEntry
from app.i18n import N_

LONGEST_VALUE = 200  # characters of a text in `details`


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: a user's id and user name, and the address that the request came from."""

    id: int | None
    name: str
    address: str = ""

    @classmethod
    def of(cls, user: User, address: str = "") -> Actor:
        """A user as the actor."""
        return cls(user.id, user.username, address)


# Whoever may run commands on the server; stored in English, translated where it is shown.
COMMAND_LINE = Actor(None, N_("admin on the command line"))


async def record(
    session: AsyncSession,
    actor: Actor,
    action: Action,
    kind: str = "",
    object_id: int | None = None,
    **details: str | int | float | bool | None,
) -> None:
    """Write one entry in the session's transaction.

    `kind` and `object_id` say what it was done to: "user", "class", "assignment", "paper", "student", "run", "backup"
    or nothing. `details` may name accounts, classes and assignments, and count; they must not hold anything that a
    student wrote, or a student's name or number.
    """
    session.add(
        AuditEntry(
            actor_id=actor.id,
            actor=actor.name,
            action=action,
            object_kind=kind,
            object_id=object_id,
            address=actor.address,
            details={
                name: value[:LONGEST_VALUE] if isinstance(value, str) else value
                for name, value in details.items()
            },
        )
    )
    await session.flush()
