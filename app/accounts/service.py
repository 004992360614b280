"""What happens to accounts: made, signed in to, changed, shut, set up for the first time."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import passwords, store
from app.accounts.models import Role, SetupToken, User
from app.i18n import LANGUAGES, N_, ProblemError

SETUP_HOURS = 24
LONGEST_NAME = 100
USED_LINK = N_("This set-up link was used already or has expired; zhupi set-up-link prints a new one.")
_USERNAME = re.compile(r"[\w.@+-]{2,64}")
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn")


class UsernameError(ProblemError):
    """A user name that is taken or has a wrong form, or a name that says nothing."""


class NoSuchUserError(ProblemError):
    """There is no such user."""


class OldPasswordError(ProblemError):
    """The password that should be changed is another one."""


class AdminError(ProblemError):
    """Something that an admin may not do to this account."""


class Verdict(StrEnum):
    """What came of a user name and a password."""

    GOOD = "good"
    WRONG = "wrong"
    DISABLED = "disabled"  # the password is right, but the account is shut


class SetupError(ProblemError):
    """A set-up link that is used, expired or wrong."""


def normal(username: str) -> str:
    """A user name as it is stored: NFKC, lower case, trimmed."""
    return unicodedata.normalize("NFKC", username).strip().lower()


def shown_name(name: str) -> str:
    """A person's name on one line, as it is stored: NFC, at most 100 characters; "" when nothing is left of it.

    Control marks go, those that turn the direction of writing too: a name stands in the middle of other sentences.
    """
    kept = (" " if mark.isspace() else mark for mark in unicodedata.normalize("NFC", name))
    clean = "".join(mark for mark in kept if unicodedata.category(mark) not in _UNSEEN)
    return re.sub(" +", " ", clean).strip()[:LONGEST_NAME]


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
    made = User(
        username=username,
        name=shown_name(name) or username,
        password_hash=await passwords.make(password),
        role=role,
    )
    try:
        async with session.begin_nested():
            session.add(made)
    except IntegrityError:
        # Somebody else took the name since it was looked up.
        raise UsernameError(N_("The user name “{name}” is taken."), name=username) from None
    return made


async def verdict(user: User | None, password: str) -> Verdict:
    """Whether a user may sign in with a password. It is slow on purpose: hold no connection meanwhile.

    Takes as long for nobody and for disabled accounts: the time does not tell which names exist. That an account is
    disabled is told to those alone who know its password.
    """
    if not await passwords.verify(user.password_hash if user else None, password) or user is None:
        return Verdict.WRONG
    return Verdict.GOOD if user.disabled_at is None else Verdict.DISABLED


async def set_password(session: AsyncSession, username: str, password: str) -> User:
    """Change a password; all sessions of the account end. Raises NoSuchUserError or WeakPasswordError."""
    user = await named(session, username)
    await _set(user, password)
    return user


async def named(session: AsyncSession, username: str) -> User:
    """An account by the name to sign in with, however it is written. Raises NoSuchUserError."""
    user = await store.by_username(session, normal(username))
    if user is None:
        raise NoSuchUserError(N_("There is no user “{name}”."), name=normal(username)[:64])
    return user


async def change_password(session: AsyncSession, user_id: int, old: str, new: str) -> User:
    """A user's own new password; all their sessions end. Raises OldPasswordError or WeakPasswordError."""
    user = await store.locked(session, user_id)
    if not await passwords.verify(user.password_hash, old):
        raise OldPasswordError(N_("The old password is wrong. Nothing was changed."))
    await _set(user, new)
    return user


async def reset_password(session: AsyncSession, user_id: int, password: str) -> User:
    """An admin's new password for somebody; their sessions end. Raises NoSuchUserError or WeakPasswordError."""
    user = await _somebody(session, user_id)
    await _set(user, password)
    return user


async def _set(user: User, password: str) -> None:
    passwords.check(password, user.username)
    user.password_hash = await passwords.make(password)
    user.session_epoch += 1


async def change_profile(session: AsyncSession, user_id: int, name: str, language: str) -> User:
    """A user's own name and language ("" is: as the browser asks). Raises UsernameError for an empty name."""
    shown = shown_name(name)
    if not shown:
        raise UsernameError(N_("Give a name of at least one letter."))
    user = await _somebody(session, user_id)
    user.name = shown
    user.language = language if language in LANGUAGES else None
    return user


async def disable(session: AsyncSession, user_id: int, by: int) -> User:
    """Shut an account; its sessions end at their next request. Raises AdminError or NoSuchUserError.

    Nobody shuts their own account, and only an admin whose account is open shuts others: so one admin is left.
    """
    await store.lock_admins(session)
    if not await store.is_admin(session, by):
        raise AdminError(N_("You are not an administrator any more."))
    if user_id == by:
        raise AdminError(N_("You cannot disable your own account. Another administrator can."))
    user = await _somebody(session, user_id)
    _shut(user)
    return user


async def disable_named(session: AsyncSession, username: str) -> tuple[User, bool]:
    """Shut an account from the command line; its sessions end at their next request.

    Returns the account and whether it was open. Raises NoSuchUserError, and AdminError for the last administrator.
    """
    await store.lock_admins(session)
    user = await named(session, username)
    was_open = user.disabled_at is None
    if was_open and user.role == Role.ADMIN and not await store.another_admin(session, user.id):
        raise AdminError(
            N_("{name} is the last administrator. Make or enable another one first."), name=user.username
        )
    _shut(user)
    return user, was_open


async def enable_named(session: AsyncSession, username: str) -> tuple[User, bool]:
    """Open an account again from the command line; returns it and whether it was shut. Raises NoSuchUserError."""
    user = await named(session, username)
    was_shut = user.disabled_at is not None
    user.disabled_at = None
    return user, was_shut


def _shut(user: User) -> None:
    if user.disabled_at is None:
        user.disabled_at = datetime.now(UTC)
        user.session_epoch += 1


async def enable(session: AsyncSession, user_id: int) -> User:
    """Open a disabled account again; its password is the old one. Raises NoSuchUserError."""
    user = await _somebody(session, user_id)
    user.disabled_at = None
    return user


async def _somebody(session: AsyncSession, user_id: int) -> User:
    user = await store.by_id(session, user_id)
    if user is None:
        raise NoSuchUserError(N_("There is no such user."))
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
    # One after another: two links of two starts, used at once, must not make two first admins.
    await store.lock_admins(session)
    if not await setup_is_open(session, token):
        raise SetupError(USED_LINK)
    user = await create(session, username, name, password, Role.ADMIN)
    if not await store.claim_setup_token(session, _hash(token), datetime.now(UTC)):
        raise SetupError(USED_LINK)
    return user
