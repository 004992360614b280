"""Chooses the language: the user's setting, else the cookie, else what the browser accepts."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from app.i18n import DEFAULT_LANGUAGE, LANGUAGES, language_of_request

COOKIE = "language"


def accepted(header: str) -> str:
    """The first of our languages in an Accept-Language header, by its order of preference."""
    wanted: list[tuple[float, str]] = []
    for entry in header.split(",")[:20]:
        tag, _, quality = entry.partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            weight = 0.0
        wanted.append((-weight, tag.strip().lower().split("-")[0]))
    return next(
        (tag for weight, tag in sorted(wanted, key=lambda w: w[0]) if tag in LANGUAGES and weight), ""
    )


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Set the language for the rest of the request; `sign_in` overrides it with the user's own."""
    cookie = request.cookies.get(COOKIE, "")
    language = cookie if cookie in LANGUAGES else accepted(request.headers.get("Accept-Language", ""))
    token = language_of_request.set(language or DEFAULT_LANGUAGE)
    try:
        return await handler(request)
    finally:
        language_of_request.reset(token)
