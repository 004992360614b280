"""A student's phone before the server: told apart by a random cookie, read with narrow limits."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from urllib.parse import parse_qsl

import structlog
from aiohttp import web
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.classroom.limits import Limit
from app.classroom.pairing import ALPHABET
from app.i18n import N_, Text
from app.keys import ADDRESS, REDIS
from app.web.middleware.proxies import cookies_secure

log = structlog.get_logger(__name__)

COOKIE = "zhupi_phone"
COOKIE_SECONDS = 12 * 3600  # a school day: tomorrow it is another phone
WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{22,64}")
MOST_BYTES = 16 * 1024  # of a form: 500 characters are at most 6 kB in it
MOST_FIELDS = 20
FORM = "application/x-www-form-urlencoded"

BY_PHONE = Limit("quiz:phone", 20, 60)
# A class, or a school, may come from one address.
BY_ADDRESS = Limit("quiz:address", 2_000, 60)
NEW_PHONES = Limit("quiz:new", 2_000, 60)
WRONG_CODES = Limit("quiz:codes", 300, 60)

TOO_LARGE = Text(N_("That is too long. An answer has at most 500 characters."))
UNREADABLE = Text(N_("That could not be read. Load the page again."))

Fields = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Phone:
    """One phone: its random cookie, and whether it came without one."""

    token: str
    fresh: bool

    @property
    def device(self) -> str:
        """How it is stored: nobody finds the cookie from it."""
        return hashlib.sha256(self.token.encode()).hexdigest()


def phone_of(request: web.Request) -> Phone:
    """The phone of the cookie; a new one where there is none, or none of ours."""
    token = request.cookies.get(COOKIE, "")
    if WELL_FORMED.fullmatch(token):
        return Phone(token, fresh=False)
    return Phone(secrets.token_urlsafe(24), fresh=True)


def remember(request: web.Request, response: web.StreamResponse, phone: Phone) -> None:
    """Give a new phone its cookie."""
    if phone.fresh:
        response.set_cookie(
            COOKIE,
            phone.token,
            max_age=COOKIE_SECONDS,
            path="/q",
            httponly=True,
            samesite="Lax",
            secure=cookies_secure(request),
        )


def plain_code(written: str) -> str:
    """A code as it is stored, from what a person typed: "ab-c de" is ABCDE; "" for what cannot be one."""
    code = "".join(written.split()).replace("-", "").upper()
    return code if 0 < len(code) <= 12 and set(code) <= set(ALPHABET) else ""


async def read_form(request: web.Request) -> Fields | Text:
    """The fields of a small form, or why it is not read. What is too large is refused before it has arrived."""
    if request.content_type != FORM:
        return UNREADABLE
    if (request.content_length or 0) > MOST_BYTES:
        return TOO_LARGE
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MOST_BYTES:
            return TOO_LARGE
    try:
        return parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS
        )
    except ValueError:  # bytes that are no text, or too many fields
        return UNREADABLE


async def may_send(request: web.Request, phone: Phone) -> bool:
    """Whether one more answer is within the limits of this phone and its address.

    A Redis that is away stops no lesson: what a round takes is limited in the database as well.
    """
    first = (NEW_PHONES, request[ADDRESS]) if phone.fresh else (BY_PHONE, phone.token)
    try:
        by_itself, by_address = await both(request.app[REDIS], first, (BY_ADDRESS, request[ADDRESS]))
        if by_address and not by_itself and not phone.fresh:
            # One phone must not use up what its class may send.
            await BY_ADDRESS.give_back(request.app[REDIS], request[ADDRESS])
        return by_itself and by_address
    except (RedisError, OSError) as error:
        log.warning("quiz limits away", error=type(error).__name__)
        return True


async def both(redis: Redis, *limits: tuple[Limit, str]) -> list[bool]:
    """Count once more for each (limit, who), and say which of them allow it: one journey to Redis for all."""
    pipeline = redis.pipeline(transaction=False)
    for limit, who in limits:
        pipeline.incr(limit.key(who))
        pipeline.expire(limit.key(who), limit.seconds, nx=True)
    counts = (await pipeline.execute())[::2]
    return [int(count) <= limit.most for count, (limit, _) in zip(counts, limits, strict=True)]


async def may_guess(request: web.Request) -> bool:
    """Whether one more wrong code is within what an address may try."""
    try:
        return await WRONG_CODES.allows(request.app[REDIS], request[ADDRESS])
    except (RedisError, OSError):
        return True
