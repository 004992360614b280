"""What happens to accounts: made, signed in to, changed, set up for the first time."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import passwords, store
from app.accounts.models import Role, SetupToken, User
from app.i18n import N_, ProblemError

SETUP_HOURS = 24
_USERNAME = re.compile(r"[\w.@+-]{2,64}")


class UsernameError(ProblemError):
    """A user name that is taken or has a wrong form."""


class NoSuchUserError(ProblemError):
    """There is no user of that name."""


class SetupError(ProblemError):
    """A set-up link that is used, expired or wrong."""


def normal(username: str) -> str:
    """A user name as it is stored: NFKC, lower case, trimmed."""
    return unicodedata.normalize("NFKC", username).strip().lower()


async def create(
    session: AsyncSession, username: str, name: str, password: str, role: Role = Role.TEACHER
) -> User:
    """Make an account. Raises UsernameError or WeakPasswordError."""
    username = normal(username)
    if not _USERNAME.fullmatch(username):
        raise UsernameError(
            N_("A user name has 2 to 64 letters, digits or . _ @ + - and no spaces; “{name}” does not fit."),
            name=username[:64],
        )
    if await store.by_username(session, username):
        raise UsernameError(N_("The user name “{name}” is taken."), name=username)
    passwords.check(password, username)
    shown = unicodedata.normalize("NFC", name).replace("\0", "").strip()[:100] or username
    user = User(username=username, name=shown, password_hash=await passwords.make(password), role=role)
    session.add(user)
    await session.flush()
    return user


async def sign_in(session: AsyncSession, username: str, password: str) -> User | None:
    """The user whose name and password these are; None otherwise, without saying which was wrong."""
    user = await store.by_username(session, normal(username))
    good = await passwords.verify(user.password_hash if user else None, password)
    return user if user and good and user.disabled_at is None else None


async def set_password(session: AsyncSession, username: str, password: str) -> User:
    """Change a password; all sessions of the account end. Raises NoSuchUserError or WeakPasswordError."""
    user = await store.by_username(session, normal(username))
    if user is None:
        raise NoSuchUserError(N_("There is no user “{name}”."), name=normal(username)[:64])
    passwords.check(password, user.username)
    user.password_hash = await passwords.make(password)
    user.session_epoch += 1
    return user


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def setup_token(session: AsyncSession) -> str | None:
    """A new one-time token for the first admin, or None when somebody has an account already."""
    if await store.any_user(session):
        return None
    token = secrets.token_urlsafe(24)
    expires = datetime.now(UTC) + timedelta(hours=SETUP_HOURS)
    session.add(SetupToken(token_hash=_hash(token), expires_at=expires))
    return token


async def setup_is_open(session: AsyncSession, token: str) -> bool:
    """Whether a set-up link still works."""
    if await store.any_user(session):
        return False
    return await store.setup_token_is_good(session, _hash(token), datetime.now(UTC))


async def set_up(session: AsyncSession, token: str, username: str, name: str, password: str) -> User:
    """Make the first admin with a one-time link. Raises SetupError, UsernameError or WeakPasswordError."""
    if not await setup_is_open(session, token):
        raise SetupError(
            N_("This set-up link was used already or has expired. Restart the server for a new one.")
        )
    user = await create(session, username, name, password, Role.ADMIN)
    if not await store.claim_setup_token(session, _hash(token), datetime.now(UTC)):
        raise SetupError(
            N_("This set-up link was used already or has expired. Restart the server for a new one.")
        )
    return user
